//! An event as patterns see it: values at paths, flattened once for all the patterns it will be held against.
//!
//! Patterns address a value by the names on the way to it, joined by dots, and see arrays as several values of one path.

use std::borrow::Cow;
use std::sync::OnceLock;

use crate::elements::{Elements, ROOT};
use crate::error::EventError;
use crate::hash;
use crate::json::{self, Reader, Token};
use crate::number::{self, NumberKey};
use crate::path::Path;
use crate::pattern::Fields;
use crate::scan::{self, Leaf, Name, Taker};

/// A value that a condition can look at.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar<'a> {
    /// A string, unescaped.
    Text(Cow<'a, str>),
    /// A number; made with [`Scalar::number`].
    #[non_exhaustive]
    Number {
        /// As it was spelled.
        text: &'a str,
        /// Its place in numeric order, if it takes part in comparisons.
        key: Option<u64>,
    },
    /// `true`
    True,
    /// `false`
    False,
    /// `null`
    Null,
}

impl<'a> Scalar<'a> {
    /// A number as JSON spells it. Spellings that are no JSON number compare equal to themselves only.
    pub fn number(text: &'a str) -> Self {
        Scalar::Number { text, key: number::key(text) }
    }

    /// The value as JSON spells it.
    pub fn to_json(&self) -> String {
        match self {
            Scalar::Text(text) => crate::operator::quoted(text),
            Scalar::Number { text, .. } => (*text).to_owned(),
            Scalar::True => "true".to_owned(),
            Scalar::False => "false".to_owned(),
            Scalar::Null => "null".to_owned(),
        }
    }

    pub(crate) fn value(&self) -> Value<'_> {
        match self {
            Scalar::Text(text) => Value::Text(text),
            Scalar::Number { text, key } => Value::Number { text, key: *key },
            Scalar::True => Value::True,
            Scalar::False => Value::False,
            Scalar::Null => Value::Null,
        }
    }
}

/// A [`Scalar`] that owns nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'v> {
    Text(&'v str),
    Number { text: &'v str, key: Option<NumberKey> },
    True,
    False,
    Null,
}

/// An event. It borrows from the text it was parsed from.
#[derive(Debug, Clone)]
pub struct Event<'a> {
    source: Source<'a>,
    /// Made when a pattern is first held against the event: a rule set reads what it asks for from the text.
    flattened: OnceLock<Flattened<'a>>,
}

#[derive(Debug, Clone)]
enum Source<'a> {
    /// JSON, checked.
    Text(&'a str),
    Flat(Vec<(&'a str, Scalar<'a>)>),
}

impl<'a> Event<'a> {
    /// Reads the JSON text of an event.
    ///
    /// # Errors
    /// When the bytes are not UTF-8 or not JSON, the top is not an object, the nesting exceeds [`crate::NESTING_MAX`], or there are 4 GiB or more of
    /// them. What follows the object is not read.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, EventError> {
        let text = text_of(bytes)?;
        scan::check(text).map_err(|_| refusal(text))?;
        Ok(Self { source: Source::Text(text), flattened: OnceLock::new() })
    }

    /// An event of values without nesting, each under its name: message attributes, for one. A name given more than
    /// once has several values, like an array.
    pub fn flat(fields: impl IntoIterator<Item = (&'a str, Scalar<'a>)>) -> Self {
        Self { source: Source::Flat(fields.into_iter().collect()), flattened: OnceLock::new() }
    }

    /// The event's text, if it was parsed from one, and its values without nesting otherwise.
    pub(crate) fn text(&self) -> Result<&'a str, &[(&'a str, Scalar<'a>)]> {
        match &self.source {
            Source::Text(text) => Ok(text),
            Source::Flat(fields) => Err(fields),
        }
    }

    pub(crate) fn flattened(&self) -> &Flattened<'a> {
        self.flattened.get_or_init(|| match &self.source {
            Source::Text(text) => Flattened::of_text(text),
            Source::Flat(fields) => Flattened::of_fields(fields),
        })
    }
}

pub(crate) fn text_of(bytes: &[u8]) -> Result<&str, EventError> {
    std::str::from_utf8(bytes).map_err(|_| EventError::new("Event is not UTF-8"))
}

/// What is wrong with a text that was not taken, in the words of AWS's parser.
#[cold]
pub(crate) fn refusal(text: &str) -> EventError {
    let mut reader = Reader::new(text);
    match reader.next_token() {
        Ok(Token::ObjectStart) => {}
        Ok(_) => return EventError::new("Event must be a JSON object"),
        Err(error) => return EventError::new(error.reason_with_place()),
    }
    match json::check_json(text) {
        Err(error) => EventError::new(error.reason_with_place()),
        Ok(()) => EventError::new("Event is longer than 4 GiB"),
    }
}

/// The values of an event with their paths.
#[derive(Debug, Clone)]
pub(crate) struct Flattened<'a> {
    text: &'a str,
    fields: Vec<(u32, Scalar<'a>)>,
    names: Vec<Named<'a>>,
    elements: Elements,
    /// The fields by the hash of their path, those of one path in the order of the text.
    by_path: Vec<(u64, u32)>,
}

/// A name on the way to a value. The first is the event itself, which has none.
#[derive(Debug, Clone)]
struct Named<'a> {
    parent: u32,
    text: Cow<'a, str>,
    path_hash: hash::Growing,
    path_bytes: u32,
}

impl<'a> Flattened<'a> {
    fn of_text(text: &'a str) -> Self {
        let mut flattened = Self::empty(text);
        let walked = scan::walk(text, &mut flattened);
        assert!(walked.is_ok(), "the text of an event is checked when it is parsed");
        flattened.by_path.sort_unstable();
        flattened
    }

    fn of_fields(fields: &[(&'a str, Scalar<'a>)]) -> Self {
        let mut flattened = Self::empty("");
        for (name, value) in fields {
            let name = flattened.add_name(ROOT, Cow::Borrowed(name));
            flattened.add_field(name, ROOT, value.clone());
        }
        flattened.by_path.sort_unstable();
        flattened
    }

    fn empty(text: &'a str) -> Self {
        let root =
            Named { parent: ROOT, text: Cow::Borrowed(""), path_hash: hash::Growing::EMPTY, path_bytes: 0 };
        Self {
            text,
            fields: Vec::with_capacity(16),
            names: vec![root],
            elements: Elements::default(),
            by_path: Vec::new(),
        }
    }

    fn add_name(&mut self, parent: u32, text: Cow<'a, str>) -> u32 {
        let above = &self.names[parent as usize];
        let (mut path_hash, mut path_bytes) = (above.path_hash, above.path_bytes);
        if parent != ROOT {
            path_hash.push(b'.');
            path_bytes = path_bytes.saturating_add(1);
        }
        text.bytes().for_each(|byte| path_hash.push(byte));
        path_bytes = path_bytes.saturating_add(u32::try_from(text.len()).unwrap_or(u32::MAX));
        self.names.push(Named { parent, text, path_hash, path_bytes });
        self.names.len() as u32 - 1
    }

    fn add_field(&mut self, name: u32, element: u32, value: Scalar<'a>) {
        let field = self.elements.add_field(element);
        self.by_path.push((self.names[name as usize].path_hash.get(), field));
        self.fields.push((name, value));
    }

    pub(crate) fn scalar(&self, field: u32) -> &Scalar<'a> {
        &self.fields[field as usize].1
    }

    /// The fields at a path, in the order of the text.
    pub(crate) fn at<'e>(&'e self, path: &'e Path) -> impl Iterator<Item = u32> + 'e {
        let start = self.by_path.partition_point(|&(hash, _)| hash < path.hash());
        self.by_path[start..]
            .iter()
            .take_while(|&&(hash, _)| hash == path.hash())
            .map(|&(_, field)| field)
            .filter(|&field| self.path_is(self.fields[field as usize].0, path.text().as_bytes()))
    }

    fn path_is(&self, mut name: u32, mut path: &[u8]) -> bool {
        loop {
            let Named { parent, text, .. } = &self.names[name as usize];
            let Some(rest) = path.strip_suffix(text.as_bytes()) else { return false };
            if *parent == ROOT {
                return rest.is_empty();
            }
            let Some(rest) = rest.strip_suffix(b".") else { return false };
            (name, path) = (*parent, rest);
        }
    }

    fn unescaped(&self, raw: &'a str, has_escapes: bool) -> Cow<'a, str> {
        if !has_escapes {
            return Cow::Borrowed(raw);
        }
        let mut text = String::with_capacity(raw.len());
        json::unescape(raw, &mut text);
        Cow::Owned(text)
    }
}

impl Taker for Flattened<'_> {
    fn below(&mut self, parent: u32, name: Name) -> Option<u32> {
        let text = self.unescaped(name.span.of(self.text), name.has_escapes);
        Some(self.add_name(parent, text))
    }

    fn takes(&self, _: u32) -> bool {
        true
    }

    fn descends(&self, _: u32) -> bool {
        true
    }

    fn take(&mut self, name: u32, element: u32, leaf: Leaf) {
        let value = match leaf {
            Leaf::Text { span, has_escapes } => Scalar::Text(self.unescaped(span.of(self.text), has_escapes)),
            Leaf::Number(span) => Scalar::number(span.of(self.text)),
            Leaf::True => Scalar::True,
            Leaf::False => Scalar::False,
            Leaf::Null => Scalar::Null,
        };
        self.add_field(name, element, value);
    }

    fn open_array(&mut self, name: u32) -> u32 {
        self.elements.open_array(name)
    }

    fn close_array(&mut self, array: u32) {
        self.elements.close_array(array);
    }

    fn open_element(&mut self, parent: u32, array: u32) -> u32 {
        self.elements.open_element(parent, array)
    }

    fn close_element(&mut self, element: u32) {
        self.elements.close_element(element);
    }
}

impl<'p> Fields<&'p Path> for Flattened<'_> {
    fn any_at(&self, path: &'p Path, test: impl FnMut(u32) -> bool) -> bool {
        self.at(path).any(test)
    }

    fn value(&self, field: u32) -> Value<'_> {
        self.scalar(field).value()
    }

    fn elements(&self) -> &Elements {
        &self.elements
    }

    fn begins(&self, name: u32, path: &'p Path) -> bool {
        let length = self.names[name as usize].path_bytes as usize;
        path.text().as_bytes().get(..length).is_some_and(|beginning| self.path_is(name, beginning))
    }
}
