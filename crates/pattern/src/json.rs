//! A pull reader for JSON that stands where AWS's own parser stands.
//!
//! EventBridge hands its customers the parser's view of an invalid pattern: the reason, the line and the column.
//! Those positions follow from how far a streaming parser has read when each token is handed out (a field name
//! comes with its value already begun, a string is only opened until its text is asked for), so this reader reads
//! exactly that far. Duplicate keys and the spelling of numbers survive, which a tree of values would lose.

use std::borrow::Cow;

use crate::error::PatternError;

/// Levels of objects and arrays that a pattern or an event may nest. AWS's parser has the same bound.
pub const NESTING_MAX: usize = 1000;

/// Characters that a number may have.
pub(crate) const NUMBER_CHARS_MAX: usize = 1000;

/// Characters of the source that an error message quotes.
const QUOTED_CHARS_MAX: usize = 500;

const VALUE_KINDS: &str = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    ObjectStart,
    ObjectEnd,
    ArrayStart,
    ArrayEnd,
    /// A field's name; [`Reader::name`] has its text.
    Name,
    /// A string that is only opened; [`Reader::string`] reads it.
    String,
    Number(&'a str),
    True,
    False,
    Null,
    End,
}

impl Token<'_> {
    /// The token's text as AWS quotes it in messages. Strings are read separately.
    pub(crate) fn text(&self) -> &str {
        match self {
            Token::ObjectStart => "{",
            Token::ObjectEnd => "}",
            Token::ArrayStart => "[",
            Token::ArrayEnd => "]",
            Token::Number(text) => text,
            Token::True => "true",
            Token::False => "false",
            Token::Null | Token::End => "null",
            Token::Name | Token::String => "",
        }
    }
}

#[derive(Clone, Copy)]
struct Scope {
    array: bool,
    opened_at: usize,
    has_entries: bool,
}

pub(crate) struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    position: usize,
    scopes: Vec<Scope>,
    name: Cow<'a, str>,
    /// The value that was begun together with its field's name.
    after_name: Option<Token<'a>>,
    in_string: bool,
}

/// Reads a JSON text to the end of its value, as AWS's parser does, whatever the value is.
///
/// # Errors
/// Where the text is not JSON, in that parser's words and with its place.
pub fn check_json(text: &str) -> Result<(), PatternError> {
    let mut reader = Reader::new(text);
    while reader.next_token()? != Token::End {
        if reader.in_string {
            reader.string()?;
        }
        if reader.scopes.is_empty() && reader.after_name.is_none() {
            return Ok(());
        }
    }
    reader.fail("No content to map due to end-of-input")
}

/// Appends what a string stands for, given without its quotes; it has been read before, so that its escapes are good.
pub(crate) fn unescape(raw: &str, into: &mut String) {
    let mut reader = Reader::new(raw);
    while let Some(plain) = raw[reader.position..].find('\\') {
        into.push_str(&raw[reader.position..reader.position + plain]);
        reader.position += plain + 1;
        match reader.escape("") {
            Ok(c) => into.push(c),
            Err(_) => return,
        }
    }
    into.push_str(&raw[reader.position..]);
}

impl<'a> Reader<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            position: 0,
            scopes: Vec::new(),
            name: Cow::Borrowed(""),
            after_name: None,
            in_string: false,
        }
    }

    /// The name of the field whose [`Token::Name`] came last.
    pub(crate) fn name(&self) -> &Cow<'a, str> {
        &self.name
    }

    /// Fails with `reason` at the place reached so far.
    pub(crate) fn fail<T>(&self, reason: impl Into<String>) -> Result<T, PatternError> {
        Err(PatternError::at(reason, self.place()))
    }

    /// The place reached so far, as it ends a message.
    pub(crate) fn place(&self) -> String {
        format!("\n at {}", self.place_of(self.position))
    }

    pub(crate) fn next_token(&mut self) -> Result<Token<'a>, PatternError> {
        if let Some(token) = self.after_name.take() {
            return self.enter(token);
        }
        if self.in_string {
            self.string()?;
        }
        let Some(mut byte) = self.next_solid() else { return self.end_of_input() };
        if byte == b']' || byte == b'}' {
            return self.leave(byte);
        }
        let Some(scope) = self.scopes.last_mut() else {
            let token = self.begin_value(byte)?;
            return self.enter(token);
        };
        let in_array = scope.array;
        if std::mem::replace(&mut scope.has_entries, true) {
            if byte != b',' {
                let reason = format!("was expecting comma to separate {} entries", kind(in_array));
                return self.unexpected(&reason);
            }
            byte = match self.next_solid() {
                Some(byte) => byte,
                None => return self.fail(between_entries(in_array)),
            };
        }
        if in_array {
            let token = self.begin_value(byte)?;
            return self.enter(token);
        }
        if byte != b'"' {
            return self.unexpected("was expecting double-quote to start field name");
        }
        self.name = self.read_string(" in field name", "name")?;
        match self.next_solid() {
            Some(b':') => {}
            Some(_) => return self.unexpected("was expecting a colon to separate field name and value"),
            None => return self.fail(between_entries(false)),
        }
        let token = match self.next_solid() {
            Some(byte) => self.begin_value(byte)?,
            None => return self.fail(between_entries(false)),
        };
        self.after_name = Some(token);
        Ok(Token::Name)
    }

    /// The text of the string just opened.
    pub(crate) fn string(&mut self) -> Result<Cow<'a, str>, PatternError> {
        self.in_string = false;
        self.read_string(": was expecting closing quote for a string value", "string value")
    }

    fn enter(&mut self, token: Token<'a>) -> Result<Token<'a>, PatternError> {
        if matches!(token, Token::ObjectStart | Token::ArrayStart) {
            if self.scopes.len() == NESTING_MAX {
                return self.fail(format!(
                    "Document nesting depth ({}) exceeds the maximum allowed ({NESTING_MAX}, from \
                     `StreamReadConstraints.getMaxNestingDepth()`)",
                    NESTING_MAX + 1
                ));
            }
            self.scopes.push(Scope {
                array: token == Token::ArrayStart,
                opened_at: self.position,
                has_entries: false,
            });
        }
        Ok(token)
    }

    fn leave(&mut self, byte: u8) -> Result<Token<'a>, PatternError> {
        let closes_array = byte == b']';
        match self.scopes.last() {
            Some(scope) if scope.array == closes_array => {
                self.scopes.pop();
                Ok(if closes_array { Token::ArrayEnd } else { Token::ObjectEnd })
            }
            Some(scope) => {
                let reason = format!(
                    "Unexpected close marker '{}': expected '{}' (for {} starting at {})",
                    char::from(byte),
                    if scope.array { ']' } else { '}' },
                    kind(scope.array),
                    self.place_of(scope.opened_at - 1),
                );
                self.fail_before(reason)
            }
            None => self.unexpected(&format!("expected a valid value {VALUE_KINDS}")),
        }
    }

    fn end_of_input(&mut self) -> Result<Token<'a>, PatternError> {
        match self.scopes.last() {
            None => Ok(Token::End),
            Some(scope) => self.fail(format!(
                "Unexpected end-of-input: expected close marker for {} (start marker at {})",
                kind(scope.array),
                self.place_of(scope.opened_at - 1),
            )),
        }
    }

    /// The next byte that is not white space, consumed.
    fn next_solid(&mut self) -> Option<u8> {
        while let Some(&byte) = self.bytes.get(self.position) {
            self.position += 1;
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(byte);
            }
        }
        None
    }

    fn begin_value(&mut self, byte: u8) -> Result<Token<'a>, PatternError> {
        match byte {
            b'"' => {
                self.in_string = true;
                Ok(Token::String)
            }
            b'{' => Ok(Token::ObjectStart),
            b'[' => Ok(Token::ArrayStart),
            b'0'..=b'9' | b'-' => self.number(),
            b't' => self.word("true", Token::True),
            b'f' => self.word("false", Token::False),
            b'n' => self.word("null", Token::Null),
            b'}' => self.unexpected("expected a value"),
            _ => {
                let start = self.position - 1;
                match self.text[start..].chars().next() {
                    Some(c) if c == '_' || c == '$' || c.is_alphabetic() => self.unrecognized_word(start),
                    _ => self.unexpected(&format!("expected a valid value {VALUE_KINDS}")),
                }
            }
        }
    }

    fn word(&mut self, word: &str, token: Token<'a>) -> Result<Token<'a>, PatternError> {
        let start = self.position - 1;
        if !self.bytes[start..].starts_with(word.as_bytes()) {
            return self.unrecognized_word(start);
        }
        let end = start + word.len();
        match self.text[end..].chars().next() {
            Some(c) if is_word(c) => self.unrecognized_word(start),
            _ => {
                self.position = end;
                Ok(token)
            }
        }
    }

    fn unrecognized_word(&mut self, start: usize) -> Result<Token<'a>, PatternError> {
        let rest = &self.text[start..];
        let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let shown: String = rest[..length].chars().take(256).collect();
        let dots = if shown.len() < length { "..." } else { "" };
        self.position = start + length;
        self.fail(format!("Unrecognized token '{shown}{dots}': was expecting {VALUE_KINDS}"))
    }

    fn number(&mut self) -> Result<Token<'a>, PatternError> {
        let start = self.position - 1;
        self.position = start;
        if self.peek() == Some(b'-') {
            self.position += 1;
            if !self.peek().is_some_and(|b| b.is_ascii_digit()) {
                return self.bad_number("expected digit (0-9) to follow minus sign, for valid numeric value");
            }
        }
        let integer = self.position;
        self.digits();
        if self.bytes[integer] == b'0' && self.position > integer + 1 {
            return self.fail("Invalid numeric value: Leading zeroes not allowed");
        }
        if self.peek() == Some(b'.') {
            self.position += 1;
            if self.digits() == 0 {
                return self.bad_number("Decimal point not followed by a digit");
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.position += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.position += 1;
            }
            if self.digits() == 0 {
                return self.bad_number("Exponent indicator not followed by a digit");
            }
        }
        let length = self.position - start;
        if length > NUMBER_CHARS_MAX {
            return self.fail(format!(
                "Number value length ({length}) exceeds the maximum allowed ({NUMBER_CHARS_MAX}, from \
                 `StreamReadConstraints.getMaxNumberLength()`)"
            ));
        }
        Ok(Token::Number(&self.text[start..self.position]))
    }

    fn bad_number(&mut self, reason: &str) -> Result<Token<'a>, PatternError> {
        match self.text[self.position..].chars().next() {
            Some(c) => {
                let reason = format!("Unexpected character ({}) in numeric value: {reason}", described(c));
                self.fail(reason)
            }
            None => self.fail("Unexpected end-of-input within/between number value"),
        }
    }

    fn digits(&mut self) -> usize {
        let start = self.position;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.position += 1;
        }
        self.position - start
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.position).copied()
    }

    /// Reads to the closing quote. Most strings hold no escape and are borrowed from the source.
    fn read_string(&mut self, unfinished: &str, holder: &str) -> Result<Cow<'a, str>, PatternError> {
        let start = self.position;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.position += 1;
                    return Ok(Cow::Borrowed(&self.text[start..self.position - 1]));
                }
                Some(b'\\') => break,
                Some(byte) if byte < 0x20 => return self.control_character(byte, holder),
                Some(_) => self.position += 1,
                None => return self.fail(format!("Unexpected end-of-input{unfinished}")),
            }
        }
        let mut owned = String::from(&self.text[start..self.position]);
        loop {
            let plain = self.position;
            while self.peek().is_some_and(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
                self.position += 1;
            }
            owned.push_str(&self.text[plain..self.position]);
            match self.peek() {
                Some(b'"') => {
                    self.position += 1;
                    return Ok(Cow::Owned(owned));
                }
                Some(b'\\') => {
                    self.position += 1;
                    owned.push(self.escape(unfinished)?);
                }
                Some(byte) => return self.control_character(byte, holder),
                None => return self.fail(format!("Unexpected end-of-input{unfinished}")),
            }
        }
    }

    fn control_character<T>(&mut self, byte: u8, holder: &str) -> Result<T, PatternError> {
        self.fail(format!(
            "Illegal unquoted character ({}): has to be escaped using backslash to be included in {holder}",
            described(char::from(byte))
        ))
    }

    fn escape(&mut self, unfinished: &str) -> Result<char, PatternError> {
        let Some(c) = self.text[self.position..].chars().next() else {
            return self.fail(format!("Unexpected end-of-input{unfinished}"));
        };
        self.position += c.len_utf8();
        Ok(match c {
            '"' | '\\' | '/' => c,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let unit = self.hex_unit()?;
                return self.character(unit);
            }
            _ => return self.fail_before(format!("Unrecognized character escape {}", described(c))),
        })
    }

    /// The character that begins with this UTF-16 unit. A surrogate without its other half becomes `?`, which is
    /// what AWS's matcher makes of it when it turns text into bytes.
    fn character(&mut self, unit: u16) -> Result<char, PatternError> {
        let is_high = (0xd800..0xdc00).contains(&unit);
        if is_high && self.bytes[self.position..].starts_with(b"\\u") {
            let before = self.position;
            self.position += 2;
            let low = self.hex_unit()?;
            if let Some(Ok(c)) = char::decode_utf16([unit, low]).next() {
                return Ok(c);
            }
            self.position = before;
        }
        Ok(char::from_u32(u32::from(unit)).unwrap_or('?'))
    }

    fn hex_unit(&mut self) -> Result<u16, PatternError> {
        let mut unit = 0u16;
        for _ in 0..4 {
            let Some(c) = self.text[self.position..].chars().next() else {
                return self.fail("Unexpected end-of-input in character escape sequence");
            };
            self.position += c.len_utf8();
            let Some(digit) = c.to_digit(16) else {
                return self.unexpected("expected a hex-digit for character escape sequence");
            };
            unit = unit << 4 | digit as u16;
        }
        Ok(unit)
    }

    /// Fails on the character just consumed.
    fn unexpected<T>(&mut self, reason: &str) -> Result<T, PatternError> {
        let mut start = self.position.saturating_sub(1);
        while !self.text.is_char_boundary(start) {
            start -= 1;
        }
        let shown = self.text[start..].chars().next().map_or_else(String::new, described);
        Err(PatternError::at(
            format!("Unexpected character ({shown}): {reason}"),
            format!("\n at {}", self.place_of(start)),
        ))
    }

    fn fail_before<T>(&self, reason: String) -> Result<T, PatternError> {
        Err(PatternError::at(reason, format!("\n at {}", self.place_of(self.position - 1))))
    }

    /// `[Source: (String)"…"; line: l, column: c]` for an offset in bytes. Columns count UTF-16 units, from one.
    fn place_of(&self, offset: usize) -> String {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = &self.text[..offset];
        let line = before.matches('\n').count() + 1;
        let row = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = before[row..].encode_utf16().count() + 1;
        let mut shown = String::new();
        let (mut units, mut truncated) = (0, 0);
        for c in self.text.chars() {
            if units + c.len_utf16() > QUOTED_CHARS_MAX || truncated > 0 {
                truncated += c.len_utf16();
                continue;
            }
            units += c.len_utf16();
            match c {
                '\n' | '\r' => shown.push(c),
                c if c.is_control() => shown.push_str(&format!("\\u{:04X}", u32::from(c))),
                c => shown.push(c),
            }
        }
        let cut = if truncated > 0 { format!("[truncated {truncated} chars]") } else { String::new() };
        format!("[Source: (String)\"{shown}\"{cut}; line: {line}, column: {column}]")
    }
}

fn kind(array: bool) -> &'static str {
    if array { "Array" } else { "Object" }
}

fn between_entries(array: bool) -> String {
    format!("Unexpected end-of-input within/between {} entries", kind(array))
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

/// A character as AWS's parser describes it.
fn described(c: char) -> String {
    let code = u32::from(c);
    match code {
        0..0x20 => format!("(CTRL-CHAR, code {code})"),
        0x20..0x100 => format!("'{c}' (code {code})"),
        _ => format!("'{c}' (code {code} / 0x{code:x})"),
    }
}
