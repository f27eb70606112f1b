//! Reads the JSON of events at speed: each value that is asked for is handed on, everything else is checked and passed over.
//!
//! It takes exactly the texts that [`crate::json::Reader`] takes. That one keeps AWS's places and words for what is wrong, which are asked for only
//! when something is.

use wide::u8x16;

use crate::bulk::{self, Open};
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
    if is_plain(text) { walk_as::<true>(text, taker) } else { walk_as::<false>(text, taker) }
}

fn walk_as<const PLAIN: bool>(text: &str, taker: &mut impl Taker) -> Result<(), NotJson> {
    let mut walk = Walk { scanner: Scanner::<PLAIN> { bytes: text.as_bytes(), at: 0 }, depth: 0, taker };
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
    if is_plain(text) { check_as::<true>(text) } else { check_as::<false>(text) }
}

fn check_as<const PLAIN: bool>(text: &str) -> Result<(), NotJson> {
    let mut scanner = Scanner::<PLAIN> { bytes: text.as_bytes(), at: 0 };
    if scanner.solid()? != b'{' {
        return Err(NotJson);
    }
    scanner.skip_nested(true, 0)
}

/// Whether there is neither an escape nor a control character, as in most events, so that every string ends with the next quote.
fn is_plain(text: &str) -> bool {
    let (steps, rest) = text.as_bytes().as_chunks::<STEP>();
    let odd = |odd: u8x16, step: &[u8; STEP]| odd | specials(u8x16::new(*step));
    let odd = steps.iter().fold(u8x16::ZERO, odd);
    odd.move_mask() == 0 && rest.iter().all(|&byte| byte >= 0x20 && byte != b'\\')
}

struct Walk<'a, 't, T, const PLAIN: bool> {
    scanner: Scanner<'a, PLAIN>,
    depth: usize,
    taker: &'t mut T,
}

impl<T: Taker, const PLAIN: bool> Walk<'_, '_, T, PLAIN> {
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

/// Bytes of an object or array behind which the rest of it is passed over in bulk.
const BULK_MIN: usize = 256;

/// Bytes that are looked at in one step: most strings end within one, so that the processor seldom guesses wrong.
const STEP: usize = 16;

/// Those of a step's bytes at which a string ends, an escape begins, or that no string may hold, as bits, the first byte's lowest.
#[inline(always)]
fn ends<const PLAIN: bool>(step: u8x16) -> u32 {
    let quotes = step.cmp_eq(u8x16::splat(b'"'));
    if PLAIN {
        return quotes.move_mask().cast_unsigned();
    }
    (quotes | specials(step)).move_mask().cast_unsigned()
}

/// All ones where an escape begins or what no string may hold.
#[inline(always)]
fn specials(step: u8x16) -> u8x16 {
    step.cmp_eq(u8x16::splat(b'\\')) | step.cmp_eq(step.min(u8x16::splat(0x1f)))
}

/// `PLAIN` where the text [`is_plain`].
struct Scanner<'a, const PLAIN: bool> {
    bytes: &'a [u8],
    at: usize,
}

impl<const PLAIN: bool> Scanner<'_, PLAIN> {
    /// The next byte that is not white space, consumed.
    #[inline(always)]
    fn solid(&mut self) -> Result<u8, NotJson> {
        match self.bytes.get(self.at) {
            Some(&byte) if byte > b' ' => {
                self.at += 1;
                Ok(byte)
            }
            _ => self.solid_after_space(),
        }
    }

    fn solid_after_space(&mut self) -> Result<u8, NotJson> {
        while let Some(&byte) = self.bytes.get(self.at) {
            self.at += 1;
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Ok(byte);
            }
        }
        Err(NotJson)
    }

    /// The next bytes, if there are as many as make a step.
    #[inline(always)]
    fn step(&self) -> Option<u8x16> {
        let step: &[u8; STEP] = self.bytes.get(self.at..)?.first_chunk()?;
        Some(u8x16::new(*step))
    }

    /// Passes over a string whose quote is read; whether it has escapes.
    #[inline(always)]
    fn string(&mut self) -> Result<(Span, bool), NotJson> {
        // Most strings end within a step and have nothing special.
        let start = self.at;
        let ends = self.step().map_or(0, ends::<PLAIN>);
        let end = start + ends.trailing_zeros() as usize;
        if ends != 0 && (PLAIN || self.bytes[end] == b'"') {
            self.at = end + 1;
            return Ok((Span { start: start as u32, end: end as u32 }, false));
        }
        self.long_string()
    }

    fn long_string(&mut self) -> Result<(Span, bool), NotJson> {
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
        while let Some(step) = self.step() {
            let ends = ends::<PLAIN>(step);
            if ends != 0 {
                self.at += ends.trailing_zeros() as usize;
                return Ok(self.bytes[self.at]);
            }
            self.at += STEP;
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
        let mut may_hold_dots = false;
        // Most names end within a step and have nothing special.
        while let Some(step) = self.step() {
            let ends = ends::<PLAIN>(step);
            let dots = step.cmp_eq(u8x16::splat(b'.')).move_mask().cast_unsigned();
            if ends == 0 {
                may_hold_dots |= dots != 0;
                self.at += STEP;
                continue;
            }
            may_hold_dots |= dots & (ends ^ (ends - 1)) != 0;
            self.at += ends.trailing_zeros() as usize;
            if !PLAIN && self.bytes[self.at] != b'"' {
                break;
            }
            let span = Span { start: start as u32, end: self.at as u32 };
            self.at += 1;
            return self.colon(Name { span, has_escapes: false, may_hold_dots });
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
    #[inline(always)]
    fn skip(&mut self, first: u8, depth: usize) -> Result<(), NotJson> {
        match first {
            b'{' | b'[' => self.skip_nested(first == b'{', depth),
            _ => self.skip_leaf(first),
        }
    }

    #[inline(always)]
    fn skip_leaf(&mut self, first: u8) -> Result<(), NotJson> {
        match first {
            b'"' => self.string().map(|_| ()),
            b'-' | b'0'..=b'9' => self.number(first).map(|_| ()),
            _ => self.leaf(first).map(|_| ()),
        }
    }

    /// Passes over an object or array of which the bracket is read.
    fn skip_nested(&mut self, is_object: bool, depth: usize) -> Result<(), NotJson> {
        if depth == NESTING_MAX {
            return Err(NotJson);
        }
        // Which of what is open are objects, the innermost in the lowest bit. Behind 64 levels a further call takes over.
        let (mut objects, mut levels) = (u64::from(is_object), 1);
        let mut is_opened = true;
        let mut in_bulk_from = self.at + BULK_MIN;
        loop {
            let byte = self.solid()?;
            if std::mem::take(&mut is_opened) && byte == close(objects) {
                self.at -= 1;
            } else {
                let first = if objects & 1 == 1 { self.skip_name(byte)? } else { byte };
                match first {
                    b'{' | b'[' if levels == 64 => self.skip_nested(first == b'{', depth + levels)?,
                    b'{' | b'[' if depth + levels == NESTING_MAX => return Err(NotJson),
                    b'{' | b'[' => {
                        objects = objects << 1 | u64::from(first == b'{');
                        levels += 1;
                        is_opened = true;
                        continue;
                    }
                    _ => self.skip_leaf(first)?,
                }
            }
            // Behind a value: a comma, or the ends of what holds it.
            loop {
                match self.solid()? {
                    b',' if self.at < in_bulk_from => break,
                    b',' => {
                        if let Some(end) = self.bulk_end(Open { objects, levels }, depth) {
                            self.at = end;
                            return Ok(());
                        }
                        in_bulk_from = usize::MAX;
                        break;
                    }
                    end if end == close(objects) && levels == 1 => return Ok(()),
                    end if end == close(objects) => {
                        objects >>= 1;
                        levels -= 1;
                    }
                    _ => return Err(NotJson),
                }
            }
        }
    }

    #[inline(never)]
    /// Where what is open ends, of which a comma is read, if it can be passed over in bulk.
    fn bulk_end(&self, open: Open, depth: usize) -> Option<usize> {
        let leaf_end = |start: usize| {
            let mut scanner = Self { bytes: self.bytes, at: start + 1 };
            scanner.leaf(self.bytes[start]).ok().map(|_| scanner.at)
        };
        let is_within = depth + bulk::LEVELS_MAX <= NESTING_MAX;
        is_within.then(|| bulk::pass::<PLAIN>(self.bytes, self.at, open, leaf_end)).flatten()
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

/// What closes the innermost of what is open.
fn close(objects: u64) -> u8 {
    if objects & 1 == 1 { b'}' } else { b']' }
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

    #[test]
    fn bounds_are_the_same_far_inside_an_array() {
        let before = "1,".repeat(super::BULK_MIN);
        for digits in [999, 1000, 1001] {
            agrees(&format!("{{\"a\":[{before}{}]}}", "7".repeat(digits)));
        }
        for levels in [62, 63, 64, 65, 129, 997, 998, 999] {
            let deep = format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
            agrees(&format!("{{\"a\":[{before}{deep},{deep},2]}}"));
            agrees(&format!("{{\"a\":[{before}{deep},{deep},2}}"));
        }
        for levels in [900, 935, 936, 998] {
            let around = "[".repeat(levels);
            agrees(&format!("{{\"a\":{around}{before}[2]{}}}", "]".repeat(levels)));
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
