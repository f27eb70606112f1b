//! Document paths: from an item to a value in it.

use std::fmt;

use pontoon_core::HashMap;

use super::Invalid;
use super::value::{Item, Value};

/// Elements that a document path may have.
pub const PATH_ELEMENTS_MAX: usize = 32;

/// One step of a path.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Element {
    /// An attribute of the item or an entry of a map.
    Name(String),
    /// An element of a list, from zero.
    Index(u32),
}

/// A document path: an attribute's name, then names and indexes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Path {
    head: String,
    rest: Vec<Element>,
}

impl Path {
    /// A path from its first name and the elements behind it.
    pub fn new(head: String, rest: Vec<Element>) -> Path {
        Path { head, rest }
    }

    /// The path of a top-level attribute.
    pub fn attribute(name: impl Into<String>) -> Path {
        Path { head: name.into(), rest: Vec::new() }
    }

    /// The top-level attribute that the path starts at.
    pub fn head(&self) -> &str {
        &self.head
    }

    /// The elements behind the first name.
    pub fn rest(&self) -> &[Element] {
        &self.rest
    }

    /// Whether the path reaches into a map or a list.
    pub fn is_nested(&self) -> bool {
        !self.rest.is_empty()
    }

    /// The value at the path, if there is one.
    pub fn get<'a>(&self, item: &'a Item) -> Option<&'a Value> {
        let mut value = item.get(&self.head)?;
        for element in &self.rest {
            value = match (element, value) {
                (Element::Name(name), Value::M(map)) => map.get(name)?,
                (Element::Index(index), Value::L(list)) => list.get(*index as usize)?,
                _ => return None,
            };
        }
        Some(value)
    }

    /// The number of elements, the first name included.
    fn len(&self) -> usize {
        1 + self.rest.len()
    }

    /// How two paths of one expression get in each other's way, if they do.
    fn clash(&self, other: &Path) -> Option<Clash> {
        if self.head != other.head {
            return None;
        }
        for (left, right) in self.rest.iter().zip(&other.rest) {
            match (left, right) {
                (Element::Name(_), Element::Index(_)) | (Element::Index(_), Element::Name(_)) => {
                    return Some(Clash::Conflict);
                }
                _ if left != right => return None,
                _ => {}
            }
        }
        Some(Clash::Overlap)
    }
}

#[derive(PartialEq)]
enum Clash {
    /// One path leads through or to the other.
    Overlap,
    /// The same place would have to be both a map and a list.
    Conflict,
}

impl fmt::Display for Path {
    /// As the service's messages show a path: `[a, b, [3]]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}", self.head)?;
        for element in &self.rest {
            match element {
                Element::Name(name) => write!(f, ", {name}")?,
                Element::Index(index) => write!(f, ", [{index}]")?,
            }
        }
        f.write_str("]")
    }
}

/// Refuses paths of which one overlaps or conflicts with another; overlaps are reported first.
///
/// # Errors
/// The message that names the first such pair.
pub fn check_disjoint<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Result<(), Invalid> {
    // Quadratic only among paths of the same attribute, and an expression of 4 KB cannot hold many.
    let mut seen: HashMap<&str, Vec<&Path>> = HashMap::default();
    let mut conflict = None;
    for path in paths {
        let earlier = seen.entry(path.head()).or_default();
        for other in earlier.iter() {
            let (kind, is_overlap) = match other.clash(path) {
                None => continue,
                Some(Clash::Overlap) => ("overlap", true),
                Some(Clash::Conflict) => ("conflict", false),
            };
            let message = format!(
                "Two document paths {kind} with each other; must remove or rewrite one of these paths; \
                 path one: {other}, path two: {path}"
            );
            if is_overlap {
                return Err(Invalid::new(message));
            }
            conflict.get_or_insert(message);
        }
        earlier.push(path);
    }
    conflict.map_or(Ok(()), |message| Err(Invalid::new(message)))
}

/// Refuses a path with more elements than the service allows.
///
/// # Errors
/// The message that counts them.
pub fn check_depth(path: &Path) -> Result<(), Invalid> {
    match path.len() {
        len if len <= PATH_ELEMENTS_MAX => Ok(()),
        len => {
            Err(Invalid::new(format!("The document path has too many nesting levels; nesting levels: {len}")))
        }
    }
}
