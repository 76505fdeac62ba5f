//! Packets that no client sends. Whatever comes, the guest stays as it is and the session goes on.

use gdb::{Error, Outcome, PACKET_SIZE, PACKET_SLACK};

use crate::client::Client;
use crate::guest::guest;

/// Packets to be damaged. None of them lets the guest run or ends the session, and damage to one is not likely to make
/// it one that does; those that it does make are left out by [`is_harmless`].
const SEEDS: &[&str] = &[
    "?",
    "g",
    "p10",
    "P0=0000000000000000",
    "m0,40",
    "me0000000,10",
    "M0,2:0011",
    "X0,2:ab",
    "x0,10",
    "Hgp1.1",
    "Hc-1",
    "Tp1.1",
    "qfThreadInfo",
    "qsThreadInfo",
    "qC",
    "qOffsets",
    "qAttached:1",
    "qRcmd,776879",
    "qSupported:multiprocess+;swbreak+",
    "qXfer:features:read:target.xml:0,100",
    "qXfer:exec-file:read:1:0,100",
    "qXfer:threads:read::0,100",
    "qSearch:memory:0;100;ab",
    "qThreadExtraInfo,p1.1",
    "vCont?",
    "vMustReplyEmpty",
    "vFile:open:2f61,0,1c0",
    "vFile:pread:3,10,0",
    "vFile:fstat:3",
    "vFile:setfs:0",
    "vFile:close:3",
    "Z0,e0000000,1",
    "z0,e0000000,1",
    "Z2,10,4",
    "qTStatus",
    "qSymbol::",
    "G00",
    "vAttach;1",
    "QNonStop:1",
];

/// Marsaglia's xorshift: the same numbers in every run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit).unwrap()).unwrap()
    }
}

/// Whether a packet can be answered without changing the guest's state or ending the session.
fn is_harmless(body: &[u8]) -> bool {
    !matches!(body.first(), Some(b'c' | b'C' | b's' | b'S' | b'k' | b'D' | b'R' | b'!'))
        && !body.starts_with(b"vCont;")
        && !body.starts_with(b"vKill")
        && !body.starts_with(b"vRun")
        && !body.starts_with(b"QStartNoAckMode")
}

fn damaged(random: &mut Random) -> Vec<u8> {
    let mut body = SEEDS[random.below(SEEDS.len())].as_bytes().to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(body.len() + 1);
        match random.below(5) {
            0 => body.truncate(at),
            1 => body.insert(at, b"0:;,=.-xXz}p"[random.below(12)]),
            2 => body.splice(at..at, std::iter::repeat_n(b'f', random.below(40))).for_each(drop),
            3 if at < body.len() => body[at] = u8::try_from(random.below(256)).unwrap(),
            _ if at < body.len() => drop(body.remove(at)),
            _ => {}
        }
    }
    // Frame characters would make several packets of it.
    body.retain(|byte| !matches!(byte, b'$' | b'#'));
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_damaged_packets_are_each_answered() {
    const PACKETS: usize = 5000;
    let mut client = Client::greeted(guest("sum", Vec::new()).await).await;
    let stop = client.ask("?").await;
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut sent = 0;
    while sent < PACKETS {
        let body = damaged(&mut random);
        if !is_harmless(&body) {
            continue;
        }
        let sum = body.iter().fold(0_u8, |sum, &byte| sum.wrapping_add(byte));
        client.forget();
        client.send_raw(&[b"$", &*body, format!("#{sum:02x}").as_bytes()].concat()).await;
        let reply = client.receive().await;
        // The output of a monitor command is followed by its result.
        if reply.starts_with('O') && reply != "OK" {
            client.receive().await;
        }
        sent += 1;
        if sent % 100 == 0 {
            // Some of the packets have changed what the client seems to know and to look at.
            client.ask("qSupported:multiprocess+").await;
            assert_eq!(client.ask("Hgp1.1").await, "OK", "after {sent}");
            assert_eq!(client.ask("?").await, stop, "after {sent}");
        }
    }
    assert_eq!(client.ask("vCont;c").await, "W00", "the guest goes on as if nothing had been");
    client.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_noise_is_no_session() {
    let mut client = Client::connect(guest("sum", Vec::new()).await);
    let mut random = Random(42);
    // A start of a packet now and then; the sums are wrong.
    let noise: Vec<u8> = (0..50_000).map(|_| u8::try_from(random.below(256)).unwrap()).collect();
    let noise: Vec<u8> = noise.into_iter().filter(|&byte| byte != b'#').collect();
    client.send_raw(&noise).await;
    client.send_raw(b"$?#3f").await;
    loop {
        if client.receive().await.starts_with("T05") {
            break;
        }
    }
    client.hang_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_packet_without_end_ends_the_connection() {
    let mut client = Client::greeted(guest("sum", Vec::new()).await).await;
    client.send_raw(b"$X0,40000000:").await;
    client.send_raw(&vec![b'a'; PACKET_SIZE + PACKET_SLACK]).await;
    let (debuggee, outcome) = client.end().await;
    assert!(matches!(outcome, Outcome::Lost(Some(Error::PacketTooLong { .. }))), "{outcome:?}");
    assert!(debuggee.session().is_stopped(), "the guest is as it was");
}
