//! A directory of the host as wasi-common sees it: a capability, below which everything is looked up by cap-std.
//!
//! Why not wasi-common's directory? Its positions in a listing count what is there at the time, so that a program that
//! removes what it has read misses as much of the rest; a name that is not UTF-8 ends its listing; and its files are not
//! ours (see `file`). Here a listing is read once, when a program reads it from the beginning:
//!
//! ```text
//! readdir 0 ---> .  ..  a  b  c  d     read, and kept
//! readdir 4 --->             c  d      from what was kept, whatever was removed or made since
//! ```

use crate::file::{HostFile, kind, status};
use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt, OpenOptionsMaybeDirExt};
use cap_std::fs::{Dir, MetadataExt, OpenOptions};
use rustix::fs::OFlags as HostFlags;
use std::any::Any;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use wasi_common::dir::{OpenResult, ReaddirCursor, ReaddirEntity};
use wasi_common::file::{FdFlags, FileType, Filestat, OFlags};
use wasi_common::{Error, ErrorExt, SystemTimeSpec, WasiDir};

/// An open directory.
pub(crate) struct Directory {
    dir: Dir,
    listing: Mutex<Listing>,
}

type Listing = Option<Arc<[ReaddirEntity]>>;

impl From<Dir> for Directory {
    fn from(dir: Dir) -> Self {
        Self { dir, listing: Mutex::default() }
    }
}

#[async_trait::async_trait]
impl WasiDir for Directory {
    fn as_any(&self) -> &dyn Any {
        self
    }

    async fn open_file(
        &self,
        follow: bool,
        path: &str,
        how: OFlags,
        read: bool,
        write: bool,
        flags: FdFlags,
    ) -> Result<OpenResult, Error> {
        if flags.intersects(FdFlags::DSYNC | FdFlags::SYNC | FdFlags::RSYNC) {
            return Err(Error::not_supported());
        }
        let directory = how.contains(OFlags::DIRECTORY);
        if directory && how.intersects(OFlags::CREATE | OFlags::EXCLUSIVE | OFlags::TRUNCATE) {
            return Err(Error::invalid_argument());
        }
        let file = self.dir.open_with(path, &options(follow, how, read, write, flags))?;
        let is_directory = file.metadata()?.is_dir();
        if is_directory {
            return Ok(OpenResult::Dir(Box::new(Self::from(Dir::from_std_file(file.into_std())))));
        }
        if directory {
            return Err(Error::not_dir());
        }
        if flags.contains(FdFlags::NONBLOCK) {
            let now = rustix::fs::fcntl_getfl(&file).map_err(io::Error::from)?;
            rustix::fs::fcntl_setfl(&file, now | HostFlags::NONBLOCK).map_err(io::Error::from)?;
        }
        Ok(OpenResult::File(Box::new(HostFile::from(file))))
    }

    async fn create_dir(&self, path: &str) -> Result<(), Error> {
        Ok(self.dir.create_dir(path)?)
    }

    async fn readdir(
        &self,
        from: ReaddirCursor,
    ) -> Result<Box<dyn Iterator<Item = Result<ReaddirEntity, Error>> + Send>, Error> {
        let from = u64::from(from);
        let mut kept = self.listing.lock().unwrap_or_else(PoisonError::into_inner);
        let listing = match kept.as_ref().filter(|_| from > 0) {
            Some(listing) => Arc::clone(listing),
            None => Arc::clone(kept.insert(self.list()?.into())),
        };
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let rest = (from..listing.len()).map(move |index| Ok(listing[index].clone()));
        Ok(Box::new(rest))
    }

    async fn symlink(&self, target: &str, path: &str) -> Result<(), Error> {
        Ok(DirExt::symlink(&self.dir, target, path)?)
    }

    async fn remove_dir(&self, path: &str) -> Result<(), Error> {
        Ok(self.dir.remove_dir(path)?)
    }

    async fn unlink_file(&self, path: &str) -> Result<(), Error> {
        Ok(self.dir.remove_file(path)?)
    }

    async fn read_link(&self, path: &str) -> Result<PathBuf, Error> {
        Ok(self.dir.read_link(path)?)
    }

    async fn get_filestat(&self) -> Result<Filestat, Error> {
        Ok(status(&self.dir.dir_metadata()?))
    }

    async fn get_path_filestat(&self, path: &str, follow: bool) -> Result<Filestat, Error> {
        let metadata = if follow { self.dir.metadata(path) } else { self.dir.symlink_metadata(path) };
        Ok(status(&metadata?))
    }

    async fn rename(&self, path: &str, other: &dyn WasiDir, new_path: &str) -> Result<(), Error> {
        Ok(self.dir.rename(path, &ours(other)?.dir, new_path)?)
    }

    async fn hard_link(&self, path: &str, other: &dyn WasiDir, new_path: &str) -> Result<(), Error> {
        Ok(self.dir.hard_link(path, &ours(other)?.dir, new_path)?)
    }

    async fn set_times(
        &self,
        path: &str,
        accessed: Option<SystemTimeSpec>,
        modified: Option<SystemTimeSpec>,
        follow: bool,
    ) -> Result<(), Error> {
        let [accessed, modified] = [accessed, modified].map(|time| time.map(spec));
        if follow {
            self.dir.set_times(path, accessed, modified)?;
        } else {
            self.dir.set_symlink_times(path, accessed, modified)?;
        }
        Ok(())
    }
}

impl Directory {
    /// All that is there, numbered. The sandbox has no parent, so `..` has the number of the directory itself.
    fn list(&self) -> Result<Vec<ReaddirEntity>, Error> {
        let own = self.dir.dir_metadata()?.ino();
        let mut found =
            vec![(FileType::Directory, own, ".".to_owned()), (FileType::Directory, own, "..".to_owned())];
        for entry in self.dir.entries()? {
            let entry = entry?;
            let metadata = match entry.metadata() {
                Ok(metadata) => metadata,
                // Somebody removed it since.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error.into()),
            };
            match entry.file_name().into_string() {
                Ok(name) => found.push((kind(&metadata), metadata.ino(), name)),
                Err(name) => tracing::warn!(?name, "a name that is not UTF-8 is hidden from the guest"),
            }
        }
        let numbered = (1..).zip(found);
        let entity = |(next, (filetype, inode, name))| ReaddirEntity {
            next: ReaddirCursor::from(next),
            inode,
            name,
            filetype,
        };
        Ok(numbered.map(entity).collect())
    }
}

/// How the host is asked to open. What is opened for nothing is opened for reading: wasi-common refuses the reads.
fn options(follow: bool, how: OFlags, read: bool, write: bool, flags: FdFlags) -> OpenOptions {
    let create = how.contains(OFlags::CREATE);
    let exclusive = create && how.contains(OFlags::EXCLUSIVE);
    let mut options = OpenOptions::new();
    options
        .read(read || !write)
        .write(write || create)
        .append(flags.contains(FdFlags::APPEND))
        .create(create)
        .create_new(exclusive)
        .truncate(how.contains(OFlags::TRUNCATE));
    options.maybe_dir(true).follow(if follow { FollowSymlinks::Yes } else { FollowSymlinks::No });
    options
}

fn ours(other: &dyn WasiDir) -> Result<&Directory, Error> {
    other.as_any().downcast_ref().ok_or_else(Error::badf)
}

fn spec(time: SystemTimeSpec) -> cap_fs_ext::SystemTimeSpec {
    match time {
        SystemTimeSpec::Absolute(time) => cap_fs_ext::SystemTimeSpec::Absolute(time),
        SystemTimeSpec::SymbolicNow => cap_fs_ext::SystemTimeSpec::SymbolicNow,
    }
}
