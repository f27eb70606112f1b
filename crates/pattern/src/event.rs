//! An event, flattened once for all the patterns it will meet.
//!
//! Patterns address a value by the names on the way to it, joined by dots, and see arrays as several values of one
//! path. What they must not do is mix the elements of an array, so each value also knows in which elements it
//! stands.

use std::borrow::Cow;
use std::ops::Range;

use crate::error::{EventError, PatternError};
use crate::json::{Reader, Token};
use crate::number;
use crate::path::{self, Path};

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
}

/// A flattened event. It borrows from the text it was parsed from.
#[derive(Debug, Clone)]
pub struct Event<'a> {
    fields: Vec<Field<'a>>,
    names: Vec<Name<'a>>,
    arrays: Vec<Array>,
    elements: Vec<Element>,
    /// The fields by the hash of their path, those of one path in the order of the text.
    by_path: Vec<(u64, u32)>,
}

#[derive(Debug, Clone)]
struct Field<'a> {
    name: u32,
    element: u32,
    value: Scalar<'a>,
}

/// A name on the way to a value. The first is the event itself, which has none.
#[derive(Debug, Clone)]
struct Name<'a> {
    parent: u32,
    text: Cow<'a, str>,
    path_hash: u64,
    path_bytes: u32,
}

#[derive(Debug, Clone)]
struct Array {
    name: u32,
    fields: Range<u32>,
}

/// An element of an array that holds further values. The first is the event itself, which is in no array.
#[derive(Debug, Clone)]
struct Element {
    parent: u32,
    depth: u32,
    array: u32,
    fields: Range<u32>,
}

/// The event itself, as a name and as an element.
pub(crate) const ROOT: u32 = 0;

impl<'a> Event<'a> {
    /// Flattens the JSON text of an event.
    ///
    /// # Errors
    /// When the bytes are not UTF-8 or not JSON, the top is not an object, or the nesting exceeds
    /// [`crate::NESTING_MAX`]. What follows the object is not read.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, EventError> {
        let text = std::str::from_utf8(bytes).map_err(|_| EventError::new("Event is not UTF-8"))?;
        let fail = |error: PatternError| EventError::new(error.reason_with_place());
        let mut reader = Reader::new(text);
        if reader.next_token().map_err(fail)? != Token::ObjectStart {
            return Err(EventError::new("Event must be a JSON object"));
        }
        let mut event = Self::empty();
        event.read_object(&mut reader, ROOT, ROOT).map_err(fail)?;
        event.index();
        Ok(event)
    }

    /// An event of values without nesting, each under its name: message attributes, for one. A name given more than
    /// once has several values, like an array.
    pub fn flat(fields: impl IntoIterator<Item = (&'a str, Scalar<'a>)>) -> Self {
        let mut event = Self::empty();
        for (name, value) in fields {
            let name = event.add_name(ROOT, Cow::Borrowed(name));
            event.add_field(name, ROOT, value);
        }
        event.index();
        event
    }

    fn empty() -> Self {
        let root = Name { parent: ROOT, text: Cow::Borrowed(""), path_hash: path::HASH_START, path_bytes: 0 };
        let whole = Element { parent: ROOT, depth: 0, array: 0, fields: 0..u32::MAX };
        Self {
            fields: Vec::with_capacity(16),
            names: vec![root],
            arrays: Vec::new(),
            elements: vec![whole],
            by_path: Vec::new(),
        }
    }

    fn read_object(
        &mut self,
        reader: &mut Reader<'a>,
        parent: u32,
        element: u32,
    ) -> Result<(), PatternError> {
        while reader.next_token()? != Token::ObjectEnd {
            let name = self.add_name(parent, reader.name().clone());
            match reader.next_token()? {
                Token::ObjectStart => self.read_object(reader, name, element)?,
                Token::ArrayStart => self.read_array(reader, name, element)?,
                token => {
                    let value = scalar(reader, token)?;
                    self.add_field(name, element, value);
                }
            }
        }
        Ok(())
    }

    fn read_array(&mut self, reader: &mut Reader<'a>, name: u32, parent: u32) -> Result<(), PatternError> {
        let array = self.arrays.len() as u32;
        self.arrays.push(Array { name, fields: self.next_field()..0 });
        loop {
            let token = reader.next_token()?;
            match token {
                Token::ArrayEnd => break,
                Token::ObjectStart | Token::ArrayStart => {
                    let depth = self.elements[parent as usize].depth + 1;
                    let element = self.elements.len();
                    self.elements.push(Element { parent, depth, array, fields: self.next_field()..0 });
                    if token == Token::ObjectStart {
                        self.read_object(reader, name, element as u32)?;
                    } else {
                        self.read_array(reader, name, element as u32)?;
                    }
                    self.elements[element].fields.end = self.next_field();
                }
                _ => {
                    let value = scalar(reader, token)?;
                    self.add_field(name, parent, value);
                }
            }
        }
        self.arrays[array as usize].fields.end = self.next_field();
        Ok(())
    }

    fn next_field(&self) -> u32 {
        self.fields.len() as u32
    }

    fn add_name(&mut self, parent: u32, text: Cow<'a, str>) -> u32 {
        let above = &self.names[parent as usize];
        let (mut path_hash, mut path_bytes) = (above.path_hash, above.path_bytes);
        if parent != ROOT {
            path_hash = path::extend_hash(path_hash, b".");
            path_bytes += 1;
        }
        path_hash = path::extend_hash(path_hash, text.as_bytes());
        path_bytes = path_bytes.saturating_add(u32::try_from(text.len()).unwrap_or(u32::MAX));
        self.names.push(Name { parent, text, path_hash, path_bytes });
        self.names.len() as u32 - 1
    }

    fn add_field(&mut self, name: u32, element: u32, value: Scalar<'a>) {
        let path_hash = self.names[name as usize].path_hash;
        self.by_path.push((path_hash, self.next_field()));
        self.fields.push(Field { name, element, value });
    }

    fn index(&mut self) {
        self.by_path.sort_unstable();
    }

    /// Whether values stand in elements of arrays, so that conditions must agree on the element.
    pub(crate) fn has_elements(&self) -> bool {
        self.elements.len() > 1
    }

    /// The hashes of all paths, ascending and each once, with the fields that have them.
    pub(crate) fn paths(&self) -> impl Iterator<Item = (u64, &[(u64, u32)])> {
        self.by_path.chunk_by(|a, b| a.0 == b.0).map(|fields| (fields[0].0, fields))
    }

    pub(crate) fn value(&self, field: u32) -> &Scalar<'a> {
        &self.fields[field as usize].value
    }

    /// The innermost element of an array in which a field stands.
    pub(crate) fn element_of(&self, field: u32) -> u32 {
        self.fields[field as usize].element
    }

    /// The fields whose paths have this hash, in the order of the text.
    pub(crate) fn with_hash(&self, hash: u64) -> &[(u64, u32)] {
        let start = self.by_path.partition_point(|&(other, _)| other < hash);
        let rest = &self.by_path[start..];
        &rest[..rest.partition_point(|&(other, _)| other == hash)]
    }

    /// The fields at a path, in the order of the text.
    pub(crate) fn at<'e>(&'e self, path: &'e Path) -> impl Iterator<Item = u32> + 'e {
        self.with_hash(path.hash())
            .iter()
            .map(|&(_, field)| field)
            .filter(|&field| self.path_is(self.fields[field as usize].name, path.text().as_bytes()))
    }

    fn path_is(&self, mut name: u32, mut path: &[u8]) -> bool {
        loop {
            let Name { parent, text, .. } = &self.names[name as usize];
            let Some(rest) = path.strip_suffix(text.as_bytes()) else { return false };
            if *parent == ROOT {
                return rest.is_empty();
            }
            let Some(rest) = rest.strip_suffix(b".") else { return false };
            (name, path) = (*parent, rest);
        }
    }

    /// Whether the path of the array that an element stands in begins `path`.
    pub(crate) fn array_begins(&self, element: u32, path: &Path) -> bool {
        let name = self.arrays[self.elements[element as usize].array as usize].name;
        let length = self.names[name as usize].path_bytes as usize;
        path.text().as_bytes().get(..length).is_some_and(|beginning| self.path_is(name, beginning))
    }

    pub(crate) fn parent_of(&self, element: u32) -> u32 {
        self.elements[element as usize].parent
    }

    /// How a field's element relates to one that conditions have already settled on.
    pub(crate) fn relation(&self, settled: u32, other: u32) -> Relation {
        let depth = |element: u32| self.elements[element as usize].depth;
        let (mut a, mut b) = (settled, other);
        let (mut below_a, mut below_b) = (None, None);
        while a != b {
            if depth(a) >= depth(b) {
                below_a = Some(a);
                a = self.parent_of(a);
            } else {
                below_b = Some(b);
                b = self.parent_of(b);
            }
        }
        match (below_a, below_b) {
            (_, None) => Relation::Within,
            (None, Some(_)) => Relation::Narrows,
            (Some(a), Some(b)) if self.elements[a as usize].array == self.elements[b as usize].array => {
                Relation::Contradicts
            }
            (Some(_), Some(_)) => Relation::Independent,
        }
    }

    /// The first field at or after `field` that does not stand in another element than `element` of one of the
    /// arrays around it.
    pub(crate) fn skip_other_elements(&self, element: u32, mut field: u32) -> u32 {
        let mut around = element;
        while around != ROOT {
            let Element { array, fields, parent, .. } = &self.elements[around as usize];
            let array = &self.arrays[*array as usize].fields;
            if array.contains(&field) && !fields.contains(&field) {
                field = if field < fields.start { fields.start } else { array.end };
            }
            around = *parent;
        }
        field
    }
}

/// See [`Event::relation`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    /// The other holds the settled element, or is it.
    Within,
    /// The other stands inside the settled element.
    Narrows,
    /// Both stand in elements of different arrays.
    Independent,
    /// They stand in different elements of one array.
    Contradicts,
}

fn scalar<'a>(reader: &mut Reader<'a>, token: Token<'a>) -> Result<Scalar<'a>, PatternError> {
    Ok(match token {
        Token::String => Scalar::Text(reader.string()?),
        Token::Number(text) => Scalar::number(text),
        Token::True => Scalar::True,
        Token::False => Scalar::False,
        // The reader hands out no other token where a value stands.
        _ => Scalar::Null,
    })
}
