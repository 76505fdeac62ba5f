//! Changes to gdbstub's replies on their way to the client.

use crate::packet::PACKET_SIZE;

/// What we announce beyond gdbstub's own list: packets that the interposer answers.
const ADDED: &[&str] =
    &["qXfer:features:read+", "qXfer:exec-file:read+", "qXfer:threads:read+", "binary-upload+"];

/// The reply to `qSupported`: gdbstub's list with the packet size that we promise (gdbstub counts its whole buffer) and
/// with what the interposer adds.
pub(crate) fn supported_features(reply: &[u8]) -> Vec<u8> {
    let mut features = vec![format!("PacketSize={PACKET_SIZE:x}").into_bytes()];
    let own = reply.split(|&byte| byte == b';').filter(|feature| !feature.starts_with(b"PacketSize="));
    features.extend(own.map(<[u8]>::to_vec));
    features.extend(ADDED.iter().map(|feature| feature.as_bytes().to_vec()));
    features.join(&b';')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packet_size_is_ours_and_features_are_added() {
        let reply = supported_features(b"PacketSize=20180;vContSupported+;swbreak+");
        let expected = "PacketSize=20000;vContSupported+;swbreak+;qXfer:features:read+;qXfer:exec-file:read+;\
                        qXfer:threads:read+;binary-upload+";
        assert_eq!(String::from_utf8_lossy(&reply), expected);
    }
}
