//! The folded form of the older exception operators, which the parser no longer knows: `(try (do ..) (catch $e ..))`
//! becomes `try .. catch $e .. end`. The operators are the same, in the same order.

use wast::lexer::{Lexer, TokenKind};

/// What an open parenthesis of the text has become.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    /// Itself.
    Form,
    /// `try`, which ends with `end`.
    Try,
    /// `try`, which ended with `delegate`.
    Delegated,
    /// A part of a `try`, whose parentheses are left out.
    Part,
}

/// The text with every folded `try` written out.
///
/// # Errors
/// When the text is no sequence of tokens.
pub(crate) fn unfolded(lexer: &Lexer<'_>, text: &str) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut open: Vec<Open> = Vec::new();
    let mut at = 0;
    while let Some(token) = lexer.parse(&mut at).map_err(|error| error.to_string())? {
        let written = &text[token.offset..at];
        match token.kind {
            TokenKind::LParen => {
                let parent = open.last().copied();
                let keyword = keyword(lexer, text, at);
                let (becomes, skipped) = match keyword {
                    "try" => (Open::Try, 0),
                    "do" if parent == Some(Open::Try) => (Open::Part, "do".len()),
                    "catch" | "catch_all" if parent == Some(Open::Try) => (Open::Part, 0),
                    "delegate" if parent == Some(Open::Try) => {
                        if let Some(parent) = open.last_mut() {
                            *parent = Open::Delegated;
                        }
                        (Open::Part, 0)
                    }
                    _ => (Open::Form, 0),
                };
                out.push(if becomes == Open::Form { '(' } else { ' ' });
                open.push(becomes);
                at += skipped;
            }
            TokenKind::RParen => out.push_str(match open.pop() {
                Some(Open::Try) => " end ",
                Some(Open::Delegated | Open::Part) => " ",
                Some(Open::Form) | None => ")",
            }),
            _ => out.push_str(written),
        }
    }
    Ok(out)
}

/// The keyword that starts at `at`; empty if none does.
fn keyword<'a>(lexer: &Lexer<'_>, text: &'a str, at: usize) -> &'a str {
    let mut end = at;
    match lexer.parse(&mut end) {
        Ok(Some(token)) if token.kind == TokenKind::Keyword => &text[token.offset..end],
        _ => "",
    }
}
