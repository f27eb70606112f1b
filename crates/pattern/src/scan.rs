//! Reads the JSON of events at speed: each value that is asked for is handed on, everything else is checked and passed over.
//!
//! It takes exactly the texts that [`crate::json::Reader`] takes. That one keeps AWS's places and words for what is wrong, which are asked for only
//! when something is.

use crate::json::{NESTING_MAX, NUMBER_CHARS_MAX};

/// The text is not JSON, or beyond a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotJson;

/// Bytes of the text, from one up to before another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Span {
    pub(crate) fn of(self, text: &str) -> &str {
        &text[self.start as usize..self.end as usize]
    }
}

/// A field's name in the text, without its quotes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Name {
    pub(crate) span: Span,
    pub(crate) has_escapes: bool,
    /// Whether it may hold a dot; if not, it does not.
    pub(crate) may_hold_dots: bool,
}

/// A value that stands for itself.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Leaf {
    /// A string without its quotes.
    Text {
        span: Span,
        has_escapes: bool,
    },
    Number(Span),
    True,
    False,
    Null,
}

/// Who asks for values, and takes them. Names are numbers of the taker's; the event itself is [`crate::elements::ROOT`].
pub(crate) trait Taker {
    /// The number of a name below another one, if anything there is asked for.
    fn below(&mut self, parent: u32, name: Name) -> Option<u32>;
    /// Whether values under a name itself are asked for.
    fn takes(&self, name: u32) -> bool;
    /// Whether values below a name are asked for.
    fn descends(&self, name: u32) -> bool;
    /// Takes a value, which stands in an element.
    fn take(&mut self, name: u32, element: u32, leaf: Leaf);
    /// An array under a name begins; its number.
    fn open_array(&mut self, name: u32) -> u32;
    fn close_array(&mut self, array: u32);
    /// An element that holds further values begins; its number.
    fn open_element(&mut self, parent: u32, array: u32) -> u32;
    fn close_element(&mut self, element: u32);
}

/// Hands what is asked for of an object to the taker. What follows the object is not read.
///
/// # Errors
/// When the text does not begin with a JSON object, or nests deeper than [`NESTING_MAX`].
pub(crate) fn walk(text: &str, taker: &mut impl Taker) -> Result<(), NotJson> {
    if u32::try_from(text.len()).is_err() {
        return Err(NotJson);
    }
    let mut walk = Walk { scanner: Scanner { bytes: text.as_bytes(), at: 0 }, depth: 0, taker };
    if walk.scanner.solid()? != b'{' {
        return Err(NotJson);
    }
    walk.object(crate::elements::ROOT, crate::elements::ROOT)
}

/// Checks that a text begins with a JSON object.
///
/// # Errors
/// As [`walk`].
pub(crate) fn check(text: &str) -> Result<(), NotJson> {
    if u32::try_from(text.len()).is_err() {
        return Err(NotJson);
    }
    let mut scanner = Scanner { bytes: text.as_bytes(), at: 0 };
    if scanner.solid()? != b'{' {
        return Err(NotJson);
    }
    scanner.skip(b'{', 0)
}

struct Walk<'a, 't, T> {
    scanner: Scanner<'a>,
    depth: usize,
    taker: &'t mut T,
}

impl<T: Taker> Walk<'_, '_, T> {
    /// An object whose brace is read.
    fn object(&mut self, name: u32, element: u32) -> Result<(), NotJson> {
        self.deepen()?;
        let mut byte = self.scanner.solid()?;
        if byte == b'}' {
            self.depth -= 1;
            return Ok(());
        }
        loop {
            if byte != b'"' {
                return Err(NotJson);
            }
            let found = self.scanner.name()?;
            let first = self.scanner.solid()?;
            match self.taker.below(name, found) {
                Some(below) => self.value(first, below, element)?,
                None => self.scanner.skip(first, self.depth)?,
            }
            match self.scanner.solid()? {
                b',' => byte = self.scanner.solid()?,
                b'}' => break,
                _ => return Err(NotJson),
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// The value of a field, of which the first byte is read.
    fn value(&mut self, first: u8, name: u32, element: u32) -> Result<(), NotJson> {
        match first {
            b'{' if self.taker.descends(name) => self.object(name, element),
            b'[' => self.array(name, element),
            b'{' => self.scanner.skip(first, self.depth),
            _ => self.leaf(first, name, element),
        }
    }

    fn leaf(&mut self, first: u8, name: u32, element: u32) -> Result<(), NotJson> {
        let leaf = self.scanner.leaf(first)?;
        if self.taker.takes(name) {
            self.taker.take(name, element, leaf);
        }
        Ok(())
    }

    /// An array whose bracket is read.
    fn array(&mut self, name: u32, parent: u32) -> Result<(), NotJson> {
        self.deepen()?;
        let array = self.taker.open_array(name);
        let mut byte = self.scanner.solid()?;
        if byte != b']' {
            loop {
                match byte {
                    b'{' if !self.taker.descends(name) => self.scanner.skip(byte, self.depth)?,
                    b'{' | b'[' => {
                        let element = self.taker.open_element(parent, array);
                        if byte == b'{' {
                            self.object(name, element)?;
                        } else {
                            self.array(name, element)?;
                        }
                        self.taker.close_element(element);
                    }
                    _ => self.leaf(byte, name, parent)?,
                }
                match self.scanner.solid()? {
                    b',' => byte = self.scanner.solid()?,
                    b']' => break,
                    _ => return Err(NotJson),
                }
            }
        }
        self.taker.close_array(array);
        self.depth -= 1;
        Ok(())
    }

    fn deepen(&mut self) -> Result<(), NotJson> {
        if self.depth == NESTING_MAX {
            return Err(NotJson);
        }
        self.depth += 1;
        Ok(())
    }
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// The high bit of each byte that is zero. Bytes above the first such may be marked wrongly.
const fn zeros(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGH_BITS
}

/// Marks the bytes at which a string ends, an escape begins, or that no string may hold; right for the first.
const fn ends(word: u64) -> u64 {
    let quotes = zeros(word ^ (ONES * b'"' as u64));
    let escapes = zeros(word ^ (ONES * b'\\' as u64));
    let controls = word.wrapping_sub(ONES * 0x20) & !word & HIGH_BITS;
    quotes | escapes | controls
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Scanner<'_> {
    /// The next byte that is not white space, consumed.
    fn solid(&mut self) -> Result<u8, NotJson> {
        while let Some(&byte) = self.bytes.get(self.at) {
            self.at += 1;
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Ok(byte);
            }
        }
        Err(NotJson)
    }

    /// Passes over a string whose quote is read; whether it has escapes.
    fn string(&mut self) -> Result<(Span, bool), NotJson> {
        let start = self.at;
        let mut has_escapes = false;
        loop {
            match self.string_run()? {
                b'"' => {
                    let span = Span { start: start as u32, end: self.at as u32 };
                    self.at += 1;
                    return Ok((span, has_escapes));
                }
                b'\\' => {
                    has_escapes = true;
                    self.escape()?;
                }
                _ => return Err(NotJson),
            }
        }
    }

    /// Goes to the next byte that is not plain text, and says which it is.
    fn string_run(&mut self) -> Result<u8, NotJson> {
        while let Some(word) = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<8>()) {
            let ends = ends(u64::from_le_bytes(*word));
            if ends != 0 {
                self.at += ends.trailing_zeros() as usize / 8;
                return Ok(self.bytes[self.at]);
            }
            self.at += 8;
        }
        loop {
            match self.bytes.get(self.at) {
                Some(&byte) if byte >= 0x20 && byte != b'"' && byte != b'\\' => self.at += 1,
                Some(&byte) => return Ok(byte),
                None => return Err(NotJson),
            }
        }
    }

    /// A name whose quote is read, up to behind its colon.
    fn name(&mut self) -> Result<Name, NotJson> {
        let start = self.at;
        let mut dots = 0;
        // Most names end within two words and have nothing special.
        while let Some(word) = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<8>()) {
            let word = u64::from_le_bytes(*word);
            dots |= zeros(word ^ (ONES * b'.' as u64));
            let ends = ends(word);
            if ends == 0 {
                self.at += 8;
                continue;
            }
            self.at += ends.trailing_zeros() as usize / 8;
            if self.bytes[self.at] != b'"' {
                break;
            }
            let span = Span { start: start as u32, end: self.at as u32 };
            self.at += 1;
            return self.colon(Name { span, has_escapes: false, may_hold_dots: dots != 0 });
        }
        self.at = start;
        let (span, has_escapes) = self.string()?;
        self.colon(Name { span, has_escapes, may_hold_dots: true })
    }

    fn colon(&mut self, name: Name) -> Result<Name, NotJson> {
        if self.solid()? == b':' { Ok(name) } else { Err(NotJson) }
    }

    fn escape(&mut self) -> Result<(), NotJson> {
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let digits = self.bytes.get(self.at + 2..self.at + 6).ok_or(NotJson)?;
                if !digits.iter().all(u8::is_ascii_hexdigit) {
                    return Err(NotJson);
                }
                self.at += 6;
            }
            _ => return Err(NotJson),
        }
        Ok(())
    }

    /// A value that is neither object nor array, of which the first byte is read.
    fn leaf(&mut self, first: u8) -> Result<Leaf, NotJson> {
        match first {
            b'"' => {
                let (span, has_escapes) = self.string()?;
                Ok(Leaf::Text { span, has_escapes })
            }
            b'-' | b'0'..=b'9' => self.number(first).map(Leaf::Number),
            b't' => self.word(b"rue").map(|()| Leaf::True),
            b'f' => self.word(b"alse").map(|()| Leaf::False),
            b'n' => self.word(b"ull").map(|()| Leaf::Null),
            _ => Err(NotJson),
        }
    }

    /// The rest of a word. Whatever follows must end it, because only commas, brackets and white space may follow a value.
    fn word(&mut self, rest: &[u8]) -> Result<(), NotJson> {
        if !self.bytes[self.at..].starts_with(rest) {
            return Err(NotJson);
        }
        self.at += rest.len();
        Ok(())
    }

    fn number(&mut self, first: u8) -> Result<Span, NotJson> {
        let start = self.at - 1;
        let mut lead = first;
        if first == b'-' {
            lead = *self.bytes.get(self.at).filter(|byte| byte.is_ascii_digit()).ok_or(NotJson)?;
            self.at += 1;
        }
        let more = self.digits();
        if lead == b'0' && more > 0 {
            return Err(NotJson);
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return Err(NotJson);
            }
        }
        if matches!(self.bytes.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.bytes.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if self.digits() == 0 {
                return Err(NotJson);
            }
        }
        if self.at - start > NUMBER_CHARS_MAX {
            return Err(NotJson);
        }
        Ok(Span { start: start as u32, end: self.at as u32 })
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        self.at - start
    }

    /// Passes over a value of which the first byte is read; `depth` levels are open around it.
    fn skip(&mut self, first: u8, depth: usize) -> Result<(), NotJson> {
        let mut byte = first;
        let mut open = Open { kinds: [0; NESTING_MAX.div_ceil(64)], levels: 0 };
        loop {
            let is_object = byte == b'{';
            if is_object || byte == b'[' {
                if depth + open.levels == NESTING_MAX {
                    return Err(NotJson);
                }
                open.push(is_object);
                byte = self.solid()?;
                if byte != if is_object { b'}' } else { b']' } {
                    if is_object {
                        byte = self.skip_name(byte)?;
                    }
                    continue;
                }
                open.levels -= 1;
            } else {
                self.leaf(byte)?;
            }
            // Behind a value: a comma or the ends of what holds it.
            byte = loop {
                if open.levels == 0 {
                    return Ok(());
                }
                match (self.solid()?, open.is_object()) {
                    (b',', true) => {
                        let quote = self.solid()?;
                        break self.skip_name(quote)?;
                    }
                    (b',', false) => break self.solid()?,
                    (b'}', true) | (b']', false) => open.levels -= 1,
                    _ => return Err(NotJson),
                }
            };
        }
    }

    /// Passes over a name of which the quote is read; the first byte of its value, read.
    fn skip_name(&mut self, quote: u8) -> Result<u8, NotJson> {
        if quote != b'"' {
            return Err(NotJson);
        }
        self.string()?;
        if self.solid()? != b':' {
            return Err(NotJson);
        }
        self.solid()
    }
}

/// Objects and arrays that are open, a bit each.
struct Open {
    kinds: [u64; NESTING_MAX.div_ceil(64)],
    levels: usize,
}

impl Open {
    fn push(&mut self, is_object: bool) {
        let (word, bit) = (self.levels / 64, self.levels % 64);
        self.kinds[word] = self.kinds[word] & !(1 << bit) | u64::from(is_object) << bit;
        self.levels += 1;
    }

    fn is_object(&self) -> bool {
        let innermost = self.levels - 1;
        self.kinds[innermost / 64] >> (innermost % 64) & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::json::check_json;
    use proptest::prelude::*;

    fn agrees(text: &str) {
        let begins_with_an_object = text.trim_start_matches([' ', '\t', '\n', '\r']).starts_with('{');
        let expected = begins_with_an_object && check_json(text).is_ok();
        assert_eq!(check(text).is_ok(), expected, "{text:?}");
    }

    #[test]
    fn takes_what_the_careful_reader_takes() {
        for text in [
            r#"{}"#,
            r#" {"a" : [ 1 , -0.5e+3 , true , null, false, {} , [] , "x" ] } rest"#,
            r#"{"a":"\u00e9\ud83d\ude00\n"}"#,
            r#"{"a":"\x"}"#,
            r#"{"a":"\u12g4"}"#,
            r#"{"a":01}"#,
            r#"{"a":-}"#,
            r#"{"a":1.}"#,
            r#"{"a":1e}"#,
            r#"{"a":truex}"#,
            r#"{"a":tru}"#,
            r#"{"a":[1,]}"#,
            r#"{"a":1,}"#,
            r#"{"a":[1}"#,
            r#"{"a":{"b":1]}"#,
            r#"{"a" 1}"#,
            r#"{,}"#,
            "{\"a\":\"tab\tinside\"}",
            "{\"long name with a\ncontrol\":1}",
            r#"{"ünïcödé":"äöü€😀 longer than a word"}"#,
            "[1]",
            "",
        ] {
            agrees(text);
        }
        for digits in [999, 1000, 1001] {
            agrees(&format!("{{\"a\":{}}}", "7".repeat(digits)));
        }
        for levels in [998, 999, 1000] {
            agrees(&format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels)));
            agrees(&format!("{}1{}", "{\"a\":".repeat(levels + 1), "}".repeat(levels + 1)));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn takes_any_text_that_the_careful_reader_takes(
            text in "\\{(\"[ab\\\\u0-9.é]{0,9}\" ?: ?(\"[ -~é]{0,12}\"|-?[0-9.e]{1,4}|true|null|\\[|\\]|\\{|\\}),?){0,5}[\\]}]{0,3}",
        ) {
            agrees(&text);
        }
    }
}
