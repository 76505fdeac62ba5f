//! A script as pieces of text, one for each of its directives. They are parsed one by one, so that text which the
//! parser does not know is the failure of one directive.

use crate::folded::unfolded;
use wast::lexer::{Lexer, TokenKind};
use wast::parser::{ParseBuffer, parse};
use wast::{Wast, WastDirective};

/// The text of one directive.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece<'a> {
    /// Line of the script that it starts in, from 1.
    pub(crate) line: usize,
    /// From its parenthesis to the one that closes it.
    pub(crate) text: &'a str,
    /// The word after the parenthesis.
    pub(crate) keyword: &'a str,
}

/// The words that a directive can start with. A script whose first form is another one is a single module without
/// its parentheses.
const KEYWORDS: [&str; 16] = [
    "module",
    "register",
    "invoke",
    "get",
    "thread",
    "wait",
    "assert_return",
    "assert_trap",
    "assert_exhaustion",
    "assert_exception",
    "assert_suspension",
    "assert_unlinkable",
    "assert_invalid",
    "assert_invalid_custom",
    "assert_malformed",
    "assert_malformed_custom",
];

/// The directives of a script.
///
/// # Errors
/// When it is no sequence of forms in parentheses.
pub(crate) fn split(script: &str) -> Result<Vec<Piece<'_>>, String> {
    let lexer = lexer(script);
    let (mut at, mut depth, mut start, mut keyword) = (0, 0_usize, 0, "");
    let mut pieces = Vec::new();
    let (mut line, mut counted) = (1, 0);
    while let Some(token) = lexer.parse(&mut at).map_err(|error| error.to_string())? {
        match token.kind {
            TokenKind::LParen => {
                if depth == 0 {
                    (start, keyword) = (token.offset, "");
                }
                depth += 1;
            }
            TokenKind::RParen => {
                depth = depth.checked_sub(1).ok_or("more parentheses are closed than opened")?;
                if depth == 0 {
                    line += newlines(&script[counted..start]);
                    counted = start;
                    pieces.push(Piece { line, text: &script[start..at], keyword });
                }
            }
            TokenKind::Keyword if depth == 1 && keyword.is_empty() => keyword = &script[token.offset..at],
            _ => {}
        }
    }
    if depth > 0 {
        return Err("a parenthesis is not closed".to_owned());
    }
    if pieces.first().is_some_and(|first| !KEYWORDS.contains(&first.keyword)) {
        pieces = vec![Piece { line: 1, text: script, keyword: "module" }];
    }
    Ok(pieces)
}

/// Hands the directive that a piece is to `with`.
///
/// # Errors
/// When it cannot be parsed.
pub(crate) fn parsed<R>(
    piece: Piece<'_>,
    with: impl FnOnce(WastDirective<'_>) -> Result<R, String>,
) -> Result<R, String> {
    let unknown = |error: wast::Error| format!("the parser does not know this: {}", error.message());
    let text = unfolded(&lexer(piece.text), piece.text)?;
    let buffer = ParseBuffer::new_with_lexer(lexer(&text)).map_err(unknown)?;
    let mut directives = parse::<Wast<'_>>(&buffer).map_err(unknown)?.directives;
    match directives.pop() {
        Some(directive) if directives.is_empty() => with(directive),
        _ => Err("the piece is not one directive".to_owned()),
    }
}

fn lexer(text: &str) -> Lexer<'_> {
    let mut lexer = Lexer::new(text);
    lexer.allow_confusing_unicode(true);
    lexer
}

fn newlines(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\n').count()
}
