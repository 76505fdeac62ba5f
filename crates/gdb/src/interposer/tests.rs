//! Which packets get through, and in what form.

use expect_test::{Expect, expect};

use super::*;

const DIALECT: Dialect =
    Dialect { is_extended: true, register_bytes: 4, thread: 1, is_lldb: false, has_wasm_frames: false };

/// One line per packet: what it becomes.
#[track_caller]
fn check(packets: &[&str], expected: Expect) {
    let mut lines = String::new();
    for packet in packets {
        let verdict = match judge(packet.as_bytes(), DIALECT) {
            Verdict::Forward(body) if body == packet.as_bytes() => "forward".to_owned(),
            Verdict::Forward(body) => format!("forward {}", body.escape_ascii()),
            other => format!("{other:?}"),
        };
        lines.push_str(&format!("{packet}: {verdict}\n"));
    }
    expected.assert_eq(&lines);
}

/// What gdbstub cannot parse, or refuses for good.
const FRAGILE: &[&str] = &[
    "qCRC:0,10",
    "qSupported",
    "qSupported:",
    "qSupported:;;a+",
    "g;thread:1;",
    "p0;thread:1;",
    "vAttachName;78",
    "vAttachWait;78",
    "qProcessInfoPID:1",
    "qXfer:features:read",
    "qXfer:features:read:target.xml:0",
    "vCont;t",
    "vCont;t:p1.1",
    "qAttached:0",
    "Hgp1.-1",
    "Hg-1",
    "T0",
    "m00000000000000000,4",
    "m0",
    "m,4",
    "D1",
    "vCont",
    "vCont;",
    "vCont;s",
    "vCont;s:-1",
    "vCont;r1,2",
    "vRun;zz",
    "vFile:open:2f,100000,0",
    "Z0,0",
    "Z0,0,1;X2,27",
    "Z0,0,1;X1,27;cmds:1,X1,27",
    "Z0,0,1;cmds:2,X1,27",
    "z0,0,1;X1,27",
    "Z2,0,0",
    "Z2,0",
    "Z2,0,4;X1,27",
    "Z4,ffffffffffffffff,2",
    "Z5,0,1",
    "qMemoryRegionInfo:g",
    "qMemoryRegionInfo0",
    "P1",
    "G00",
    "X0,4:abc",
    "M0,2:00",
    "qThreadExtraInfo,0",
    "qRcmd",
    "T",
    "H",
    "",
    "vKill",
    "vKill;0",
    "QEnvironmentHexEncoded:00",
    "k;1",
    "c1000",
];

#[test]
fn packets_that_would_end_gdbstubs_session_do_not_reach_it() {
    check(
        FRAGILE,
        expect![[r#"
            qCRC:0,10: Unsupported
            qSupported: forward qSupported:multiprocess-
            qSupported:: forward qSupported:multiprocess-
            qSupported:;;a+: forward qSupported:a+
            g;thread:1;: Malformed
            p0;thread:1;: Malformed
            vAttachName;78: Unsupported
            vAttachWait;78: Unsupported
            qProcessInfoPID:1: Unsupported
            qXfer:features:read: Unsupported
            qXfer:features:read:target.xml:0: Malformed
            vCont;t: Malformed
            vCont;t:p1.1: Malformed
            qAttached:0: Malformed
            Hgp1.-1: Malformed
            Hg-1: Malformed
            T0: Malformed
            m00000000000000000,4: Own(ReadHex { address: 0, length: 4 })
            m0: Malformed
            m,4: Malformed
            D1: Unsupported
            vCont: Malformed
            vCont;: Malformed
            vCont;s: Malformed
            vCont;s:-1: Malformed
            vCont;r1,2: Malformed
            vRun;zz: Malformed
            vFile:open:2f,100000,0: Malformed
            Z0,0: Malformed
            Z0,0,1;X2,27: Malformed
            Z0,0,1;X1,27;cmds:1,X1,27: Own(BreakIf { address: 0, conditions: [[39]], commands: [[39]] })
            Z0,0,1;cmds:2,X1,27: Malformed
            z0,0,1;X1,27: Malformed
            Z2,0,0: Malformed
            Z2,0: Malformed
            Z2,0,4;X1,27: Malformed
            Z4,ffffffffffffffff,2: Malformed
            Z5,0,1: Unsupported
            qMemoryRegionInfo:g: Malformed
            qMemoryRegionInfo0: Unsupported
            P1: Malformed
            G00: Malformed
            X0,4:abc: Malformed
            M0,2:00: Malformed
            qThreadExtraInfo,0: Malformed
            qRcmd: Malformed
            T: Malformed
            H: Malformed
            : Unsupported
            vKill: Malformed
            vKill;0: Malformed
            QEnvironmentHexEncoded:00: Unsupported
            k;1: Malformed
            c1000: Malformed
        "#]],
    );
}

/// What gdb and lldb send.
const ORDINARY: &[&str] = &[
    "?",
    "!",
    "g",
    "G00112233",
    "p10",
    "P0=0011223344556677",
    "m7e0000000000,40",
    "m0,ffffffff",
    "mfffffffffffffff0,40",
    "x0,10",
    "M0,2:0011",
    "X0,2:ab",
    "X0,0:",
    "Hg0",
    "Hgp1.1",
    "Hgp0.0",
    "Hc-1",
    "Hc1",
    "Tp1.1",
    "D",
    "D;1",
    "k",
    "c",
    "s",
    "C0b",
    "S05",
    "vCont?",
    "vCont;c",
    "vCont;s:p1.1;c:p1.-1",
    "vCont;C0b:p1.1;c",
    "vCont;r7e0000000000,7e0000000010:p1.1;c",
    "vKill;1",
    "vRun;;61;62",
    "vRun;",
    "vMustReplyEmpty",
    "vFile:setfs:0",
    "vFile:open:2f61,0,1c0",
    "vFile:pread:0,1000,0",
    "vFile:fstat:0",
    "vFile:close:0",
    "vFile:unlink:2f61",
    "Z0,7e0000000000,1",
    "Z0,7e0000000000,1;",
    "Z0,7e0000000000,1;X2,2227X1,27",
    "Z1,7e0000000000,1;X1,27;X1,28",
    "z1,7e0000000000,1",
    "Z2,0,4",
    "Z3,7000000000,10",
    "z4,ffffffff,1",
    "qWatchpointSupportInfo:",
    "qMemoryRegionInfo:7e0000000000",
    "qMemoryRegionInfo:",
    "qSupported:multiprocess+;swbreak+",
    "QStartNoAckMode",
    "qAttached:1",
    "qfThreadInfo",
    "qC",
    "qOffsets",
    "qRcmd,68656c70",
    "qThreadExtraInfo,p1.1",
    "qSearch:memory:0;10;abc",
    "qXfer:features:read:target.xml:0,1000",
    "qXfer:exec-file:read:1:0,1000",
    "qXfer:threads:read::0,1000",
    "qXfer:auxv:read::0,1000",
    "qTStatus",
    "qSymbol::",
    "R00",
];

#[test]
fn ordinary_packets_pass() {
    check(
        ORDINARY,
        expect![[r#"
            ?: Own(StopReason)
            !: forward
            g: forward
            G00112233: forward
            p10: Own(ReadRegister(16))
            P0=0011223344556677: forward
            m7e0000000000,40: Own(ReadHex { address: 138538465099776, length: 64 })
            m0,ffffffff: Own(ReadHex { address: 0, length: 65536 })
            mfffffffffffffff0,40: Own(ReadHex { address: 18446744073709551600, length: 15 })
            x0,10: Own(ReadBinary { address: 0, length: 16 })
            M0,2:0011: forward
            X0,2:ab: forward
            X0,0:: forward
            Hg0: forward
            Hgp1.1: forward
            Hgp0.0: forward
            Hc-1: Own(SelectResumed(All))
            Hc1: Own(SelectResumed(One(1)))
            Tp1.1: forward
            D: forward
            D;1: forward D
            k: Own(Kill)
            c: forward vCont;c
            s: forward vCont;s:1;c
            C0b: forward vCont;C0b:1;c
            S05: forward vCont;S05:1;c
            vCont?: forward
            vCont;c: forward
            vCont;s:p1.1;c:p1.-1: forward
            vCont;C0b:p1.1;c: forward
            vCont;r7e0000000000,7e0000000010:p1.1;c: forward
            vKill;1: forward
            vRun;;61;62: forward
            vRun;: forward
            vMustReplyEmpty: Unsupported
            vFile:setfs:0: forward
            vFile:open:2f61,0,1c0: forward
            vFile:pread:0,1000,0: forward
            vFile:fstat:0: forward
            vFile:close:0: forward
            vFile:unlink:2f61: Unsupported
            Z0,7e0000000000,1: forward
            Z0,7e0000000000,1;: forward Z0,7e0000000000,1
            Z0,7e0000000000,1;X2,2227X1,27: Own(BreakIf { address: 138538465099776, conditions: [[34, 39], [39]], commands: [] })
            Z1,7e0000000000,1;X1,27;X1,28: Own(BreakIf { address: 138538465099776, conditions: [[39], [40]], commands: [] })
            z1,7e0000000000,1: forward
            Z2,0,4: Own(Watch(Watch { kind: Write, address: 0, length: 4 }))
            Z3,7000000000,10: Own(Watch(Watch { kind: Read, address: 481036337152, length: 16 }))
            z4,ffffffff,1: Own(Unwatch(Watch { kind: Access, address: 4294967295, length: 1 }))
            qWatchpointSupportInfo:: Own(WatchpointLimit)
            qMemoryRegionInfo:7e0000000000: Own(Region(138538465099776))
            qMemoryRegionInfo:: Own(KnowsRegions)
            qSupported:multiprocess+;swbreak+: forward
            QStartNoAckMode: Own(StartNoAckMode)
            qAttached:1: forward
            qfThreadInfo: forward
            qC: Own(CurrentThread)
            qOffsets: forward
            qRcmd,68656c70: forward
            qThreadExtraInfo,p1.1: forward
            qSearch:memory:0;10;abc: Own(Search { address: 0, length: 16, pattern: [97, 98, 99] })
            qXfer:features:read:target.xml:0,1000: Own(Read { document: Description, offset: 0, length: 4096 })
            qXfer:exec-file:read:1:0,1000: Own(Read { document: ExecFile, offset: 0, length: 4096 })
            qXfer:threads:read::0,1000: Own(Read { document: Threads, offset: 0, length: 4096 })
            qXfer:auxv:read::0,1000: Unsupported
            qTStatus: Own(Trace(Status))
            qSymbol::: Unsupported
            R00: forward
        "#]],
    );
}

#[test]
fn only_an_extended_client_may_start_guests() {
    let plain = Dialect { is_extended: false, ..DIALECT };
    assert_eq!(judge(b"vRun;;61", plain), Verdict::Malformed);
    assert_eq!(judge(b"R00", plain), Verdict::Unsupported);
}
