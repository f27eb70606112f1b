//! Reads the generated types from XML.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use pontoon_core::Timestamp;
use pontoon_core::shape::{
    DecodeError, Each, EachEntry, ListSchema, Location, MapSchema, Reader, StructSchema, TimestampFormat,
    Visit,
};
use quick_xml::events::{BytesStart, Event};

use super::writer::Naming;
use crate::protocol::text;

/// How deep elements may stand in each other.
const DEPTH_MAX: usize = 64;

/// How many elements a document may have: a deletion of a thousand objects with their versions needs some three thousand.
const ELEMENTS_MAX: usize = 65_536;

/// A document as a tree of elements.
#[derive(Debug)]
pub struct XmlTree {
    nodes: Vec<Node>,
}

#[derive(Debug, Default)]
struct Node {
    /// Local name, without a namespace's prefix.
    name: String,
    text: String,
    attributes: Vec<(String, String)>,
    children: Vec<usize>,
}

fn malformed() -> DecodeError {
    DecodeError::new(
        "The XML you provided was not well-formed or did not validate against our published schema",
    )
}

impl XmlTree {
    /// Parses a document. Its document type, if it has one, is passed over: entities that it may declare are not known.
    ///
    /// # Errors
    /// If it is malformed, too deep or too large.
    pub fn parse(bytes: &[u8]) -> Result<Self, DecodeError> {
        let text = std::str::from_utf8(bytes).map_err(|_| malformed())?;
        let mut reader = quick_xml::Reader::from_str(text);
        let mut tree = Self { nodes: vec![Node::default()] };
        let mut open = vec![0];
        loop {
            match reader.read_event().map_err(|_| malformed())? {
                Event::Start(start) => {
                    let node = tree.add(*open.last().ok_or_else(malformed)?, &start)?;
                    open.push(node);
                    if open.len() > DEPTH_MAX {
                        return Err(malformed());
                    }
                }
                Event::Empty(start) => {
                    tree.add(*open.last().ok_or_else(malformed)?, &start)?;
                }
                Event::End(_) => drop(open.pop()),
                Event::Text(text) => {
                    tree.append(&open, &text.xml10_content())?;
                }
                Event::CData(data) => {
                    tree.append(&open, &data.xml10_content())?;
                }
                Event::GeneralRef(reference) => {
                    let resolved = match reference.resolve_char_ref().map_err(|_| malformed())? {
                        Some(character) => character.to_string(),
                        None => predefined(&reference.xml10_content())?.to_owned(),
                    };
                    tree.append(&open, &resolved)?;
                }
                Event::Eof => break,
                Event::Decl(_) | Event::PI(_) | Event::DocType(_) | Event::Comment(_) => {}
            }
        }
        if open.len() != 1 || tree.nodes[0].children.len() != 1 {
            return Err(malformed());
        }
        Ok(tree)
    }

    fn add(&mut self, parent: usize, start: &BytesStart<'_>) -> Result<usize, DecodeError> {
        if self.nodes.len() == ELEMENTS_MAX {
            return Err(malformed());
        }
        let mut node = Node { name: start.local_name().as_ref().to_owned(), ..Node::default() };
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|_| malformed())?;
            let value =
                attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0).map_err(|_| malformed())?;
            node.attributes.push((attribute.key.as_ref().to_owned(), value.into_owned()));
        }
        self.nodes.push(node);
        let index = self.nodes.len() - 1;
        self.nodes[parent].children.push(index);
        Ok(index)
    }

    fn append(&mut self, open: &[usize], text: &str) -> Result<(), DecodeError> {
        match open.last() {
            Some(0) if text.trim().is_empty() => Ok(()),
            Some(0) | None => Err(malformed()),
            Some(node) => {
                self.nodes[*node].text.push_str(text);
                Ok(())
            }
        }
    }

    /// A reader at the root element.
    #[must_use]
    pub fn reader(&self, naming: Naming) -> XmlReader<'_> {
        XmlReader { tree: self, at: Place::Elements(self.nodes[0].children.clone()), naming }
    }
}

fn predefined(name: &str) -> Result<&'static str, DecodeError> {
    Ok(match name {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" => "'",
        _ => return Err(malformed()),
    })
}

/// What a reader stands at.
#[derive(Debug)]
enum Place<'t> {
    /// One element, or the several of a flattened list.
    Elements(Vec<usize>),
    /// An attribute's value.
    Attribute(&'t str),
}

/// A cursor at one value of a document.
#[derive(Debug)]
pub struct XmlReader<'t> {
    tree: &'t XmlTree,
    at: Place<'t>,
    naming: Naming,
}

impl<'t> XmlReader<'t> {
    fn child(&self, node: usize) -> Self {
        Self { tree: self.tree, at: Place::Elements(vec![node]), naming: self.naming }
    }

    fn node(&self) -> Result<&'t Node, DecodeError> {
        match &self.at {
            Place::Elements(nodes) => nodes.first().map(|node| &self.tree.nodes[*node]).ok_or_else(malformed),
            Place::Attribute(_) => Err(malformed()),
        }
    }

    fn text(&self) -> Result<&'t str, DecodeError> {
        match &self.at {
            Place::Attribute(value) => Ok(value),
            Place::Elements(_) => {
                let node = self.node()?;
                if node.children.is_empty() { Ok(&node.text) } else { Err(malformed()) }
            }
        }
    }

    fn parse<T>(&self, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, DecodeError> {
        parse(self.text()?.trim()).ok_or_else(malformed)
    }

    fn named(&self, node: &Node, name: &str) -> Vec<usize> {
        node.children.iter().copied().filter(|child| self.tree.nodes[*child].name == name).collect()
    }

    /// Reads a structure of which only the members at `location` are in this document; all of them if it is `None`.
    ///
    /// # Errors
    /// If an element does not have the form of its member.
    pub fn structure_in(
        &mut self,
        schema: &'static StructSchema,
        location: Option<Location>,
        visit: &mut Visit<'_>,
    ) -> Result<(), DecodeError> {
        let node = self.node()?;
        for (index, member) in schema.members.iter().enumerate() {
            if location.is_some_and(|location| location != member.location) {
                continue;
            }
            let name = self.naming.of(member);
            let at = if member.xml_attribute {
                let found = node.attributes.iter().find(|(key, _)| key == name);
                found.map(|(_, value)| Place::Attribute(value))
            } else {
                Some(self.named(node, name)).filter(|found| !found.is_empty()).map(Place::Elements)
            };
            if let Some(at) = at {
                visit(index, &mut Self { tree: self.tree, at, naming: self.naming })?;
            }
        }
        Ok(())
    }
}

impl Reader for XmlReader<'_> {
    fn null(&mut self) -> Result<bool, DecodeError> {
        Ok(false)
    }

    fn bool(&mut self) -> Result<bool, DecodeError> {
        self.parse(|text| match text {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        })
    }

    fn integer(&mut self) -> Result<i64, DecodeError> {
        self.parse(|text| text.parse().ok())
    }

    fn double(&mut self) -> Result<f64, DecodeError> {
        self.parse(text::double)
    }

    fn string(&mut self) -> Result<String, DecodeError> {
        self.text().map(str::to_owned)
    }

    fn blob(&mut self) -> Result<Bytes, DecodeError> {
        self.parse(|text| STANDARD.decode(text).ok().map(Bytes::from))
    }

    fn timestamp(&mut self, format: TimestampFormat) -> Result<Timestamp, DecodeError> {
        self.parse(|text| text::timestamp(text, format))
    }

    fn structure(&mut self, schema: &'static StructSchema, visit: &mut Visit<'_>) -> Result<(), DecodeError> {
        self.structure_in(schema, None, visit)
    }

    fn list(
        &mut self,
        schema: &'static ListSchema,
        flattened: bool,
        each: &mut Each<'_>,
    ) -> Result<(), DecodeError> {
        let elements = match &self.at {
            Place::Elements(nodes) if flattened => nodes.clone(),
            _ => self.named(self.node()?, self.naming.of(&schema.member)),
        };
        elements.into_iter().try_for_each(|element| each(&mut self.child(element)))
    }

    fn map(
        &mut self,
        schema: &'static MapSchema,
        flattened: bool,
        each: &mut EachEntry<'_>,
    ) -> Result<(), DecodeError> {
        let entries = match &self.at {
            Place::Elements(nodes) if flattened => nodes.clone(),
            _ => self.named(self.node()?, "entry"),
        };
        for entry in entries {
            let entry = &self.tree.nodes[entry];
            let key = self.named(entry, self.naming.of(&schema.key));
            let value = self.named(entry, self.naming.of(&schema.value));
            let (Some(key), Some(value)) = (key.first(), value.first()) else { return Err(malformed()) };
            each(self.child(*key).string()?, &mut self.child(*value))?;
        }
        Ok(())
    }

    fn document(&mut self) -> Result<serde_json::Value, DecodeError> {
        self.parse(|text| serde_json::from_str(text).ok())
    }
}
