//! Bytes that are no packets, packets that are no commands, clients that vanish.

use anyhow::Result;
use tests::rsp::{Client, framed};

use crate::{assert_untouched, greeted, serve};

/// How much more memory the server may take for whatever a client sends, in bytes.
const MEMORY_FOR_GARBAGE: u64 = 64 << 20;

#[test]
fn bytes_that_are_no_packets_end_at_most_the_connection() -> Result<()> {
    let server = serve("steps", &[])?;
    for garbage in [
        &b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"[..],
        &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3],
        &[0; 4096],
        &[0xff; 4096],
        b"++++----$$$$####",
        b"$#00$#00$#zz",
        b"$?#00$?#3f\x03\x03\x03",
        b"$}#7d",
        b"$*#2a",
    ] {
        let mut client = Client::connect(server.port)?;
        // The server may close the connection while we still write.
        let _written = client.send_raw(garbage);
        drop(client);
    }
    let mut client = greeted(&server)?;
    client.send_raw(b"junk between packets")?;
    drop(client);
    assert_untouched(server)
}

#[test]
fn a_wrong_checksum_is_refused_and_the_packet_can_be_sent_again() -> Result<()> {
    let server = serve("steps", &[])?;
    let mut client = Client::connect(server.port)?;
    client.send_raw(b"$qSupported:xmlRegisters=i386#00")?;
    assert!(client.ask("qSupported:xmlRegisters=i386")?.contains("PacketSize="));
    drop(client);
    assert_untouched(server)
}

#[test]
fn a_gigabyte_without_an_end_is_cut_off() -> Result<()> {
    let server = serve("steps", &[])?;
    let before = server.peak_memory()?;
    let mut client = greeted(&server)?;
    client.send_raw(b"$X0,40000000:")?;
    let chunk = vec![b'a'; 1 << 20];
    let mut sent = 0;
    // A server that reads on and throws away is as good as one that closes the connection.
    while sent < 1024 && client.send_raw(&chunk).is_ok() {
        sent += 1;
    }
    let grown = server.peak_memory()? - before;
    assert!(grown < MEMORY_FOR_GARBAGE, "after {sent} MiB the server had {grown} bytes more");
    drop(client);
    assert_untouched(server)
}

#[test]
fn clients_that_vanish_leave_the_guest_as_it_was() -> Result<()> {
    let server = serve("steps", &[])?;
    for length in 0..40 {
        let mut client = Client::connect(server.port)?;
        let greeting = framed("qSupported:multiprocess+;xmlRegisters=i386");
        client.send_raw(&greeting[..length.min(greeting.len())])?;
        drop(client);
    }
    for _ in 0..5 {
        let mut client = greeted(&server)?;
        client.send("qXfer:features:read:target.xml:0,1000")?;
        drop(client);
    }
    assert_untouched(server)
}

/// Each ends the session in a plain gdbstub, or is what only one client in a thousand sends.
const ODD_PACKETS: &[&str] = &[
    "qCRC:0,4",
    "qSupported",
    "qSupported:",
    "g;thread:1;",
    "p0;thread:1;",
    "p",
    "pffffffff",
    "P",
    "P0",
    "P0=zz",
    "G",
    "G00",
    "vAttachName;x",
    "vAttachWait;x",
    "vAttach;zz",
    "vRun",
    "vCont",
    "vCont;",
    "vCont;t",
    "vCont;x",
    "vCont;r",
    "vCont;r1",
    "vCont;c:p1.zz",
    "qProcessInfoPID:1",
    "qAttached:0",
    "qAttached:zz",
    "Hgp1.-1",
    "Hg",
    "Hx1",
    "Hgzz",
    "T0",
    "T",
    "Tzz",
    "H",
    "m",
    "m0",
    "m0,",
    "m,4",
    "m0,zz",
    "m11111111111111111,1",
    "m0,ffffffffffffffff",
    "mffffffffffffffff,10",
    "M0,4",
    "M0,4:0",
    "M0,1:zz",
    "X0,1:",
    "X",
    "Z0",
    "Z0,",
    "Z0,0",
    "Z9,0,1",
    "z0,1,1",
    "Z0,zz,1",
    "Z2,0,4",
    "qXfer",
    "qXfer:features:read",
    "qXfer:features:read:",
    "qXfer:features:read:target.xml:",
    "qXfer:features:read:target.xml:ffffffffffffffff,1",
    "qXfer:features:read:no.xml:0,10",
    "qXfer:nothing:read::0,10",
    "qXfer:exec-file:read:zz:0,10",
    "vFile:open",
    "vFile:open:",
    "vFile:open:2f657463,0,0",
    "vFile:pread:99,10,0",
    "vFile:pread:zz",
    "vFile:close:99",
    "vFile:fstat:99",
    "vFile:unlink:2f",
    "qRcmd",
    "qRcmd,",
    "qRcmd,zz",
    "qRcmd,ff",
    "qRcmd,6e6f6e73656e7365",
    "qSymbol::",
    "qThreadExtraInfo",
    "qThreadExtraInfo,zz",
    "qC",
    "qfThreadInfo",
    "qsThreadInfo",
    "qsThreadInfo",
    "vKill",
    "QNonStop:1",
    "QPassSignals:zz",
    "bc",
    "bs",
    "B0,S",
    "R",
    "r",
    "d",
    "t",
    "i",
    "A",
    "C",
    "S",
    "Czz",
    "k;",
    "jThreadsInfo",
    "qWasmCallStack:1",
    "qWasmLocal:0;0",
    "x0,0",
    "",
    "?;",
    "\u{7f}",
];

#[test]
fn odd_packets_are_answered_and_the_session_goes_on() -> Result<()> {
    let server = serve("steps", &[])?;
    let mut client = greeted(&server)?;
    let registers = client.ask("g")?;
    for packet in ODD_PACKETS {
        client.ask(packet)?;
        assert_eq!(client.ask("vMustReplyEmpty")?, "", "after {packet:?}");
        let stop = client.ask("?")?;
        assert!(stop.starts_with("T05"), "after {packet:?}: {stop}");
        assert_eq!(client.ask("g")?, registers, "after {packet:?}");
    }
    drop(client);
    assert_untouched(server)
}

/// Marsaglia's xorshift: the same numbers in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap_or_default()
    }
}

#[test]
fn packets_with_random_damage_never_hurt_the_server() -> Result<()> {
    const CLIENTS: usize = 60;
    const PACKETS_EACH: usize = 50;
    let server = serve("steps", &[])?;
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..CLIENTS {
        let mut client = greeted(&server)?;
        for _ in 0..PACKETS_EACH {
            let mut body = ODD_PACKETS[random.below(ODD_PACKETS.len())].as_bytes().to_vec();
            for _ in 0..=random.below(3) {
                let at = random.below(body.len() + 1);
                match random.below(3) {
                    0 if at < body.len() => body[at] = b" 0f,;:*}.-zZ\xff"[random.below(13)],
                    1 if at < body.len() => drop(body.remove(at)),
                    _ => body.insert(at, b"0123456789abcdefp,;:"[random.below(20)]),
                }
            }
            // Commands that let the guest run or end it are not what this is about.
            if body.iter().any(|byte| b"$#".contains(byte)) || runs_the_guest(&body) {
                continue;
            }
            let sum = body.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
            let frame = [b"$", body.as_slice(), format!("#{sum:02x}").as_bytes()].concat();
            if client.send_raw(&frame).is_err() {
                break;
            }
        }
        drop(client);
    }
    let mut client = greeted(&server)?;
    assert!(client.ask("?")?.starts_with("T05"));
    drop(client);
    assert!(!server.stderr.seen().contains("panicked"), "{}", server.stderr.seen());
    Ok(())
}

/// Whether a packet may resume, restart, end or let go of the guest.
fn runs_the_guest(body: &[u8]) -> bool {
    let starts =
        [&b"vCont"[..], b"c", b"C", b"s", b"S", b"k", b"vKill", b"D", b"R", b"r", b"vRun", b"b", b"vAttach"];
    starts.iter().any(|start| body.starts_with(start))
}
