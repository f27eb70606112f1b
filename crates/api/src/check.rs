//! Checks inputs against what the models demand, whatever their type: the schemas say what to look for.
//!
//! [`Requiring`] stands between a protocol's reader and the input and notes required members that never came, because afterwards an absent string
//! looks like an empty one. [`check`] walks the finished input, as if to write it, and compares each value with its constraints.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bytes::Bytes;
use pontoon_core::Timestamp;
use pontoon_core::shape::{
    Constraints, DecodeError, Each, EachEntry, Encode, Fill, FillEntries, ListSchema, MapSchema, Reader,
    StructSchema, StructWriter, TimestampFormat, Violation, Violations, Visit, Writer,
};

/// A reader that notes the required members, elements and entries that are absent or null.
pub struct Requiring<'r> {
    inner: &'r mut dyn Reader,
    violations: &'r mut Violations,
}

impl<'r> Requiring<'r> {
    /// Reads from `inner` and adds what is missing to `violations`.
    pub fn new(inner: &'r mut dyn Reader, violations: &'r mut Violations) -> Self {
        Self { inner, violations }
    }
}

impl Reader for Requiring<'_> {
    fn null(&mut self) -> Result<bool, DecodeError> {
        self.inner.null()
    }

    fn bool(&mut self) -> Result<bool, DecodeError> {
        self.inner.bool()
    }

    fn integer(&mut self) -> Result<i64, DecodeError> {
        self.inner.integer()
    }

    fn double(&mut self) -> Result<f64, DecodeError> {
        self.inner.double()
    }

    fn string(&mut self) -> Result<String, DecodeError> {
        self.inner.string()
    }

    fn blob(&mut self) -> Result<Bytes, DecodeError> {
        self.inner.blob()
    }

    fn timestamp(&mut self, format: TimestampFormat) -> Result<Timestamp, DecodeError> {
        self.inner.timestamp(format)
    }

    fn structure(&mut self, schema: &'static StructSchema, visit: &mut Visit<'_>) -> Result<(), DecodeError> {
        let violations = &mut *self.violations;
        let mut seen = 0_u128;
        self.inner.structure(schema, &mut |index, from| {
            seen |= 1 << index;
            let mark = violations.mark();
            visit(index, &mut Requiring { inner: from, violations })?;
            violations.in_member(mark, schema.members[index].name);
            Ok(())
        })?;
        for (index, member) in schema.members.iter().enumerate() {
            if member.required && seen & (1 << index) == 0 {
                let mark = violations.mark();
                violations.add(Violation::Missing, String::new);
                violations.in_member(mark, member.name);
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
        let violations = &mut *self.violations;
        let mut index = 0;
        self.inner.list(schema, flattened, &mut |from| {
            let mark = violations.mark();
            if from.null()? {
                violations.add(Violation::Missing, String::new);
            } else {
                each(&mut Requiring { inner: from, violations })?;
            }
            violations.in_element(mark, index);
            index += 1;
            Ok(())
        })
    }

    fn map(
        &mut self,
        schema: &'static MapSchema,
        flattened: bool,
        each: &mut EachEntry<'_>,
    ) -> Result<(), DecodeError> {
        let violations = &mut *self.violations;
        self.inner.map(schema, flattened, &mut |key, from| {
            let mark = violations.mark();
            if from.null()? {
                violations.add(Violation::Missing, String::new);
                violations.in_entry(mark, &key);
                return Ok(());
            }
            // The key moves into the map; it is kept only if there is something to place.
            let before = violations.mark();
            let mut inner = Requiring { inner: from, violations };
            let spare = schema.value.constraints.inner.then(|| key.clone());
            each(key, &mut inner)?;
            if violations.mark() > before {
                violations.in_entry(mark, spare.as_deref().unwrap_or_default());
            }
            Ok(())
        })
    }

    fn document(&mut self) -> Result<serde_json::Value, DecodeError> {
        self.inner.document()
    }
}

/// Adds what `value` does wrong to `violations`. Allocates nothing for a value that does nothing wrong.
pub fn check(value: &dyn Encode, violations: &mut Violations) {
    value.encode(&mut Checker { constraints: &Constraints { inner: true, ..Constraints::NONE }, violations });
}

/// A writer that compares what is written with what is demanded of it.
struct Checker<'c> {
    constraints: &'c Constraints,
    violations: &'c mut Violations,
}

impl Checker<'_> {
    fn length(&mut self, length: usize, value: &mut dyn FnMut() -> String) {
        let length = i64::try_from(length).unwrap_or(i64::MAX);
        if let Some(max) = self.constraints.max.filter(|max| length > *max) {
            self.violations.add(Violation::TooLong(max), &mut *value);
        }
        if let Some(min) = self.constraints.min.filter(|min| length < *min) {
            self.violations.add(Violation::TooShort(min), value);
        }
    }

    fn string_length(&mut self, text: &str) {
        // Characters are counted only where the number of bytes does not decide.
        let bytes = i64::try_from(text.len()).unwrap_or(i64::MAX);
        let surely_long_enough = self.constraints.min.is_none_or(|min| bytes / 4 >= min);
        let surely_short_enough = self.constraints.max.is_none_or(|max| bytes <= max);
        if !(surely_long_enough && surely_short_enough) {
            self.length(text.chars().count(), &mut || text.to_owned());
        }
    }
}

impl Writer for Checker<'_> {
    fn null(&mut self) {}

    fn bool(&mut self, _value: bool) {}

    fn integer(&mut self, value: i64) {
        if let Some(min) = self.constraints.min.filter(|min| value < *min) {
            self.violations.add(Violation::TooSmall(min), || value.to_string());
        }
        if let Some(max) = self.constraints.max.filter(|max| value > *max) {
            self.violations.add(Violation::TooLarge(max), || value.to_string());
        }
    }

    fn double(&mut self, value: f64) {
        if let Some(min) = self.constraints.min.filter(|min| value < *min as f64) {
            self.violations.add(Violation::TooSmall(min), || printed(&value));
        }
        if let Some(max) = self.constraints.max.filter(|max| value > *max as f64) {
            self.violations.add(Violation::TooLarge(max), || printed(&value));
        }
    }

    fn string(&mut self, value: &str) {
        let Constraints { pattern, matches, values, .. } = *self.constraints;
        if !values.is_empty() && !values.contains(&value) {
            self.violations.add(Violation::NotOneOf(values), || value.to_owned());
        }
        if let (Some(pattern), Some(matches)) = (pattern, matches)
            && !matches(value)
        {
            self.violations.add(Violation::Pattern(pattern), || value.to_owned());
        }
        self.string_length(value);
    }

    fn blob(&mut self, value: &[u8]) {
        self.length(value.len(), &mut || printed(&Bytes::copy_from_slice(value)));
    }

    fn timestamp(&mut self, _value: Timestamp, _format: TimestampFormat) {}

    fn structure(&mut self, schema: &'static StructSchema, fill: &mut dyn FnMut(&mut dyn StructWriter)) {
        if self.constraints.inner {
            fill(&mut Members { schema, violations: self.violations });
        }
    }

    fn list(&mut self, schema: &'static ListSchema, _flattened: bool, len: usize, fill: &mut Fill<'_>) {
        let mark = self.violations.mark();
        let mut bad_element = false;
        if self.constraints.inner {
            let constraints = schema.member.constraints;
            let violations = &mut *self.violations;
            let mut index = 0;
            fill(&mut |value| {
                let mark = violations.mark();
                value.encode(&mut Checker { constraints, violations });
                bad_element |= violations.mark() > mark;
                violations.in_element(mark, index);
                index += 1;
            });
            // A bad scalar is reported once, by its list (see `lambda` in the recordings); what is wrong inside a structure by its own path.
            if bad_element && !constraints.inner {
                self.violations.forget(mark);
            } else {
                bad_element = false;
            }
        }
        let mut value = || printed_list(schema, len, fill);
        if bad_element {
            self.violations.add(Violation::Elements(&schema.member), &mut value);
        }
        self.length(len, &mut value);
    }

    fn map(&mut self, schema: &'static MapSchema, _flattened: bool, len: usize, fill: &mut FillEntries<'_>) {
        let mark = self.violations.mark();
        let (mut bad_key, mut bad_value) = (false, false);
        if self.constraints.inner {
            let violations = &mut *self.violations;
            fill(&mut |key, value| {
                let mark = violations.mark();
                Checker { constraints: schema.key.constraints, violations }.string(key);
                bad_key |= violations.mark() > mark;
                violations.forget(mark);
                value.encode(&mut Checker { constraints: schema.value.constraints, violations });
                bad_value |= violations.mark() > mark;
                violations.in_entry(mark, key);
            });
            if bad_value && !schema.value.constraints.inner {
                self.violations.forget(mark);
            } else {
                bad_value = false;
            }
        }
        let mut value = || printed_map(schema, len, fill);
        if bad_key {
            self.violations.add(Violation::Keys(&schema.key), &mut value);
        }
        if bad_value {
            self.violations.add(Violation::Values(&schema.value), &mut value);
        }
        self.length(len, &mut value);
    }

    fn document(&mut self, _value: &serde_json::Value) {}
}

struct Members<'c> {
    schema: &'static StructSchema,
    violations: &'c mut Violations,
}

impl StructWriter for Members<'_> {
    fn member(&mut self, index: usize, value: &dyn Encode) {
        let member = &self.schema.members[index];
        // Most members of hot inputs are free of constraints, and some of those are large.
        if member.constraints.is_none() {
            return;
        }
        let mark = self.violations.mark();
        value.encode(&mut Checker { constraints: member.constraints, violations: self.violations });
        self.violations.in_member(mark, member.name);
    }
}

/// A value as AWS's messages print it, which is Java's way: `[a, b]`, `{k=v}`, `Target(id=1, arn=null)`.
fn printed(value: &dyn Encode) -> String {
    let mut printer = Printer { text: String::new() };
    value.encode(&mut printer);
    printer.text
}

fn printed_list(schema: &'static ListSchema, len: usize, fill: &mut Fill<'_>) -> String {
    let mut printer = Printer { text: String::new() };
    printer.list(schema, false, len, fill);
    printer.text
}

fn printed_map(schema: &'static MapSchema, len: usize, fill: &mut FillEntries<'_>) -> String {
    let mut printer = Printer { text: String::new() };
    printer.map(schema, false, len, fill);
    printer.text
}

/// How much of a value is printed, in bytes: enough for every answer of AWS that has been recorded, and a bound for hostile input.
const PRINTED_MAX: usize = 1 << 16;

/// Members that AWS prints though its models do not have them, and that no client can set; as recorded (`test_put_events_exceed_limit_ten_entries`).
const UNPUBLISHED: [(&str, &str); 2] =
    [("PutEventsRequestEntry", "kmsKeyIdentifier"), ("PutEventsRequestEntry", "internalMetadata")];

struct Printer {
    text: String,
}

impl Printer {
    fn push(&mut self, text: &str) {
        if self.text.len() < PRINTED_MAX {
            self.text.push_str(text);
        }
    }
}

impl Writer for Printer {
    fn null(&mut self) {
        self.push("null");
    }

    fn bool(&mut self, value: bool) {
        self.push(if value { "true" } else { "false" });
    }

    fn integer(&mut self, value: i64) {
        self.push(&value.to_string());
    }

    fn double(&mut self, value: f64) {
        // `1.0`, as Java prints a whole number too.
        self.push(&format!("{value:?}"));
    }

    fn string(&mut self, value: &str) {
        self.push(value);
    }

    fn blob(&mut self, value: &[u8]) {
        // Java's ByteBuffer, whose content it does not show.
        self.push(&format!("java.nio.HeapByteBuffer[pos=0 lim={0} cap={0}]", value.len()));
    }

    fn timestamp(&mut self, value: Timestamp, _format: TimestampFormat) {
        self.push(&value.secs().to_string());
    }

    fn structure(&mut self, schema: &'static StructSchema, fill: &mut dyn FnMut(&mut dyn StructWriter)) {
        let mut set = SetMembers { values: BTreeMap::new() };
        fill(&mut set);
        self.push(schema.name);
        self.push("(");
        for (index, member) in schema.members.iter().enumerate() {
            if index > 0 {
                self.push(", ");
            }
            let mut name = member.name.chars();
            let first = name.next().map(|c| c.to_ascii_lowercase()).unwrap_or_default();
            self.push(&format!("{first}{}=", name.as_str()));
            self.push(set.values.get(&index).map_or("null", String::as_str));
        }
        for (_, name) in UNPUBLISHED.iter().filter(|(of, _)| *of == schema.name) {
            self.push(&format!(", {name}=null"));
        }
        self.push(")");
    }

    fn list(&mut self, _schema: &'static ListSchema, _flattened: bool, _len: usize, fill: &mut Fill<'_>) {
        let mut separator = "[";
        fill(&mut |value| {
            self.push(separator);
            value.encode(self);
            separator = ", ";
        });
        self.push(if separator == "[" { "[]" } else { "]" });
    }

    fn map(
        &mut self,
        _schema: &'static MapSchema,
        _flattened: bool,
        _len: usize,
        fill: &mut FillEntries<'_>,
    ) {
        let mut separator = "{";
        fill(&mut |key, value| {
            self.push(separator);
            self.push(key);
            self.push("=");
            value.encode(self);
            separator = ", ";
        });
        self.push(if separator == "{" { "{}" } else { "}" });
    }

    fn document(&mut self, value: &serde_json::Value) {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = write!(text, "{value}");
        self.push(&text);
    }
}

/// Collects the printed members of a structure by index.
struct SetMembers {
    values: BTreeMap<usize, String>,
}

impl StructWriter for SetMembers {
    fn member(&mut self, index: usize, value: &dyn Encode) {
        self.values.insert(index, printed(value));
    }
}
