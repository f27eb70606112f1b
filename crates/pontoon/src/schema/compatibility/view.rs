//! What a schema lets writers write, gathered from the schema itself, from what it refers to and from `allOf`.

use serde_json::{Map, Value};

/// How deep references and `allOf` are followed; what is nested deeper counts as unknown, that is, anything.
const DEPTH_MAX: usize = 64;

/// Sets of JSON types, as bits; numbers are integers or fractions.
pub(super) mod types {
    pub const NULL: u8 = 1;
    pub const BOOLEAN: u8 = 2;
    pub const OBJECT: u8 = 4;
    pub const ARRAY: u8 = 8;
    pub const INTEGER: u8 = 16;
    pub const FRACTION: u8 = 32;
    pub const STRING: u8 = 64;
    pub const NUMBER: u8 = INTEGER | FRACTION;
    pub const ALL: u8 = 127;
    /// Each by itself.
    pub const EACH: [u8; 6] = [NULL, BOOLEAN, OBJECT, ARRAY, STRING, NUMBER];

    /// The bits of a type's name; none for a name that there is not.
    pub fn named(name: &str) -> u8 {
        match name {
            "null" => NULL,
            "boolean" => BOOLEAN,
            "object" => OBJECT,
            "array" => ARRAY,
            "integer" => INTEGER,
            "number" => NUMBER,
            "string" => STRING,
            _ => 0,
        }
    }

    /// The names of a set.
    pub fn names(set: u8) -> String {
        let each = [
            (NULL, "null"),
            (BOOLEAN, "boolean"),
            (OBJECT, "object"),
            (ARRAY, "array"),
            (FRACTION, "number"),
            (INTEGER, "integer"),
            (STRING, "string"),
        ];
        let names =
            each.iter().filter(|(bit, name)| set & bit != 0 && !(*name == "integer" && set & FRACTION != 0));
        names.map(|(_, name)| *name).collect::<Vec<_>>().join(" or ")
    }
}

/// Rules that all hold.
#[derive(Clone, Default)]
pub(super) struct View<'a> {
    /// Each an object of keywords.
    pub parts: Vec<&'a Map<String, Value>>,
    /// Nothing at all can be written.
    pub is_never: bool,
    /// Only these types are looked at.
    types: Option<u8>,
    /// The alternatives of which one has been chosen, by their address.
    chosen: Vec<*const Value>,
}

impl<'a> View<'a> {
    /// Of schemas that all hold.
    pub fn of(root: &'a Value, schemas: impl IntoIterator<Item = &'a Value>) -> Self {
        let mut view = Self::default();
        for schema in schemas {
            view.add(root, schema, 0);
        }
        view
    }

    fn add(&mut self, root: &'a Value, schema: &'a Value, depth: usize) {
        match schema {
            Value::Bool(false) => self.is_never = true,
            Value::Object(part) if depth < DEPTH_MAX => {
                if self.parts.iter().any(|known| std::ptr::eq(*known, part)) {
                    return;
                }
                self.parts.push(part);
                if let Some(target) = part.get("$ref").and_then(|reference| resolve(root, reference)) {
                    self.add(root, target, depth + 1);
                }
                for schema in part.get("allOf").and_then(Value::as_array).into_iter().flatten() {
                    self.add(root, schema, depth + 1);
                }
            }
            _ => {}
        }
    }

    /// The types that can be written.
    pub fn types(&self) -> u8 {
        let of_part = |part: &&Map<String, Value>| part.get("type").map_or(types::ALL, types_of);
        let stated = self.parts.iter().map(of_part).fold(types::ALL, |all, part| all & part);
        stated & self.types.unwrap_or(types::ALL)
    }

    /// The same of these types only.
    pub fn of_types(&self, types: u8) -> Self {
        Self { types: Some(self.types() & types), ..self.clone() }
    }

    /// The values of which it must be one, if they are enumerated.
    pub fn values(&self) -> Option<Vec<&'a Value>> {
        let enumerated = |part: &&'a Map<String, Value>| match (part.get("const"), part.get("enum")) {
            (Some(value), _) => Some(vec![value]),
            (None, Some(values)) => values.as_array().map(|values| values.iter().collect()),
            (None, None) => None,
        };
        let values: Vec<&Value> = self.parts.iter().filter_map(enumerated).min_by_key(Vec::len)?;
        let types = self.types();
        Some(values.into_iter().filter(|value| type_of(value) & types != 0).collect())
    }

    /// The view for each alternative of the first `anyOf` or `oneOf` of which none has been chosen yet.
    pub fn alternatives(&self, root: &'a Value) -> Option<Vec<Self>> {
        let lists = self.parts.iter().flat_map(|part| ["anyOf", "oneOf"].map(|keyword| part.get(keyword)));
        let list = lists.flatten().find(|list| !self.chosen.contains(&std::ptr::from_ref(*list)))?;
        let alternatives = list.as_array()?.iter().map(|schema| {
            let mut view = self.clone();
            view.chosen.push(std::ptr::from_ref(list));
            view.add(root, schema, 0);
            view
        });
        Some(alternatives.collect())
    }

    /// What parts say under a keyword.
    pub fn all(&self, keyword: &str) -> impl Iterator<Item = &'a Value> {
        self.parts.iter().filter_map(move |part| part.get(keyword))
    }

    /// Whether a property is declared by name.
    pub fn declares(&self, name: &str) -> bool {
        self.all("properties").any(|properties| properties.get(name).is_some())
    }

    /// Whether a property must be there.
    pub fn requires(&self, name: &str) -> bool {
        self.all("required")
            .flat_map(|names| names.as_array().into_iter().flatten())
            .any(|required| required == name)
    }

    /// Names of all properties declared.
    pub fn properties(&self) -> Vec<&'a str> {
        let objects = self.all("properties").filter_map(Value::as_object);
        let mut names: Vec<&str> = objects.flat_map(Map::keys).map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The rules for a property: each part's own, or what the part says of further ones.
    pub fn property(&self, name: &str) -> Vec<&'a Value> {
        let of_part = |part: &&'a Map<String, Value>| {
            let declared = part.get("properties").and_then(|properties| properties.get(name));
            declared.or_else(|| further_properties(part))
        };
        self.parts.iter().filter_map(of_part).collect()
    }

    /// The rules for properties that are not declared; none if objects are open.
    pub fn further(&self) -> Vec<&'a Value> {
        let stated = self.parts.iter().filter_map(|part| further_properties(part));
        stated.filter(|further| **further != Value::Bool(true)).collect()
    }

    /// The rules for the item at `index`.
    pub fn item(&self, index: usize) -> Vec<&'a Value> {
        let of_part = |part: &&'a Map<String, Value>| {
            let (prefix, rest) = items(part);
            prefix.get(index).or(rest)
        };
        self.parts.iter().filter_map(of_part).collect()
    }

    /// How many first items have rules of their own.
    pub fn prefix_items(&self) -> usize {
        self.parts.iter().map(|part| items(part).0.len()).max().unwrap_or(0)
    }

    /// The tightest of a bound over all parts: the value, and whether it is excluded itself.
    pub fn bound(&self, bound: Bound) -> Option<(f64, bool)> {
        let bounds = self.parts.iter().filter_map(|part| bound.of(part));
        bounds.reduce(|a, b| if bound.is_within(a, b) { a } else { b })
    }
}

/// A numeric limit.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    Lower(&'static str, &'static str),
    Upper(&'static str, &'static str),
}

impl Bound {
    /// What a part says: the value, and whether it is excluded itself.
    pub fn of(self, part: &Map<String, Value>) -> Option<(f64, bool)> {
        let (Self::Lower(inclusive, exclusive) | Self::Upper(inclusive, exclusive)) = self;
        let number = |keyword: &str| part.get(keyword).and_then(Value::as_f64);
        // Draft-04 has a flag beside the bound, later drafts a bound of its own.
        let is_flagged = part.get(exclusive) == Some(&Value::Bool(true));
        let of_flag = number(inclusive).map(|bound| (bound, is_flagged));
        let of_own = number(exclusive).map(|bound| (bound, true));
        match (of_flag, of_own) {
            (Some(a), Some(b)) => Some(if self.is_within(a, b) { a } else { b }),
            (a, b) => a.or(b),
        }
    }

    /// Whether whatever keeps `inner` keeps `outer`.
    pub fn is_within(self, inner: (f64, bool), outer: (f64, bool)) -> bool {
        let is_tighter = match self {
            Self::Lower(..) => inner.0 > outer.0,
            Self::Upper(..) => inner.0 < outer.0,
        };
        let is_equal = inner.0.total_cmp(&outer.0).is_eq() || inner.0 == outer.0;
        is_tighter || (is_equal && (inner.1 || !outer.1))
    }
}

/// The rules of a part for first items and for the others, in the words of old drafts and new.
pub(super) fn items(part: &Map<String, Value>) -> (&[Value], Option<&Value>) {
    match (part.get("prefixItems"), part.get("items")) {
        (Some(Value::Array(prefix)), rest) => (prefix, rest),
        (_, Some(Value::Array(prefix))) => (prefix, part.get("additionalItems")),
        (_, rest) => (&[], rest),
    }
}

/// What a part says of properties that it does not declare.
pub(super) fn further_properties(part: &Map<String, Value>) -> Option<&Value> {
    part.get("additionalProperties").or_else(|| part.get("unevaluatedProperties"))
}

/// What a reference within the schema leads to.
pub(super) fn resolve<'a>(root: &'a Value, reference: &Value) -> Option<&'a Value> {
    let pointer = reference.as_str()?.strip_prefix('#')?;
    root.pointer(&percent_decoded(pointer)?)
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        bytes.push(match byte {
            b'%' => u8::try_from(digit(rest.next())? * 16 + digit(rest.next())?).ok()?,
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

/// The types that a `type` keyword names.
pub(super) fn types_of(keyword: &Value) -> u8 {
    match keyword {
        Value::String(name) => types::named(name),
        Value::Array(names) => {
            names.iter().filter_map(Value::as_str).map(types::named).fold(0, |all, one| all | one)
        }
        _ => types::ALL,
    }
}

/// The type of a value.
pub(super) fn type_of(value: &Value) -> u8 {
    match value {
        Value::Null => types::NULL,
        Value::Bool(_) => types::BOOLEAN,
        Value::Object(_) => types::OBJECT,
        Value::Array(_) => types::ARRAY,
        Value::String(_) => types::STRING,
        Value::Number(number) => {
            let is_integer =
                number.is_i64() || number.is_u64() || number.as_f64().is_some_and(|n| n.fract() == 0.0);
            if is_integer { types::INTEGER } else { types::FRACTION }
        }
    }
}
