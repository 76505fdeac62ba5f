//! Sees every event of a guest on its way to whoever debugs it, and says what a user should know of its end.
//!
//! ```text
//!   guest ── events ──> relay ── events ──> gdb::Debuggee
//!                         └── latest ──> serve (a trap that nobody handles, Ctrl-C)
//! ```

use debugger::{Event, Exit, Session};
use tokio::sync::{mpsc, watch};

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

/// Passes events on.
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

    /// Passes on the events of a guest that was just launched. `first` were received already and go first.
    ///
    /// Must be called on a tokio runtime.
    #[must_use]
    pub(crate) fn pass(
        &self,
        session: &Session,
        first: Option<Event>,
        mut events: debugger::Events,
    ) -> debugger::Events {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.latest.send_replace(Some(Latest { session: session.clone(), event: first.clone() }));
        if let Some(first) = first {
            // The receiver is here.
            let _received = sender.send(first);
        }
        let (relay, session) = (self.clone(), session.clone());
        tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                if let Event::Exited(exit) = &event {
                    announce(exit);
                }
                // Threads come and go while the guest runs, which is the latest of the whole guest.
                if !matches!(event, Event::ThreadStarted(_) | Event::ThreadEnded(_)) {
                    relay
                        .latest
                        .send_replace(Some(Latest { session: session.clone(), event: Some(event.clone()) }));
                }
                if sender.send(event).is_err() {
                    return;
                }
            }
        });
        receiver
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
