//! Assertions of older versions that WebAssembly 3.0 takes back: that a module with two memories is invalid, say.
//!
//! An assertion that a module is refused counts as *repealed*, not as failed, if the runtime takes the module and the
//! newest copy of the same script no longer asserts anything of a module with the same tokens. So nothing that the
//! newest version asserts can be excused, and a script that the newest version does not have excuses nothing.

use wast::lexer::{Lexer, TokenKind};

use crate::script::{Piece, split};

/// Whether the newest copy of its script does without this assertion.
pub(crate) fn is_repealed(piece: Piece<'_>, newest: Option<&str>) -> bool {
    let Some(pieces) = newest.and_then(|newest| split(newest).ok()) else { return false };
    let module = module_of(piece.text);
    module.is_some()
        && pieces
            .iter()
            .filter(|other| is_refusal(other.keyword))
            .all(|other| module_of(other.text) != module)
}

/// Whether this is how an assertion starts that a module is refused.
pub(crate) fn is_refusal(keyword: &str) -> bool {
    matches!(
        keyword,
        "assert_invalid" | "assert_malformed" | "assert_invalid_custom" | "assert_malformed_custom"
    )
}

/// The tokens of the first form inside a directive.
fn module_of(directive: &str) -> Option<Vec<&str>> {
    let lexer = Lexer::new(directive);
    let (mut at, mut depth) = (0, 0);
    let mut tokens = Vec::new();
    while let Some(token) = lexer.parse(&mut at).ok()? {
        match token.kind {
            TokenKind::Whitespace | TokenKind::LineComment | TokenKind::BlockComment => continue,
            TokenKind::LParen => depth += 1,
            TokenKind::RParen => depth -= 1,
            _ => {}
        }
        if depth > 1 || !tokens.is_empty() {
            tokens.push(&directive[token.offset..at]);
        }
        if depth == 1 && !tokens.is_empty() {
            return Some(tokens);
        }
    }
    None
}
