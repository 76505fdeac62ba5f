//! Sessions that stock debuggers had with the guest in `recorded/guest.wat`, replayed with damage: whatever comes, every
//! packet is answered, nothing panics, and a session ends only where a client asked for that.
//!
//! `DAMAGED_PACKETS=1000000 DAMAGE_SEED=7` plays as many packets of other sessions (`just damage`).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gdb::Outcome;

use crate::damage::Random;
use crate::peer::{GREETING, Peer, RECORDINGS, Recorded, Recording, may_end};

/// How many packets are played of each recording if nothing is said.
const PACKETS: usize = 4000;

/// A guest that has not answered by then runs, and is interrupted.
const RUNS: Duration = Duration::from_millis(20);

/// A packet with a few edits, some of which take parts of others.
fn damaged(random: &mut Random, packets: &[Vec<u8>], body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    for _ in 0..=random.below(3) {
        let at = random.below(body.len() + 1);
        match random.below(7) {
            0 => body.truncate(at),
            1 => body.insert(at, b"0123456789abcdef:;,=.-+xXz}p*"[random.below(29)]),
            2 => body.splice(at..at, std::iter::repeat_n(b'f', random.below(40))).for_each(drop),
            3 if at < body.len() => body[at] = u8::try_from(random.below(256)).unwrap(),
            4 if at < body.len() => drop(body.remove(at)),
            5 => {
                let other = &packets[random.below(packets.len())];
                let from = random.below(other.len() + 1);
                body.truncate(at);
                body.extend_from_slice(&other[from..]);
            }
            _ => {
                // Another number where one stands.
                let digits = |byte: &u8| byte.is_ascii_hexdigit();
                if let Some(start) = body.iter().skip(at).position(digits).map(|found| at + found) {
                    let length = body[start..].iter().take_while(|byte| digits(byte)).count();
                    let number: &[&str] =
                        &["0", "1", "10", "ffff", "7fffffff", "ffffffff", "4000000000000000"];
                    let number = number[random.below(number.len())].bytes();
                    body.splice(start..start + length, number).for_each(drop);
                }
            }
        }
    }
    // Frame characters would make several packets of it.
    body.retain(|byte| !matches!(byte, b'$' | b'#'));
    body
}

/// Noise between packets, of which only what is damaged is answered.
async fn make_noise(peer: &mut Peer, random: &mut Random) -> Option<()> {
    match random.below(4) {
        0 => peer.send(b"+-++\r\n").await?,
        1 => peer.send(b"\x03").await?,
        2 => peer.send(b"$m0,$g").await?,
        _ => {
            peer.send(b"$?#00").await?;
            // Or, after a packet that began and did not end, this one is its end.
            let reply = peer.reply(b"?").await?;
            assert!(reply.starts_with("E16"), "{}", peer.last_said());
        }
    }
    Some(())
}

/// Plays `count` packets of a recording, over as many guests as it takes.
async fn play(recording: &Recording, count: usize, random: &mut Random) {
    let packets = recording.packets();
    let recorded = Recorded::new();
    let mut sent = 0;
    while sent < count {
        let mut peer = Peer::connect(recorded.guest(recording.persona, None).await, RUNS);
        let (mut at, mut played) = (0, 0);
        let mut last = Vec::new();
        while sent < count {
            // The first packets say who the client is; after that it starts over now and then, or skips some.
            if at >= packets.len() || (played >= GREETING && random.below(200) == 0) {
                at = random.below(packets.len());
            }
            let is_whole = played < GREETING || random.below(3) == 0;
            let next = if is_whole { packets[at].clone() } else { damaged(random, &packets, &packets[at]) };
            let before = std::mem::replace(&mut last, next);
            (at, played, sent) = (at + 1, played + 1, sent + 1);
            if played > GREETING && random.below(50) == 0 && make_noise(&mut peer, random).await.is_none() {
                break;
            }
            match peer.ask(&last).await {
                Some(reply) if reply.starts_with(['W', 'X']) => break,
                Some(_) => {}
                None => {
                    // A packet that ended it may have been answered before.
                    let is_due = may_end(&last) || may_end(&before);
                    assert!(is_due, "{}: the session has ended{}", recording.client, peer.last_said());
                    break;
                }
            }
        }
        let (debuggee, outcome) = peer.hang_up().await;
        assert!(!matches!(outcome, Outcome::Lost(Some(_))), "{outcome:?} after {}", last.escape_ascii());
        debuggee.session().kill();
    }
}

/// A number from the environment.
fn given(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn recorded_sessions_survive_damage() {
    static PANICS: AtomicUsize = AtomicUsize::new(0);
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        usual(panic);
    }));
    let count = given("DAMAGED_PACKETS").map_or(PACKETS, |count| usize::try_from(count).unwrap());
    for (number, recording) in RECORDINGS.iter().enumerate() {
        let seed =
            0x9e37_79b9_7f4a_7c15 ^ (given("DAMAGE_SEED").unwrap_or(1) << 8 | u64::try_from(number).unwrap());
        play(recording, count, &mut Random(seed)).await;
        // What panics while the guest is looked at is an error to the client, and a mistake of ours all the same.
        assert_eq!(PANICS.load(Ordering::Relaxed), 0, "{}: something panicked", recording.client);
    }
}
