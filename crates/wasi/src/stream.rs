//! Reading from and writing to what may have to wait: pipes, terminals, sockets.
//!
//! The function of wasi-common is not called before poll(2) says that it will not wait, so that a debugger can have the
//! guest until then. Both happen in one attempt: no other thread of the guest takes the bytes, or the room, between. A
//! write is made of pieces for which the room that poll(2) promises is enough, and is whole when the function returns,
//! as a native write(2) is, up to a limit.
//!
//! What can still hold the guest up: opening a named pipe that has no other end, a terminal that is stopped (Ctrl-S) in
//! the middle of a piece, and another process that reads from the same pipe.
//!
//! A list of vectors is cut off after [`MOST_VECTORS`], as the host itself would refuse a longer one: a guest sees that
//! fewer bytes were read or written than it asked for. What the list costs the host is limited that way.

use crate::context::{Context, memory_of};
use crate::wait::{StillWaiting, now};
use runtime::{Caller, HostError, Value};
use wasi_common::WasiCtx;
use wasi_common::snapshots::preview_1::types::{self, Ciovec, Fd, Fdflags, Filetype, SubscriptionU};
use wasi_common::snapshots::preview_1::wasi_snapshot_preview1::{
    self as functions, WasiSnapshotPreview1 as _,
};
use wiggle::error::Error as CallError;
use wiggle::{GuestError, GuestMemory, GuestPtr, GuestType as _, Region};

/// The size of a piece, in bytes: Linux' `PIPE_BUF`. A pipe that is ready has room for it.
const PIECE: usize = 4096;

/// How many bytes one call writes at most. Vectors may overlap, so that a list can stand for more than there is memory.
const LARGEST: usize = 16 << 20;

/// How many vectors of a list are looked at. Linux' `IOV_MAX`.
const MOST_VECTORS: u32 = 1024;

/// What is waited for.
#[derive(Clone, Copy)]
pub(crate) enum Direction {
    Read,
    Write,
}

/// A function that writes.
#[derive(Clone, Copy)]
enum Writer {
    /// `fd_write`.
    File,
    /// `sock_send`.
    Socket,
}

impl Writer {
    fn name(self) -> &'static str {
        match self {
            Self::File => "fd_write",
            Self::Socket => "sock_send",
        }
    }
}

impl Context {
    /// `fd_read`.
    pub(crate) fn read(
        &self,
        caller: &mut Caller<'_>,
        [fd, vectors, count, result]: [i32; 4],
    ) -> Result<Vec<Value>, HostError> {
        self.call(caller, "fd_read", async |wasi, memory| {
            if may_wait(wasi, fd).await.is_some() {
                ready(wasi, fd, Direction::Read).await?;
            }
            let count = cut(memory, vectors, count)?;
            functions::fd_read(wasi, memory, fd, vectors, count, result).await
        })
    }

    /// `fd_pread`. Only files on disk have positions, and they do not wait.
    pub(crate) fn read_at(
        &self,
        caller: &mut Caller<'_>,
        [fd, vectors, count, result]: [i32; 4],
        offset: i64,
    ) -> Result<Vec<Value>, HostError> {
        self.call(caller, "fd_pread", async |wasi, memory| {
            let count = cut(memory, vectors, count)?;
            functions::fd_pread(wasi, memory, fd, vectors, count, offset, result).await
        })
    }

    /// `fd_write`.
    pub(crate) fn write(
        &self,
        caller: &mut Caller<'_>,
        [fd, vectors, count, result]: [i32; 4],
    ) -> Result<Vec<Value>, HostError> {
        if let Some(bytes) = self.to_write_in_pieces(caller, Writer::File, [fd, vectors, count])? {
            return self.write_pieces(caller, Writer::File, fd, &bytes, result);
        }
        self.call(caller, "fd_write", async |wasi, memory| {
            let count = cut(memory, vectors, count)?;
            functions::fd_write(wasi, memory, fd, vectors, count, result).await
        })
    }

    /// `fd_pwrite`.
    pub(crate) fn write_at(
        &self,
        caller: &mut Caller<'_>,
        [fd, vectors, count, result]: [i32; 4],
        offset: i64,
    ) -> Result<Vec<Value>, HostError> {
        self.call(caller, "fd_pwrite", async |wasi, memory| {
            let count = cut(memory, vectors, count)?;
            functions::fd_pwrite(wasi, memory, fd, vectors, count, offset, result).await
        })
    }

    /// `sock_send`.
    pub(crate) fn send(
        &self,
        caller: &mut Caller<'_>,
        [fd, vectors, count, flags, result]: [i32; 5],
    ) -> Result<Vec<Value>, HostError> {
        if flags == 0
            && let Some(bytes) = self.to_write_in_pieces(caller, Writer::Socket, [fd, vectors, count])?
        {
            return self.write_pieces(caller, Writer::Socket, fd, &bytes, result);
        }
        self.call(caller, "sock_send", async |wasi, memory| {
            let count = cut(memory, vectors, count)?;
            functions::sock_send(wasi, memory, fd, vectors, count, flags, result).await
        })
    }

    /// The bytes of a list of vectors, if writing them may have to wait. Not if there is nothing to write, or if the
    /// pointers are such that the function itself is to complain of them.
    fn to_write_in_pieces(
        &self,
        caller: &mut Caller<'_>,
        writer: Writer,
        [fd, vectors, count]: [i32; 3],
    ) -> Result<Option<Vec<u8>>, HostError> {
        if self.may_wait(fd).is_none() {
            return Ok(None);
        }
        let memory = memory_of(caller, writer.name())?;
        let bytes = cut(&memory, vectors, count).and_then(|count| gather(&memory, vectors, count));
        Ok(bytes.ok().filter(|bytes| !bytes.is_empty()))
    }

    fn write_pieces(
        &self,
        caller: &mut Caller<'_>,
        writer: Writer,
        fd: i32,
        bytes: &[u8],
        result: i32,
    ) -> Result<Vec<Value>, HostError> {
        let mut written = 0;
        while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
            match self.write_piece(caller, writer, fd, &rest[..rest.len().min(PIECE)])? {
                Ok(0) => break,
                Ok(count) => written += count as usize,
                // What was written counts; the next call will fail.
                Err(_) if written > 0 => break,
                Err(errno) => return Ok(vec![Value::I32(errno)]),
            }
        }
        let written = u32::try_from(written).unwrap_or(u32::MAX);
        self.call(caller, writer.name(), async |_, memory| {
            let stored = memory.write(GuestPtr::new(result.cast_unsigned()), written);
            stored.map(|()| 0).map_err(CallError::from)
        })
    }

    /// Writes one piece, when there is room. Returns how many bytes were written, or the error number.
    fn write_piece(
        &self,
        caller: &mut Caller<'_>,
        writer: Writer,
        fd: i32,
        piece: &[u8],
    ) -> Result<Result<u32, i32>, HostError> {
        // The memory that the function sees: one vector (address, length), the count that it returns, the bytes.
        const COUNT: u32 = 8;
        const BYTES: u32 = 12;
        let length = u32::try_from(piece.len()).unwrap_or(u32::MAX);
        let mut aside = [BYTES, length, 0].map(u32::to_le_bytes).concat();
        aside.extend_from_slice(piece);
        let result = COUNT.cast_signed();
        let errno = self.call_aside(caller, writer.name(), &mut aside, async |wasi, memory| {
            ready(wasi, fd, Direction::Write).await?;
            match writer {
                Writer::File => functions::fd_write(wasi, memory, fd, 0, 1, result).await,
                Writer::Socket => functions::sock_send(wasi, memory, fd, 0, 1, 0, result).await,
            }
        })?;
        let count = GuestMemory::Unshared(&mut aside).read(GuestPtr::<u32>::new(COUNT)).unwrap_or_default();
        Ok(if errno == 0 { Ok(count) } else { Err(errno) })
    }

    /// As the function of that name.
    pub(crate) fn may_wait(&self, fd: i32) -> Option<Filetype> {
        let kind =
            self.attempt(now(), GuestMemory::Unshared(&mut []), async |wasi, _| Ok(may_wait(wasi, fd).await));
        kind.ok().flatten()
    }
}

/// What kind of file it is, if reading or writing may have to wait. Not for files on disk, nor if the guest asked not
/// to wait.
pub(crate) async fn may_wait(wasi: &mut WasiCtx, fd: i32) -> Option<Filetype> {
    let status = wasi.fd_fdstat_get(&mut GuestMemory::Unshared(&mut []), fd_of(fd)).await.ok()?;
    let waits = !matches!(status.fs_filetype, Filetype::RegularFile | Filetype::Directory)
        && !status.fs_flags.contains(Fdflags::NONBLOCK);
    waits.then_some(status.fs_filetype)
}

/// Does nothing if a descriptor can be read from or written to at once. Whoever does so next, in the same attempt, does
/// not wait.
///
/// # Errors
/// [`StillWaiting`] if it cannot.
pub(crate) async fn ready(wasi: &mut WasiCtx, fd: i32, direction: Direction) -> Result<(), CallError> {
    const EVENT: u32 = 48;
    let file = types::SubscriptionFdReadwrite { file_descriptor: fd_of(fd) };
    let u = match direction {
        Direction::Read => SubscriptionU::FdRead(file),
        Direction::Write => SubscriptionU::FdWrite(file),
    };
    // The memory that the function sees: a subscription of 48 bytes, an event of 32.
    let mut aside = [0; 80];
    let mut memory = GuestMemory::Unshared(&mut aside);
    memory.write(GuestPtr::new(0), types::Subscription { userdata: 0, u })?;
    let polled = wasi.poll_oneoff(&mut memory, GuestPtr::new(0), GuestPtr::new(EVENT), 1).await;
    match polled.map_err(types::Error::downcast) {
        Err(Err(trap)) if trap.is::<StillWaiting>() => Err(trap),
        // Any error that the guest would see is one that the read or write will have as well.
        _ => Ok(()),
    }
}

/// How many vectors of a list wasi-common is to see: not more than [`MOST_VECTORS`], and of a memory that is shared,
/// whose bytes it copies, not more than [`LARGEST`] bytes after the first one.
///
/// # Errors
/// When the list does not lie in the memory.
pub(crate) fn cut(memory: &GuestMemory<'_>, vectors: i32, count: i32) -> Result<i32, GuestError> {
    let size = match memory {
        GuestMemory::Unshared(bytes) => bytes.len(),
        GuestMemory::Shared(cells) => cells.len(),
    };
    let length = count.cast_unsigned().saturating_mul(Ciovec::guest_size());
    let list = Region { start: vectors.cast_unsigned(), len: length };
    if list.start as usize + list.len as usize > size {
        return Err(GuestError::PtrOutOfBounds(list));
    }
    let most = count.cast_unsigned().min(MOST_VECTORS);
    if !memory.is_shared_memory() {
        return Ok(most.cast_signed());
    }
    let list = GuestPtr::<[Ciovec]>::new((vectors.cast_unsigned(), most));
    let mut left = LARGEST;
    let fit = list.iter().take_while(|vector| {
        let fits = left > 0;
        // A bad pointer is the function's to find.
        let length = vector.as_ref().ok().and_then(|vector| memory.read(*vector).ok());
        left = left.saturating_sub(length.map_or(0, |vector| vector.buf_len as usize));
        fits
    });
    Ok(i32::try_from(fit.count())?)
}

pub(crate) fn fd_of(number: i32) -> Fd {
    Fd::from(number.cast_unsigned())
}

/// The bytes that a list of vectors stands for, [`LARGEST`] at most.
fn gather(memory: &GuestMemory<'_>, vectors: i32, count: i32) -> Result<Vec<u8>, GuestError> {
    let vectors = GuestPtr::<[Ciovec]>::new((vectors.cast_unsigned(), count.cast_unsigned()));
    let mut bytes = Vec::new();
    for vector in vectors.iter() {
        let vector = memory.read(vector?)?;
        let room = u32::try_from(LARGEST - bytes.len()).unwrap_or(u32::MAX);
        bytes.extend_from_slice(&memory.as_cow(vector.buf.as_array(vector.buf_len.min(room)))?);
        if bytes.len() == LARGEST {
            break;
        }
    }
    Ok(bytes)
}
