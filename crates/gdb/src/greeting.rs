//! Who the client is, by its first packets. All that gdb and lldb say of themselves is what they support.
//!
//! ```text
//!   gdb                 qSupported:multiprocess+;swbreak+;...
//!   lldb 14 to 19       QStartNoAckMode, qSupported:xmlRegisters=...
//!   lldb 20 and newer   QStartNoAckMode, qSupported:xmlRegisters=...;swbreak+;hwbreak+
//! ```
//!
//! Of those lldbs that say `swbreak+`, 22 and newer have the Wasm plugin; nothing tells them from 20 and 21, nor the plugin
//! from plain `gdb-remote`, until one asks for frames as only the Wasm plugin does.

use crate::interposer::has_feature;

/// A kind of client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Client {
    /// gdb, or anything that begins as gdb does.
    #[default]
    Gdb,
    /// lldb.
    Lldb {
        /// It may have the Wasm plugin.
        knows_wasm: bool,
    },
}

/// What the packets so far say.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Greeting {
    /// The first packet was `QStartNoAckMode`.
    begins_as_lldb: bool,
}

impl Greeting {
    /// Takes the next packet. None if the next one has to tell: this one is a `QStartNoAckMode`, to be answered.
    pub(crate) fn hear(&mut self, body: &[u8]) -> Option<Client> {
        if body == b"QStartNoAckMode" && !self.begins_as_lldb {
            self.begins_as_lldb = true;
            return None;
        }
        if !self.begins_as_lldb {
            return Some(Client::Gdb);
        }
        // One that goes on without `qSupported` is some script, written with today's lldb in mind.
        let knows_wasm = !body.starts_with(b"qSupported") || has_feature(body, b"swbreak+");
        Some(Client::Lldb { knows_wasm })
    }
}

/// What is known of the plugin with which an lldb that is shown Wasm talks to us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Plugin {
    /// Nothing.
    #[default]
    Unknown,
    /// It has resumed the guest once, and has not asked for frames.
    Suspected,
    /// All that there is to know was said.
    Known,
}

impl Plugin {
    /// It asked for the frames of a thread: it is the Wasm plugin.
    pub(crate) fn asks_for_frames(&mut self) {
        *self = Self::Known;
    }

    /// It resumes the guest. If it does so again without having looked at the frames, it cannot see them: the user is
    /// told how to.
    pub(crate) fn resumes(&mut self) {
        *self = match self {
            Self::Unknown => Self::Suspected,
            Self::Suspected => {
                tracing::warn!(
                    "this lldb sees the innermost frame only, and no variables: for all of them connect with `process connect \
                     --plugin wasm connect://HOST:PORT`"
                );
                Self::Known
            }
            Self::Known => Self::Known,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(packets: &[&str]) -> Option<Client> {
        let mut greeting = Greeting::default();
        packets.iter().find_map(|packet| greeting.hear(packet.as_bytes()))
    }

    #[test]
    fn clients_are_known_by_their_first_packets() {
        assert_eq!(client(&["qSupported:multiprocess+;swbreak+;xmlRegisters=i386"]), Some(Client::Gdb));
        assert_eq!(client(&["QStartNoAckMode"]), None);
        let old = client(&["QStartNoAckMode", "qSupported:xmlRegisters=i386,arm;multiprocess+;fork-events+"]);
        assert_eq!(old, Some(Client::Lldb { knows_wasm: false }));
        let new =
            client(&["QStartNoAckMode", "qSupported:xmlRegisters=i386,arm;multiprocess+;swbreak+;hwbreak+"]);
        assert_eq!(new, Some(Client::Lldb { knows_wasm: true }));
    }

    #[test]
    fn scripts_may_begin_with_anything() {
        assert_eq!(client(&["?"]), Some(Client::Gdb));
        assert_eq!(client(&["QStartNoAckMode", "?"]), Some(Client::Lldb { knows_wasm: true }));
    }

    #[test]
    fn a_plugin_that_resumes_twice_without_looking_is_the_plain_one() {
        let mut plain = Plugin::default();
        plain.resumes();
        assert_eq!(plain, Plugin::Suspected);
        plain.resumes();
        assert_eq!(plain, Plugin::Known);
        let mut wasm = Plugin::Suspected;
        wasm.asks_for_frames();
        assert_eq!(wasm, Plugin::Known);
    }
}
