//! What `monitor` commands print.

use expect_test::expect;
use runtime::Value;

use crate::client::Client;
use crate::guest::{address, guest, guest_of};

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_guest_explains_itself() {
    let mut client = Client::greeted(guest("sum", Vec::new()).await).await;
    client.ask(&format!("Z0,{},1", address(1, 1, 4))).await;
    client.ask("vCont;c").await;
    expect![[r#"
        breakpoint at module PC 0x8b
        in func[1] $add at 0x8b in program.wat
    "#]]
    .assert_eq(&client.monitor("why").await);
    expect![[r#"
        frame 0: func[1] $add at 0x8b in program.wat
          [1] i32: 3 (0x3)
          [0] i32: 2 (0x2)
    "#]]
    .assert_eq(&client.monitor("stack").await);
    expect![[r#"
        frame 0: func[1] $add at 0x8b in program.wat
          0 $a i32: 2 (0x2)
          1 $b i32: 3 (0x3)
    "#]]
    .assert_eq(&client.monitor("locals").await);
    expect![[r#"
        frame 1: func[2] $sum at 0x9b in program.wat
          0 $x i64: 40 (0x28)
    "#]]
    .assert_eq(&client.monitor("locals 1").await);
    expect![[r#"
        There is no frame 2; there are 2.
    "#]]
    .assert_eq(&client.monitor("stack 2").await);
    expect![[r#"
        frame 0: func[1] $add at 0x8b in program.wat
           0x00086    (func $add (;1;) (type 1) (param $a i32) (param $b i32) (result i32)
           0x00087      local.get $a
           0x00089      local.get $b
        => 0x0008b      i32.add
           0x0008c    )
    "#]]
    .assert_eq(&client.monitor("disassemble").await);
    expect![[r#"
        frame 1: func[2] $sum at 0x9b in program.wat
           0x0008e    (func $sum (;2;) (type 2) (result i64)
           0x0008f      (local $x i64)
           0x00091      i64.const 40
           0x00093      local.set $x
           0x00095      i32.const 2
           0x00097      i32.const 3
           0x00099      call $add
        => 0x0009b      call $host
           0x0009d      local.get $x
           0x0009f    )
    "#]]
    .assert_eq(&client.monitor("disassemble 1").await);
    expect![[r#"
        module 0: program.wat, 6 functions (1 imported)
          0xe0000084 code, module PC 0x84..0xb7
          0xc0000000 file, 304 bytes
          0xd0000000 globals
          0x00000000 memory 0, 0x10000 bytes
          0xd4000000 table 0
    "#]]
    .assert_eq(&client.monitor("modules").await);
    client.hang_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_are_listed() {
    let mut client = Client::greeted(guest("sum", Vec::new()).await).await;
    expect![[r#"
        monitor commands (FRAME counts from 0, the innermost):
          help                  this list
          why                   why the program stopped, in words
          stack [FRAME]         the operand stack of a frame, top first
          locals [FRAME]        the Wasm locals of a frame
          disassemble [FRAME]   the code around a frame's PC as WAT
          modules               the modules that are loaded, and where they are
          debuginfo             what debuggers know of each module, and where that came from
          globals               the globals of the innermost frame's instance
          table [TABLE]         the functions and other references in a table
          gc WHERE              an object: local, operand or global, its index, and the fields to follow
          heap                  how large the garbage-collected heap is
          catch WHICH           which exceptions stop the program: uncaught, throw, all (thrown again too), off
          break PLACE [if COND] stop at a function, FILE:LINE, an address, or calls of the host
          dprintf PLACE,"FORMAT",VALUE,... [if COND]
                                print there, and go on
          delete NUMBER|NAME    stop there no longer
          coredump FILE         write a core dump into the folder where the server was started
          exit                  end the program and the session
    "#]]
    .assert_eq(&client.monitor("help").await);
    expect![[r#"
        Unknown monitor command `frob`; `monitor help` lists them all.
    "#]]
    .assert_eq(&client.monitor("frob").await);
    client.hang_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trap_is_told_in_its_own_words() {
    let mut client = Client::greeted(guest("divide", vec![Value::I32(0)]).await).await;
    client.ask("vCont;c").await;
    expect![[r#"
        wasm trap: integer divide by zero
        in func[3] $divide at 0xa6 in program.wat
    "#]]
    .assert_eq(&client.monitor("why").await);
    client.hang_up().await;
}

const OBJECTS: &str = r#"(module
  (type $bytes (array i8)) (type $pair (struct (field i32) (field (ref $bytes))))
  (func (export "run") (local $p (ref null $pair))
    (local.set $p (struct.new $pair (i32.const 7) (array.new $bytes (i32.const 65) (i32.const 3))))
    (loop $spin (br $spin))))"#;

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_opened_field_by_field() {
    let mut client = Client::greeted(guest_of(OBJECTS).await).await;
    client.send("vCont;c").await;
    // The object is made long before the guest can be interrupted in the loop, or the client asks again.
    let mut said = String::new();
    for _ in 0..1000 {
        client.send_raw(b"\x03").await;
        client.receive().await;
        said = client.monitor("gc local 0").await;
        if said.contains("structure") {
            break;
        }
        client.send("vCont;c").await;
    }
    assert!(said.contains("a structure of type "), "{said}");
    assert!(said.contains(" with 2 fields\n  0: 7 (0x7)\n  1: an array of type "), "{said}");
    let array = client.monitor("gc local 0 1").await;
    assert!(array.ends_with(" with 3 elements\n  0: 65 (0x41)\n  1: 65 (0x41)\n  2: 65 (0x41)\n"), "{array}");
    assert_eq!(client.monitor("gc local 0 2").await, "Field 2: no such field or element.\n");
    assert_eq!(client.monitor("gc local 0 0 1").await, "7 (0x7) has no fields.\n");
    assert!(client.monitor("heap").await.contains(" bytes of objects were made in all; the heap takes "));
    client.hang_up().await;
}
