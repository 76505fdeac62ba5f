//! `vFile`: the symbol images of the modules, read only. No file of the real machine can be reached.

use gdbstub::target::ext::host_io::{
    FsKind, HostIo, HostIoClose, HostIoCloseOps, HostIoErrno, HostIoError, HostIoFstat, HostIoFstatOps,
    HostIoOpen, HostIoOpenFlags, HostIoOpenMode, HostIoOpenOps, HostIoPread, HostIoPreadOps, HostIoResult,
    HostIoSetfs, HostIoSetfsOps, HostIoStat,
};

use std::convert::Infallible;
use std::sync::Arc;

use super::Target;
use crate::image_file::ImageFile;

/// The descriptor of the program's symbol image; those of other modules follow by their numbers. They can be opened as
/// often as one likes: there is no position in them.
const IMAGE: u32 = 3;

const BLOCK: u64 = 4096;

impl Target<'_> {
    fn open_image(&self, descriptor: u32) -> Result<Arc<ImageFile>, HostIoError<Infallible>> {
        let module = descriptor.checked_sub(IMAGE);
        let image = module.and_then(|module| self.debuggee.symbols.image(self.persona, module));
        image.ok_or(HostIoError::Errno(HostIoErrno::EBADF))
    }
}

impl HostIo for Target<'_> {
    fn support_open(&mut self) -> Option<HostIoOpenOps<'_, Self>> {
        Some(self)
    }

    fn support_close(&mut self) -> Option<HostIoCloseOps<'_, Self>> {
        Some(self)
    }

    fn support_pread(&mut self) -> Option<HostIoPreadOps<'_, Self>> {
        Some(self)
    }

    fn support_fstat(&mut self) -> Option<HostIoFstatOps<'_, Self>> {
        Some(self)
    }

    fn support_setfs(&mut self) -> Option<HostIoSetfsOps<'_, Self>> {
        Some(self)
    }
}

impl HostIoOpen for Target<'_> {
    fn open(
        &mut self,
        name: &[u8],
        flags: HostIoOpenFlags,
        _mode: HostIoOpenMode,
    ) -> HostIoResult<u32, Self> {
        let module = self.debuggee.symbols.find(name).ok_or(HostIoError::Errno(HostIoErrno::ENOENT))?;
        if flags != HostIoOpenFlags::O_RDONLY {
            return Err(HostIoError::Errno(HostIoErrno::EROFS));
        }
        // Made here at the latest, so that opening fails if there is nothing to read.
        let image = self.debuggee.symbols.image(self.persona, module);
        image.map(|_| IMAGE + module).ok_or(HostIoError::Errno(HostIoErrno::ENOENT))
    }
}

impl HostIoClose for Target<'_> {
    fn close(&mut self, descriptor: u32) -> HostIoResult<(), Self> {
        self.open_image(descriptor).map(drop)
    }
}

impl HostIoPread for Target<'_> {
    fn pread(
        &mut self,
        descriptor: u32,
        count: usize,
        offset: u64,
        buffer: &mut [u8],
    ) -> HostIoResult<usize, Self> {
        let image = self.open_image(descriptor)?;
        let count = count.min(buffer.len());
        let read = image.read(offset, buffer.get_mut(..count).unwrap_or_default());
        read.map_err(|error| {
            tracing::warn!(%error, "the symbol image cannot be read");
            HostIoError::Errno(HostIoErrno::EINVAL)
        })
    }
}

impl HostIoFstat for Target<'_> {
    fn fstat(&mut self, descriptor: u32) -> HostIoResult<HostIoStat, Self> {
        let size = self.open_image(descriptor)?.length();
        Ok(HostIoStat {
            st_dev: 0,
            st_ino: descriptor,
            st_mode: HostIoOpenMode::S_IFREG | HostIoOpenMode::S_IRUSR | HostIoOpenMode::S_IXUSR,
            st_nlink: 1,
            st_uid: 0,
            st_gid: 0,
            st_rdev: 0,
            st_size: size,
            st_blksize: BLOCK,
            st_blocks: size.div_ceil(512),
            // gdb compares times of files that it reads again; this one never changes.
            st_atime: 0,
            st_mtime: 0,
            st_ctime: 0,
        })
    }
}

impl HostIoSetfs for Target<'_> {
    fn setfs(&mut self, _fs: FsKind) -> HostIoResult<(), Self> {
        Ok(())
    }
}
