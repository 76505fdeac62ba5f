//! The server under test, and a bare echo to compare it with.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A server that listens. It ends with its owner.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
}

impl Server {
    pub(crate) fn start(program: &Path, module: &Path) -> Result<Self, String> {
        let mut command = Command::new(program);
        command.args(["--multi", ":0"]).arg(module);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("cannot run {}: {error}", program.display()))?;
        let stderr = child.stderr.take().ok_or("stderr is piped")?;
        let mut lines = BufReader::new(stderr).lines().map_while(Result::ok);
        let port = lines.find_map(|line| line.strip_prefix("Listening on 127.0.0.1:")?.trim().parse().ok());
        let server = port.map(|port| Self { child, port }).ok_or("the server does not listen")?;
        // A pipe that nobody reads would block the server in the end.
        std::thread::spawn(move || lines.for_each(|line| eprintln!("server: {line}")));
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only for a child that has ended already.
        let _ended = self.child.kill();
        let _waited = self.child.wait();
    }
}

/// Sends back what it gets: the fastest answer that this machine's loopback and scheduler allow.
pub(crate) fn echo() -> std::io::Result<TcpStream> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let client = TcpStream::connect(listener.local_addr()?)?;
    client.set_nodelay(true)?;
    let (mut peer, _) = listener.accept()?;
    peer.set_nodelay(true)?;
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = peer.read(&mut buffer) {
            if peer.write_all(&buffer[..count]).is_err() {
                return;
            }
        }
    });
    Ok(client)
}
