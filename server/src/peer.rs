//! Who is at the other end of a connection: whether it is a gdb that sees the files of this machine as we do.
//!
//! The kernel knows the numbers of this machine's sockets (`inode.rs`), and lists the descriptors of this user's processes
//! (`/proc`, see proc(5)). A forwarded connection (`ssh`, a container's port) ends in a forwarder, which is no
//! gdb, and a gdb in a container has other mounts than we.

mod inode;

use std::ffi::OsStr;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use tokio::net::TcpStream;

/// Whether the client is a gdb of this user that opens the same files as we when it opens the same paths. What cannot be
/// found out is taken for no.
pub(crate) fn is_gdb_with_our_files(stream: &TcpStream) -> bool {
    let ends = stream.peer_addr().and_then(|theirs| Ok((theirs, stream.local_addr()?)));
    ends.ok().and_then(|(theirs, ours)| gdb_at(theirs, ours)).is_some_and(|gdb| has_our_files(&gdb))
}

/// The folder in `/proc` of the gdb whose socket has these ends.
fn gdb_at(local: SocketAddr, remote: SocketAddr) -> Option<PathBuf> {
    let socket = format!("socket:[{}]", inode::inode(local, remote)?);
    let processes = fs::read_dir("/proc").ok()?.flatten().map(|entry| entry.path());
    let mut gdbs = processes
        .filter(|process| fs::read_to_string(process.join("comm")).is_ok_and(|name| name.contains("gdb")));
    gdbs.find(|process| {
        let descriptors = fs::read_dir(process.join("fd")).into_iter().flatten().flatten();
        descriptors.into_iter().any(|descriptor| {
            fs::read_link(descriptor.path()).is_ok_and(|link| link.as_os_str() == OsStr::new(&socket))
        })
    })
}

/// Whether a process is this user's, and has our mounts and our root.
fn has_our_files(process: &Path) -> bool {
    let ours = Path::new("/proc/self");
    let owner = |process: &Path| fs::metadata(process).map(|metadata| metadata.uid()).ok();
    let is_same = |link: &str| {
        fs::read_link(process.join(link))
            .ok()
            .zip(fs::read_link(ours.join(link)).ok())
            .is_some_and(|(a, b)| a == b)
    };
    owner(process).is_some_and(|user| owner(ours) == Some(user)) && is_same("ns/mnt") && is_same("root")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn our_own_socket_is_found_and_is_not_gdbs() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let to = listener.local_addr().expect("it is bound");
        let client = TcpStream::connect(to).await.expect("it listens");
        let (accepted, from) = listener.accept().await.expect("somebody came");
        assert!(inode::inode(from, to).is_some_and(|number| number > 0));
        assert!(has_our_files(Path::new("/proc/self")));
        assert!(!is_gdb_with_our_files(&accepted));
        drop(client);
    }
}
