//! The values of one event that the patterns of a rule set ask for.
//!
//! Its memory is used again for the next event, so that in the steady state matching allocates nothing.

use crate::elements::Elements;
use crate::event::{Scalar, Value};
use crate::json;
use crate::number::{self, NumberKey};
use crate::path::Paths;
use crate::pattern::Fields;
use crate::scan::{Leaf, Name, NotJson, Span, Taker, walk};

/// Where the values of an event are kept from one event to the next.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Which event it is; what is marked with another number is of an earlier one.
    event: u32,
    /// By place of the path.
    at_places: Vec<AtPlace>,
    /// The places at which there are values.
    pub(crate) present: Vec<u32>,
    values: Vec<Kept>,
    elements: Elements,
    /// What strings with escapes stand for, and copies of values that are in no text, one after another.
    unescaped: String,
}

/// The fields at a place, ascending, if they are of this event.
#[derive(Debug, Clone, Default)]
struct AtPlace {
    event: u32,
    fields: Vec<u32>,
}

#[derive(Debug, Clone, Copy)]
enum Kept {
    Text(Span),
    Unescaped(Span),
    Number {
        span: Span,
        key: Option<NumberKey>,
    },
    /// A number that is no part of the event's text.
    CopiedNumber {
        span: Span,
        key: Option<NumberKey>,
    },
    True,
    False,
    Null,
}

impl Memory {
    /// Forgets the last event.
    fn begin(&mut self, paths: usize) {
        self.event = self.event.checked_add(1).unwrap_or_else(|| {
            self.at_places.clear();
            1
        });
        if self.at_places.len() < paths {
            self.at_places.resize(paths, AtPlace::default());
        }
        self.present.clear();
        self.values.clear();
        self.elements.clear();
        self.unescaped.clear();
    }

    fn copy(&mut self, text: &str) -> Span {
        let start = self.unescaped.len() as u32;
        self.unescaped.push_str(text);
        Span { start, end: self.unescaped.len() as u32 }
    }

    fn add(&mut self, place: u32, element: u32, value: Kept) {
        let field = self.elements.add_field(element);
        self.values.push(value);
        let at_place = &mut self.at_places[place as usize];
        if at_place.event != self.event {
            at_place.event = self.event;
            at_place.fields.clear();
            self.present.push(place);
        }
        at_place.fields.push(field);
    }
}

/// What of an event was asked for.
#[derive(Clone, Copy)]
pub(crate) struct Selection<'s> {
    text: &'s str,
    paths: &'s Paths,
    pub(crate) memory: &'s Memory,
}

impl<'s> Selection<'s> {
    /// Picks the values at `paths` out of an event's text.
    ///
    /// # Errors
    /// When the text is not an event's.
    pub(crate) fn of_text(text: &'s str, paths: &'s Paths, memory: &'s mut Memory) -> Result<Self, NotJson> {
        memory.begin(paths.len());
        walk(text, &mut Picking { text, paths, memory })?;
        Ok(Self { text, paths, memory })
    }

    /// Picks values out of those without nesting.
    pub(crate) fn of_fields(fields: &[(&str, Scalar<'_>)], paths: &'s Paths, memory: &'s mut Memory) -> Self {
        memory.begin(paths.len());
        for (name, scalar) in fields {
            let place = paths.below(0, name.as_bytes(), true).filter(|&place| paths.is_asked_for(place));
            let Some(place) = place else { continue };
            let value = match scalar.value() {
                Value::Text(text) => Kept::Unescaped(memory.copy(text)),
                Value::Number { text, key } => Kept::CopiedNumber { span: memory.copy(text), key },
                Value::True => Kept::True,
                Value::False => Kept::False,
                Value::Null => Kept::Null,
            };
            memory.add(place, crate::elements::ROOT, value);
        }
        Self { text: "", paths, memory }
    }

    /// Where its values stand.
    pub(crate) fn elements(self) -> &'s Elements {
        &self.memory.elements
    }

    /// The fields at a place, ascending.
    pub(crate) fn fields(self, place: u32) -> &'s [u32] {
        let at_place = &self.memory.at_places[place as usize];
        if at_place.event == self.memory.event { &at_place.fields } else { &[] }
    }

    /// The value of a field.
    pub(crate) fn value(self, field: u32) -> Value<'s> {
        self.kept(self.memory.values[field as usize])
    }

    fn kept(self, kept: Kept) -> Value<'s> {
        match kept {
            Kept::Text(span) => Value::Text(span.of(self.text)),
            Kept::Unescaped(span) => Value::Text(span.of(&self.memory.unescaped)),
            Kept::Number { span, key } => Value::Number { text: span.of(self.text), key },
            Kept::CopiedNumber { span, key } => Value::Number { text: span.of(&self.memory.unescaped), key },
            Kept::True => Value::True,
            Kept::False => Value::False,
            Kept::Null => Value::Null,
        }
    }
}

impl Fields<u32> for Selection<'_> {
    fn any_at(&self, place: u32, test: impl FnMut(u32) -> bool) -> bool {
        self.fields(place).iter().copied().any(test)
    }

    fn value(&self, field: u32) -> Value<'_> {
        Selection::value(*self, field)
    }

    fn elements(&self) -> &Elements {
        Selection::elements(*self)
    }

    fn begins(&self, name: u32, place: u32) -> bool {
        self.paths.begins(name, place)
    }
}

/// Takes what is asked for while the text is read.
struct Picking<'s> {
    text: &'s str,
    paths: &'s Paths,
    memory: &'s mut Memory,
}

impl Picking<'_> {
    fn unescape(&mut self, span: Span) -> Span {
        let start = self.memory.unescaped.len() as u32;
        json::unescape(span.of(self.text), &mut self.memory.unescaped);
        Span { start, end: self.memory.unescaped.len() as u32 }
    }

    fn below_unescaped(&mut self, parent: u32, name: Span) -> Option<u32> {
        let span = self.unescape(name);
        let place = self.paths.below(parent, span.of(&self.memory.unescaped).as_bytes(), true);
        self.memory.unescaped.truncate(span.start as usize);
        place
    }
}

impl Taker for Picking<'_> {
    fn below(&mut self, parent: u32, name: Name) -> Option<u32> {
        if name.has_escapes {
            return self.below_unescaped(parent, name.span);
        }
        let bytes = &self.text.as_bytes()[name.span.start as usize..name.span.end as usize];
        self.paths.below(parent, bytes, name.may_hold_dots)
    }

    fn takes(&self, place: u32) -> bool {
        self.paths.is_asked_for(place)
    }

    fn descends(&self, place: u32) -> bool {
        self.paths.leads_on(place)
    }

    fn take(&mut self, place: u32, element: u32, leaf: Leaf) {
        let value = match leaf {
            Leaf::Text { span, has_escapes: false } => Kept::Text(span),
            Leaf::Text { span, has_escapes: true } => Kept::Unescaped(self.unescape(span)),
            Leaf::Number(span) => Kept::Number { span, key: number::key(span.of(self.text)) },
            Leaf::True => Kept::True,
            Leaf::False => Kept::False,
            Leaf::Null => Kept::Null,
        };
        self.memory.add(place, element, value);
    }

    fn open_array(&mut self, place: u32) -> u32 {
        self.memory.elements.open_array(place)
    }

    fn close_array(&mut self, array: u32) {
        self.memory.elements.close_array(array);
    }

    fn open_element(&mut self, parent: u32, array: u32) -> u32 {
        self.memory.elements.open_element(parent, array)
    }

    fn close_element(&mut self, element: u32) {
        self.memory.elements.close_element(element);
    }
}
