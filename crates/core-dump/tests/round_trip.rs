//! What is written is read again; what is damaged is refused, and never read beyond its end.

use bytes::Bytes;
use core_dump::{
    Content, CoreDump, Element, Error, Frame, Global, Instance, Memory, Module, Reason, ReasonKind, Thread,
    Value, WasmFrame, pieces, read, write,
};

fn dump() -> CoreDump {
    let innermost = WasmFrame {
        instance: 0,
        function: 7,
        offset: 12,
        next: None,
        activation: 1,
        locals: vec![Value::I32(-1), Value::V128(1 << 100), Value::Missing, Value::F64(u64::MAX)],
        operands: vec![Value::F32(0x7fa0_0000), Value::Function { instance: 1, function: 3 }],
        operand_types: vec![0x7d, 0x70],
    };
    let host = Frame::Host { name: "env.call".to_owned(), module: 0, function: Some(0) };
    let outer = WasmFrame { next: Some(40), offset: 38, activation: 0, ..innermost.clone() };
    let module = |name: &str| Module { name: name.to_owned(), content: Some(Content::of(name.as_bytes())) };
    let functions = vec![Element::Null, Element::Function { instance: 1, function: 2 }, Element::Unknown];
    CoreDump {
        name: "app.wasm".to_owned(),
        reason: Some(Reason {
            kind: ReasonKind::Trap,
            code: "unreachable".to_owned(),
            message: "wasm trap: unreachable".to_owned(),
        }),
        modules: vec![module("app.wasm"), module("lib.wasm")],
        instances: vec![
            Instance { module: 1, memories: vec![0], globals: vec![1], tables: Some(Vec::new()) },
            Instance {
                module: 0,
                memories: vec![0, 1],
                globals: vec![0, 1, 2],
                tables: Some(vec![functions]),
            },
        ],
        memories: vec![
            Memory { pages: 2, maximum: Some(5), ..Memory::default() },
            Memory { pages: 1, is_wide: true, ..Memory::default() },
        ],
        globals: vec![
            Global { value: Value::I64(i64::MIN), is_mutable: true },
            Global { value: Value::Function { instance: 0, function: 1 }, is_mutable: false },
            Global { value: Value::V128(5), is_mutable: true },
        ],
        threads: vec![
            Thread {
                name: "main".to_owned(),
                id: Some(1),
                instances: 0..2,
                frames: vec![Frame::Wasm(outer.clone())],
            },
            Thread {
                name: "thread 2".to_owned(),
                id: Some(2),
                instances: 0..2,
                frames: vec![Frame::Wasm(innermost), host, Frame::Wasm(outer)],
            },
        ],
        crashed: 1,
        is_ours: true,
        file: Bytes::default(),
    }
}

/// Memories are looked at in pieces of so many bytes.
const SEGMENT: usize = 4096;

/// Memory 0 has bytes at its beginning, and over the end of a piece; memory 1 its last byte.
fn contents(memory: u32, address: u64, piece: &mut [u8]) {
    for (at, byte) in (address..).zip(piece) {
        let edge = SEGMENT as u64;
        let is_set = match memory {
            0 => at == 0 || (3 * edge - 2..3 * edge + 2).contains(&at),
            _ => at == 0xffff,
        };
        if is_set {
            *byte = 0xee;
        }
    }
}

fn written() -> Bytes {
    bytes_of(&dump())
}

fn bytes_of(dump: &CoreDump) -> Bytes {
    let contents = [(0, 2), (1, 1)].map(|(memory, pages): (u32, u64)| {
        pieces(pages << 16, |address, piece| contents(memory, address, piece))
    });
    Bytes::from(write(dump, &contents))
}

#[test]
fn everything_comes_back() {
    let file = written();
    let mut found = read(&file).expect("a core dump");
    let mut segments = Vec::new();
    for (index, memory) in found.memories.iter_mut().enumerate() {
        for segment in std::mem::take(&mut memory.segments) {
            segments.push((index, segment.address, file[segment.bytes].to_vec()));
        }
    }
    let edge = 3 * SEGMENT as u64 - 2;
    assert_eq!(segments, [(0, 0, vec![0xee]), (0, edge, vec![0xee; 4]), (1, 0xffff, vec![0xee])]);
    found.file = Bytes::default();
    assert_eq!(found, dump());
    assert!(file.len() < 1000, "zeros are left out: {}", file.len());
}

#[test]
fn what_others_write_is_read() {
    // As Wasmtime does it: no section of ours.
    let ours = written();
    let at = ours.windows(14).position(|bytes| bytes == b"wasm-gdbserver").expect("our section");
    // The section's first byte, its length of two bytes, the length of its name.
    let found = read(&Bytes::copy_from_slice(&ours[..at - 4])).expect("a core dump");
    assert!(!found.is_ours);
    assert_eq!((found.reason, found.crashed), (None, 0));
    assert_eq!(found.modules[0], Module { name: "app.wasm".to_owned(), content: None });
    let Frame::Wasm(frame) = &found.threads[1].frames[1] else { panic!("host frames are ours") };
    assert_eq!((frame.offset, frame.next, frame.locals[1]), (38, None, Value::Missing));
    assert_eq!(found.globals[1].value, Value::Missing);
    assert_eq!(found.instances[1].tables, None);
}

#[test]
fn a_dump_without_instances_has_one() {
    let mut module = vec![0, b'a', b's', b'm', 1, 0, 0, 0];
    module.extend(b"\0\x0b\x04core\0\x04main");
    let found = read(&Bytes::from(module)).expect("a core dump");
    assert_eq!(found.modules[0].name, "main");
    assert_eq!(found.instances, [Instance { module: 0, ..Instance::default() }]);
}

#[test]
fn what_is_no_core_dump_is_said_to_be_none() {
    let refused = |bytes: &[u8]| read(&Bytes::copy_from_slice(bytes)).expect_err("refused").to_string();
    assert!(refused(b"\x7fELF").contains("does not start with"));
    assert!(refused(b"\0asm\x01\0\0\0").contains("no section `core`"));
    assert!(refused(b"\0asm").contains("damaged"));
}

#[test]
fn damage_is_refused_or_gives_other_values() {
    let file = written();
    for length in 0..file.len() {
        if let Ok(found) = read(&Bytes::copy_from_slice(&file[..length])) {
            assert!(!found.is_ours, "cut at {length}");
        }
    }
    for at in 8..file.len() {
        for bit in 0..8 {
            let mut damaged = file.to_vec();
            damaged[at] ^= 1 << bit;
            if let Ok(found) = read(&Bytes::from(damaged)) {
                let ends = found.memories.iter().flat_map(|memory| &memory.segments);
                assert!(ends.clone().all(|segment| segment.bytes.end <= file.len()));
            }
        }
    }
    let mut other = dump();
    other.instances[0].memories.push(9);
    let refused = read(&bytes_of(&other)).expect_err("refused");
    assert!(matches!(refused, Error::Missing { what: "memory", number: 9 }), "{refused}");
}
