//! A file, pipe or terminal of the host as wasi-common sees it. Sockets are wasi-common's own.
//!
//! Why not wasi-common's file? It panics at a time before 1970, and says that a file's status last changed when the file
//! was made. `status` is what both kinds of our objects say of themselves.

use cap_std::fs::{File, FileExt, FileTypeExt, Metadata, MetadataExt};
use rustix::fs::{Advice as HostAdvice, OFlags, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};
use std::any::Any;
use std::io::{IoSlice, IoSliceMut, IsTerminal, Read, Seek, SeekFrom, Write};
use std::num::NonZeroU64;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use wasi_common::file::{Advice, FdFlags, FileType, Filestat};
use wasi_common::{Error, ErrorExt, SystemTimeSpec, WasiFile};

/// An open descriptor of the host.
pub(crate) struct HostFile(File);

impl From<File> for HostFile {
    fn from(file: File) -> Self {
        Self(file)
    }
}

impl From<OwnedFd> for HostFile {
    fn from(fd: OwnedFd) -> Self {
        Self(File::from(fd))
    }
}

/// The flags that both sides have a name for and that can be changed after opening.
const FLAGS: [(FdFlags, OFlags); 2] =
    [(FdFlags::APPEND, OFlags::APPEND), (FdFlags::NONBLOCK, OFlags::NONBLOCK)];

/// The flags that can only be read. Linux' `O_SYNC` has the bit of `O_DSYNC` in it.
const SYNC_FLAGS: [(FdFlags, OFlags); 2] = [(FdFlags::DSYNC, OFlags::DSYNC), (FdFlags::SYNC, OFlags::SYNC)];

#[async_trait::async_trait]
impl WasiFile for HostFile {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn pollable(&self) -> Option<BorrowedFd<'_>> {
        Some(self.0.as_fd())
    }

    fn isatty(&self) -> bool {
        self.0.as_fd().is_terminal()
    }

    async fn get_filetype(&self) -> Result<FileType, Error> {
        Ok(kind(&self.0.metadata()?))
    }

    async fn datasync(&self) -> Result<(), Error> {
        Ok(self.0.sync_data()?)
    }

    async fn sync(&self) -> Result<(), Error> {
        Ok(self.0.sync_all()?)
    }

    async fn get_fdflags(&self) -> Result<FdFlags, Error> {
        let host = rustix::fs::fcntl_getfl(&self.0).map_err(std::io::Error::from)?;
        let known = FLAGS.into_iter().chain(SYNC_FLAGS).filter(|(_, flag)| host.contains(*flag));
        Ok(known.map(|(flag, _)| flag).collect())
    }

    async fn set_fdflags(&mut self, flags: FdFlags) -> Result<(), Error> {
        if !FdFlags::from_iter(FLAGS.map(|(flag, _)| flag)).contains(flags) {
            return Err(Error::invalid_argument());
        }
        let mut host = rustix::fs::fcntl_getfl(&self.0).map_err(std::io::Error::from)?;
        for (flag, host_flag) in FLAGS {
            host.set(host_flag, flags.contains(flag));
        }
        Ok(rustix::fs::fcntl_setfl(&self.0, host).map_err(std::io::Error::from)?)
    }

    async fn get_filestat(&self) -> Result<Filestat, Error> {
        Ok(status(&self.0.metadata()?))
    }

    async fn set_filestat_size(&self, size: u64) -> Result<(), Error> {
        Ok(self.0.set_len(size)?)
    }

    async fn advise(&self, offset: u64, length: u64, advice: Advice) -> Result<(), Error> {
        let advice = match advice {
            Advice::Normal => HostAdvice::Normal,
            Advice::Sequential => HostAdvice::Sequential,
            Advice::Random => HostAdvice::Random,
            Advice::WillNeed => HostAdvice::WillNeed,
            Advice::DontNeed => HostAdvice::DontNeed,
            Advice::NoReuse => HostAdvice::NoReuse,
        };
        if i64::try_from(offset).is_err() || i64::try_from(length).is_err() {
            return Err(Error::invalid_argument());
        }
        let length = NonZeroU64::new(length);
        Ok(rustix::fs::fadvise(&self.0, offset, length, advice).map_err(std::io::Error::from)?)
    }

    async fn set_times(
        &self,
        accessed: Option<SystemTimeSpec>,
        modified: Option<SystemTimeSpec>,
    ) -> Result<(), Error> {
        let times = Timestamps { last_access: timespec(accessed)?, last_modification: timespec(modified)? };
        Ok(rustix::fs::futimens(&self.0, &times).map_err(std::io::Error::from)?)
    }

    async fn read_vectored<'a>(&self, buffers: &mut [IoSliceMut<'a>]) -> Result<u64, Error> {
        Ok((&self.0).read_vectored(buffers)?.try_into()?)
    }

    async fn read_vectored_at<'a>(&self, buffers: &mut [IoSliceMut<'a>], offset: u64) -> Result<u64, Error> {
        let Some(buffer) = buffers.iter_mut().find(|buffer| !buffer.is_empty()) else { return Ok(0) };
        Ok(self.0.read_at(buffer, offset)?.try_into()?)
    }

    async fn write_vectored<'a>(&self, buffers: &[IoSlice<'a>]) -> Result<u64, Error> {
        Ok((&self.0).write_vectored(buffers)?.try_into()?)
    }

    async fn write_vectored_at<'a>(&self, buffers: &[IoSlice<'a>], offset: u64) -> Result<u64, Error> {
        let mut written: usize = 0;
        for buffer in buffers.iter().filter(|buffer| !buffer.is_empty()) {
            let at = offset.checked_add(written.try_into()?).ok_or_else(Error::overflow)?;
            match self.0.write_at(buffer, at) {
                Ok(count) => written += count,
                // What was written counts; the next call will fail.
                Err(_) if written > 0 => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(written.try_into()?)
    }

    async fn seek(&self, position: SeekFrom) -> Result<u64, Error> {
        Ok((&self.0).seek(position)?)
    }

    fn num_ready_bytes(&self) -> Result<u64, Error> {
        Ok(rustix::io::ioctl_fionread(&self.0).map_err(std::io::Error::from)?)
    }
}

/// What the host says of a file, in WASI's words.
pub(crate) fn status(metadata: &Metadata) -> Filestat {
    Filestat {
        device_id: metadata.dev(),
        inode: metadata.ino(),
        filetype: kind(metadata),
        nlink: metadata.nlink(),
        size: metadata.len(),
        atim: time(metadata.atime(), metadata.atime_nsec()),
        mtim: time(metadata.mtime(), metadata.mtime_nsec()),
        ctim: time(metadata.ctime(), metadata.ctime_nsec()),
    }
}

/// What kind of file it is.
pub(crate) fn kind(metadata: &Metadata) -> FileType {
    let kind = metadata.file_type();
    let kinds = [
        (kind.is_file(), FileType::RegularFile),
        (kind.is_dir(), FileType::Directory),
        (kind.is_symlink(), FileType::SymbolicLink),
        (kind.is_char_device(), FileType::CharacterDevice),
        (kind.is_block_device(), FileType::BlockDevice),
        (kind.is_fifo(), FileType::Pipe),
        (kind.is_socket(), FileType::SocketStream),
    ];
    kinds.into_iter().find(|(is, _)| *is).map_or(FileType::Unknown, |(_, kind)| kind)
}

/// A time of the host. WASI counts unsigned nanoseconds from 1970: earlier and later times are none.
fn time(seconds: i64, nanoseconds: i64) -> Option<SystemTime> {
    let whole = u64::try_from(seconds).ok()?.checked_mul(1_000_000_000)?;
    UNIX_EPOCH.checked_add(Duration::from_nanos(whole.checked_add(u64::try_from(nanoseconds).ok()?)?))
}

fn timespec(time: Option<SystemTimeSpec>) -> Result<Timespec, Error> {
    match time {
        None => Ok(Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT }),
        Some(SystemTimeSpec::SymbolicNow) => Ok(Timespec { tv_sec: 0, tv_nsec: UTIME_NOW }),
        Some(SystemTimeSpec::Absolute(time)) => {
            let since = time.into_std().duration_since(UNIX_EPOCH).map_err(|_| Error::overflow())?;
            Ok(Timespec { tv_sec: since.as_secs().try_into()?, tv_nsec: since.subsec_nanos().into() })
        }
    }
}
