//! Reading and writing memory and registers, at the edges.

use anyhow::{Context as _, Result};
use tests::rsp::Client;

use crate::{assert_untouched, greeted, serve};

#[test]
fn memory_reads_back_what_was_written() -> Result<()> {
    let server = serve("steps", &[])?;
    let mut client = greeted(&server)?;
    let old = client.ask("m100,8")?;
    assert_eq!(old.len(), 16, "{old}");
    assert_eq!(client.ask("M100,4:01020304")?, "OK");
    assert_eq!(client.ask("m100,8")?, format!("01020304{}", &old[8..]));
    assert_eq!(client.ask("X102,2:xy")?, "OK");
    assert_eq!(client.ask("m100,8")?, format!("01027879{}", &old[8..]));
    assert_eq!(client.ask(&format!("M100,8:{old}"))?, "OK");
    assert_eq!(client.ask("m100,8")?, old);
    drop(client);
    assert_untouched(server)
}

#[test]
fn memory_that_is_not_there_is_an_error() -> Result<()> {
    let server = serve("steps", &[])?;
    let mut client = greeted(&server)?;
    for packet in
        ["mfffffff0,4", "Mfffffff0,4:00000000", "m800000000000,8", "mffffffffffffffff,1", "m123456789abc,1"]
    {
        let answer = client.ask(packet)?;
        assert!(answer.starts_with('E'), "{packet}: {answer}");
    }
    drop(client);
    assert_untouched(server)
}

#[test]
fn a_read_as_long_as_a_packet_is_answered_in_one() -> Result<()> {
    let server = serve("steps", &[])?;
    let mut client = Client::connect(server.port)?;
    let features = client.greet()?;
    let size =
        features.split(';').find_map(|feature| feature.strip_prefix("PacketSize=")).context("PacketSize")?;
    let size = usize::from_str_radix(size, 16)?;
    assert!(size >= 0x4000, "PacketSize is {size:#x}");
    let length = size / 2 - 16;
    let answer = client.ask(&format!("m0,{length:x}"))?;
    assert_eq!(answer.len(), 2 * length.min(0x20000), "a short answer");
    drop(client);
    assert_untouched(server)
}

#[test]
fn the_description_names_the_registers_that_are_sent() -> Result<()> {
    let server = serve("steps", &[])?;
    let mut client = greeted(&server)?;
    let xml = client.ask("qXfer:features:read:target.xml:0,ffff")?;
    for part in ["org.gnu.gdb.i386.core", "i386:x64-32", "\"rip\"", "\"rbp\"", "\"fop\""] {
        assert!(xml.contains(part), "no {part} in {xml}");
    }
    // 40 registers of the core feature: 276 bytes.
    assert!(client.ask("g")?.len() >= 552);
    let path = client.ask("qXfer:exec-file:read::0,ffff")?;
    assert!(path.starts_with("l/") && path.contains("steps"), "{path}");
    drop(client);
    assert_untouched(server)
}
