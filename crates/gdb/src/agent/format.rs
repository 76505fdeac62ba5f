//! Formats of C's `printf`, as gdb has a stub print with them (`dprintf`).

use super::Facts;

/// Longer strings of the guest are cut.
pub(super) const LONGEST_STRING: u64 = 4096;

/// Wider fields are as wide as this.
const WIDEST: usize = 1000;

/// A format whose conversions are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Format(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Value(Conversion),
}

/// `%-08.3lx` and its like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Conversion {
    is_left: bool,
    has_zeros: bool,
    has_plus: bool,
    has_space: bool,
    has_prefix: bool,
    width: usize,
    precision: Option<usize>,
    /// 8, 16, 32 or 64.
    bits: u8,
    /// The letter.
    kind: u8,
}

impl Format {
    /// Parses a format with the escapes of C, for so many arguments. None if it is no format for those.
    pub(crate) fn parse(text: &[u8], arguments: usize) -> Option<Self> {
        let text = unescaped(text);
        let mut pieces = Vec::new();
        let mut rest = text.as_slice();
        let mut values = 0;
        while let Some(at) = rest.iter().position(|byte| *byte == b'%') {
            let (before, after) = rest.split_at_checked(at)?;
            pieces.push(Piece::Text(String::from_utf8_lossy(before).into_owned()));
            rest = after.get(1..)?;
            if let Some(more) = rest.strip_prefix(b"%") {
                pieces.push(Piece::Text("%".to_owned()));
                rest = more;
                continue;
            }
            pieces.push(Piece::Value(Conversion::parse(&mut rest)?));
            values += 1;
        }
        pieces.push(Piece::Text(String::from_utf8_lossy(rest).into_owned()));
        (values == arguments).then_some(Self(pieces))
    }

    /// Whether a value of it is a float.
    pub(crate) fn has_floats(&self) -> bool {
        let is_float = |piece: &Piece| match piece {
            Piece::Text(_) => false,
            Piece::Value(conversion) => {
                conversion.kind.eq_ignore_ascii_case(&b'f')
                    || conversion.kind.eq_ignore_ascii_case(&b'e')
                    || conversion.kind.eq_ignore_ascii_case(&b'g')
            }
        };
        self.0.iter().any(is_float)
    }

    /// The text for these values, one for each conversion.
    pub(crate) fn print(&self, values: &[u64], facts: &dyn Facts) -> String {
        let mut values = values.iter();
        let print = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Value(conversion) => {
                values.next().map(|value| conversion.print(*value, facts)).unwrap_or_default()
            }
        };
        self.0.iter().map(print).collect()
    }
}

impl Conversion {
    /// Takes a conversion, behind its `%`.
    fn parse(rest: &mut &[u8]) -> Option<Self> {
        let mut found = Self { bits: 32, ..Self::default() };
        loop {
            match next(rest)? {
                b'-' => found.is_left = true,
                b'0' => found.has_zeros = true,
                b'+' => found.has_plus = true,
                b' ' => found.has_space = true,
                b'#' => found.has_prefix = true,
                digit @ b'1'..=b'9' => found.width = number(rest, usize::from(digit - b'0')),
                b'.' => found.precision = Some(number(rest, 0)),
                b'h' => found.bits = if found.bits == 16 { 8 } else { 16 },
                b'l' | b'j' | b'z' | b't' => found.bits = 64,
                kind @ (b'd' | b'i' | b'u' | b'x' | b'X' | b'o' | b'c' | b's' | b'p') => {
                    found.kind = kind;
                    return Some(found);
                }
                kind @ (b'f' | b'F' | b'e' | b'E' | b'g' | b'G') => {
                    found.kind = kind;
                    return Some(found);
                }
                _ => return None,
            }
        }
    }

    fn print(&self, value: u64, facts: &dyn Facts) -> String {
        let unused = 64 - u32::from(self.bits);
        let unsigned = value << unused >> unused;
        let signed = (value << unused).cast_signed() >> unused;
        let (sign, digits) = match self.kind {
            b'd' | b'i' => {
                let plus = if self.has_plus {
                    "+"
                } else if self.has_space {
                    " "
                } else {
                    ""
                };
                (if signed < 0 { "-" } else { plus }, signed.unsigned_abs().to_string())
            }
            b'u' => ("", unsigned.to_string()),
            b'o' => (if self.has_prefix { "0" } else { "" }, format!("{unsigned:o}")),
            b'x' => (if self.has_prefix && unsigned != 0 { "0x" } else { "" }, format!("{unsigned:x}")),
            b'X' => (if self.has_prefix && unsigned != 0 { "0X" } else { "" }, format!("{unsigned:X}")),
            b'p' => ("0x", format!("{value:x}")),
            b'c' => return self.padded("", &char::from(value.to_le_bytes()[0]).to_string(), false),
            b's' => return self.padded("", &self.string(value, facts), false),
            _ => ("", self.float(f64::from_bits(value))),
        };
        let digits = match self.precision {
            Some(least) if digits.len() < least && is_integer(self.kind) => {
                format!("{}{digits}", "0".repeat(least.min(WIDEST) - digits.len().min(WIDEST)))
            }
            _ => digits,
        };
        self.padded(sign, &digits, self.precision.is_none() || !is_integer(self.kind))
    }

    fn float(&self, value: f64) -> String {
        let precision = self.precision.unwrap_or(6).min(WIDEST);
        match self.kind {
            b'f' | b'F' => format!("{value:.precision$}"),
            b'e' | b'E' => format!("{value:.precision$e}"),
            _ => value.to_string(),
        }
    }

    /// A string of the guest.
    fn string(&self, address: u64, facts: &dyn Facts) -> String {
        let most = self.precision.map_or(LONGEST_STRING, |most| u64::try_from(most).unwrap_or(u64::MAX));
        let mut bytes = Vec::new();
        for at in address..address.saturating_add(most.min(LONGEST_STRING)) {
            let mut byte = [0];
            if !facts.memory(at, &mut byte) {
                return format!("<cannot access memory at {at:#x}>");
            }
            if byte == [0] {
                break;
            }
            bytes.extend(byte);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn padded(&self, sign: &str, text: &str, is_number: bool) -> String {
        let length = sign.chars().count() + text.chars().count();
        let missing = self.width.min(WIDEST).saturating_sub(length);
        match (self.is_left, self.has_zeros && is_number) {
            (true, _) => format!("{sign}{text}{}", " ".repeat(missing)),
            (false, true) => format!("{sign}{}{text}", "0".repeat(missing)),
            (false, false) => format!("{}{sign}{text}", " ".repeat(missing)),
        }
    }
}

fn is_integer(kind: u8) -> bool {
    matches!(kind, b'd' | b'i' | b'u' | b'o' | b'x' | b'X')
}

fn next(rest: &mut &[u8]) -> Option<u8> {
    let (first, after) = rest.split_first()?;
    *rest = after;
    Some(*first)
}

/// The digits that follow on the first ones.
fn number(rest: &mut &[u8], first: usize) -> usize {
    let mut number = first;
    while let Some(digit) = rest.first().filter(|byte| byte.is_ascii_digit()) {
        number = number.saturating_mul(10).saturating_add(usize::from(digit - b'0'));
        *rest = rest.get(1..).unwrap_or_default();
    }
    number
}

/// Text with the escapes of C replaced.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(byte) = next(&mut rest) {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        match next(&mut rest) {
            Some(b'n') => out.push(b'\n'),
            Some(b't') => out.push(b'\t'),
            Some(b'r') => out.push(b'\r'),
            Some(b'a') => out.push(7),
            Some(b'b') => out.push(8),
            Some(b'v') => out.push(11),
            Some(b'f') => out.push(12),
            Some(b'e') => out.push(27),
            Some(digit @ b'0'..=b'7') => {
                let mut value = u32::from(digit - b'0');
                for _ in 0..2 {
                    let Some(digit) = rest.first().filter(|byte| (b'0'..=b'7').contains(byte)) else { break };
                    value = value * 8 + u32::from(digit - b'0');
                    rest = rest.get(1..).unwrap_or_default();
                }
                out.push(value.to_le_bytes()[0]);
            }
            Some(other) => out.push(other),
            None => out.push(b'\\'),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Memory has `hello` at 16, and nothing from 32 on.
    struct Fake;

    impl Facts for Fake {
        fn register(&self, _number: u16) -> Option<u64> {
            None
        }

        fn memory(&self, address: u64, into: &mut [u8]) -> bool {
            for (byte, at) in into.iter_mut().zip(address..) {
                let place = usize::try_from(at).unwrap().checked_sub(16);
                *byte = place.and_then(|place| b"hello".get(place)).copied().unwrap_or(0);
            }
            address < 32
        }
    }

    fn printed(format: &str, values: &[u64]) -> Option<String> {
        Some(Format::parse(format.as_bytes(), values.len())?.print(values, &Fake))
    }

    #[test]
    fn formats_are_those_of_c() {
        let minus_one = u64::MAX;
        let cases: &[(&str, &[u64], &str)] = &[
            (r"a\tb\n", &[], "a\tb\n"),
            (r"\101\x100%%", &[], "Ax100%"),
            ("%d %u %x", &[minus_one, minus_one, minus_one], "-1 4294967295 ffffffff"),
            ("%ld %llu", &[minus_one, minus_one], "-1 18446744073709551615"),
            ("%hd %hhu", &[0x1_8000, 0x1ff], "-32768 255"),
            ("[%5d] [%-5d] [%05d] [%+d]", &[7, 7, minus_one, 7], "[    7] [7    ] [-0001] [+7]"),
            ("%#x %#o %.3d %5.2d|", &[255, 8, 7, 7], "0xff 010 007    07|"),
            ("%s, %.2s, %8s, %c", &[16, 16, 16, 65], "hello, he,    hello, A"),
            ("%p %s", &[0x1234, 40], "0x1234 <cannot access memory at 0x28>"),
            ("%.2f", &[1.5_f64.to_bits()], "1.50"),
        ];
        for (format, values, expected) in cases {
            assert_eq!(printed(format, values).as_deref(), Some(*expected), "{format}");
        }
    }

    #[test]
    fn what_is_no_format_is_refused() {
        for (format, values) in [("%", &[][..]), ("%d", &[]), ("%d", &[1, 2]), ("%q", &[1]), ("%5", &[1])] {
            assert_eq!(printed(format, values), None, "{format}");
        }
        assert_eq!(printed("%99999999999999999999d", &[1]).map(|text| text.len()), Some(WIDEST));
    }
}
