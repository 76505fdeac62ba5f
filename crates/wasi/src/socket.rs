//! Sockets: which kind a descriptor of the host is, and the calls that may have to wait for the other side.
//!
//! Preview 1 has no call that makes a socket; a program is given them, or accepts connections from those.

use crate::context::{Context, memory_of};
use crate::file::HostFile;
use crate::stream::{Direction, cut, may_wait, ready};
use runtime::{Caller, HostError, Value};
use rustix::net::{AddressFamily, SocketType, sockopt};
use std::os::fd::OwnedFd;
use wasi_common::WasiFile;
use wasi_common::snapshots::preview_1::types::{Filetype, Iovec, Riflags, Roflags};
use wasi_common::snapshots::preview_1::wasi_snapshot_preview1 as functions;
use wasi_common::sync::net::Socket;
use wiggle::error::Error as CallError;
use wiggle::{GuestError, GuestMemory, GuestPtr};

/// How many bytes are received at a time for a guest that wants to wait for all.
const PIECE: u32 = 1 << 16;

/// A descriptor of the host as a file of the guest: a socket if it is a stream of bytes or listens for one.
pub(crate) fn file_of(fd: OwnedFd) -> Box<dyn WasiFile> {
    let family = sockopt::socket_domain(&fd);
    let listens = sockopt::socket_acceptconn(&fd).unwrap_or_default();
    if sockopt::socket_type(&fd) != Ok(SocketType::STREAM) {
        return Box::new(HostFile::from(fd));
    }
    match (family, listens) {
        (Ok(AddressFamily::UNIX), true) => Socket::UnixListener(fd.into()).into(),
        (Ok(AddressFamily::UNIX), false) => Socket::UnixStream(fd.into()).into(),
        (Ok(AddressFamily::INET | AddressFamily::INET6), true) => Socket::TcpListener(fd.into()).into(),
        (Ok(AddressFamily::INET | AddressFamily::INET6), false) => Socket::TcpStream(fd.into()).into(),
        _ => Box::new(HostFile::from(fd)),
    }
}

impl Context {
    /// `sock_accept`.
    pub(crate) fn accept(
        &self,
        caller: &mut Caller<'_>,
        [fd, flags, result]: [i32; 3],
    ) -> Result<Vec<Value>, HostError> {
        self.call(caller, "sock_accept", async |wasi, memory| {
            if may_wait(wasi, fd).await == Some(Filetype::SocketStream) {
                ready(wasi, fd, Direction::Read).await?;
            }
            functions::sock_accept(wasi, memory, fd, flags, result).await
        })
    }

    /// `sock_recv`. wasi-common would fail, and lose bytes, if all were wanted and fewer came.
    pub(crate) fn receive(
        &self,
        caller: &mut Caller<'_>,
        [fd, vectors, count, flags, result, result_flags]: [i32; 6],
    ) -> Result<Vec<Value>, HostError> {
        let [all, look] = [Riflags::RECV_WAITALL, Riflags::RECV_PEEK].map(|flag| i32::from(u16::from(flag)));
        let waits = flags & !(all | look) == 0 && self.may_wait(fd) == Some(Filetype::SocketStream);
        if waits && flags == all {
            let memory = memory_of(caller, "sock_recv")?;
            let places = cut(&memory, vectors, count).and_then(|count| places(&memory, vectors, count));
            if let Ok(places) = places {
                return self.receive_all(caller, fd, &places, [result, result_flags]);
            }
        }
        self.call(caller, "sock_recv", async |wasi, memory| {
            if waits {
                ready(wasi, fd, Direction::Read).await?;
            }
            let (count, flags) = (cut(memory, vectors, count)?, flags & !all);
            functions::sock_recv(wasi, memory, fd, vectors, count, flags, result, result_flags).await
        })
    }

    /// Receives until all places are full, the other side has no more, or there is an error.
    fn receive_all(
        &self,
        caller: &mut Caller<'_>,
        fd: i32,
        places: &[GuestPtr<[u8]>],
        results: [i32; 2],
    ) -> Result<Vec<Value>, HostError> {
        let mut received = 0;
        'places: for place in places {
            let mut filled = 0;
            while filled < place.len() {
                let bytes = match self.receive_piece(caller, fd, (place.len() - filled).min(PIECE))? {
                    Ok(bytes) if bytes.is_empty() => break 'places,
                    Ok(bytes) => bytes,
                    // What was received counts; the next call will fail.
                    Err(_) if received > 0 => break 'places,
                    Err(errno) => return Ok(vec![Value::I32(errno)]),
                };
                let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
                self.call(caller, "sock_recv", async |_, memory| {
                    let to = place.as_ptr().add(filled)?.as_array(length);
                    memory.copy_from_slice(&bytes, to).map(|()| 0).map_err(CallError::from)
                })?;
                filled += length;
                received += length;
            }
        }
        let [result, result_flags] = results.map(i32::cast_unsigned);
        self.call(caller, "sock_recv", async |_, memory| {
            memory.write(GuestPtr::new(result), received)?;
            memory.write(GuestPtr::new(result_flags), Roflags::empty())?;
            Ok(0)
        })
    }

    /// Receives what is there, up to `length` bytes, when there is something; or the error number. No bytes: the other
    /// side has no more.
    fn receive_piece(
        &self,
        caller: &mut Caller<'_>,
        fd: i32,
        length: u32,
    ) -> Result<Result<Vec<u8>, i32>, HostError> {
        // The memory that the function sees: one vector (address, length), the count and the flags that it returns, the
        // bytes.
        const COUNT: u32 = 8;
        const FLAGS: u32 = 12;
        const BYTES: u32 = 16;
        let mut aside = [BYTES, length].map(u32::to_le_bytes).concat();
        aside.resize((BYTES + length) as usize, 0);
        let [result, result_flags] = [COUNT, FLAGS].map(u32::cast_signed);
        let errno = self.call_aside(caller, "sock_recv", &mut aside, async |wasi, memory| {
            ready(wasi, fd, Direction::Read).await?;
            functions::sock_recv(wasi, memory, fd, 0, 1, 0, result, result_flags).await
        })?;
        if errno != 0 {
            return Ok(Err(errno));
        }
        let count = GuestMemory::Unshared(&mut aside).read(GuestPtr::<u32>::new(COUNT)).unwrap_or_default();
        aside.truncate((BYTES + count) as usize);
        Ok(Ok(aside.split_off(BYTES as usize)))
    }
}

/// Where a list of vectors wants its bytes.
fn places(memory: &GuestMemory<'_>, vectors: i32, count: i32) -> Result<Vec<GuestPtr<[u8]>>, GuestError> {
    let vectors = GuestPtr::<[Iovec]>::new((vectors.cast_unsigned(), count.cast_unsigned()));
    let place = |vector: Iovec| vector.buf.as_array(vector.buf_len);
    vectors.iter().map(|vector| memory.read(vector?).map(place)).collect()
}
