//! Why an event did not match a pattern, field by field.

use std::fmt;

use crate::elements::ROOT;
use crate::event::{Event, Flattened, Scalar};
use crate::pattern::{Condition, Fields, Pattern, asked, holds, holds_alone};

/// Values that a report quotes of one field.
const VALUES_MAX: usize = 8;

/// Characters that a report quotes of one value.
const VALUE_CHARS_MAX: usize = 200;

/// What each condition of a pattern met in an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// Whether the event matches.
    pub matched: bool,
    /// The combination of `$or` branches that matched, or that came closest: the one with the fewest conditions
    /// unmet, the first of several. Conditions ascend by path.
    pub conditions: Vec<Finding>,
}

/// What one condition met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The names on the way to the field, joined by dots.
    pub path: String,
    /// The alternatives that would satisfy it, as the pattern spells them.
    pub expected: Vec<String>,
    /// The values that were there, as JSON; none where the field is absent. Long ones are cut, and of many the
    /// first are given.
    pub seen: Vec<String>,
    /// How many values were there.
    pub seen_count: usize,
    /// The judgement.
    pub verdict: Verdict,
}

/// How a condition fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It was satisfied.
    Satisfied,
    /// The field was there and no value of it satisfied the condition.
    Unsatisfied,
    /// The field was not there.
    Absent,
    /// It was satisfied, but in another element of an array than the conditions beside it.
    OtherElement,
}

impl Explanation {
    /// The conditions that kept the event from matching.
    pub fn unmet(&self) -> impl Iterator<Item = &Finding> {
        self.conditions.iter().filter(|finding| finding.verdict != Verdict::Satisfied)
    }
}

impl Pattern {
    /// Says of each condition what it expected and what it saw.
    pub fn explain(&self, event: &Event<'_>) -> Explanation {
        let conjunctions = self.conjunctions();
        let event = event.flattened();
        if let Some(matching) = conjunctions.iter().find(|conjunction| holds(event, asked(conjunction))) {
            let conditions = matching.iter().map(|condition| finding(condition, event)).collect();
            return Explanation { matched: true, conditions };
        }
        let closest = conjunctions.iter().min_by_key(|conjunction| {
            conjunction.iter().filter(|condition| !holds_alone(condition, event)).count()
        });
        let mut conditions: Vec<Finding> = closest
            .into_iter()
            .flat_map(|closest| closest.iter())
            .map(|condition| finding(condition, event))
            .collect();
        // Each condition holds alone, so that what failed is their agreement on the elements of an array.
        if conditions.iter().all(|finding| finding.verdict == Verdict::Satisfied) {
            for (finding, condition) in
                conditions.iter_mut().zip(closest.into_iter().flat_map(|closest| closest.iter()))
            {
                let mut fields = event.at(&condition.path);
                if condition.admits_absence()
                    && !event.at(&condition.path).any(|field| condition.is_satisfied_by(event.value(field)))
                {
                    // It could only have been satisfied by an element without the field.
                    finding.verdict =
                        if finding.seen_count > 0 { Verdict::Unsatisfied } else { Verdict::Satisfied };
                } else if fields.any(|field| event.elements().of(field) != ROOT) {
                    finding.verdict = Verdict::OtherElement;
                }
            }
        }
        Explanation { matched: false, conditions }
    }
}

fn finding(condition: &Condition, event: &Flattened<'_>) -> Finding {
    let values: Vec<&Scalar<'_>> = event.at(&condition.path).map(|field| event.scalar(field)).collect();
    let verdict = if holds_alone(condition, event) {
        Verdict::Satisfied
    } else if values.is_empty() {
        Verdict::Absent
    } else {
        Verdict::Unsatisfied
    };
    Finding {
        path: condition.path().to_owned(),
        expected: condition.operators.iter().map(ToString::to_string).collect(),
        seen: values.iter().take(VALUES_MAX).map(|value| shortened(value)).collect(),
        seen_count: values.len(),
        verdict,
    }
}

fn shortened(value: &Scalar<'_>) -> String {
    let mut text = value.to_json();
    if let Some((end, _)) = text.char_indices().nth(VALUE_CHARS_MAX) {
        text.truncate(end);
        text.push('…');
    }
    text
}

impl Finding {
    /// The alternatives in one line: `"running" or {"prefix":"stop"}`.
    pub fn expected_text(&self) -> String {
        self.expected.join(" or ")
    }

    /// The values in one line, `nothing` where there are none; and what was wrong with them if not they themselves.
    pub fn seen_text(&self) -> String {
        let mut text = if self.seen.is_empty() { "nothing".to_owned() } else { self.seen.join(", ") };
        if self.seen_count > self.seen.len() {
            text.push_str(&format!(" and {} more", self.seen_count - self.seen.len()));
        }
        if self.verdict == Verdict::OtherElement {
            text.push_str(" in another element of the array");
        }
        text
    }
}

impl fmt::Display for Finding {
    /// One line: `detail.state expected "running" or {"prefix":"stop"}, saw "pending"`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} expected {}, saw {}", self.path, self.expected_text(), self.seen_text())
    }
}

#[cfg(test)]
mod tests {
    use crate::event::Event;
    use crate::pattern::Pattern;

    fn check(pattern: &str, event: &str, expected: &[&str]) {
        let explanation = Pattern::parse(pattern).unwrap().explain(&Event::parse(event.as_bytes()).unwrap());
        let unmet: Vec<String> = explanation.unmet().map(ToString::to_string).collect();
        assert_eq!(unmet, expected);
        assert_eq!(explanation.matched, expected.is_empty());
    }

    #[test]
    fn says_of_each_field_what_was_expected_and_seen() {
        let pattern =
            r#"{"source":["a","b"],"detail":{"n":[{"numeric":[">",5]}],"gone":[{"anything-but":"x"}]}}"#;
        check(pattern, r#"{"source":"b","detail":{"n":6,"gone":1}}"#, &[]);
        check(
            pattern,
            r#"{"source":"c","detail":{"n":[1,2.50]}}"#,
            &[
                r#"detail.gone expected {"anything-but":["x"]}, saw nothing"#,
                r#"detail.n expected {"numeric":[">",5]}, saw 1, 2.50"#,
                r#"source expected "a" or "b", saw "c""#,
            ],
        );
    }

    #[test]
    fn says_that_elements_differ() {
        check(
            r#"{"a":{"x":[1],"y":[2]}}"#,
            r#"{"a":[{"x":1,"y":0},{"x":0,"y":2}]}"#,
            &[
                "a.x expected 1, saw 1, 0 in another element of the array",
                "a.y expected 2, saw 0, 2 in another element of the array",
            ],
        );
    }

    #[test]
    fn takes_the_closest_branch() {
        check(
            r#"{"$or":[{"a":[1],"b":[1],"c":[1]},{"a":[2],"b":[1]}]}"#,
            r#"{"a":1,"b":1}"#,
            &["c expected 1, saw nothing"],
        );
    }
}
