//! Names of C++ and Rust as their programmers write them. Name sections have them as linkers know them, or already demangled.

use std::borrow::Cow;

use cpp_demangle::{DemangleOptions, Symbol};

/// A demangler may take long for a longer name, and nobody reads it.
const MAX: usize = 4096;

/// A function's name without its mangling, and without what stands before the name of a C++ template: debuggers look for
/// functions by how their names begin.
pub(super) fn readable(name: &str) -> Cow<'_, str> {
    if name.len() > MAX {
        return Cow::Borrowed(name);
    }
    if let Ok(rust) = rustc_demangle::try_demangle(name) {
        // Without the hash.
        return Cow::Owned(format!("{rust:#}"));
    }
    if name.starts_with("_Z")
        && let Ok(symbol) = Symbol::new(name)
        && let Ok(demangled) = symbol.demangle_with_options(&DemangleOptions::new().no_return_type())
        && !demangled.is_empty()
    {
        return Cow::Owned(demangled);
    }
    Cow::Borrowed(without_return_type(name).unwrap_or(name))
}

/// `double shapes::twice<double>(double)` without its first word. Only names of templates say what they return.
fn without_return_type(name: &str) -> Option<&str> {
    if name.contains("operator") {
        return None;
    }
    let (mut angles, mut round) = (0_usize, 0_usize);
    let mut begin = None;
    let mut before = '\0';
    for (at, c) in name.char_indices() {
        match c {
            '<' => angles += 1,
            '>' => angles = angles.saturating_sub(1),
            // Of `(anonymous namespace)::twice<int>(int)`, the second one.
            '(' if angles == 0 && round == 0 && before == '>' => break,
            '(' => round += 1,
            ')' => round = round.saturating_sub(1),
            ' ' if angles == 0 && round == 0 => begin = Some(at + 1),
            _ => {}
        }
        before = c;
    }
    let is_template = before == '>' && angles == 0;
    begin.filter(|_| is_template).and_then(|begin| name.get(begin..))
}

#[cfg(test)]
mod tests {
    use super::readable;

    #[test]
    fn mangled_names_are_demangled() {
        assert_eq!(readable("_ZN5hello5greet17h0123456789abcdefE"), "hello::greet");
        assert_eq!(readable("_RNvCskwGfYPst2Cb_7mycrate3foo"), "mycrate::foo");
        assert_eq!(readable("_ZNK6shapes6Square4areaEi"), "shapes::Square::area(int) const");
        assert_eq!(readable("_ZN6shapes5twiceIiEET_S1_"), "shapes::twice<int>(int)");
        assert_eq!(readable("_Znonsense"), "_Znonsense");
        assert_eq!(readable("fd_write"), "fd_write");
    }

    #[test]
    fn templates_lose_what_they_return() {
        assert_eq!(readable("double shapes::twice<double>(double)"), "shapes::twice<double>(double)");
        assert_eq!(readable("std::pair<int, int> f<a::b>(int (*)(int))"), "f<a::b>(int (*)(int))");
        assert_eq!(readable("int (anonymous namespace)::f<int>(int)"), "(anonymous namespace)::f<int>(int)");
        for name in ["f(int (*)(int))", "A<int>::f(long long)", "bool operator< <int>(int)", "a b", "x<y"] {
            assert_eq!(readable(name), name);
        }
    }
}
