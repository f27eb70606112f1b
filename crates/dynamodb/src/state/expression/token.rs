//! From an expression's text to tokens.

use super::super::Invalid;
use super::Kind;

/// What a token is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TokenKind {
    /// A keyword, a function's or an attribute's name.
    Word,
    /// `#placeholder`
    NameRef,
    /// `:placeholder`
    ValueRef,
    /// Decimal digits.
    Digits,
    /// An operator or a punctuation mark.
    Symbol,
    /// A character that no expression may have.
    Unknown,
    /// The end of the text.
    End,
}

/// A token and where it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Token<'a> {
    pub kind: TokenKind,
    pub text: &'a str,
    start: usize,
}

impl Token<'_> {
    fn end(&self) -> usize {
        self.start + self.text.len()
    }
}

/// The tokens of one expression, read from the front.
pub(super) struct Tokens<'a> {
    pub kind: Kind,
    source: &'a str,
    tokens: Vec<Token<'a>>,
    next: usize,
}

impl<'a> Tokens<'a> {
    /// Cuts the text into tokens. Never fails: what is no token is an [`TokenKind::Unknown`] one, so that
    /// the parser reports the first fault from the left, whichever kind it is.
    pub fn new(kind: Kind, source: &'a str) -> Tokens<'a> {
        let mut tokens = Vec::with_capacity(source.len() / 4 + 1);
        let mut at = 0;
        while let Some(token) = scan(source, at) {
            at = token.end();
            tokens.push(token);
        }
        Tokens { kind, source, tokens, next: 0 }
    }

    /// The next token, without taking it.
    pub fn peek(&self) -> Token<'a> {
        self.peek_at(0)
    }

    /// The token `ahead` places behind the next one.
    pub fn peek_at(&self, ahead: usize) -> Token<'a> {
        let end = Token { kind: TokenKind::End, text: "", start: self.source.len() };
        self.tokens.get(self.next + ahead).copied().unwrap_or(end)
    }

    /// Takes the next token.
    pub fn take(&mut self) -> Token<'a> {
        let token = self.peek();
        self.next += usize::from(token.kind != TokenKind::End);
        token
    }

    /// Takes the next token if it is the symbol.
    pub fn take_symbol(&mut self, symbol: &str) -> bool {
        let found = self.peek().kind == TokenKind::Symbol && self.peek().text == symbol;
        self.next += usize::from(found);
        found
    }

    /// Takes the next token, which must be the symbol.
    pub fn expect_symbol(&mut self, symbol: &str) -> Result<(), Invalid> {
        if self.take_symbol(symbol) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// Whether the next token is the keyword, in any case.
    pub fn at_keyword(&self, keyword: &str) -> bool {
        is_keyword(self.peek(), keyword)
    }

    /// Takes the next token if it is the keyword.
    pub fn take_keyword(&mut self, keyword: &str) -> bool {
        let found = self.at_keyword(keyword);
        self.next += usize::from(found);
        found
    }

    /// The error that the next token does not belong where it stands; it quotes the tokens around it.
    pub fn unexpected(&self) -> Invalid {
        let token = self.peek();
        let start = match self.next.checked_sub(1) {
            Some(previous) => self.tokens[previous].start,
            None => token.start,
        };
        let end = match self.tokens.get(self.next + 1) {
            Some(following) => following.end(),
            None => token.end(),
        };
        let shown = if token.kind == TokenKind::End { "<EOF>" } else { token.text };
        let near = self.source[start..end].trim_end();
        self.kind.invalid(format_args!("Syntax error; token: \"{shown}\", near: \"{near}\""))
    }
}

/// Whether the token is the keyword, in any case.
pub(super) fn is_keyword(token: Token<'_>, keyword: &str) -> bool {
    token.kind == TokenKind::Word && token.text.eq_ignore_ascii_case(keyword)
}

/// The token that begins at or behind `at`, unless only white space is left.
fn scan(source: &str, at: usize) -> Option<Token<'_>> {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    let bytes = source.as_bytes();
    let start = at + bytes[at..].iter().position(|byte| !blank(byte))?;
    let rest = &bytes[start..];
    let word = |from: usize| {
        let part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        from + rest[from..].iter().take_while(|byte| part(byte)).count()
    };
    let (kind, len) = match rest[0] {
        b'a'..=b'z' | b'A'..=b'Z' => (TokenKind::Word, word(1)),
        b'0'..=b'9' => (TokenKind::Digits, rest.iter().take_while(|byte| byte.is_ascii_digit()).count()),
        b'#' if word(1) > 1 => (TokenKind::NameRef, word(1)),
        b':' if word(1) > 1 => (TokenKind::ValueRef, word(1)),
        b'<' if matches!(rest.get(1), Some(b'=' | b'>')) => (TokenKind::Symbol, 2),
        b'>' if rest.get(1) == Some(&b'=') => (TokenKind::Symbol, 2),
        b'(' | b')' | b'[' | b']' | b'.' | b',' | b'+' | b'-' | b'=' | b'<' | b'>' => (TokenKind::Symbol, 1),
        _ => (TokenKind::Unknown, source[start..].chars().next().map_or(1, char::len_utf8)),
    };
    Some(Token { kind, text: &source[start..start + len], start })
}
