//! Where clients come in: the listener, and whoever comes before the program is there.
//!
//! A large module is read and launched while the debugger starts, which takes about as long: the server listens before. What it
//! promises then, to answer soon, it may not be able to keep on a slow machine, so gdb is kept in patience.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::net::{TcpListener, TcpStream};

use crate::args::{ListenAddress, LogOptions};
use crate::log::{self, say};

/// How long to wait before accepting again when the system has refused to.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How often gdb is told that somebody is there. Without a sign for two seconds (its `set remotetimeout`) it sends its packet
/// again, and takes the second answer for that to its next one.
const SIGN_OF_LIFE: Duration = Duration::from_millis(700);

/// Bytes of a first packet that are looked at.
const LONGEST: usize = 64;

/// An open door.
pub(crate) struct Door {
    pub(crate) listener: TcpListener,
    /// A client who came already.
    pub(crate) first: Option<TcpStream>,
}

impl Door {
    /// Listens, says where in the first line of the server, and begins to log.
    ///
    /// # Errors
    /// When the address is unknown or in use, or there is no log.
    pub(crate) async fn open(address: &ListenAddress, logs: &LogOptions) -> Result<Self> {
        let (door, local) = Self::at(address).await?;
        say(&format!("Listening on {local}"));
        // Not before: the line above is promised to be the first.
        log::start(logs)?;
        warn_if_reachable(local);
        Ok(door)
    }

    /// Listens, and returns where.
    ///
    /// # Errors
    /// When the address is unknown or in use.
    pub(crate) async fn at(address: &ListenAddress) -> Result<(Self, SocketAddr)> {
        let listener = bind(address).await?;
        let local = listener.local_addr()?;
        Ok((Self { listener, first: None }, local))
    }

    /// Waits for something that every client waits for as well.
    pub(crate) async fn wait_for<T>(&mut self, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                stream = accept(&self.listener), if self.first.is_none() => self.first = Some(stream),
                () = tokio::time::sleep(SIGN_OF_LIFE), if self.first.is_some() => {
                    if let Some(first) = &self.first {
                        reassure(first).await;
                    }
                }
            }
        }
    }
}

/// Acknowledges what a gdb has sent, for the first time or once more. It skips what it does not wait for, and waits anew. lldb
/// is more patient, and would take it for an answer.
async fn reassure(client: &TcpStream) {
    let mut seen = [0; LONGEST];
    let peeked = tokio::time::timeout(Duration::ZERO, client.peek(&mut seen)).await;
    let Ok(Ok(count)) = peeked else { return };
    let is_gdb = seen.get(..count).is_some_and(|seen| {
        let packet = seen.iter().position(|byte| *byte == b'$').and_then(|at| seen.get(at..));
        packet.is_some_and(|packet| packet.starts_with(b"$qSupported"))
    });
    if is_gdb && let Err(error) = client.try_write(b"+") {
        tracing::debug!(%error, "a client is not told to wait");
    }
}

/// Opens the listener. No host means loopback only.
///
/// # Errors
/// When the address is unknown or in use.
async fn bind(address: &ListenAddress) -> Result<TcpListener> {
    let port = address.port;
    let bound = match address.host.as_str() {
        // `localhost` may mean ::1 as well; what is printed should work everywhere.
        "" | "localhost" => TcpListener::bind((IpAddr::V4(Ipv4Addr::LOCALHOST), port)).await,
        host => TcpListener::bind((host, port)).await,
    };
    let shown = if address.host.is_empty() { "127.0.0.1" } else { &address.host };
    bound.with_context(|| format!("cannot listen on {shown}:{port}"))
}

fn warn_if_reachable(local: SocketAddr) {
    if !local.ip().is_loopback() {
        say(
            "wasm-gdbserver: warning: the protocol has no authentication: whoever can reach this address controls the program",
        );
    }
}

/// The next client.
pub(crate) async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        let accepted: io::Result<_> = listener.accept().await;
        match accepted {
            Ok((stream, _)) => return stream,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a client");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
