//! Changes to gdbstub's replies on their way to the client.

use crate::packet::PACKET_SIZE;

use super::Dialect;

/// What we announce to gdb beyond gdbstub's own list: packets that the interposer answers.
const FOR_GDB: &[&str] = &[
    "qXfer:features:read+",
    "qXfer:exec-file:read+",
    "qXfer:threads:read+",
    "qXfer:libraries:read+",
    "binary-upload+",
    "ConditionalBreakpoints+",
    "BreakpointCommands+",
    "ConditionalTracepoints+",
    "QTBuffer:size+",
    "tracenz+",
    "qXfer:traceframe-info:read+",
];

/// What we announce to lldb. It finds out by itself that there is an `x`, and wants its replies without gdb's `b`.
const FOR_LLDB: &[&str] = &["qXfer:features:read+", "QThreadSuffixSupported+", "QListThreadsInStopReply+"];

/// What we announce to lldb with the Wasm persona.
const FOR_WASM: &[&str] = &["qXfer:libraries:read+", "qWasmInstance+"];

/// The reply to `qSupported`: gdbstub's list with the packet size that we promise (gdbstub counts its whole buffer) and
/// with what the interposer adds.
pub(crate) fn supported_features(reply: &[u8], dialect: Dialect) -> Vec<u8> {
    let added: &[&[&str]] = match (dialect.is_lldb, dialect.has_wasm_frames) {
        (true, true) => &[FOR_LLDB, FOR_WASM],
        (true, false) => &[FOR_LLDB],
        (false, _) => &[FOR_GDB],
    };
    let mut features = vec![format!("PacketSize={PACKET_SIZE:x}").into_bytes()];
    let is_dropped = |feature: &[u8]| {
        feature.starts_with(b"PacketSize=") || (dialect.is_lldb && feature == b"multiprocess+")
    };
    let kept = reply.split(|&byte| byte == b';').filter(|feature| !is_dropped(feature));
    features.extend(kept.map(<[u8]>::to_vec));
    features.extend(added.iter().copied().flatten().map(|feature| feature.as_bytes().to_vec()));
    features.join(&b';')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packet_size_is_ours_and_features_are_added() {
        let reply = supported_features(b"PacketSize=20180;vContSupported+;swbreak+", Dialect::default());
        let expected = "PacketSize=20000;vContSupported+;swbreak+;qXfer:features:read+;qXfer:exec-file:read+;\
                        qXfer:threads:read+;qXfer:libraries:read+;binary-upload+;ConditionalBreakpoints+;BreakpointCommands+;\
                        ConditionalTracepoints+;QTBuffer:size+;tracenz+;qXfer:traceframe-info:read+";
        assert_eq!(String::from_utf8_lossy(&reply), expected);
    }

    #[test]
    fn lldb_is_not_told_of_processes() {
        let lldb = Dialect { is_lldb: true, has_wasm_frames: true, ..Dialect::default() };
        let reply = supported_features(b"PacketSize=20180;vContSupported+;multiprocess+;swbreak+", lldb);
        let expected = "PacketSize=20000;vContSupported+;swbreak+;qXfer:features:read+;QThreadSuffixSupported+;\
                        QListThreadsInStopReply+;qXfer:libraries:read+;qWasmInstance+";
        assert_eq!(String::from_utf8_lossy(&reply), expected);
    }
}
