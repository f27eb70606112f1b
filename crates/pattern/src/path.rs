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
    /// Of places with many names below them, those that are not among the first, by the hash of parent and name; places whose hashes clash follow one
    /// another at [`NEXT`].
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
    /// The first names below.
    first: Vec<Below>,
}

/// A name below a place.
#[derive(Debug, Clone)]
struct Below {
    head: u64,
    length: usize,
    place: u32,
}

/// Names below a place that are looked at one by one.
const FIRST_MAX: usize = 8;

/// Bytes of a name that its head stands for.
const HEAD: usize = 8;

/// Up to [`HEAD`] bytes as a number, which is another for other bytes as many.
fn head(name: &[u8]) -> u64 {
    name.first_chunk().map_or_else(|| hash::short(name), |head| u64::from_le_bytes(*head))
}

/// The bit that stands for a name without dots.
fn mark(name: &[u8]) -> u64 {
    let first = name.first().map_or(0, |&first| usize::from(first));
    1 << ((first ^ name.len() << 3) % 64)
}

/// From a key that is taken to the next that may be.
const NEXT: u64 = 0x9e37_79b9_7f4a_7c15;

impl Place {
    fn new(parent: u32, name: &str) -> Self {
        Self { parent, name: name.into(), is_asked_for: false, leads_on: false, marks: 0, first: Vec::new() }
    }
}

impl Default for Paths {
    fn default() -> Self {
        Self { places: vec![Place::new(0, "")], below: HashedMap::default() }
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
            place = self.child(place, name.as_bytes()).unwrap_or_else(|| self.add(place, name));
        }
        self.places[place as usize].is_asked_for = true;
        place
    }

    fn add(&mut self, parent: u32, name: &str) -> u32 {
        let number = u32::try_from(self.places.len());
        assert!(number.is_ok(), "a rule set is numbered with 32 bits");
        let number = number.unwrap_or(u32::MAX);
        self.places.push(Place::new(parent, name));
        let bytes = name.as_bytes();
        let above = &mut self.places[parent as usize];
        above.leads_on = true;
        above.marks |= mark(bytes);
        if above.first.len() < FIRST_MAX {
            above.first.push(Below { head: head(bytes), length: bytes.len(), place: number });
        } else {
            let mut key = hash::bytes(u64::from(parent), bytes);
            while self.below.contains_key(&key) {
                key = key.wrapping_add(NEXT);
            }
            self.below.insert(key, number);
        }
        number
    }

    /// The place of a name without dots below another place.
    fn child(&self, parent: u32, name: &[u8]) -> Option<u32> {
        let above = &self.places[parent as usize];
        if above.marks & mark(name) == 0 {
            return None;
        }
        let head = head(name);
        let is_it = |below: &&Below| {
            below.head == head
                && below.length == name.len()
                && (name.len() <= HEAD || self.places[below.place as usize].name.as_bytes() == name)
        };
        match above.first.iter().find(is_it) {
            Some(below) => Some(below.place),
            None if above.first.len() < FIRST_MAX => None,
            None => self.further_child(parent, name),
        }
    }

    fn further_child(&self, parent: u32, name: &[u8]) -> Option<u32> {
        let mut key = hash::bytes(u64::from(parent), name);
        while let Some(&child) = self.below.get(&key) {
            let place = &self.places[child as usize];
            if place.parent == parent && place.name.as_bytes() == name {
                return Some(child);
            }
            key = key.wrapping_add(NEXT);
        }
        None
    }

    /// The place of a name below another place, if patterns ask for anything there.
    #[inline]
    pub(crate) fn below(&self, parent: u32, name: &[u8], may_hold_dots: bool) -> Option<u32> {
        if !may_hold_dots {
            return self.child(parent, name);
        }
        name.split(|&byte| byte == b'.').try_fold(parent, |place, name| self.child(place, name))
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
        assert_eq!(paths.below(0, b"a.b", true), Some(place));
        let a = paths.below(0, b"a", false).unwrap();
        assert_eq!(paths.below(a, b"b", false), Some(place));
        assert!(
            !paths.is_asked_for(a)
                && paths.leads_on(a)
                && paths.is_asked_for(place)
                && !paths.leads_on(place)
        );
        assert!(paths.begins(a, place) && paths.begins(0, a) && !paths.begins(place, a));
        let odd = paths.ask_for(".c.");
        assert_eq!(paths.below(0, b"", false).and_then(|empty| paths.below(empty, b"c.", true)), Some(odd));
        assert_eq!(paths.below(0, b"b", false), None);
    }

    #[test]
    fn names_of_any_length_and_number_are_told_apart() {
        let names: Vec<String> =
            ["a", "n", "na"].iter().flat_map(|name| (1..30).map(|times| name.repeat(times))).collect();
        for count in [1, super::FIRST_MAX, super::FIRST_MAX + 1, names.len()] {
            let mut paths = Paths::default();
            let places: Vec<u32> = names[..count].iter().map(|name| paths.ask_for(name)).collect();
            let found: Vec<u32> =
                names[..count].iter().filter_map(|name| paths.below(0, name.as_bytes(), false)).collect();
            assert_eq!(found, places);
            for other in names[count..].iter().map(String::as_str).chain(["b", "nnb", "nanananac", "\0"]) {
                assert!(paths.below(0, other.as_bytes(), false).is_none(), "{other} among {count}");
            }
        }
    }
}
