//! Reading from and writing to what may have to wait: pipes, terminals, sockets.
//!
//! The function of wasi-common is not called before poll(2) says that it will not wait, so that a debugger can have the
//! guest until then. A write is made of pieces for which the room that poll(2) promises is enough, and is whole when
//! the function returns, as a native write(2) is, up to a limit.
//!
//! What can still hold the guest up: opening a named pipe that has no other end, and a terminal that is stopped
//! (Ctrl-S) in the middle of a piece.

use crate::context::{Context, memory_of};
use crate::failure::{Outcome, number, outcome};
use crate::wait::{StillWaiting, now};
use runtime::{Caller, HostError, Value};
use wasi_common::snapshots::preview_1::types::{self, Ciovec, Fd, Fdflags, Filetype, SubscriptionU};
use wasi_common::snapshots::preview_1::wasi_snapshot_preview1::{
    self as functions, WasiSnapshotPreview1 as _,
};
use wiggle::error::Error as CallError;
use wiggle::{GuestError, GuestMemory, GuestPtr};

/// The size of a piece, in bytes: Linux' `PIPE_BUF`. A pipe that is ready has room for it.
const PIECE: usize = 4096;

/// How many bytes one call writes at most. Vectors may overlap, so that a list can stand for more than there is memory.
const LARGEST: usize = 16 << 20;

/// What is waited for.
#[derive(Clone, Copy)]
enum Direction {
    Read,
    Write,
}

impl Context {
    /// `fd_read`.
    pub(crate) fn read(&self, caller: &mut Caller<'_>, args: [i32; 4]) -> Result<Vec<Value>, HostError> {
        let [fd, vectors, count, result] = args;
        if self.may_wait(fd) {
            self.wait_until_ready(caller, fd, Direction::Read)?;
        }
        self.call(caller, "fd_read", async |wasi, memory| {
            functions::fd_read(wasi, memory, fd, vectors, count, result).await
        })
    }

    /// `fd_write`.
    pub(crate) fn write(&self, caller: &mut Caller<'_>, args: [i32; 4]) -> Result<Vec<Value>, HostError> {
        let [fd, vectors, count, result] = args;
        let memory = memory_of(caller, "fd_write")?;
        match gather(&memory, vectors, count) {
            Ok(bytes) if !bytes.is_empty() && self.may_wait(fd) => {
                self.write_pieces(caller, fd, &bytes, result)
            }
            // Nothing to wait for, or pointers that the function itself is to complain of.
            _ => self.call(caller, "fd_write", async |wasi, memory| {
                functions::fd_write(wasi, memory, fd, vectors, count, result).await
            }),
        }
    }

    fn write_pieces(
        &self,
        caller: &mut Caller<'_>,
        fd: i32,
        bytes: &[u8],
        result: i32,
    ) -> Result<Vec<Value>, HostError> {
        let mut written = 0;
        while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
            self.wait_until_ready(caller, fd, Direction::Write)?;
            match self.write_piece(fd, &rest[..rest.len().min(PIECE)])? {
                Ok(0) => break,
                Ok(count) => written += count,
                // What was written counts; the next call will fail.
                Err(_) if written > 0 => break,
                Err(errno) => return Ok(vec![Value::I32(errno)]),
            }
        }
        let mut memory = memory_of(caller, "fd_write")?;
        let written = u32::try_from(written).unwrap_or(u32::MAX);
        let stored = memory.write(GuestPtr::new(result.cast_unsigned()), written);
        let stored = stored.map(|()| 0).map_err(CallError::from);
        match outcome("fd_write", stored)? {
            Outcome::Done(errno) => Ok(vec![Value::I32(errno)]),
            Outcome::StillWaiting => Err(HostError::Message("fd_write waits for nothing".into())),
        }
    }

    /// Writes one piece. Returns how many bytes were written, or the error number.
    fn write_piece(&self, fd: i32, piece: &[u8]) -> Result<Result<usize, i32>, HostError> {
        // The memory that the function sees: one vector (address, length), the bytes.
        const BYTES: u32 = 8;
        let length = u32::try_from(piece.len()).unwrap_or(u32::MAX);
        let mut memory = [BYTES, length].map(u32::to_le_bytes).concat();
        memory.extend_from_slice(piece);
        let result = self.attempt(now(), GuestMemory::Unshared(&mut memory), async |wasi, memory| match wasi
            .fd_write(memory, fd_of(fd), GuestPtr::new((0, 1)))
            .await
        {
            Ok(count) => Ok(Ok(count as usize)),
            Err(error) => Ok(Err(number(error.downcast()?))),
        });
        match result {
            Ok(result) => Ok(result),
            Err(error) => match outcome("fd_write", Err(error))? {
                Outcome::Done(errno) => Ok(Err(errno)),
                Outcome::StillWaiting => Ok(Ok(0)),
            },
        }
    }

    /// Waits until a descriptor can be read from or written to at once.
    fn wait_until_ready(
        &self,
        caller: &mut Caller<'_>,
        fd: i32,
        direction: Direction,
    ) -> Result<(), HostError> {
        while !self.is_ready(fd, direction) {
            caller.stop_if_interrupted()?;
        }
        Ok(())
    }

    /// Whether reading or writing may have to wait. Not for files on disk, nor if the guest asked not to wait.
    fn may_wait(&self, fd: i32) -> bool {
        let status = self.attempt(now(), GuestMemory::Unshared(&mut []), async |wasi, memory| {
            Ok(wasi.fd_fdstat_get(memory, fd_of(fd)).await?)
        });
        status.is_ok_and(|status| {
            !matches!(status.fs_filetype, Filetype::RegularFile | Filetype::Directory)
                && !status.fs_flags.contains(Fdflags::NONBLOCK)
        })
    }

    /// Whether a read or write would not wait now. Waits for a slice of time itself.
    fn is_ready(&self, fd: i32, direction: Direction) -> bool {
        const EVENT: u32 = 48;
        let file = types::SubscriptionFdReadwrite { file_descriptor: fd_of(fd) };
        let u = match direction {
            Direction::Read => SubscriptionU::FdRead(file),
            Direction::Write => SubscriptionU::FdWrite(file),
        };
        // The memory that the function sees: a subscription of 48 bytes, an event of 32.
        let polled = self.attempt(now(), GuestMemory::Unshared(&mut [0; 80]), async |wasi, memory| {
            memory.write(GuestPtr::new(0), types::Subscription { userdata: 0, u })?;
            match wasi.poll_oneoff(memory, GuestPtr::new(0), GuestPtr::new(EVENT), 1).await {
                Ok(_) => Ok(()),
                // Any error that the guest would see is one that the read or write will have as well.
                Err(error) => error.downcast().map(drop),
            }
        });
        !polled.is_err_and(|error| error.is::<StillWaiting>())
    }
}

fn fd_of(number: i32) -> Fd {
    Fd::from(number.cast_unsigned())
}

/// The bytes that a list of vectors stands for, [`LARGEST`] at most.
fn gather(memory: &GuestMemory<'_>, vectors: i32, count: i32) -> Result<Vec<u8>, GuestError> {
    let vectors = GuestPtr::<[Ciovec]>::new((vectors.cast_unsigned(), count.cast_unsigned()));
    let mut bytes = Vec::new();
    for vector in vectors.iter() {
        let vector = memory.read(vector?)?;
        let piece = memory.as_cow(vector.buf.as_array(vector.buf_len))?;
        let room = LARGEST - bytes.len();
        bytes.extend_from_slice(piece.get(..room).unwrap_or(&piece));
        if bytes.len() == LARGEST {
            break;
        }
    }
    Ok(bytes)
}
