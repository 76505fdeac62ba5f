//! What the guest's threads have to say to the client: they print while the guest runs, and the conversation sends it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Bytes that wait to be sent. What is said beyond them is lost, and that is said: a client that is slower than the guest
/// does not stop it.
const MOST: usize = 1 << 20;

/// Text on its way to the client.
#[derive(Debug, Default)]
pub(crate) struct Output {
    waiting: Mutex<Waiting>,
    news: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    text: String,
    /// How often something was said that is lost.
    lost: u64,
}

impl Output {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says something, from any thread.
    pub(crate) fn say(&self, text: &str) {
        let mut waiting = self.waiting();
        if waiting.text.len().saturating_add(text.len()) > MOST {
            waiting.lost += 1;
        } else {
            waiting.text.push_str(text);
        }
        drop(waiting);
        self.news.notify_one();
    }

    /// What was said since the last time.
    pub(crate) fn take(&self) -> String {
        let Waiting { mut text, lost } = std::mem::take(&mut *self.waiting());
        if lost > 0 {
            text.push_str(&format!("({lost} lines more were printed than could be sent)\n"));
        }
        text
    }

    /// Waits until something was said. It may have been taken by then.
    pub(crate) async fn news(&self) {
        self.news.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_is_counted() {
        let output = Output::default();
        output.say("one\n");
        output.say(&"x".repeat(MOST));
        output.say("two\n");
        assert_eq!(output.take(), "one\ntwo\n(1 lines more were printed than could be sent)\n");
        assert_eq!(output.take(), "");
    }
}
