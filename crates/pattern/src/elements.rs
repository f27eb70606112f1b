//! Where the values of an event stand: in which elements of which arrays.
//!
//! Patterns see an array as several values of one path. What they must not do is mix the elements of an array, so each value knows the innermost
//! element that it stands in. Only elements that hold further values (objects, arrays) are elements here; a plain value in an array stands where the
//! array stands.

use std::ops::Range;

/// The event itself, as a name and as an element.
pub(crate) const ROOT: u32 = 0;

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

/// The arrays and elements of an event, with fields numbered in the order of the text.
#[derive(Debug, Clone)]
pub(crate) struct Elements {
    arrays: Vec<Array>,
    elements: Vec<Element>,
    /// By field, the innermost element.
    of_field: Vec<u32>,
}

/// See [`Elements::relation`].
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

impl Default for Elements {
    fn default() -> Self {
        let whole = Element { parent: ROOT, depth: 0, array: 0, fields: 0..u32::MAX };
        Self { arrays: Vec::new(), elements: vec![whole], of_field: Vec::new() }
    }
}

impl Elements {
    /// Forgets everything and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.arrays.clear();
        self.elements.truncate(1);
        self.of_field.clear();
    }

    fn next_field(&self) -> u32 {
        self.of_field.len() as u32
    }

    /// Adds a field that stands in an element; its number.
    pub(crate) fn add_field(&mut self, element: u32) -> u32 {
        self.of_field.push(element);
        self.next_field() - 1
    }

    pub(crate) fn open_array(&mut self, name: u32) -> u32 {
        self.arrays.push(Array { name, fields: self.next_field()..0 });
        self.arrays.len() as u32 - 1
    }

    pub(crate) fn close_array(&mut self, array: u32) {
        self.arrays[array as usize].fields.end = self.next_field();
    }

    pub(crate) fn open_element(&mut self, parent: u32, array: u32) -> u32 {
        let depth = self.elements[parent as usize].depth + 1;
        self.elements.push(Element { parent, depth, array, fields: self.next_field()..0 });
        self.elements.len() as u32 - 1
    }

    pub(crate) fn close_element(&mut self, element: u32) {
        self.elements[element as usize].fields.end = self.next_field();
    }

    /// Whether there are elements, so that conditions must agree on them.
    pub(crate) fn are_any(&self) -> bool {
        self.elements.len() > 1
    }

    /// The innermost element in which a field stands.
    pub(crate) fn of(&self, field: u32) -> u32 {
        self.of_field[field as usize]
    }

    pub(crate) fn parent_of(&self, element: u32) -> u32 {
        self.elements[element as usize].parent
    }

    /// The name of the array that an element other than the event itself stands in.
    pub(crate) fn array_name(&self, element: u32) -> u32 {
        self.arrays[self.elements[element as usize].array as usize].name
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

    /// The first field at or after `field` that does not stand in another element than `element` of one of the arrays around it.
    pub(crate) fn skip_others(&self, element: u32, mut field: u32) -> u32 {
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
