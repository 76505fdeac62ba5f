//! The number of a socket of this machine, from its ends.
//!
//! The kernel is asked about this one (sock_diag(7)), which takes some microseconds. Where it does not answer, its list of all
//! sockets is read (`/proc/net/tcp`, see proc(5)): that takes milliseconds, since it looks through a large table for them.

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with,
};

/// A question about one socket, and its length in bytes:
///
/// ```text
///   header: length (4), kind (2), flags (2), number (4), asker (4)
///   what: family (1), protocol (1), wanted extras (1), 0 (1), states (4)
///   which: ports (2 and 2, big-endian), addresses (16 and 16, as they are sent), interface (4), cookie (8)
/// ```
const QUESTION: usize = 72;

/// `SOCK_DIAG_BY_FAMILY`, the kind of the question and of its answer.
const BY_FAMILY: u16 = 20;

/// `NLM_F_REQUEST`.
const REQUEST: u16 = 1;

/// `IPPROTO_TCP`.
const TCP: u8 = 6;

/// Where the number of the socket is in an answer: behind the header, what was asked, and 16 bytes.
const NUMBER_AT: usize = 84;

/// The number of the socket on this machine with these ends.
pub(super) fn inode(local: SocketAddr, remote: SocketAddr) -> Option<u64> {
    asked(local, remote).unwrap_or_else(|error| {
        tracing::debug!(%error, "the kernel is not asked about sockets");
        listed(local, remote)
    })
}

fn asked(local: SocketAddr, remote: SocketAddr) -> io::Result<Option<u64>> {
    let kernel =
        socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, Some(netlink::SOCK_DIAG))?;
    send(&kernel, &question(local, remote), SendFlags::empty())?;
    let mut answer = [0; 512];
    let (length, _) = recv(&kernel, &mut answer, RecvFlags::DONTWAIT)?;
    let answer = answer.get(..length).unwrap_or_default();
    // Another kind says that there is none.
    let is_about_it = answer.get(4..6) == Some(BY_FAMILY.to_ne_bytes().as_slice());
    let number = answer.get(NUMBER_AT..).and_then(<[u8]>::first_chunk).filter(|_| is_about_it);
    Ok(number.map(|&number| u64::from(u32::from_ne_bytes(number))).filter(|number| *number > 0))
}

fn question(local: SocketAddr, remote: SocketAddr) -> Vec<u8> {
    let is_v4 = local.ip().to_canonical().is_ipv4();
    let family = if is_v4 { AddressFamily::INET } else { AddressFamily::INET6 };
    let family = u8::try_from(family.as_raw()).unwrap_or_default();
    let mut question = Vec::with_capacity(QUESTION);
    question.extend(u32::try_from(QUESTION).unwrap_or_default().to_ne_bytes());
    question.extend(BY_FAMILY.to_ne_bytes());
    question.extend(REQUEST.to_ne_bytes());
    question.extend([0; 8]);
    question.extend([family, TCP, 0, 0]);
    // All states.
    question.extend(u32::MAX.to_ne_bytes());
    question.extend(local.port().to_be_bytes());
    question.extend(remote.port().to_be_bytes());
    question.extend(address(local.ip()));
    question.extend(address(remote.ip()));
    question.extend([0; 4]);
    // No cookie.
    question.extend([0xff; 8]);
    question
}

/// An address as it is sent, with zeros behind one of 4 bytes.
fn address(ip: IpAddr) -> [u8; 16] {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let mut address = [0; 16];
            address[..4].copy_from_slice(&ip.octets());
            address
        }
        IpAddr::V6(ip) => ip.octets(),
    }
}

fn listed(local: SocketAddr, remote: SocketAddr) -> Option<u64> {
    let ends = [shown(local), shown(remote)];
    let list = if local.ip().to_canonical().is_ipv4() { "/proc/net/tcp" } else { "/proc/net/tcp6" };
    let list = fs::read_to_string(list).ok()?;
    list.lines().skip(1).find_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let is_it = ends.iter().all(|end| fields.next() == Some(end));
        // Behind them: state, queues, timer, retransmissions, user, timeout.
        fields.nth(6).filter(|_| is_it)?.parse().ok()
    })
}

/// An address as the kernel writes it: each 32 bits as a number of this machine, and the port.
fn shown(address: SocketAddr) -> String {
    let words = match address.ip().to_canonical() {
        IpAddr::V4(ip) => vec![u32::from_ne_bytes(ip.octets())],
        IpAddr::V6(ip) => ip.octets().as_chunks().0.iter().map(|&word| u32::from_ne_bytes(word)).collect(),
    };
    let words: String = words.iter().map(|word| format!("{word:08X}")).collect();
    format!("{words}:{:04X}", address.port())
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn addresses_are_written_as_the_kernel_writes_them() {
        let shown = |text: &str| shown(text.parse().expect("an address"));
        assert_eq!(shown("127.0.0.1:4660"), "0100007F:1234");
        assert_eq!(shown("[::ffff:127.0.0.1]:80"), "0100007F:0050");
        assert_eq!(shown("[::1]:65535"), "00000000000000000000000001000000:FFFF");
    }

    #[test]
    fn a_socket_has_the_same_number_however_the_kernel_is_asked() {
        for (listen, connect) in [("127.0.0.1:0", "127.0.0.1"), ("[::1]:0", "[::1]")] {
            let Ok(listener) = TcpListener::bind(listen) else {
                assert_ne!(listen, "127.0.0.1:0", "there is always a port");
                continue;
            };
            let port = listener.local_addr().expect("it is bound").port();
            let client = TcpStream::connect(format!("{connect}:{port}")).expect("it listens");
            let (accepted, _) = listener.accept().expect("somebody came");
            let ends = |socket: &TcpStream| {
                socket
                    .local_addr()
                    .and_then(|local| Ok((local, socket.peer_addr()?)))
                    .expect("it is connected")
            };
            for socket in [&client, &accepted] {
                let (local, remote) = ends(socket);
                let number = listed(local, remote);
                assert!(number.is_some_and(|number| number > 0), "{local} {remote}");
                assert_eq!(asked(local, remote).ok(), Some(number), "{local} {remote}");
            }
            let (local, remote) = ends(&client);
            let nobody = SocketAddr::new(local.ip(), 1);
            assert_eq!((asked(nobody, remote).ok(), listed(nobody, remote)), (Some(None), None));
        }
    }
}
