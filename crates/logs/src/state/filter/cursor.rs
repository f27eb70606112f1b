//! Reading a pattern piece by piece.

use super::InvalidPattern;
use super::operand::Regex;

/// The part of a pattern that is still to be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'p> {
    rest: &'p str,
}

impl<'p> Cursor<'p> {
    pub(super) const fn new(text: &'p str) -> Self {
        Self { rest: text }
    }

    pub(super) fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Takes `text` if it comes next.
    pub(super) fn take(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Takes a word if it comes next and does not go on.
    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let mut ahead = *self;
        let taken = ahead.take(word) && !ahead.peek().is_some_and(|c| c.is_alphanumeric() || c == '_');
        if taken {
            *self = ahead;
        }
        taken
    }

    /// The longest run of characters that `belongs` holds for.
    pub(super) fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'p str {
        let end = self.rest.find(|c| !belongs(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    /// A text in `quote`s, which the cursor stands on; a backslash takes the next quote or backslash as it is.
    pub(super) fn take_quoted(&mut self, quote: char) -> Result<String, InvalidPattern> {
        let mut text = String::new();
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            if c == quote {
                self.rest = &self.rest[at + c.len_utf8()..];
                return Ok(text);
            }
            match (c, self.rest[at + c.len_utf8()..].chars().next()) {
                ('\\', Some(escaped)) if escaped == quote || escaped == '\\' => {
                    text.push(escaped);
                    chars.next();
                }
                _ => text.push(c),
            }
        }
        Err(InvalidPattern::syntax())
    }

    /// A regular expression between `%`s, of which the cursor stands on the first.
    pub(super) fn take_regex(&mut self) -> Result<Regex, InvalidPattern> {
        let mut escaped = false;
        for (at, c) in self.rest.char_indices().skip(1) {
            match c {
                '%' if !escaped => {
                    let inside = &self.rest[1..at];
                    self.rest = &self.rest[at + 1..];
                    return Regex::parse(inside);
                }
                '\\' => escaped = !escaped,
                _ => escaped = false,
            }
        }
        Err(InvalidPattern::syntax())
    }
}
