//! Turning away a client while another one is attached.
//!
//! A bare hang-up would leave its user guessing. The one thing that gdb shows is an error in reply to its first packet: it
//! prints `warning: Remote failure reply: E.another debugger is attached`.
//!
//! lldb shows no reply's text. It begins with `QStartNoAckMode`, goes on after any answer, and then waits for a process
//! that never comes. Only without an answer it gives up: `error: Connection shut down by remote side while waiting for reply`.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// What the client is told, as the body of a packet.
const BODY: &str = "E.another debugger is attached";

/// How long the client may take for its first packet.
const PATIENCE: Duration = Duration::from_secs(5);

/// Bytes of the first packet that are looked at. Every client's is far shorter.
const LONGEST: usize = 4096;

/// Tells the client why, and hangs up.
pub(crate) async fn refuse(stream: TcpStream) {
    tracing::info!("refused a client: another one is attached");
    // One that says nothing, or is gone already, needs no answer.
    let _unheard = timeout(PATIENCE, answer(stream)).await;
}

async fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut seen = Vec::new();
    let mut chunk = [0; 512];
    while !has_packet(&seen) && seen.len() < LONGEST {
        let count = stream.read(&mut chunk).await?;
        if count == 0 {
            return Ok(());
        }
        seen.extend_from_slice(&chunk[..count]);
    }
    if is_from_lldb(&seen) {
        return Ok(());
    }
    stream.write_all(reply().as_bytes()).await?;
    stream.shutdown().await?;
    // To close with unread bytes would reset the connection, and the reply could be lost.
    while stream.read(&mut chunk).await? > 0 {}
    Ok(())
}

/// Whether a whole packet, `$...#cc`, is there.
fn has_packet(bytes: &[u8]) -> bool {
    let end = bytes.iter().position(|byte| *byte == b'#');
    end.is_some_and(|end| bytes.len() >= end + 3)
}

/// Whether the first packet is lldb's.
fn is_from_lldb(bytes: &[u8]) -> bool {
    let packet = bytes.iter().position(|byte| *byte == b'$').map(|at| &bytes[at + 1..]);
    packet.is_some_and(|packet| packet.starts_with(b"QStartNoAckMode#"))
}

/// The acknowledgement and the error packet.
fn reply() -> String {
    let sum = BODY.bytes().fold(0u8, u8::wrapping_add);
    format!("+${BODY}#{sum:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_complete_with_its_checksum() {
        assert!(!has_packet(b"+$qSupported:x"));
        assert!(!has_packet(b"+$qSupported#3"));
        assert!(has_packet(b"+$qSupported#37"));
        assert!(is_from_lldb(b"+$QStartNoAckMode#b0"));
        assert!(!is_from_lldb(b"+$qSupported#37"));
        assert_eq!(reply(), "+$E.another debugger is attached#23");
    }
}
