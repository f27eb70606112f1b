//! Reads the generated types from a form: `Entries.member.1.Id=a` is a path through structures, lists and maps.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use pontoon_core::Timestamp;
use pontoon_core::shape::{
    DecodeError, Each, EachEntry, ListSchema, MapSchema, Reader, StructSchema, TimestampFormat, Visit,
};

use super::form::Pair;
use crate::protocol::text;
use crate::protocol::xml::writer::Naming;

/// How many dots a key may have; the deepest structures of the query services need fewer than twenty.
const DEPTH_MAX: usize = 48;

/// How many nodes the tree may have: every pair adds at most its depth, but a form's keys share most of theirs.
const NODES_MAX: usize = 262_144;

/// A form as a tree by the dots in its keys.
#[derive(Debug)]
pub struct FormTree<'f> {
    nodes: Vec<Node<'f>>,
}

#[derive(Debug, Default)]
struct Node<'f> {
    value: Option<&'f str>,
    children: BTreeMap<&'f str, usize>,
}

impl<'f> FormTree<'f> {
    /// The tree of these pairs. Where a key comes twice, the last one counts.
    ///
    /// # Errors
    /// If a key is nested too deep, or there are too many.
    pub fn new(pairs: &'f [Pair<'f>]) -> Result<Self, DecodeError> {
        let mut nodes = vec![Node::default()];
        for (key, value) in pairs {
            let mut at = 0;
            for (depth, part) in key.split('.').enumerate() {
                if depth == DEPTH_MAX || nodes.len() == NODES_MAX {
                    return Err(DecodeError::new("Request parameters are nested too deep"));
                }
                at = match nodes[at].children.get(part) {
                    Some(child) => *child,
                    None => {
                        nodes.push(Node::default());
                        let child = nodes.len() - 1;
                        nodes[at].children.insert(part, child);
                        child
                    }
                };
            }
            nodes[at].value = Some(value);
        }
        Ok(Self { nodes })
    }

    /// A reader of the whole form as one structure.
    #[must_use]
    pub fn reader(&self) -> QueryReader<'_> {
        QueryReader { tree: self, node: 0, name: "" }
    }

    fn child(&self, node: usize, name: &str) -> Option<usize> {
        self.nodes[node].children.get(name).copied()
    }

    /// The children of `node` whose names are numbers, in numeric order; gaps close up.
    fn numbered(&self, node: usize) -> Vec<usize> {
        let children = self.nodes[node].children.iter();
        let mut numbered: Vec<(u32, usize)> =
            children.filter_map(|(name, child)| Some((name.parse().ok()?, *child))).collect();
        numbered.sort_unstable();
        numbered.into_iter().map(|(_, child)| child).collect()
    }
}

/// A cursor at one node of the form.
#[derive(Debug)]
pub struct QueryReader<'t> {
    tree: &'t FormTree<'t>,
    node: usize,
    name: &'static str,
}

impl<'t> QueryReader<'t> {
    fn at(&self, node: usize, name: &'static str) -> Self {
        Self { tree: self.tree, node, name }
    }

    fn value(&self) -> Result<&'t str, DecodeError> {
        let node = &self.tree.nodes[self.node];
        if !node.children.is_empty() {
            return Err(DecodeError::new("Start of list found where not expected"));
        }
        node.value.ok_or_else(|| DecodeError::new("Unexpected complex element termination"))
    }

    /// Whether nothing is here but an empty text, which is how clients send an empty list.
    fn is_blank(&self) -> bool {
        let node = &self.tree.nodes[self.node];
        node.children.is_empty() && node.value.is_none_or(str::is_empty)
    }

    /// The value parsed. AWS's words for booleans and instants are known; the other types are told in the same form.
    fn parse<T>(&self, parse: impl FnOnce(&str) -> Option<T>, fault: &'static str) -> Result<T, DecodeError> {
        parse(self.value()?).ok_or(DecodeError { message: Cow::Borrowed(fault) })
    }

    /// The node whose children are the elements of a list or entries of a map, `wrapper` standing between unless it is flattened.
    fn elements(&self, wrapper: &str, flattened: bool) -> Result<usize, DecodeError> {
        if flattened {
            return match self.tree.child(self.node, wrapper) {
                Some(_) => Err(DecodeError::new("Start of list found where not expected")),
                None => Ok(self.node),
            };
        }
        self.tree
            .child(self.node, wrapper)
            .ok_or_else(|| DecodeError::new("Top level element may not be treated as a list"))
    }
}

impl Reader for QueryReader<'_> {
    fn null(&mut self) -> Result<bool, DecodeError> {
        Ok(false)
    }

    fn bool(&mut self) -> Result<bool, DecodeError> {
        self.parse(
            |text| match text {
                "1" => Some(true),
                "0" => Some(false),
                _ if text.eq_ignore_ascii_case("true") => Some(true),
                _ if text.eq_ignore_ascii_case("false") => Some(false),
                _ => None,
            },
            "boolean must follow xsd1.1 definition",
        )
    }

    fn integer(&mut self) -> Result<i64, DecodeError> {
        self.parse(|text| text.trim().parse().ok(), "integer must follow xsd1.1 definition")
    }

    fn double(&mut self) -> Result<f64, DecodeError> {
        self.parse(|text| text::double(text.trim()), "double must follow xsd1.1 definition")
    }

    fn string(&mut self) -> Result<String, DecodeError> {
        self.value().map(str::to_owned)
    }

    fn blob(&mut self) -> Result<Bytes, DecodeError> {
        self.parse(
            |text| STANDARD.decode(text).ok().map(Bytes::from),
            "base64Binary must follow xsd1.1 definition",
        )
    }

    fn timestamp(&mut self, format: TimestampFormat) -> Result<Timestamp, DecodeError> {
        self.parse(|text| text::timestamp(text, format), "timestamp must follow ISO8601")
    }

    fn structure(&mut self, schema: &'static StructSchema, visit: &mut Visit<'_>) -> Result<(), DecodeError> {
        for (index, member) in schema.members.iter().enumerate() {
            let name = Naming::Query.of(member);
            if let Some(child) = self.tree.child(self.node, name) {
                visit(index, &mut self.at(child, name))?;
            }
        }
        Ok(())
    }

    fn list(
        &mut self,
        schema: &'static ListSchema,
        flattened: bool,
        each: &mut Each<'_>,
    ) -> Result<(), DecodeError> {
        if self.is_blank() {
            return Ok(());
        }
        let name = Naming::Query.of(&schema.member);
        // SQS, whose lists are flattened, has always taken a list of one without its index (`AttributeName=All`).
        if flattened && self.tree.nodes[self.node].children.is_empty() {
            return each(&mut self.at(self.node, name));
        }
        let elements = self.elements(if flattened { "member" } else { name }, flattened)?;
        for element in self.tree.numbered(elements) {
            each(&mut self.at(element, name))?;
        }
        Ok(())
    }

    fn map(
        &mut self,
        schema: &'static MapSchema,
        flattened: bool,
        each: &mut EachEntry<'_>,
    ) -> Result<(), DecodeError> {
        if self.is_blank() {
            return Ok(());
        }
        let entries = self.elements("entry", flattened)?;
        let (key_name, value_name) = (Naming::Query.of(&schema.key), Naming::Query.of(&schema.value));
        for entry in self.tree.numbered(entries) {
            let key = self.tree.child(entry, key_name).and_then(|node| self.tree.nodes[node].value);
            let (Some(key), Some(value)) = (key, self.tree.child(entry, value_name)) else {
                return Err(DecodeError::new(format!(
                    "{} must have both {key_name} and {value_name}",
                    self.name
                )));
            };
            each(key.to_owned(), &mut self.at(value, value_name))?;
        }
        Ok(())
    }

    fn document(&mut self) -> Result<serde_json::Value, DecodeError> {
        self.parse(|text| serde_json::from_str(text).ok(), "document must be JSON")
    }
}

/// What a form lacks: a queue's URL, which SQS requests may leave to the path that they are posted to.
pub fn with_implied_queue_url<'f>(pairs: &mut Vec<Pair<'f>>, url: impl FnOnce() -> String) {
    if super::form::get(pairs, "QueueUrl").is_none() {
        pairs.push((Cow::Borrowed("QueueUrl"), Cow::Owned(url())));
    }
}
