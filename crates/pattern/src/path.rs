//! Where in an event a condition looks.

use crate::hash::{self, HashedMap};

/// The names from the top of an event to a value, joined by dots. A name may itself hold dots; AWS does not tell
/// `{"a.b": …}` from `{"a": {"b": …}}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path {
    text: Box<str>,
    hash: u64,
}

impl Path {
    pub(crate) fn new(text: &str) -> Self {
        Self { text: text.into(), hash: hash::Growing::of(text.bytes()).0 }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Finds candidates; equality is always settled by the text.
    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }
}

/// The paths that the patterns of a set ask for, as a tree of names without dots. Numbers are places in it; the event itself is 0.
#[derive(Debug, Clone)]
pub(crate) struct Paths {
    places: Vec<Place>,
    /// By the hash of parent and name; places whose hashes clash follow one another at [`NEXT`].
    below: HashedMap<u32>,
}

#[derive(Debug, Clone)]
struct Place {
    parent: u32,
    name: Box<str>,
    is_asked_for: bool,
    leads_on: bool,
    /// Marks of the names below, so that most other names are told apart from them at a glance.
    marks: u64,
}

/// The bit that stands for a name without dots.
fn mark(name: &str) -> u64 {
    let first = name.as_bytes().first().map_or(0, |&first| usize::from(first));
    1 << ((first ^ name.len() << 3) % 64)
}

/// From a key that is taken to the next that may be.
const NEXT: u64 = 0x9e37_79b9_7f4a_7c15;

impl Default for Paths {
    fn default() -> Self {
        let event = Place { parent: 0, name: "".into(), is_asked_for: false, leads_on: false, marks: 0 };
        Self { places: vec![event], below: HashedMap::default() }
    }
}

impl Paths {
    /// How many places there are.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// Asks for the values at a path; its number.
    pub(crate) fn ask_for(&mut self, path: &str) -> u32 {
        let mut place = 0;
        for name in path.split('.') {
            place = match self.child(place, name) {
                Ok(child) => child,
                Err(free) => self.add(place, name, free),
            };
        }
        self.places[place as usize].is_asked_for = true;
        place
    }

    fn add(&mut self, parent: u32, name: &str, key: u64) -> u32 {
        let number = u32::try_from(self.places.len());
        assert!(number.is_ok(), "a rule set is numbered with 32 bits");
        let number = number.unwrap_or(u32::MAX);
        self.places.push(Place { parent, name: name.into(), is_asked_for: false, leads_on: false, marks: 0 });
        let above = &mut self.places[parent as usize];
        above.leads_on = true;
        above.marks |= mark(name);
        self.below.insert(key, number);
        number
    }

    /// The place below another, or the key under which it would be.
    fn child(&self, parent: u32, name: &str) -> Result<u32, u64> {
        let mut key = hash::bytes(u64::from(parent), name.as_bytes());
        while let Some(&child) = self.below.get(&key) {
            let place = &self.places[child as usize];
            if place.parent == parent && *place.name == *name {
                return Ok(child);
            }
            key = key.wrapping_add(NEXT);
        }
        Err(key)
    }

    /// The place of a name below another place, if patterns ask for anything there.
    #[inline]
    pub(crate) fn below(&self, parent: u32, name: &str, may_hold_dots: bool) -> Option<u32> {
        if !may_hold_dots {
            let may_be_there = self.places[parent as usize].marks & mark(name) != 0;
            return may_be_there.then(|| self.child(parent, name).ok()).flatten();
        }
        name.split('.').try_fold(parent, |place, name| self.child(place, name).ok())
    }

    pub(crate) fn is_asked_for(&self, place: u32) -> bool {
        self.places[place as usize].is_asked_for
    }

    pub(crate) fn leads_on(&self, place: u32) -> bool {
        self.places[place as usize].leads_on
    }

    /// The path that leads to a place.
    pub(crate) fn text(&self, mut place: u32) -> String {
        let mut names = Vec::new();
        while place != 0 {
            names.push(&*self.places[place as usize].name);
            place = self.places[place as usize].parent;
        }
        names.reverse();
        names.join(".")
    }

    /// Whether a place is another or on the way to it.
    pub(crate) fn begins(&self, place: u32, mut other: u32) -> bool {
        // Places are numbered after those above them.
        while other > place {
            other = self.places[other as usize].parent;
        }
        other == place
    }
}

#[cfg(test)]
mod tests {
    use super::Paths;

    #[test]
    fn dots_in_names_and_between_them_are_one() {
        let mut paths = Paths::default();
        let place = paths.ask_for("a.b");
        assert_eq!(paths.below(0, "a.b", true), Some(place));
        let a = paths.below(0, "a", false).unwrap();
        assert_eq!(paths.below(a, "b", false), Some(place));
        assert!(
            !paths.is_asked_for(a)
                && paths.leads_on(a)
                && paths.is_asked_for(place)
                && !paths.leads_on(place)
        );
        assert!(paths.begins(a, place) && paths.begins(0, a) && !paths.begins(place, a));
        let odd = paths.ask_for(".c.");
        assert_eq!(paths.below(0, "", false).and_then(|empty| paths.below(empty, "c.", true)), Some(odd));
        assert_eq!(paths.below(0, "b", false), None);
    }
}
