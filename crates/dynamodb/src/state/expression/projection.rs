//! Projection expressions: which parts of an item to hand out.

use std::collections::BTreeMap;

use super::super::Invalid;
use super::super::path::{Element, Path, check_disjoint};
use super::super::value::{Item, Map, Value};
use super::parse::{RawPath, reserved_word};
use super::token::{TokenKind, Tokens};
use super::{Kind, Placeholders};

/// The paths to hand out, as a tree.
#[derive(Clone, PartialEq, Debug)]
pub struct Projection {
    paths: Vec<Path>,
    tree: BTreeMap<String, Tree>,
}

/// What is wanted of a value: all of it, or the parts behind the elements.
#[derive(Clone, PartialEq, Debug)]
enum Tree {
    Whole,
    Parts(BTreeMap<Element, Tree>),
}

impl Projection {
    /// Reads a `ProjectionExpression`.
    ///
    /// # Errors
    /// The first fault in the service's order of checks, prefixed with the parameter's name.
    pub fn parse(text: &str, placeholders: &mut Placeholders) -> Result<Projection, Invalid> {
        let kind = Kind::Projection;
        kind.check_length(text)?;
        let mut tokens = Tokens::new(kind, text);
        let mut raws = vec![RawPath::parse(&mut tokens)?];
        while tokens.take_symbol(",") {
            raws.push(RawPath::parse(&mut tokens)?);
        }
        if tokens.peek().kind != TokenKind::End {
            return Err(tokens.unexpected());
        }
        let mut checked = || {
            if let Some(name) = raws.iter().find_map(RawPath::reserved) {
                return Err(reserved_word(name));
            }
            let paths = raws.iter().map(|raw| raw.resolve(placeholders)).collect::<Result<Vec<_>, _>>()?;
            check_disjoint(&paths)?;
            Ok(Projection::of(paths))
        };
        checked().map_err(|fault: Invalid| kind.invalid(fault))
    }

    /// The projection to these paths, of which none overlaps another.
    pub fn of(paths: Vec<Path>) -> Projection {
        let mut tree: BTreeMap<String, Tree> = BTreeMap::new();
        for path in &paths {
            let mut node = tree.entry(path.head().to_owned()).or_insert_with(|| Tree::Parts(BTreeMap::new()));
            for element in path.rest() {
                node = match node {
                    Tree::Parts(parts) => {
                        parts.entry(element.clone()).or_insert_with(|| Tree::Parts(BTreeMap::new()))
                    }
                    // A part of what is handed out whole.
                    whole => whole,
                };
            }
            *node = Tree::Whole;
        }
        Projection { paths, tree }
    }

    /// The paths, in the order given.
    pub fn paths(&self) -> &[Path] {
        &self.paths
    }

    /// The parts of the item that the paths lead to. Elements of lists come in the list's order, without
    /// gaps; what does not exist is left out.
    pub fn apply(&self, item: &Item) -> Item {
        self.tree
            .iter()
            .filter_map(|(name, tree)| Some((name.clone(), pick(item.get(name)?, tree)?)))
            .collect()
    }
}

fn pick(value: &Value, tree: &Tree) -> Option<Value> {
    let parts = match tree {
        Tree::Whole => return Some(value.clone()),
        Tree::Parts(parts) => parts,
    };
    match value {
        Value::M(map) => {
            let picked: Map = parts
                .iter()
                .filter_map(|(element, tree)| match element {
                    Element::Name(name) => Some((name.clone(), pick(map.get(name)?, tree)?)),
                    Element::Index(_) => None,
                })
                .collect();
            (!picked.is_empty()).then_some(Value::M(picked))
        }
        Value::L(list) => {
            let picked: Vec<Value> = parts
                .iter()
                .filter_map(|(element, tree)| match element {
                    Element::Index(index) => pick(list.get(*index as usize)?, tree),
                    Element::Name(_) => None,
                })
                .collect();
            (!picked.is_empty()).then_some(Value::L(picked))
        }
        _ => None,
    }
}
