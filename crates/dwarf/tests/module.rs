//! Reading modules: names, bodies, locals, and odd orders of sections.

use dwarf::{Module, ValueType};
use frame_table::ModulePc;

#[test]
fn names_come_from_names_then_exports_then_imports_then_the_index() {
    let binary = wat::parse_str(
        r#"(module
            (import "env" "log" (func (param i32)))
            (func $named (export "exported") (param i32) (result i64) (local f32 f32 v128) i64.const 0)
            (func (export "only exported"))
            (func))"#,
    )
    .unwrap();
    let module = Module::parse(&binary).unwrap();
    let names: Vec<&str> = module.functions.iter().map(|function| function.name.as_str()).collect();
    assert_eq!(names, ["env.log", "named", "only exported", "func[3]"]);
    assert_eq!(module.imported_functions, 1);
    assert!(module.functions[0].is_import());
    let named = &module.functions[1];
    assert_eq!((named.params, named.num_locals()), (1, 4));
    assert_eq!(named.results(), [ValueType::I64]);
    let locals = [ValueType::I32, ValueType::F32, ValueType::F32, ValueType::V128].map(Some);
    assert_eq!([0, 1, 2, 3].map(|index| named.local(index)), locals);
    assert_eq!(named.local(4), None);
}

#[test]
fn bodies_are_found_by_module_pc() {
    let binary = wat::parse_str("(module (func (local i32) nop) (func nop nop))").unwrap();
    let module = Module::parse(&binary).unwrap();
    let [first, second] = module.functions.as_slice() else { panic!("{:?}", module.functions) };
    // nop; end
    assert_eq!(binary[first.first_operator.0 as usize..first.body.end as usize], [0x01, 0x0b]);
    // One run of one i32.
    assert_eq!(binary[first.body.start as usize..first.first_operator.0 as usize], [1, 1, 0x7f]);
    assert_eq!(module.function_at(ModulePc(first.body.start)), Some(first));
    assert_eq!(module.function_at(ModulePc(first.body.end - 1)), Some(first));
    // The size of the second body is in no body.
    assert_eq!(module.function_at(ModulePc(first.body.end)), None);
    assert_eq!(module.function_at(ModulePc(second.body.start)), Some(second));
    assert_eq!(module.function_at(ModulePc(second.body.end)), None);
    assert_eq!(module.function_at(ModulePc(0)), None);
}

#[test]
fn a_custom_section_may_come_first() {
    let mut binary = wat::parse_str("(module (func $f))").unwrap();
    // As in Go's modules: id 0, 3 bytes: the name "go".
    binary.splice(8..8, [0, 3, 2, b'g', b'o']);
    let module = Module::parse(&binary).unwrap();
    assert_eq!(module.custom_section("go"), Some(&b""[..]));
    assert_eq!(module.functions[0].name, "f");
}

#[test]
fn the_debug_file_is_named_by_a_custom_section() {
    let mut binary = wat::parse_str("(module)").unwrap();
    let name = b"external_debug_info";
    binary.push(0);
    binary.push(u8::try_from(1 + name.len() + 1 + 6).unwrap());
    binary.push(u8::try_from(name.len()).unwrap());
    binary.extend(name);
    binary.extend(b"\x06x.wasm");
    assert_eq!(Module::parse(&binary).unwrap().external_debug_info, Some("x.wasm"));
}
