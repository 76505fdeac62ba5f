//! What the tests of the family share: a machine's registers as text.

use std::fmt::Write as _;

use expect_test::Expect;

use super::X86;
use crate::machine::fake::Fake;
use crate::persona::Persona;

/// Names and sizes (in bits) of the registers in the description, in order.
pub(crate) fn described(machine: &X86) -> Vec<(String, usize)> {
    let attribute = |line: &str, name: &str| {
        let start = line.find(&format!(" {name}=\""))? + name.len() + 3;
        Some(line[start..start + line[start..].find('"')?].to_owned())
    };
    let lines = machine.target_xml().lines().filter(|line| line.contains("<reg "));
    lines
        .enumerate()
        .map(|(number, line)| {
            assert_eq!(attribute(line, "regnum"), Some(number.to_string()), "{line}");
            (attribute(line, "name").unwrap(), attribute(line, "bitsize").unwrap().parse().unwrap())
        })
        .collect()
}

#[track_caller]
pub(crate) fn check_sizes(machine: &X86) {
    let described: Vec<usize> = described(machine).into_iter().map(|(_, bits)| bits / 8).collect();
    let sizes: Vec<usize> = machine.register_sizes().iter().map(|&size| usize::from(size)).collect();
    assert_eq!(described, sizes);
}

/// Compares the registers that have a value, in target byte order.
#[track_caller]
pub(crate) fn check(machine: &X86, guest: &Fake, expected: Expect) {
    let mut text = String::new();
    for (number, (name, bits)) in described(machine).into_iter().enumerate() {
        if let Some(bytes) = machine.register(guest, number) {
            assert_eq!(bytes.len() * 8, bits, "{name}");
            writeln!(text, "{name} {}", String::from_utf8(crate::hex::text(&bytes)).unwrap()).unwrap();
        }
    }
    expected.assert_eq(&text);
}
