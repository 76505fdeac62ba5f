//! Sees every event of a guest, and says what a user should know of its end.
//!
//! ```text
//!   guest ── events ──> gdb::Debuggee ──> relay ── latest ──> serve (a trap that nobody handles, Ctrl-C)
//! ```

use debugger::{Event, Exit, Session};
use tokio::sync::watch;

use crate::invoke;
use crate::log::{print, say};

/// The guest of the moment and the last thing that happened to it. `None` before anything did.
pub(crate) struct Latest {
    /// The guest.
    pub(crate) session: Session,
    /// What happened last.
    pub(crate) event: Option<Event>,
}

/// Where the latest event is told.
pub(crate) type Watcher = watch::Receiver<Option<Latest>>;

/// Tells the latest event.
#[derive(Clone)]
pub(crate) struct Relay {
    latest: watch::Sender<Option<Latest>>,
}

impl Relay {
    /// A relay, and what watches it.
    #[must_use]
    pub(crate) fn new() -> (Self, Watcher) {
        let (latest, watcher) = watch::channel(None);
        (Self { latest }, watcher)
    }

    /// A guest was launched. It takes the place of the one before.
    pub(crate) fn launched(&self, session: &Session) {
        self.latest.send_replace(Some(Latest { session: session.clone(), event: None }));
    }

    /// Something happened to the guest.
    pub(crate) fn note(&self, session: &Session, event: &Event) {
        if let Event::Exited(exit) = event {
            announce(exit);
        }
        // Threads come and go while the guest runs, which is the latest of the whole guest.
        if !matches!(event, Event::ThreadStarted(_) | Event::ThreadEnded(_)) {
            self.latest.send_replace(Some(Latest { session: session.clone(), event: Some(event.clone()) }));
        }
    }
}

/// Prints an invoked function's results, or why the guest ended early.
pub(crate) fn announce(exit: &Exit) {
    match exit {
        Exit::Values(values) => print(&invoke::describe_results(values)),
        Exit::Trapped { message, .. } => say(&format!("wasm-gdbserver: the program ended by a {message}")),
        Exit::HostError(message) => say(&format!("wasm-gdbserver: the program ended: {message}")),
        Exit::Code(code) => tracing::info!("the program exited with code {code}"),
        Exit::Killed => tracing::info!("the program was killed"),
    }
}
