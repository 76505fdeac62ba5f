//! Assertions of older versions that WebAssembly 3.0 takes back: that a module with two memories is invalid, say, or
//! that a segment which does not fit is found before any other is copied.
//!
//! An assertion that a module is refused counts as *repealed*, not as failed, if the runtime takes the module and
//! - the newest copy of the same script no longer asserts anything of a module with the same tokens; or
//! - the newest version has no such script, and none of its scripts asserts anything with the same message.
//!
//! Any other assertion that fails is repealed if
//! - the newest copy of the same script has, at the same place, an assertion about the same module or call that expects
//!   something else, where places are told by the longest common subsequence of the two copies' directives; or
//! - it says that a module cannot be linked, with a message that no script of the newest version expects.
//!
//! So nothing that the newest version asserts can be excused.

use std::collections::{BTreeMap, BTreeSet};

use wast::lexer::{Lexer, TokenKind};

use crate::script::{Piece, split};

/// What the scripts of the newest version assert.
#[derive(Debug, Default)]
pub(crate) struct Newest {
    scripts: BTreeMap<String, Copy>,
    /// With what messages modules are to be refused, or not to be linked, in all scripts.
    messages: BTreeSet<String>,
}

/// The newest copy of a script.
#[derive(Debug, Default)]
struct Copy {
    directives: Vec<Directive>,
    /// The modules that are to be refused.
    refused: BTreeSet<Vec<String>>,
}

/// The tokens of a directive.
#[derive(Debug, PartialEq, Eq)]
struct Directive {
    keyword: String,
    /// The first form: the module or the call that it is about.
    subject: Vec<String>,
    /// What comes after that.
    rest: Vec<String>,
}

impl Newest {
    /// Notes what a script of the newest version asserts.
    pub(crate) fn add(&mut self, name: &str, script: &str) {
        let copy = self.scripts.entry(name.to_owned()).or_default();
        for piece in split(script).unwrap_or_default() {
            let directive = Directive::of(piece);
            if is_refusal(piece.keyword) {
                copy.refused.insert(directive.subject.clone());
            }
            if is_refusal(piece.keyword) || piece.keyword == UNLINKABLE {
                self.messages.extend(directive.rest.first().cloned());
            }
            copy.directives.push(directive);
        }
    }

    /// Whether the newest version does without this assertion of a script that a module is refused.
    pub(crate) fn takes(&self, name: &str, piece: Piece<'_>) -> bool {
        let directive = Directive::of(piece);
        match self.scripts.get(name) {
            Some(copy) => !copy.refused.contains(&directive.subject),
            None => directive.rest.first().is_some_and(|message| !self.messages.contains(message)),
        }
    }

    /// Whether the newest version expects something else than the assertion at an index of a script's directives.
    pub(crate) fn contradicts(&self, name: &str, pieces: &[Piece<'_>], index: usize) -> bool {
        let Some(copy) = self.scripts.get(name).filter(|_| pieces[index].keyword.starts_with("assert_"))
        else {
            return false;
        };
        let message = Directive::of(pieces[index]).rest.into_iter().next();
        if pieces[index].keyword == UNLINKABLE
            && message.is_some_and(|message| !self.messages.contains(&message))
        {
            return true;
        }
        let old: Vec<Directive> = pieces.iter().map(|piece| Directive::of(*piece)).collect();
        let common = common_subsequence(&old, &copy.directives);
        if common.iter().any(|(one, _)| *one == index) {
            return false;
        }
        let after = common.iter().rev().find(|(one, _)| *one < index).map_or(0, |(_, other)| other + 1);
        let before =
            common.iter().find(|(one, _)| *one > index).map_or(copy.directives.len(), |(_, other)| *other);
        copy.directives[after..before.max(after)]
            .iter()
            .any(|other| other.keyword.starts_with("assert_") && other.subject == old[index].subject)
    }
}

/// How an assertion starts that a module cannot be linked.
const UNLINKABLE: &str = "assert_unlinkable";

/// Whether this is how an assertion starts that a module is refused.
fn is_refusal(keyword: &str) -> bool {
    matches!(
        keyword,
        "assert_invalid" | "assert_malformed" | "assert_invalid_custom" | "assert_malformed_custom"
    )
}

impl Directive {
    fn of(piece: Piece<'_>) -> Self {
        let lexer = Lexer::new(piece.text);
        let (mut at, mut depth) = (0, 0);
        let (mut subject, mut rest) = (Vec::new(), Vec::new());
        let mut closed = false;
        // Text that is no sequence of tokens ends the directive early, in both copies.
        while let Ok(Some(token)) = lexer.parse(&mut at) {
            match token.kind {
                TokenKind::Whitespace | TokenKind::LineComment | TokenKind::BlockComment => continue,
                TokenKind::LParen => depth += 1,
                TokenKind::RParen => depth -= 1,
                _ => {}
            }
            let text = piece.text[token.offset..at].to_owned();
            if closed {
                rest.push(text);
            } else if depth > 1 || !subject.is_empty() {
                subject.push(text);
                closed = depth == 1;
            }
        }
        Self { keyword: piece.keyword.to_owned(), subject, rest }
    }
}

/// Pairs of indices of equal directives, as many as can be, in order.
fn common_subsequence(one: &[Directive], other: &[Directive]) -> Vec<(usize, usize)> {
    // lengths[i][j]: how many pairs there are at most from i and j on.
    let mut lengths = vec![vec![0_u32; other.len() + 1]; one.len() + 1];
    for (i, a) in one.iter().enumerate().rev() {
        for (j, b) in other.iter().enumerate().rev() {
            lengths[i][j] =
                if a == b { lengths[i + 1][j + 1] + 1 } else { lengths[i + 1][j].max(lengths[i][j + 1]) };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut pairs = Vec::new();
    while i < one.len() && j < other.len() {
        if one[i] == other[j] {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if lengths[i + 1][j] >= lengths[i][j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}
