//! A compiled pattern, and how one event is held against it.

use std::sync::Arc;

use crate::compile;
use crate::elements::{Elements, ROOT, Relation};
use crate::error::PatternError;
use crate::event::{Event, Flattened, Value};
use crate::operator::{Operator, Test};
use crate::path::Path;

/// Sets of array elements that may be under consideration at once for one pattern. Only arrays that stand under one
/// path without nesting (a name given twice in one object) can multiply; beyond this, further sets are not followed.
const CHOICES_MAX: usize = 1 << 16;

/// A compiled event pattern.
#[derive(Debug, Clone)]
pub struct Pattern {
    conjunctions: Vec<Conjunction>,
}

/// Conditions that must all hold, ascending by path: one combination of the branches of the pattern's `$or`s.
pub(crate) type Conjunction = Box<[Arc<Condition>]>;

/// What a pattern asks of the values at one path: that one of them satisfies one of the operators.
#[derive(Debug, PartialEq)]
pub struct Condition {
    pub(crate) path: Path,
    pub(crate) operators: Arc<[Operator]>,
}

impl Condition {
    /// The names on the way to the value, joined by dots.
    pub fn path(&self) -> &str {
        self.path.text()
    }

    /// The alternatives, in the order of the pattern. Never empty.
    pub fn operators(&self) -> &[Operator] {
        &self.operators
    }

    pub(crate) fn admits_absence(&self) -> bool {
        admit_absence(&self.operators)
    }

    pub(crate) fn is_satisfied_by(&self, value: Value<'_>) -> bool {
        are_satisfied_by(&self.operators, value)
    }
}

impl Pattern {
    /// Compiles the JSON text of an event pattern.
    ///
    /// # Errors
    /// When EventBridge would refuse it; the error displays as EventBridge's message. Beyond AWS's checks, a pattern
    /// of more than [`crate::PATTERN_BYTES_MAX`] bytes or [`crate::COMBINATIONS_MAX`] combinations is refused.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        Self::parse_in(text, compile::Dialect::EventBridge)
    }

    /// Compiles the JSON text of a pattern of another service's.
    ///
    /// # Errors
    /// When the service would refuse it; [`PatternError::reason_with_place`] is what it says, without its own prefix.
    pub fn parse_in(text: &str, dialect: compile::Dialect) -> Result<Self, PatternError> {
        compile::compile(text, dialect).map(|conjunctions| Self { conjunctions })
    }

    /// Whether an event matches. To hold events against many patterns, use a [`crate::RuleSet`].
    pub fn matches(&self, event: &Event<'_>) -> bool {
        let event = event.flattened();
        self.conjunctions.iter().any(|conjunction| holds(event, asked(conjunction)))
    }

    /// The conditions of each combination of `$or` branches; one combination where there is no `$or`.
    pub fn combinations(&self) -> impl Iterator<Item = &[Arc<Condition>]> {
        self.conjunctions.iter().map(|conjunction| &**conjunction)
    }

    pub(crate) fn conjunctions(&self) -> &[Conjunction] {
        &self.conjunctions
    }
}

/// A conjunction's conditions, each as its path and its operators.
pub(crate) fn asked(conjunction: &Conjunction) -> impl Conditions<'_, &Path> {
    conjunction.iter().map(|condition| (&condition.path, &*condition.operators))
}

/// The values of an event, found by paths of type `P`.
pub(crate) trait Fields<P> {
    /// Whether any field at a path passes a test. Fields are given in the order of the text, which is that of their numbers.
    fn any_at(&self, path: P, test: impl FnMut(u32) -> bool) -> bool;
    fn value(&self, field: u32) -> Value<'_>;
    fn elements(&self) -> &Elements;
    /// Whether the path of a name begins another path.
    fn begins(&self, name: u32, path: P) -> bool;
}

/// Conditions that must all hold, ascending by path.
pub(crate) trait Conditions<'c, P: Copy>: Iterator<Item = (P, &'c [Operator])> + Clone {}

impl<'c, P: Copy, I: Iterator<Item = (P, &'c [Operator])> + Clone> Conditions<'c, P> for I {}

/// Whether all conditions hold, those on fields of array elements in the same elements.
pub(crate) fn holds<'c, P: Copy>(fields: &impl Fields<P>, conditions: impl Conditions<'c, P>) -> bool {
    let (mut in_elements, mut depends_on_elements) = (0, false);
    for (path, operators) in conditions.clone() {
        match alone(fields, path, operators) {
            Alone::Unmet => return false,
            Alone::Holds { in_elements: false } => {}
            Alone::Holds { in_elements: true } => in_elements += 1,
            Alone::AbsentFromSomeElement => {
                in_elements += 1;
                depends_on_elements = true;
            }
        }
    }
    match in_elements {
        0 => true,
        // With nobody to settle on an element, all of them count.
        1 => !depends_on_elements,
        _ => !settled_elements(fields, conditions).is_empty(),
    }
}

/// How a condition fares with no regard to the others.
enum Alone {
    Unmet,
    Holds {
        /// Whether values at the path stand in elements of arrays.
        in_elements: bool,
    },
    /// The absence that it admits depends on the elements that others settle on.
    AbsentFromSomeElement,
}

fn alone<P: Copy>(fields: &impl Fields<P>, path: P, operators: &[Operator]) -> Alone {
    let (mut is_satisfied, mut is_present, mut in_elements) = (false, false, false);
    fields.any_at(path, |field| {
        is_present = true;
        in_elements = in_elements || fields.elements().of(field) != ROOT;
        is_satisfied = is_satisfied || are_satisfied_by(operators, fields.value(field));
        is_satisfied && (in_elements || !fields.elements().are_any())
    });
    match (is_satisfied, admit_absence(operators)) {
        (true, _) => Alone::Holds { in_elements },
        (false, true) if !is_present => Alone::Holds { in_elements: false },
        (false, true) if in_elements => Alone::AbsentFromSomeElement,
        (false, _) => Alone::Unmet,
    }
}

pub(crate) fn are_satisfied_by(operators: &[Operator], value: Value<'_>) -> bool {
    operators.iter().any(|operator| operator.0.matches(value))
}

pub(crate) fn admit_absence(operators: &[Operator]) -> bool {
    operators.iter().any(|operator| operator.0 == Test::Exists(false))
}

/// Whether a condition holds with no regard to the others. Absence is granted where elements may still be chosen.
pub(crate) fn holds_alone(condition: &Condition, event: &Flattened<'_>) -> bool {
    !matches!(alone(event, &condition.path, &condition.operators), Alone::Unmet)
}

/// Elements of arrays that the conditions so far have settled on; the innermost of each chain stands for all.
type Choice = Vec<u32>;

/// What a condition met.
struct Met<P> {
    path: P,
    all: Vec<u32>,
    satisfying: Vec<u32>,
    admits_absence: bool,
}

impl<P: Copy> Met<P> {
    fn of(fields: &impl Fields<P>, path: P, operators: &[Operator]) -> Self {
        let (mut all, mut satisfying) = (Vec::new(), Vec::new());
        fields.any_at(path, |field| {
            all.push(field);
            if are_satisfied_by(operators, fields.value(field)) {
                satisfying.push(field);
            }
            false
        });
        Self { path, all, satisfying, admits_absence: admit_absence(operators) }
    }
}

/// Fields that satisfy the condition which fewest satisfy, up to which it pays to look at the others' in their light.
const PIVOTS_MAX: usize = 8;

/// Takes the condition that fewest fields satisfy, and of the others' fields only those that can stand beside one of these. Only where no absence is
/// admitted, which is judged by all that could have been chosen.
fn leave_out_what_contradicts<P>(met: &mut [Met<P>], elements: &Elements) {
    if met.iter().any(|met| met.admits_absence) {
        return;
    }
    let in_elements = |met: &&Met<P>| met.satisfying.iter().all(|&field| elements.of(field) != ROOT);
    let fewest = met.iter().filter(in_elements).min_by_key(|met| met.satisfying.len());
    let Some(pivots) = fewest.map(|met| met.satisfying.clone()).filter(|pivots| pivots.len() <= PIVOTS_MAX)
    else {
        return;
    };
    for Met { satisfying, .. } in met {
        let beside =
            |&pivot: &u32| consistent(elements, &[elements.of(pivot)], satisfying).collect::<Vec<u32>>();
        let mut kept: Vec<u32> = pivots.iter().flat_map(beside).collect();
        kept.sort_unstable();
        kept.dedup();
        *satisfying = kept;
    }
}

/// The choices of array elements under which all the conditions hold.
///
/// The conditions are taken in the order of their paths, and absence is judged by the choices made up to there,
/// which is AWS's order and shows in its verdicts. A choice in arrays that no later path enters is forgotten, so
/// that there are never more choices than elements.
fn settled_elements<'c, P: Copy>(fields: &impl Fields<P>, conditions: impl Conditions<'c, P>) -> Vec<Choice> {
    let elements = fields.elements();
    let mut met: Vec<Met<P>> = conditions.map(|(path, operators)| Met::of(fields, path, operators)).collect();
    leave_out_what_contradicts(&mut met, elements);
    let mut choices = vec![Choice::new()];
    for Met { path, all, satisfying, admits_absence } in met {
        for choice in &mut choices {
            forget_left_arrays(choice, fields, path);
        }
        choices.sort_unstable();
        choices.dedup();
        let (mut next, mut enough) = (Vec::new(), CHOICES_MAX);
        for choice in choices {
            for field in consistent(elements, &choice, &satisfying) {
                extend(&mut next, &choice, elements, elements.of(field));
            }
            if admits_absence && consistent(elements, &choice, &all).next().is_none() {
                next.push(choice);
            }
            if next.len() > enough {
                leave_out_choices(&mut next);
                // Twice as many until the next time, so that this takes no more time than making them.
                enough = 2 * next.len();
            }
        }
        leave_out_choices(&mut next);
        choices = next;
        if choices.is_empty() {
            break;
        }
    }
    choices
}

/// Keeps [`CHOICES_MAX`] choices, and all those of one chain, of which there are no more than elements: conditions that hold in one element and those around
/// it hold, whatever else the event has.
fn leave_out_choices(choices: &mut Vec<Choice>) {
    if choices.len() <= CHOICES_MAX {
        return;
    }
    choices.sort_unstable_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
    choices.dedup();
    let single = choices.partition_point(|choice| choice.len() <= 1);
    choices.truncate(single.max(CHOICES_MAX));
}

fn forget_left_arrays<P: Copy>(choice: &mut Choice, fields: &impl Fields<P>, path: P) {
    let elements = fields.elements();
    for element in choice.iter_mut() {
        while *element != ROOT && !fields.begins(elements.array_name(*element), path) {
            *element = elements.parent_of(*element);
        }
    }
    choice.retain(|&element| element != ROOT);
    choice.sort_unstable();
    choice.dedup();
}

/// Those of `fields` that stand in no other element of an array than the choice has settled on.
pub(crate) fn consistent<'a>(
    elements: &'a Elements,
    choice: &'a [u32],
    fields: &'a [u32],
) -> impl Iterator<Item = u32> + 'a {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let field = *fields.get(at)?;
            let allowed = choice.iter().fold(field, |field, &element| elements.skip_others(element, field));
            if allowed == field {
                at += 1;
                return Some(field);
            }
            at += fields[at..].partition_point(|&field| field < allowed);
        }
    })
}

/// Adds to `next` the choice narrowed to an element, unless it was the last one added.
fn extend(next: &mut Vec<Choice>, choice: &Choice, elements: &Elements, element: u32) {
    let mut narrowed = choice.clone();
    let mut is_new = element != ROOT;
    for settled in &mut narrowed {
        match elements.relation(*settled, element) {
            Relation::Within => is_new = false,
            Relation::Narrows => {
                *settled = element;
                is_new = false;
            }
            Relation::Independent => {}
            Relation::Contradicts => return,
        }
    }
    if is_new {
        narrowed.push(element);
    }
    narrowed.sort_unstable();
    narrowed.dedup();
    if next.last() != Some(&narrowed) {
        next.push(narrowed);
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;
    use crate::compile::Dialect;
    use crate::event::{Event, Scalar};
    use crate::json::check_json;

    fn matches(pattern: &str, event: &str) -> bool {
        Pattern::parse(pattern).unwrap().matches(&Event::parse(event.as_bytes()).unwrap())
    }

    #[test]
    fn conditions_on_elements_hold_in_one_element() {
        let pattern = r#"{"items":{"name":["a"],"size":[2]}}"#;
        assert!(matches(pattern, r#"{"items":[{"name":"b","size":1},{"name":"a","size":2}]}"#));
        assert!(!matches(pattern, r#"{"items":[{"name":"a","size":1},{"name":"b","size":2}]}"#));
        let nested = r#"{"a":{"b":{"x":[1]},"c":{"y":[2]},"z":[3]}}"#;
        assert!(matches(nested, r#"{"a":[{"b":[{"x":0},{"x":1}],"c":[{"y":2}],"z":3}]}"#));
        assert!(!matches(nested, r#"{"a":[{"b":[{"x":1}],"c":[{"y":2}]},{"z":3}]}"#));
    }

    #[test]
    fn the_last_of_two_conditions_on_one_path_stands() {
        assert!(matches(r#"{"x":["y"],"x":["z"]}"#, r#"{"x":"z"}"#));
        assert!(!matches(r#"{"x":["y"],"x":["z"]}"#, r#"{"x":"y"}"#));
        let inside_last = r#"{"a":["1"],"$or":[{"a":["2"]},{"b":["3"]}]}"#;
        assert!(matches(inside_last, r#"{"a":"2"}"#));
        assert!(!matches(inside_last, r#"{"a":"1"}"#));
        assert!(matches(inside_last, r#"{"a":"1","b":"3"}"#));
    }

    #[test]
    fn values_without_nesting_make_an_event() {
        let pattern =
            Pattern::parse(r#"{"store":["a"],"price":[{"numeric":[">=",100]}],"gone":[{"exists":false}]}"#);
        let event = Event::flat([("store", Scalar::Text("a".into())), ("price", Scalar::number("1e2"))]);
        assert!(pattern.unwrap().matches(&event));
    }

    #[test]
    fn sns_knows_fewer_operators() {
        for (text, reason) in [
            (r#"{"a":[{"wildcard":"x*"}]}"#, "Unrecognized match type wildcard"),
            (r#"{"a":[{"suffix":{"equals-ignore-case":"x"}}]}"#, "suffix match pattern must be a string"),
            (r#"{"a":[{"anything-but":{"wildcard":"x*"}}]}"#, "Unsupported anything-but pattern: wildcard"),
            (r#"{"a":[{"anything-but":{"prefix":["x"]}}]}"#, "prefix match pattern must be a string"),
        ] {
            assert!(Pattern::parse(text).is_ok(), "{text}");
            assert_eq!(Pattern::parse_in(text, Dialect::Sns).unwrap_err().reason(), reason, "{text}");
        }
        for text in [
            r#"{"a":[{"anything-but":{"prefix":"x"}}]}"#,
            r#"{"a":[{"equals-ignore-case":"x"}]}"#,
            r#"{"$or":[{"a":[{"cidr":"10.0.0.0/8"}]},{"b":[{"exists":false}]}]}"#,
        ] {
            assert!(Pattern::parse_in(text, Dialect::Sns).is_ok(), "{text}");
        }
    }

    #[test]
    fn any_value_is_json_and_nothing_else_is() {
        for text in ["{}", "[1,{\"a\":null}]", "\"text\"", " 7 ", "true", "{\"a\":\"b\"} and more"] {
            assert!(check_json(text).is_ok(), "{text}");
        }
        for text in ["", " ", "{", "[1", "\"text", "{\"a\"}", "{a:1}", "nul", "]"] {
            assert!(check_json(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_array_of_many_elements_takes_no_time_to_refuse() {
        let elements: Vec<String> = (0..20_000).map(|n| format!(r#"{{"k":1,"l":{n},"m":1}}"#)).collect();
        let event = format!(r#"{{"a":[{}],"b":[{}]}}"#, elements.join(","), elements.join(","));
        assert!(!matches(r#"{"a":{"k":[1],"l":[-1],"m":[1]},"b":{"k":[1],"m":[1]}}"#, &event));
        assert!(!matches(r#"{"a":{"k":[1],"m":[1]},"b":{"k":[1],"l":[{"exists":false}],"m":[1]}}"#, &event));
    }

    #[test]
    fn hostile_nesting_is_refused_and_not_followed() {
        let deep = |open: &str, close: &str, levels: usize| {
            format!("{{\"a\":{}1{}}}", open.repeat(levels), close.repeat(levels))
        };
        assert!(Event::parse(deep("[", "]", 900).as_bytes()).is_ok());
        assert!(Event::parse(deep("[", "]", 2_000_000).as_bytes()).is_err());
        assert!(Event::parse(deep("{\"a\":", "}", 2_000_000).as_bytes()).is_err());
        assert!(Pattern::parse(&deep("{\"a\":", "}", 30_000)).is_err());
        let branch = r#"{"$or":[{"a":["1"]},{"b":["2"]}]"#;
        let doubled = format!("{}{}{}", format!("{branch},\"c\":").repeat(12), branch, "}".repeat(13));
        let error = Pattern::parse(&doubled).unwrap_err();
        assert!(error.to_string().contains("more than 1000 rule combinations"), "{error}");
    }
}
