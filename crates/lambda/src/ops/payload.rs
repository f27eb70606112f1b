//! Whether a payload is JSON, and if not what is wrong, in the words of the parser that AWS uses: Jackson, as the recordings
//! `test_lambda_invoke_payload_encoding_error` and what users report of it show.

const SOURCE: &str = "[Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled)";
const VALUES: &str = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";
/// How deep a document may nest: Jackson's limit.
const DEPTH_MAX: usize = 1000;
/// How much of a token that is none is shown, in bytes.
const TOKEN_SHOWN_MAX: usize = 256;

/// Checks that a payload is one JSON value.
///
/// # Errors
/// What is wrong, and where.
pub(super) fn check_json(payload: &[u8]) -> Result<(), String> {
    Scanner { text: payload, at: 0, row: 1, row_start: 0, open: Vec::new() }.document()
}

/// An object or array that is not closed yet.
struct Open {
    is_object: bool,
    row: usize,
    column: usize,
}

/// Reads once through a payload. Invariant: it calls itself for no nested value, so that depth costs no stack.
struct Scanner<'p> {
    text: &'p [u8],
    at: usize,
    row: usize,
    row_start: usize,
    open: Vec<Open>,
}

type Checked = Result<(), String>;

impl Scanner<'_> {
    fn document(&mut self) -> Checked {
        if self.space()?.is_none() {
            return Err(self.here("No content to map due to end-of-input"));
        }
        loop {
            self.value()?;
            // Whatever that closes, until another value is due.
            loop {
                let next = self.space()?;
                let Some(within) = self.open.last() else {
                    return if next.is_none() { Ok(()) } else { Err(self.unexpected_value()) };
                };
                let (end, kind) = if within.is_object { (b'}', "Object") } else { (b']', "Array") };
                match next {
                    Some(b',') => break,
                    Some(byte) if byte == end => {
                        self.at += 1;
                        self.open.pop();
                    }
                    Some(byte @ (b'}' | b']')) => return Err(self.wrong_end(byte)),
                    Some(_) => {
                        return Err(
                            self.unexpected(&format!(": was expecting comma to separate {kind} entries"))
                        );
                    }
                    None => return Err(self.end_within()),
                }
            }
            self.at += 1;
            self.next_entry()?;
        }
    }

    /// Moves to the next value within what is open: over the name, in an object.
    fn next_entry(&mut self) -> Checked {
        if self.open.last().is_some_and(|within| within.is_object) {
            match self.space()? {
                Some(b'"') => self.string("name")?,
                Some(_) => return Err(self.unexpected(": was expecting double-quote to start field name")),
                None => return Err(self.end_within()),
            }
            match self.space()? {
                Some(b':') => self.at += 1,
                Some(_) => {
                    return Err(self.unexpected(": was expecting a colon to separate field name and value"));
                }
                None => return Err(self.end_within()),
            }
        }
        match self.space()? {
            Some(_) => Ok(()),
            None => Err(self.end_within()),
        }
    }

    /// A value that begins here; of an object or array that is not empty, the beginning up to its first scalar.
    fn value(&mut self) -> Checked {
        while let Some(begin @ (b'{' | b'[')) = self.peek() {
            let is_object = begin == b'{';
            self.open.push(Open { is_object, row: self.row, column: self.column() });
            if self.open.len() > DEPTH_MAX {
                return Err(self.here(&format!(
                    "Document nesting depth ({}) exceeds the maximum allowed ({DEPTH_MAX}, from `StreamReadConstraints.getMaxNestingDepth()`)",
                    DEPTH_MAX + 1
                )));
            }
            self.at += 1;
            if self.space()? == Some(if is_object { b'}' } else { b']' }) {
                self.at += 1;
                self.open.pop();
                return Ok(());
            }
            self.next_entry()?;
        }
        match self.peek() {
            Some(b'"') => self.string("string value"),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.literal(b"true"),
            Some(b'f') => self.literal(b"false"),
            Some(b'n') => self.literal(b"null"),
            _ => Err(self.unexpected_value()),
        }
    }

    fn literal(&mut self, word: &[u8]) -> Checked {
        let rest = &self.text[self.at..];
        let ends = rest.get(word.len()).is_none_or(|byte| !is_identifier_part(*byte));
        if !rest.starts_with(word) || !ends {
            let same = rest.iter().zip(word).take_while(|(one, other)| one == other).count();
            return Err(self.invalid_token(same.max(1)));
        }
        self.at += word.len();
        Ok(())
    }

    fn number(&mut self) -> Checked {
        if self.peek() == Some(b'-') {
            self.at += 1;
            self.digits("expected digit (0-9) to follow minus sign, for valid numeric value", true)?;
        } else {
            self.digits("", true)?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits("Decimal point not followed by a digit", false)?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits("Exponent indicator not followed by a digit", false)?;
        }
        let separated = |byte: u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        match self.peek() {
            Some(byte) if self.open.is_empty() && !separated(byte) => {
                Err(self.unexpected(": Expected space separating root-level values"))
            }
            _ => Ok(()),
        }
    }

    /// At least one digit; of those of a `whole` number, the first is a zero only alone.
    fn digits(&mut self, problem: &str, whole: bool) -> Checked {
        let begin = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == begin {
            return Err(match self.peek() {
                Some(_) => self.unexpected(&format!(" in numeric value: {problem}")),
                None => self.here("Unexpected end-of-input in VALUE_NUMBER_INT"),
            });
        }
        if whole && self.text[begin] == b'0' && self.at > begin + 1 {
            self.at = begin + 1;
            return Err(self.here("Invalid numeric value: Leading zeroes not allowed"));
        }
        Ok(())
    }

    /// A string that begins here with its quote: a `string value`, or a `name`.
    fn string(&mut self, what: &str) -> Checked {
        self.at += 1;
        loop {
            let Some(byte) = self.peek() else {
                let within = if what == "name" { "field name" } else { "VALUE_STRING" };
                return Err(self.here(&format!("Unexpected end-of-input in {within}")));
            };
            match byte {
                b'"' => {
                    self.at += 1;
                    return Ok(());
                }
                b'\\' => self.escape()?,
                0..=31 => {
                    return Err(self.after(&format!(
                        "Illegal unquoted character ((CTRL-CHAR, code {byte})): has to be escaped using backslash to be included in {what}"
                    )));
                }
                32..=127 => self.at += 1,
                _ => self.letter()?,
            }
        }
    }

    fn escape(&mut self) -> Checked {
        self.at += 1;
        let end = "Unexpected end-of-input in character escape sequence";
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                self.at += 1;
                for _ in 0..4 {
                    match self.peek() {
                        Some(byte) if byte.is_ascii_hexdigit() => self.at += 1,
                        Some(_) => {
                            return Err(
                                self.unexpected(": expected a hex-digit for character escape sequence")
                            );
                        }
                        None => return Err(self.here(end)),
                    }
                }
            }
            Some(byte) => {
                return Err(self.after(&format!("Unrecognized character escape {}", described(byte))));
            }
            None => return Err(self.here(end)),
        }
        Ok(())
    }

    /// A character of several bytes.
    fn letter(&mut self) -> Checked {
        let rest = &self.text[self.at..];
        let length = match rest[0] {
            0xC2..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xF4 => 4,
            byte => return Err(self.after(&format!("Invalid UTF-8 start byte 0x{byte:02x}"))),
        };
        let wrong = rest.iter().take(length).skip(1).position(|byte| byte & 0xC0 != 0x80);
        if let Some(index) = wrong {
            let byte = rest[index + 1];
            self.at += index + 1;
            return Err(self.after(&format!("Invalid UTF-8 middle byte 0x{byte:02x}")));
        }
        if rest.len() < length {
            self.at = self.text.len();
            return Err(self.here("Unexpected end-of-input in VALUE_STRING"));
        }
        if std::str::from_utf8(&rest[..length]).is_err() {
            return Err(self.after(&format!("Invalid UTF-8 start byte 0x{:02x}", rest[0])));
        }
        self.at += length;
        Ok(())
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// Passes over white space; gives what comes next.
    fn space(&mut self) -> Result<Option<u8>, String> {
        while let Some(byte) = self.peek() {
            match byte {
                b'\n' => {
                    self.at += 1;
                    self.row += 1;
                    self.row_start = self.at;
                }
                b' ' | b'\t' | b'\r' => self.at += 1,
                0..=31 => {
                    return Err(self.after(&format!(
                        "Illegal character ((CTRL-CHAR, code {byte})): only regular white space (\\r, \\n, \\t) is allowed between tokens"
                    )));
                }
                _ => return Ok(Some(byte)),
            }
        }
        Ok(None)
    }

    fn column(&self) -> usize {
        self.at - self.row_start + 1
    }

    /// A problem at the present place.
    fn here(&self, problem: &str) -> String {
        format!("{problem}\n at {SOURCE}; line: {}, column: {}]", self.row, self.column())
    }

    /// A problem that shows behind the present byte.
    fn after(&mut self, problem: &str) -> String {
        self.at += 1;
        self.here(problem)
    }

    fn unexpected(&self, comment: &str) -> String {
        let byte = self.peek().unwrap_or_default();
        self.here(&format!("Unexpected character ({}){comment}", described(byte)))
    }

    /// What is here begins no value.
    fn unexpected_value(&mut self) -> String {
        match self.peek() {
            Some(byte) if is_identifier_start(byte) => self.invalid_token(1),
            Some(byte @ (b'}' | b']')) if !self.open.is_empty() && self.closes_other(byte) => {
                self.wrong_end(byte)
            }
            _ => self.unexpected(&format!(": expected a valid value {VALUES}")),
        }
    }

    fn closes_other(&self, byte: u8) -> bool {
        self.open.last().is_some_and(|within| within.is_object != (byte == b'}'))
    }

    /// A word that is no token, `known` bytes of which have been read.
    fn invalid_token(&mut self, known: usize) -> String {
        let begin = self.at;
        self.at += known;
        while let Some(byte) = self.peek() {
            if byte >= 0x80
                && let Err(problem) = self.letter()
            {
                return problem;
            }
            if byte < 0x80 {
                self.at += 1;
                if !is_identifier_part(byte) {
                    break;
                }
            }
        }
        let last = self.text[self.at - 1];
        let breaks = self.at > begin + known && last < 0x80 && !is_identifier_part(last);
        let token = &self.text[begin..self.at - usize::from(breaks)];
        let shown = String::from_utf8_lossy(&token[..token.len().min(TOKEN_SHOWN_MAX)]);
        let more = if token.len() > TOKEN_SHOWN_MAX { "..." } else { "" };
        self.here(&format!("Unrecognized token '{shown}{more}': was expecting {VALUES}"))
    }

    fn wrong_end(&self, byte: u8) -> String {
        let Some(Open { is_object, row, column }) = self.open.last() else { return String::new() };
        let (kind, end) = if *is_object { ("Object", '}') } else { ("Array", ']') };
        self.here(&format!(
            "Unexpected close marker '{}': expected '{end}' (for {kind} starting at {SOURCE}; line: {row}, column: {column}])",
            char::from(byte)
        ))
    }

    fn end_within(&self) -> String {
        let Some(Open { is_object, row, column }) = self.open.last() else { return String::new() };
        let kind = if *is_object { "Object" } else { "Array" };
        self.here(&format!(
            "Unexpected end-of-input: expected close marker for {kind} (start marker at {SOURCE}; line: {row}, column: {column}])"
        ))
    }
}

/// A byte as messages show it, read as Latin-1.
fn described(byte: u8) -> String {
    match byte {
        0..=31 | 127..=159 => format!("(CTRL-CHAR, code {byte})"),
        _ => format!("'{}' (code {byte})", char::from(byte)),
    }
}

/// Whether a Java identifier may begin so, in Latin-1.
fn is_identifier_start(byte: u8) -> bool {
    let letter = matches!(byte, 0xA2..=0xA5 | 0xAA | 0xB5 | 0xBA | 0xC0..=0xD6 | 0xD8..=0xF6 | 0xF8..=0xFF);
    byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'$') || letter
}

/// Whether a Java identifier may go on so, in ASCII.
fn is_identifier_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_json_is_refused_with_its_place() {
        let expected = format!("expected a valid value {VALUES}");
        let token = |word: &str| format!("Unrecognized token '{word}': was expecting {VALUES}");
        let within = |kind: &str, column: usize| {
            format!(
                "Unexpected end-of-input: expected close marker for {kind} (start marker at {SOURCE}; line: 1, column: {column}])"
            )
        };
        for (payload, problem, column) in [
            (&b"n\x87r\x9e\xe9\xb5\xd7I\xee\x9bmt"[..], "Invalid UTF-8 start byte 0x87".to_owned(), 3),
            (b"\x99\xeb,j\x07\xa1zYh", format!("Unexpected character ((CTRL-CHAR, code 153)): {expected}"), 1),
            (b"xyz", token("xyz"), 4),
            (b"I am no JSON", token("I"), 3),
            (b"nul", token("nul"), 4),
            (b"truely", token("truely"), 7),
            (b"'a'", format!("Unexpected character (''' (code 39)): {expected}"), 1),
            (b"[1,]", format!("Unexpected character (']' (code 93)): {expected}"), 4),
            (b"{\"a\":1", within("Object", 1), 7),
            (b"[[1]", within("Array", 1), 5),
            (b"{a:1}", "Unexpected character ('a' (code 97)): was expecting double-quote to start field name".to_owned(), 2),
            (b"{\"a\" 1}", "Unexpected character ('1' (code 49)): was expecting a colon to separate field name and value".to_owned(), 6),
            (b"{\"a\":1 \"b\"}", "Unexpected character ('\"' (code 34)): was expecting comma to separate Object entries".to_owned(), 8),
            (b"[1 2]", "Unexpected character ('2' (code 50)): was expecting comma to separate Array entries".to_owned(), 4),
            (b"\"a", "Unexpected end-of-input in VALUE_STRING".to_owned(), 3),
            (b"{\"a", "Unexpected end-of-input in field name".to_owned(), 4),
            (b"\"a\nb\"", "Illegal unquoted character ((CTRL-CHAR, code 10)): has to be escaped using backslash to be included in string value".to_owned(), 4),
            (b"\"\\x\"", "Unrecognized character escape 'x' (code 120)".to_owned(), 4),
            (b"01", "Invalid numeric value: Leading zeroes not allowed".to_owned(), 2),
            (b"-x", "Unexpected character ('x' (code 120)) in numeric value: expected digit (0-9) to follow minus sign, for valid numeric value".to_owned(), 2),
            (b"[1}", format!("Unexpected close marker '}}': expected ']' (for Array starting at {SOURCE}; line: 1, column: 1])"), 3),
            (b"  ", "No content to map due to end-of-input".to_owned(), 3),
        ] {
            let shown = String::from_utf8_lossy(payload);
            let whole = format!("{problem}\n at {SOURCE}; line: 1, column: {column}]");
            assert_eq!(check_json(payload), Err(whole), "{shown}");
        }
        assert!(check_json(b"{\n\"a\": x}").unwrap_err().ends_with("; line: 2, column: 8]"));
        assert!(check_json(&b"[".repeat(100_000)).unwrap_err().starts_with("Document nesting depth (1001)"));
    }

    proptest! {
        /// Mutated documents are judged as another parser judges them.
        #[test]
        fn what_is_json_is_what_another_parser_takes(
            mut text in r#"(\{"a": \[1, -2.5e3, true, null, "x\\u00e9\\n"\], "é": \{\}\}| \[\] |"text"|0|false)"#,
            at in 0usize..60, with in prop_oneof![Just("".to_owned()), "[\\[\\]{}:,\"\\\\ 0-9a-f.é\u{1}-]{1,2}"],
        ) {
            let places: Vec<usize> = text.char_indices().map(|(index, _)| index).collect();
            let place = places[at % places.len()];
            let next = places.get(at % places.len() + 1).copied().unwrap_or(text.len());
            text.replace_range(place..next, &with);
            let other = serde_json::from_str::<serde::de::IgnoredAny>(&text);
            prop_assert_eq!(check_json(text.as_bytes()).is_ok(), other.is_ok(), "{:?}", text);
        }
    }
}
