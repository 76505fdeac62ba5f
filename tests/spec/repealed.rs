//! Assertions of older versions that WebAssembly 3.0 takes back: that a module with two memories is invalid, say.
//!
//! An assertion that a module is refused counts as *repealed*, not as failed, if the runtime takes the module and
//! - the newest copy of the same script no longer asserts anything of a module with the same tokens; or
//! - the newest version has no such script, and none of its scripts asserts anything with the same message.
//!
//! So nothing that the newest version asserts can be excused.

use std::collections::{BTreeMap, BTreeSet};

use wast::lexer::{Lexer, TokenKind};

use crate::script::{Piece, split};

/// What the scripts of the newest version assert to be refused.
#[derive(Debug, Default)]
pub(crate) struct Newest {
    /// By script: the tokens of the modules.
    modules: BTreeMap<String, BTreeSet<Vec<String>>>,
    messages: BTreeSet<String>,
}

impl Newest {
    /// Notes what a script of the newest version asserts.
    pub(crate) fn add(&mut self, name: &str, script: &str) {
        let modules = self.modules.entry(name.to_owned()).or_default();
        let refusals = split(script).unwrap_or_default().into_iter();
        for piece in refusals.filter(|piece| is_refusal(piece.keyword)) {
            if let Some((module, message)) = module_and_message(piece.text) {
                modules.insert(module);
                self.messages.insert(message);
            }
        }
    }

    /// Whether the newest version does without this assertion of a script.
    pub(crate) fn repeals(&self, name: &str, piece: Piece<'_>) -> bool {
        let Some((module, message)) = module_and_message(piece.text) else { return false };
        match self.modules.get(name) {
            Some(modules) => !modules.contains(&module),
            None => !self.messages.contains(&message),
        }
    }
}

/// Whether this is how an assertion starts that a module is refused.
fn is_refusal(keyword: &str) -> bool {
    matches!(
        keyword,
        "assert_invalid" | "assert_malformed" | "assert_invalid_custom" | "assert_malformed_custom"
    )
}

/// The tokens of the first form inside a directive, and the token after it.
fn module_and_message(directive: &str) -> Option<(Vec<String>, String)> {
    let lexer = Lexer::new(directive);
    let (mut at, mut depth) = (0, 0);
    let mut module = Vec::new();
    while let Some(token) = lexer.parse(&mut at).ok()? {
        match token.kind {
            TokenKind::Whitespace | TokenKind::LineComment | TokenKind::BlockComment => continue,
            TokenKind::LParen => depth += 1,
            TokenKind::RParen => depth -= 1,
            _ => {}
        }
        let text = directive[token.offset..at].to_owned();
        if depth == 1 && module.last().is_some_and(|last| last == ")") && token.kind != TokenKind::RParen {
            return Some((module, text));
        }
        if depth > 1 || !module.is_empty() {
            module.push(text);
        }
    }
    None
}
