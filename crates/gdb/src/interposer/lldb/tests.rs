//! What lldb's packets become.

use expect_test::{Expect, expect};

use super::super::judge;
use super::*;

/// One line per packet: what it becomes.
#[track_caller]
fn check(dialect: Dialect, packets: &[&str], expected: Expect) {
    let mut lines = String::new();
    for packet in packets {
        let verdict = match judge(packet.as_bytes(), dialect) {
            Verdict::Own(Own::Lldb(request)) => format!("{request:?}"),
            Verdict::Forward(body) => format!("forward {}", body.escape_ascii()),
            other => format!("{other:?}"),
        };
        lines.push_str(&format!("{packet}: {verdict}\n"));
    }
    expected.assert_eq(&lines);
}

const WASM: Dialect =
    Dialect { is_extended: false, register_bytes: 8, thread: 1, is_lldb: true, has_wasm_frames: true };

#[test]
fn what_lldb_sends_is_understood() {
    check(
        WASM,
        &[
            "qSupported:xmlRegisters=i386;multiprocess+;swbreak+",
            "QThreadSuffixSupported",
            "QListThreadsInStopReply",
            "QEnableErrorStrings",
            "qGDBServerVersion",
            "qHostInfo",
            "qProcessInfo",
            "qRegisterInfo1f",
            "jThreadsInfo",
            "qThreadStopInfo0002",
            "qVAttachOrWaitSupported",
            "qSupportsDetachAndStayStopped:",
            "x0,0",
            "x4000000000000000,200",
            "m0,1ffff",
            "qWasmCallStack:1",
            "qWasmLocal:0;2",
            "qWasmStackValue:1;0",
            "qWasmGlobal:2;11",
            "qWasmGlobal:11;instance:3;",
            "qWasmGlobal:11;instance:3",
            "qXfer:libraries:read::0,fff",
            "qOffsets",
            "D1",
            "D",
            "c",
        ],
        expect![[r#"
            qSupported:xmlRegisters=i386;multiprocess+;swbreak+: forward qSupported:xmlRegisters=i386;swbreak+
            QThreadSuffixSupported: SuffixThreads
            QListThreadsInStopReply: ListThreads
            QEnableErrorStrings: ExplainErrors
            qGDBServerVersion: ServerVersion
            qHostInfo: HostInfo
            qProcessInfo: ProcessInfo
            qRegisterInfo1f: RegisterInfo(31)
            jThreadsInfo: ThreadsInfo
            qThreadStopInfo0002: ThreadStopInfo(2)
            qVAttachOrWaitSupported: Yes
            qSupportsDetachAndStayStopped:: Yes
            x0,0: ReadMemory { address: 0, length: 0, is_binary: true }
            x4000000000000000,200: ReadMemory { address: 4611686018427387904, length: 512, is_binary: true }
            m0,1ffff: ReadMemory { address: 0, length: 131071, is_binary: false }
            qWasmCallStack:1: CallStack(1)
            qWasmLocal:0;2: Value(Local { frame: 0, index: 2 })
            qWasmStackValue:1;0: Value(Operand { frame: 1, index: 0 })
            qWasmGlobal:2;11: Value(Global { frame: 2, index: 11 })
            qWasmGlobal:11;instance:3;: Value(GlobalOf { instance: 3, index: 11 })
            qWasmGlobal:11;instance:3: Value(GlobalOf { instance: 3, index: 11 })
            qXfer:libraries:read::0,fff: Own(Read { document: Libraries, offset: 0, length: 4095 })
            qOffsets: Unsupported
            D1: DetachStopped
            D: forward D
            c: forward vCont;c
        "#]],
    );
}

#[test]
fn what_makes_no_sense_is_refused() {
    check(
        WASM,
        &[
            "qRegisterInfo",
            "qRegisterInfozz",
            "qThreadStopInfo",
            "qThreadStopInfo0",
            "qProcessInfoPID:1",
            "jThreadsInfo:1",
            "m0",
            "mffffffffffffffff,2",
            "m0,20001",
            "x,1",
            "qWasmCallStack",
            "qWasmCallStack:",
            "qWasmCallStack:0",
            "qWasmLocal:0",
            "qWasmLocal:0;",
            "qWasmLocal:0;a",
            "qWasmLocal:-1;0",
            "qWasmLocal:0;1;2",
            "qWasmLocal:99999999999;1",
            "qWasmGlobal:;instance:1;",
            "qWasmGlobal:1;instance:;",
            "qWasmGlobal:1;instance:1;2;",
        ],
        expect![[r#"
            qRegisterInfo: Malformed
            qRegisterInfozz: Malformed
            qThreadStopInfo: Malformed
            qThreadStopInfo0: Malformed
            qProcessInfoPID:1: Unsupported
            jThreadsInfo:1: Unsupported
            m0: Malformed
            mffffffffffffffff,2: Malformed
            m0,20001: Malformed
            x,1: Malformed
            qWasmCallStack: Unsupported
            qWasmCallStack:: Malformed
            qWasmCallStack:0: Malformed
            qWasmLocal:0: Malformed
            qWasmLocal:0;: Malformed
            qWasmLocal:0;a: Malformed
            qWasmLocal:-1;0: Malformed
            qWasmLocal:0;1;2: Malformed
            qWasmLocal:99999999999;1: Malformed
            qWasmGlobal:;instance:1;: Malformed
            qWasmGlobal:1;instance:;: Malformed
            qWasmGlobal:1;instance:1;2;: Malformed
        "#]],
    );
}

#[test]
fn a_persona_of_another_machine_has_no_wasm_frames() {
    let elf = Dialect { has_wasm_frames: false, ..WASM };
    check(
        elf,
        &["qWasmCallStack:1", "qWasmLocal:0;0", "qXfer:libraries:read::0,fff", "qOffsets"],
        expect![[r#"
            qWasmCallStack:1: Unsupported
            qWasmLocal:0;0: Unsupported
            qXfer:libraries:read::0,fff: Unsupported
            qOffsets: forward qOffsets
        "#]],
    );
}

#[test]
fn suffixes_name_threads() {
    assert_eq!(without_suffix(b"p0;thread:0001;"), Some((&b"p0"[..], Thread::One(1))));
    assert_eq!(without_suffix(b"g;thread:1a"), Some((&b"g"[..], Thread::One(0x1a))));
    assert_eq!(without_suffix(b"P0=00;thread:2;"), Some((&b"P0=00"[..], Thread::One(2))));
    assert_eq!(without_suffix(b"p0"), None);
    assert_eq!(without_suffix(b"g;thread:zz;"), None);
    assert_eq!(without_suffix(b"m0,1;thread:1;"), None);
}

#[test]
fn a_machine_with_registers_that_may_be_unknown_is_asked_for_one_at_a_time() {
    let dialect = Dialect { has_wasm_frames: false, ..WASM };
    check(
        dialect,
        &["g", "p8", "m0,1ffff", "qWasmLocal:0;2"],
        expect![[r#"
            g: Unsupported
            p8: Own(ReadRegister(8))
            m0,1ffff: ReadMemory { address: 0, length: 131071, is_binary: false }
            qWasmLocal:0;2: Unsupported
        "#]],
    );
}
