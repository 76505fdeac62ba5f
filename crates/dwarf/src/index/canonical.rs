//! Names of templates as gdb writes them: it compares names in that form with what its users ask for.
//!
//! | clang | gdb |
//! |---|---|
//! | `box<const item *>` | `box<item const*>` |
//! | `array<int, 3UL>` | `array<int, 3ul>` |
//! | `letter<'x'>` | `letter<(char)'x'>` |
//!
//! gdb leaves a name as it is if it cannot read it, a lambda's for example. So the index has both forms.

/// Templates nested deeper are left as they are.
const MAX_DEPTH: u32 = 64;

/// The other form of a name of C++, if it has one.
pub(super) fn canonical(name: &[u8]) -> Option<Vec<u8>> {
    if !name.contains(&b'<') {
        return None;
    }
    let mut out = Vec::with_capacity(name.len());
    rewrite(name, &mut out, 0)?;
    (out != name).then_some(out)
}

/// Writes a name whose arguments of templates are rewritten. None if it is no such name.
fn rewrite(name: &[u8], out: &mut Vec<u8>, depth: u32) -> Option<()> {
    const OPERATOR: &[u8] = b"operator";
    if depth > MAX_DEPTH {
        return None;
    }
    let mut rest = name;
    while let Some((&first, after)) = rest.split_first() {
        if let Some(symbol) = rest.strip_prefix(OPERATOR) {
            let end = symbol.iter().position(|byte| !b"<>=-".contains(byte)).unwrap_or(symbol.len());
            let (operator, behind) = rest.split_at_checked(OPERATOR.len() + end)?;
            out.extend_from_slice(operator);
            rest = behind;
        } else if first == b'<' {
            let end = closing(after)?;
            out.push(b'<');
            let (list, behind) = after.split_at_checked(end)?;
            for (index, argument) in arguments(list).into_iter().enumerate() {
                if index > 0 {
                    out.extend_from_slice(b", ");
                }
                rewrite_argument(argument.trim_ascii(), out, depth + 1)?;
            }
            if out.ends_with(b">") {
                out.push(b' ');
            }
            out.push(b'>');
            rest = behind.split_first()?.1;
        } else {
            out.push(first);
            rest = after;
        }
    }
    Some(())
}

fn rewrite_argument(argument: &[u8], out: &mut Vec<u8>, depth: u32) -> Option<()> {
    match argument.first() {
        Some(b'\'') => {
            out.extend_from_slice(b"(char)");
            out.extend_from_slice(argument);
            return Some(());
        }
        Some(b'0'..=b'9' | b'-') => {
            out.extend(argument.iter().map(u8::to_ascii_lowercase));
            return Some(());
        }
        _ => {}
    }
    let (ty, is_constant) = match argument.strip_prefix(b"const ") {
        Some(ty) => (ty, true),
        None => (argument, false),
    };
    let end = outside(ty, |byte| b"*&(".contains(&byte)).unwrap_or(ty.len());
    let (base, behind) = ty.split_at_checked(end)?;
    rewrite(base.trim_ascii_end(), out, depth)?;
    if is_constant {
        out.extend_from_slice(b" const");
    }
    if behind.first() == Some(&b'(') && base.ends_with(b" ") {
        out.push(b' ');
    }
    // No spaces before what makes pointers and references.
    let mut spaces = 0;
    for &byte in behind {
        match byte {
            b' ' => spaces += 1,
            b'*' | b'&' => {
                spaces = 0;
                out.push(byte);
            }
            _ => {
                out.extend(std::iter::repeat_n(b' ', spaces));
                spaces = 0;
                out.push(byte);
            }
        }
    }
    Some(())
}

/// Where the bracket is that closes what `text` begins in.
fn closing(text: &[u8]) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'<' | b'(' => depth += 1,
            b'>' if depth == 0 => return Some(at),
            b'>' | b')' => depth = depth.checked_sub(1)?,
            _ => {}
        }
    }
    None
}

/// Where the first byte of a kind is that is in no brackets.
fn outside(text: &[u8], is_it: impl Fn(u8) -> bool) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, &byte) in text.iter().enumerate() {
        if depth == 0 && is_it(byte) {
            return Some(at);
        }
        match byte {
            b'<' | b'(' => depth += 1,
            b'>' | b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

/// What commas separate that are in no brackets.
fn arguments(mut list: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while let Some(comma) = outside(list, |byte| byte == b',') {
        let (argument, behind) = list.split_at_checked(comma).unwrap_or_default();
        found.push(argument);
        list = behind.get(1..).unwrap_or_default();
    }
    found.push(list);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(name: &str) -> Option<String> {
        canonical(name.as_bytes()).map(|name| String::from_utf8_lossy(&name).into_owned())
    }

    #[test]
    fn names_of_templates_have_gdbs_form() {
        let expect = |name: &str, expected: &str| assert_eq!(form(name).as_deref(), Some(expected), "{name}");
        expect("box<const item *>", "box<item const*>");
        expect("array<int, 3UL>::at", "array<int, 3ul>::at");
        expect("letter<'x'>", "letter<(char)'x'>");
        expect("pair<const box<int, 1U> &, char>", "pair<box<int, 1u> const&, char>");
        expect("a<b<c &&> >", "a<b<c&&> >");
        expect("f<void (*)(int), T *>", "f<void (*)(int), T*>");
    }

    #[test]
    fn other_names_stay() {
        for name in
            ["plain", "box<int>", "operator<", "operator<<", "box<box<int> >", "operator->", "a<b", "x>"]
        {
            assert_eq!(form(name), None, "{name}");
        }
        // Without an end.
        assert_eq!(form(&"a<".repeat(5000)), None);
    }
}
