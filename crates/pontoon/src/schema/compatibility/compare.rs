//! Whether everything that one schema lets writers write is taken by another.

use serde_json::{Map, Value, json};

use super::view::{Bound, View, further_properties, items, resolve, types, types_of};
use super::{Break, Direction, Writers};
use crate::schema::Validator;

/// Steps after which two schemas count as too intricate to compare: alternatives within alternatives multiply.
const STEPS_MAX: usize = 20_000;

/// How deep schemas are compared; far beyond what events have.
const DEPTH_MAX: usize = 64;

/// Keywords of which only equality is seen.
const OPAQUE: &[&str] = &[
    "not",
    "if",
    "then",
    "else",
    "contains",
    "minContains",
    "maxContains",
    "patternProperties",
    "propertyNames",
    "dependencies",
    "dependentRequired",
    "dependentSchemas",
    "unevaluatedItems",
    "$dynamicRef",
    "$recursiveRef",
];

const VALUE_BOUNDS: [Bound; 2] =
    [Bound::Lower("minimum", "exclusiveMinimum"), Bound::Upper("maximum", "exclusiveMaximum")];
const SIZE_BOUNDS: [(u8, Bound); 6] = [
    (types::STRING, Bound::Lower("minLength", "")),
    (types::STRING, Bound::Upper("maxLength", "")),
    (types::ARRAY, Bound::Lower("minItems", "")),
    (types::ARRAY, Bound::Upper("maxItems", "")),
    (types::OBJECT, Bound::Lower("minProperties", "")),
    (types::OBJECT, Bound::Upper("maxProperties", "")),
];

/// What is written (the parts and the types) and what reads it, by address.
type Pair = (Vec<*const Map<String, Value>>, u8, *const Value);

/// One direction of a comparison.
pub(super) struct Comparison<'a> {
    direction: Direction,
    writer: &'a Value,
    reader: &'a Value,
    writers: Writers,
    steps: usize,
    /// The pairs being compared: a recursive schema meets itself, and is compared already then.
    under_way: Vec<Pair>,
    breaks: Vec<Break>,
}

impl<'a> Comparison<'a> {
    pub fn new(direction: Direction, writer: &'a Value, reader: &'a Value, writers: Writers) -> Self {
        Self { direction, writer, reader, writers, steps: 0, under_way: Vec::new(), breaks: Vec::new() }
    }

    /// Every break, each once.
    pub fn run(mut self) -> Vec<Break> {
        let written = View::of(self.writer, [self.writer]);
        self.fits(&written, self.reader, "");
        if self.steps > STEPS_MAX {
            // What was found until then stands; what was not looked at may hold more.
            self.note("", "schema", "the versions are too intricate to compare in full");
        }
        let mut breaks: Vec<Break> = Vec::new();
        for found in self.breaks {
            if !breaks.contains(&found) {
                breaks.push(found);
            }
        }
        breaks
    }

    /// Notes a break; of the reason, `W` stands for the version that writes and `R` for the one that reads.
    fn note(&mut self, path: &str, rule: &str, reason: &str) {
        let (writer, reader) = match self.direction {
            Direction::Backward => ("the old version", "the new version"),
            Direction::Forward => ("the new version", "the old version"),
        };
        let reason = reason.replace("{W}", writer).replace("{R}", reader);
        self.breaks.push(Break {
            direction: self.direction,
            path: path.to_owned(),
            rule: rule.to_owned(),
            reason,
        });
    }

    /// Notes a break for everything in `written` that `reader` does not take.
    fn fits(&mut self, written: &View<'a>, reader: &'a Value, path: &str) {
        self.steps += 1;
        if self.steps > STEPS_MAX {
            return;
        }
        if self.under_way.len() > DEPTH_MAX {
            return self.note(path, "schema", "the versions are nested too deep to compare");
        }
        let reader_part = match reader {
            Value::Object(part) => part,
            Value::Bool(false) if !written.is_never => {
                return self.note(path, "false", "{W} may write it, {R} takes nothing here");
            }
            _ => return,
        };
        if written.is_never || written.types() == 0 {
            return;
        }
        let parts = written.parts.iter().map(|part| std::ptr::from_ref(*part)).collect();
        let pair = (parts, written.types(), std::ptr::from_ref(reader));
        if self.under_way.contains(&pair) {
            return;
        }
        self.under_way.push(pair);
        if let Some(values) = written.values() {
            self.values_fit(written, &values, reader_part, path);
        } else if let Some(alternatives) = written.alternatives(self.writer) {
            for alternative in alternatives {
                self.fits(&alternative, reader, path);
            }
        } else {
            self.part_fits(written, reader_part, path);
        }
        self.under_way.pop();
    }

    /// Enumerated values are tried one by one.
    fn values_fit(&mut self, written: &View<'a>, values: &[&Value], reader: &Map<String, Value>, path: &str) {
        let Some(validator) = part_validator(self.reader, reader) else {
            return self.note(path, "$ref", "what {R} refers to cannot be resolved from here");
        };
        let rules: Vec<_> =
            written.parts.iter().filter_map(|part| part_validator(self.writer, part)).collect();
        let values = values.iter().filter(|value| rules.iter().all(|rule| rule.validate(value).is_ok()));
        for value in values {
            if let Err(invalid) = validator.validate(value) {
                let violation = &invalid.violations[0];
                let rule = violation.rule.rsplit('/').next().unwrap_or_default();
                let place = format!("{path}{}", violation.path);
                let reason = match rule {
                    "enum" | "const" => {
                        format!("{{W}} may write {value}, which is none of the values that {{R}} takes")
                    }
                    _ => format!("{{W}} may write {value}, and {}", violation.message),
                };
                self.note(&place, rule, &reason);
            }
        }
    }

    /// What is written fits every keyword of a part.
    fn part_fits(&mut self, written: &View<'a>, reader: &'a Map<String, Value>, path: &str) {
        self.type_fits(written, reader, path);
        self.numbers_fit(written, reader, path);
        if let Some(reference) = reader.get("$ref") {
            match resolve(self.reader, reference) {
                Some(target) => self.fits(written, target, path),
                None => {
                    self.note(path, "$ref", &format!("{{R}} refers to {reference}, which is not within it"))
                }
            }
        }
        for schema in reader.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            self.fits(written, schema, path);
        }
        if let Some(alternatives) = reader.get("anyOf").and_then(Value::as_array) {
            self.fits_one(written, "anyOf", alternatives, path);
        }
        // What was written under the same `oneOf` is taken by exactly one of its alternatives as it is.
        if let Some(alternatives) = reader.get("oneOf").and_then(Value::as_array)
            && !self.keeps_to(written, "oneOf", &reader["oneOf"])
        {
            self.fits_one(written, "oneOf", alternatives, path);
        }
        for keyword in ["enum", "const"] {
            if let Some(values) = reader.get(keyword) {
                self.note(path, keyword, &format!("{{R}} takes {values} only, {{W}} may write others"));
            }
        }
        if written.types() & types::STRING != 0 {
            self.texts_fit(written, reader, path);
        }
        if written.types() & types::ARRAY != 0 {
            self.items_fit(written, reader, path);
        }
        if written.types() & types::OBJECT != 0 {
            self.properties_fit(written, reader, path);
        }
        self.opaque_fit(written, reader, path);
    }

    fn type_fits(&mut self, written: &View<'a>, reader: &Map<String, Value>, path: &str) {
        let taken = reader.get("type").map_or(types::ALL, types_of);
        let lost = written.types() & !taken;
        if lost != 0 {
            // An integer is lost with its fractions only if integers are.
            let lost = if written.types() == types::ALL { "anything".to_owned() } else { types::names(lost) };
            let reason = format!("{{W}} may write {lost}, {{R}} takes {} only", types::names(taken));
            self.note(path, "type", &reason);
        }
    }

    fn numbers_fit(&mut self, written: &View<'a>, reader: &Map<String, Value>, path: &str) {
        let values = VALUE_BOUNDS.map(|bound| (types::NUMBER, bound));
        for (kind, bound) in values.into_iter().chain(SIZE_BOUNDS) {
            if written.types() & kind == 0 {
                continue;
            }
            let Some(limit) = bound.of(reader) else { continue };
            let of_writer = written.bound(bound);
            if !of_writer.is_some_and(|inner| bound.is_within(inner, limit)) && !is_no_limit(bound, limit) {
                let (Bound::Lower(rule, exclusive) | Bound::Upper(rule, exclusive)) = bound;
                let rule = if limit.1 { exclusive } else { rule };
                let than = of_writer.map_or("no limit".to_owned(), |(value, _)| format!("{value}"));
                self.note(path, rule, &format!("{{R}} has {}, {{W}} {than}", limit.0));
            }
        }
        let Some(factor) = reader.get("multipleOf").and_then(Value::as_f64) else { return };
        let of_writer = written.all("multipleOf").filter_map(Value::as_f64);
        let mut factors = of_writer.chain((written.types() & types::FRACTION == 0).then_some(1.0));
        if written.types() & types::NUMBER != 0 && !factors.any(|multiple| multiple % factor == 0.0) {
            self.note(path, "multipleOf", &format!("{{R}} takes multiples of {factor} only"));
        }
    }

    fn texts_fit(&mut self, written: &View<'a>, reader: &Map<String, Value>, path: &str) {
        for keyword in ["pattern", "format"] {
            let Some(rule) = reader.get(keyword) else { continue };
            if !written.all(keyword).any(|known| known == rule) {
                let reason = format!("{{R}} takes texts of {keyword} {rule} only, {{W}} does not keep to it");
                self.note(path, keyword, &reason);
            }
        }
    }

    /// Fits one of several alternatives, whatever its type; for each type another may do. Under `oneOf` no second one may take any of it.
    fn fits_one(&mut self, written: &View<'a>, keyword: &'static str, alternatives: &'a [Value], path: &str) {
        for kind in types::EACH {
            let of_kind = written.of_types(kind);
            if of_kind.types() == 0 || alternatives.is_empty() {
                continue;
            }
            let before = std::mem::take(&mut self.breaks);
            let tried = alternatives.iter().enumerate().map(|(at, alternative)| {
                self.fits(&of_kind, alternative, path);
                let is_of_kind = alternative.get("type").map_or(types::ALL, types_of) & kind != 0;
                (std::mem::take(&mut self.breaks), is_of_kind, at)
            });
            let nearest = tried.min_by_key(|(breaks, is_of_kind, _)| (breaks.len(), !is_of_kind));
            self.breaks = before;
            let Some((nearest, _, taker)) = nearest else { continue };
            let what = types::names(of_kind.types());
            if !nearest.is_empty() {
                let because =
                    nearest.iter().map(|found| format!("{} {}", found.path, found.reason).trim().to_owned());
                let because = because.collect::<Vec<_>>().join(", and ");
                self.note(path, keyword, &format!("no alternative of {{R}} takes every {what} that {{W}} may write; of the nearest: {because}"));
            } else if keyword == "oneOf" {
                self.fits_no_other(&of_kind, alternatives, taker, path);
            }
        }
    }

    /// No alternative but the one at `taker` takes any of what is written.
    fn fits_no_other(&mut self, written: &View<'a>, alternatives: &'a [Value], taker: usize, path: &str) {
        let what = types::names(written.types());
        for (at, alternative) in alternatives.iter().enumerate().filter(|(at, _)| *at != taker) {
            let taken = View::of(self.reader, [alternative]);
            if !self.are_apart(written, &taken, 0) {
                self.note(path, "oneOf", &format!(
                    "{{R}} takes only what exactly one of its alternatives takes; some {what} that {{W}} may write may be taken by its alternatives {} and {} alike",
                    taker.min(at) + 1,
                    taker.max(at) + 1,
                ));
            }
        }
    }

    /// Whether it can be shown that nothing is both written and taken.
    fn are_apart(&mut self, written: &View<'a>, taken: &View<'a>, depth: usize) -> bool {
        self.steps += 1;
        if self.steps > STEPS_MAX || depth > DEPTH_MAX {
            return false;
        }
        let both = written.types() & taken.types();
        if written.is_never || taken.is_never || both == 0 {
            return true;
        }
        if let Some(values) = written.values() {
            return !values.iter().any(|value| may_take(self.reader, taken, value));
        }
        if let Some(values) = taken.values() {
            return !values.iter().any(|value| may_take(self.writer, written, value));
        }
        if let Some(alternatives) = written.alternatives(self.writer) {
            return alternatives.iter().all(|written| self.are_apart(written, taken, depth + 1));
        }
        if let Some(alternatives) = taken.alternatives(self.reader) {
            return alternatives.iter().all(|taken| self.are_apart(written, taken, depth + 1));
        }
        types::EACH.into_iter().filter(|kind| both & kind != 0).all(|kind| {
            let sizes = SIZE_BOUNDS.chunks_exact(2).filter(|bounds| bounds[0].0 == kind);
            let bounds = sizes.map(|bounds| [bounds[0].1, bounds[1].1]);
            let bounds = bounds.chain((kind == types::NUMBER).then_some(VALUE_BOUNDS));
            let mut bounds = bounds.flat_map(|[lower, upper]| {
                [(written.bound(lower), taken.bound(upper)), (taken.bound(lower), written.bound(upper))]
            });
            bounds.any(|(lower, upper)| is_empty_range(lower, upper))
                || (kind == types::OBJECT && self.differ_in_a_property(written, taken, depth))
        })
    }

    /// Whether a property that one side requires cannot be the same on both: a tag, as a rule.
    fn differ_in_a_property(&mut self, written: &View<'a>, taken: &View<'a>, depth: usize) -> bool {
        let required = [written, taken].into_iter().flat_map(|view| view.all("required"));
        let names: Vec<&str> = required
            .flat_map(|names| names.as_array().into_iter().flatten())
            .filter_map(Value::as_str)
            .collect();
        names.into_iter().any(|name| {
            let written = View::of(self.writer, written.property(name));
            let taken = View::of(self.reader, taken.property(name));
            self.are_apart(&written, &taken, depth + 1)
        })
    }

    /// Whether what is written keeps to the same rule under this keyword.
    fn keeps_to(&self, written: &View<'a>, keyword: &str, rule: &Value) -> bool {
        // The same reference may lead elsewhere.
        let is_whole = self.writer == self.reader || !json!(rule).to_string().contains("$ref");
        is_whole && written.all(keyword).any(|known| known == rule)
    }

    fn items_fit(&mut self, written: &View<'a>, reader: &'a Map<String, Value>, path: &str) {
        if reader.get("uniqueItems") == Some(&Value::Bool(true))
            && !written.all("uniqueItems").any(|unique| *unique == Value::Bool(true))
        {
            self.note(path, "uniqueItems", "{R} takes no item twice, {W} may write one twice");
        }
        let (prefix, rest) = items(reader);
        let longest = written.bound(Bound::Upper("maxItems", "")).map_or(f64::INFINITY, |(items, _)| items);
        let count = prefix.len().max(written.prefix_items());
        #[expect(clippy::cast_precision_loss, reason = "a schema has few first items")]
        let indices = (0..=count).take_while(|index| (*index as f64) < longest);
        for index in indices {
            let Some(rule) = prefix.get(index).or(rest) else { continue };
            let place = if index == count { format!("{path}/*") } else { format!("{path}/{index}") };
            let item = View::of(self.writer, written.item(index));
            self.fits(&item, rule, &place);
        }
    }

    fn properties_fit(&mut self, written: &View<'a>, reader: &'a Map<String, Value>, path: &str) {
        for name in
            reader.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
        {
            if !written.requires(name) {
                let reason = "{R} requires it, events of {W} may lack it";
                self.note(&format!("{path}/{}", escaped(name)), "required", reason);
            }
        }
        let declared = reader.get("properties").and_then(Value::as_object);
        for (name, rule) in declared.into_iter().flatten() {
            let rules = written.property(name);
            let is_stated = written.declares(name) || !written.further().is_empty();
            if !is_stated && self.writers == Writers::Declared {
                continue;
            }
            let property = View::of(self.writer, rules);
            self.fits(&property, rule, &format!("{path}/{}", escaped(name)));
        }
        // With patterns it depends on names which properties are further ones; those are compared as a whole.
        let Some(rule) = further_properties(reader) else { return };
        for name in written.properties() {
            if declared.is_some_and(|declared| declared.contains_key(name))
                || reader.contains_key("patternProperties")
            {
                continue;
            }
            let property = View::of(self.writer, written.property(name));
            let place = format!("{path}/{}", escaped(name));
            match rule {
                Value::Bool(false) if !property.is_never => {
                    self.note(
                        &place,
                        "additionalProperties",
                        "{W} may write it, {R} takes no properties that it does not declare",
                    );
                }
                rule => self.fits(&property, rule, &place),
            }
        }
        let further = written.further();
        if !further.is_empty() || self.writers == Writers::Anything {
            let further = View::of(self.writer, further);
            self.fits(&further, rule, &format!("{path}/*"));
        }
    }

    /// Keywords that are not understood here must be the same.
    fn opaque_fit(&mut self, written: &View<'a>, reader: &Map<String, Value>, path: &str) {
        for keyword in OPAQUE {
            let Some(rule) = reader.get(*keyword) else { continue };
            if !self.keeps_to(written, keyword, rule) {
                self.note(path, keyword, "it is not the same in both versions, and it cannot be told whether {R} takes all that {W} writes");
            }
        }
    }
}

/// A part by itself, with the definitions that it may refer to; none if it refers to others.
fn part_validator(root: &Value, part: &Map<String, Value>) -> Option<Validator> {
    let mut schema = part.clone();
    for keyword in ["$defs", "definitions", "$schema"] {
        if let Some(value) = root.get(keyword) {
            schema.insert(keyword.to_owned(), value.clone());
        }
    }
    Validator::new(&Value::Object(schema)).ok()
}

/// Whether a value may keep to all rules of a view; what cannot be resolved from its part may.
fn may_take(root: &Value, view: &View<'_>, value: &Value) -> bool {
    let mut rules = view.parts.iter().filter_map(|part| part_validator(root, part));
    rules.all(|rule| rule.validate(value).is_ok())
}

/// Whether nothing is above a lower bound and below an upper one.
fn is_empty_range(lower: Option<(f64, bool)>, upper: Option<(f64, bool)>) -> bool {
    let (Some((lower, lower_excluded)), Some((upper, upper_excluded))) = (lower, upper) else { return false };
    lower > upper || ((lower_excluded || upper_excluded) && lower >= upper)
}

/// A size of at least nothing.
fn is_no_limit(bound: Bound, limit: (f64, bool)) -> bool {
    matches!(bound, Bound::Lower("minLength" | "minItems" | "minProperties", _)) && limit.0 <= 0.0
}

/// A name in a JSON pointer.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
