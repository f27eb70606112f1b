//! What inputs did wrong against the model, and how AWS words it.

use super::{Bounds, Constraints, Member};

/// What a value did wrong.
#[derive(Debug, Clone)]
pub enum Violation {
    /// A required member was absent or null.
    Missing,
    /// Shorter than `min`, or fewer elements.
    TooShort(i64),
    /// Longer than `max`, or more elements.
    TooLong(i64),
    /// A number under `min`.
    TooSmall(i64),
    /// A number over `max`.
    TooLarge(i64),
    /// A string that does not match this pattern.
    Pattern(&'static str),
    /// A string that is none of these values.
    NotOneOf(&'static [&'static str]),
    /// A list with an element that is not as this demands.
    Elements(&'static Member),
    /// A map with a key that is not as this demands.
    Keys(&'static Member),
    /// A map with a value that is not as this demands.
    Values(&'static Member),
}

/// A violation, where it happened and with what value, in the spelling that AWS's messages use.
#[derive(Debug, Clone)]
pub struct Violated {
    /// The path in AWS's spelling: `targets.1.member.id`, `messageAttributes.attr1.member.dataType` (see `events` and `sns` in the recordings).
    pub path: String,
    /// The innermost member on the path, as the model spells it (`DataType`); empty for the input itself.
    pub member: &'static str,
    /// The offending value as AWS prints it (lists in brackets); empty for [`Violation::Missing`].
    pub value: String,
    /// What is wrong with it.
    pub violation: Violation,
}

/// All the violations of one input, those of missing members first, otherwise in the model's order.
///
/// Paths are put together from the inside out: whoever descends takes a [`mark`](Self::mark) and afterwards places what was found since. So a valid
/// input costs no allocation.
#[derive(Debug, Default)]
pub struct Violations {
    found: Vec<Violated>,
}

impl Violations {
    /// How many violations are kept; further ones are dropped, so that hostile input cannot make a large answer.
    pub const KEPT_MAX: usize = 32;

    /// How many characters of a map's key a path shows; a key stands in the path of all that is found beneath it.
    pub const KEY_SHOWN_MAX: usize = 1024;

    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What was found.
    #[must_use]
    pub fn found(&self) -> &[Violated] {
        &self.found
    }

    /// Whether the input is valid.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// How much has been found so far, for [`Violations::in_member`] and the like.
    #[must_use]
    pub fn mark(&self) -> usize {
        self.found.len()
    }

    /// Drops what was found since `mark`, because it is reported otherwise.
    pub fn forget(&mut self, mark: usize) {
        self.found.truncate(mark);
    }

    /// Drops what was found wrong with, and within, the empty values that stand for missing members: what is not there has no further fault.
    pub fn forget_faults_of_missing(&mut self) {
        let is_missing = |found: &Violated| matches!(found.violation, Violation::Missing);
        let missing: Vec<String> =
            self.found.iter().filter(|f| is_missing(f)).map(|f| f.path.clone()).collect();
        if !missing.is_empty() {
            let is_within = |path: &str, missing: &String| {
                path.strip_prefix(missing.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            };
            self.found.retain(|found| {
                is_missing(found) || !missing.iter().any(|missing| is_within(&found.path, missing))
            });
        }
    }

    /// Places what was found since `mark` in the member `name`, which messages spell with a lower-case first letter.
    pub fn in_member(&mut self, mark: usize, name: &'static str) {
        for violated in self.found.iter_mut().skip(mark) {
            if violated.member.is_empty() {
                violated.member = name;
            }
            let mut chars = name.chars();
            let first = chars.next().map(|c| c.to_ascii_lowercase());
            violated.descend(first.into_iter().chain(chars));
        }
    }

    /// Places what was found since `mark` in the list element `index` (from zero; messages count from one: `1.member`).
    pub fn in_element(&mut self, mark: usize, index: usize) {
        for violated in self.found.iter_mut().skip(mark) {
            violated.descend(format!("{}.member", index + 1).chars());
        }
    }

    /// Places what was found since `mark` in the map entry `key` (`attr1.member`), of which a path shows the first
    /// [`KEY_SHOWN_MAX`](Self::KEY_SHOWN_MAX) characters.
    pub fn in_entry(&mut self, mark: usize, key: &str) {
        for violated in self.found.iter_mut().skip(mark) {
            violated.descend(key.chars().take(Self::KEY_SHOWN_MAX).chain(".member".chars()));
        }
    }

    /// Records a violation by the value at hand; its path is empty until it is placed.
    pub fn add(&mut self, violation: Violation, value: impl FnOnce() -> String) {
        if self.found.len() < Self::KEPT_MAX {
            self.found.push(Violated { path: String::new(), member: "", value: value(), violation });
        }
    }

    /// The message that most of AWS's services give: `2 validation errors detected: Value '…' at '…' failed to satisfy constraint: …; …`
    /// (see `../aws-recordings/events`, `…/logs`).
    #[must_use]
    pub fn message(&self) -> String {
        let (count, plural) = (self.found.len(), if self.found.len() == 1 { "" } else { "s" });
        let each: Vec<String> = self.found.iter().map(Violated::clause).collect();
        format!("{count} validation error{plural} detected: {}", each.join("; "))
    }
}

impl Violated {
    /// Puts a part before the path.
    fn descend(&mut self, part: impl Iterator<Item = char>) {
        let inside = std::mem::take(&mut self.path);
        self.path.extend(part);
        if !inside.is_empty() {
            self.path.push('.');
            self.path.push_str(&inside);
        }
    }

    /// `Value 'x' at 'name' failed to satisfy constraint: Member must …`.
    #[must_use]
    pub fn clause(&self) -> String {
        let must = match &self.violation {
            Violation::Missing => {
                return format!(
                    "Value null at '{}' failed to satisfy constraint: Member must not be null",
                    self.path
                );
            }
            Violation::TooShort(min) => length_at_least(*min),
            Violation::TooLong(max) => length_at_most(*max),
            Violation::TooSmall(min) => format!("Member must have value greater than or equal to {min}"),
            Violation::TooLarge(max) => format!("Member must have value less than or equal to {max}"),
            Violation::Pattern(pattern) => matching(pattern),
            Violation::NotOneOf(values) => one_of(values),
            Violation::Elements(inner) => format!("Member must satisfy constraint: [{}]", demands(inner)),
            Violation::Keys(inner) => format!("Map keys must satisfy constraint: [{}]", demands(inner)),
            Violation::Values(inner) => format!("Map value must satisfy constraint: [{}]", demands(inner)),
        };
        format!("Value '{}' at '{}' failed to satisfy constraint: {must}", self.value, self.path)
    }
}

fn length_at_least(min: i64) -> String {
    format!("Member must have length greater than or equal to {min}")
}

fn length_at_most(max: i64) -> String {
    format!("Member must have length less than or equal to {max}")
}

fn matching(pattern: &str) -> String {
    format!("Member must satisfy regular expression pattern: {pattern}")
}

fn one_of(values: &[&str]) -> String {
    format!("Member must satisfy enum value set: [{}]", values.join(", "))
}

/// All that is demanded of an element, key or map value, in the order in which Lambda's answers list it.
fn demands(of: &Member) -> String {
    let Constraints { min, max, pattern, values, bounds, .. } = of.constraints;
    let mut all: Vec<String> = Vec::new();
    match bounds {
        Bounds::Length => {
            all.extend(max.map(length_at_most));
            all.extend(min.map(length_at_least));
        }
        Bounds::Integer => {
            all.extend(max.map(|max| format!("Member must have value less than or equal to {max}")));
            all.extend(min.map(|min| format!("Member must have value greater than or equal to {min}")));
        }
        Bounds::Double => {
            all.extend(max.map(|max| format!("Member must have value less than or equal to {max}.0")));
            all.extend(min.map(|min| format!("Member must have value greater than or equal to {min}.0")));
        }
    }
    all.extend(pattern.map(matching));
    if !values.is_empty() {
        all.push(one_of(values));
    }
    if of.required {
        all.push("Member must not be null".to_owned());
    }
    all.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_has_no_other_fault_and_nothing_within_it_has() {
        let mut violations = Violations::new();
        for (violation, path) in [
            (Violation::Missing, "destination"),
            (Violation::TooShort(1), "destination"),
            (Violation::TooShort(1), "destination.arn"),
            (Violation::TooShort(1), "destinationName"),
        ] {
            violations.add(violation, String::new);
            violations.found.last_mut().unwrap().path = path.to_owned();
        }
        violations.forget_faults_of_missing();
        let paths: Vec<&str> = violations.found().iter().map(|found| found.path.as_str()).collect();
        assert_eq!(paths, ["destination", "destinationName"]);
    }
}
