//! Text patterns of policies: literals, `*`, `?` and policy variables.
//!
//! Follows "IAM JSON policy elements: variables and tags" of the IAM user guide: a variable's value is taken literally, wildcards within it included,
//! and `${*}`, `${?}` and `${$}` spell the characters themselves.

use std::borrow::Cow;

/// Which of a text's characters are special.
#[derive(Clone, Copy, Debug)]
pub(super) struct Syntax {
    /// `*` and `?` are wildcards.
    pub wildcards: bool,
    /// `${…}` is a policy variable (documents of version 2012-10-17).
    pub variables: bool,
    /// Letters match in either case (ASCII).
    pub ignore_case: bool,
}

/// A compiled pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    parts: Vec<Part>,
    ignore_case: bool,
    has_variables: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(Box<str>),
    One,
    Run,
    Variable { key: Box<str>, default: Option<Box<str>> },
}

impl Pattern {
    /// Compiles a text; every text is a pattern.
    pub fn compile(text: &str, syntax: Syntax) -> Self {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            if syntax.variables
                && let Some((variable, behind)) = split_variable(rest)
            {
                match variable {
                    "*" | "?" | "$" => literal.push_str(variable),
                    _ => push(&mut parts, &mut literal, variable_part(variable)),
                }
                rest = behind;
                continue;
            }
            match next {
                '*' if syntax.wildcards => push(&mut parts, &mut literal, Part::Run),
                '?' if syntax.wildcards => push(&mut parts, &mut literal, Part::One),
                other => literal.push(other),
            }
            rest = &rest[next.len_utf8()..];
        }
        if !literal.is_empty() {
            parts.push(Part::Text(literal.into()));
        }
        let has_variables = parts.iter().any(|part| matches!(part, Part::Variable { .. }));
        Self { parts, ignore_case: syntax.ignore_case, has_variables }
    }

    /// Whether the whole of `text` matches; `None` if a variable has no value, so that nothing can be said. `value_of` gives a variable's value by its
    /// lower-case key.
    pub fn matches<'v>(&self, text: &str, value_of: &dyn Fn(&str) -> Option<Cow<'v, str>>) -> Option<bool> {
        if !self.has_variables {
            return Some(self.glob(&self.parts, text));
        }
        let mut resolved = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            resolved.push(match part {
                Part::Variable { key, default } => {
                    let value = value_of(key).or_else(|| default.as_deref().map(Cow::Borrowed))?;
                    Part::Text(value.into())
                }
                other => other.clone(),
            });
        }
        Some(self.glob(&resolved, text))
    }

    /// Greedy matching that falls back to the last `*` only, which suffices because an earlier one can never need to take more.
    fn glob(&self, parts: &[Part], text: &str) -> bool {
        let (mut part, mut at) = (0, 0);
        let mut fallback: Option<(usize, usize)> = None;
        loop {
            let rest = &text[at..];
            let step = match parts.get(part) {
                Some(Part::Run) => {
                    if part + 1 == parts.len() {
                        return true;
                    }
                    fallback = Some((part + 1, at));
                    Some(0)
                }
                Some(Part::One) => rest.chars().next().map(char::len_utf8),
                Some(Part::Text(literal)) => self.begins(rest, literal).then_some(literal.len()),
                Some(Part::Variable { .. }) => None,
                None if rest.is_empty() => return true,
                None => None,
            };
            if let Some(step) = step {
                (part, at) = (part + 1, at + step);
                continue;
            }
            let Some((behind, from)) = fallback else { return false };
            let Some(skipped) = text[from..].chars().next() else { return false };
            let from = from + skipped.len_utf8();
            fallback = Some((behind, from));
            (part, at) = (behind, from);
        }
    }

    fn begins(&self, text: &str, literal: &str) -> bool {
        match text.as_bytes().get(..literal.len()) {
            Some(start) if self.ignore_case => start.eq_ignore_ascii_case(literal.as_bytes()),
            Some(start) => start == literal.as_bytes(),
            None => false,
        }
    }
}

/// Ends the literal before a special part.
fn push(parts: &mut Vec<Part>, literal: &mut String, part: Part) {
    if !literal.is_empty() {
        parts.push(Part::Text(std::mem::take(literal).into()));
    }
    if !(part == Part::Run && parts.last() == Some(&Part::Run)) {
        parts.push(part);
    }
}

/// `${name}` at the start of a text, and what follows it.
fn split_variable(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix("${")?.split_once('}')
}

/// `key` or `key, 'default'`.
fn variable_part(text: &str) -> Part {
    let (key, default) = match text.split_once(',') {
        Some((key, default)) => (key, Some(default.trim().trim_matches('\'').into())),
        None => (text, None),
    };
    Part::Variable { key: key.trim().to_ascii_lowercase().into(), default }
}

/// Splits an ARN pattern at its first five colons, those within `${…}` aside.
pub(super) fn arn_components(text: &str) -> Vec<&str> {
    let mut components = Vec::with_capacity(6);
    let (mut start, mut in_variable) = (0, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' if text[..at].ends_with('$') => in_variable = true,
            b'}' => in_variable = false,
            b':' if !in_variable && components.len() < 5 => {
                components.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    components.push(&text[start..]);
    components
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GLOB: Syntax = Syntax { wildcards: true, variables: true, ignore_case: false };

    fn check(pattern: &str, text: &str) -> Option<bool> {
        Pattern::compile(pattern, GLOB)
            .matches(text, &|key| (key == "aws:username").then_some(Cow::Borrowed("a*b")))
    }

    #[test]
    fn patterns_match_whole_texts_with_variables_taken_literally() {
        for (pattern, text, expected) in [
            ("", "", Some(true)),
            ("", "x", Some(false)),
            ("*", "", Some(true)),
            ("?", "é", Some(true)),
            ("?", "", Some(false)),
            ("a*b*c", "aXbXbXc", Some(true)),
            ("a*b*c", "aXbX", Some(false)),
            ("*ab", "aab", Some(true)),
            ("*?b", "ab", Some(true)),
            ("a**", "a", Some(true)),
            ("user/${aws:username}", "user/a*b", Some(true)),
            ("user/${AWS:UserName}", "user/aXb", Some(false)),
            ("${aws:nothing}", "x", None),
            ("${aws:nothing, 'x'}", "x", Some(true)),
            ("${*}${?}${$}", "*?$", Some(true)),
            ("${*}", "x", Some(false)),
            ("${unclosed", "${unclosed", Some(true)),
        ] {
            assert_eq!(check(pattern, text), expected, "{pattern} against {text}");
        }
    }

    #[test]
    fn arn_patterns_split_at_their_first_five_colons_outside_variables() {
        let parts = arn_components("arn:aws:sqs:*:${aws:PrincipalAccount}:a:b");
        assert_eq!(parts, ["arn", "aws", "sqs", "*", "${aws:PrincipalAccount}", "a:b"]);
        assert_eq!(arn_components("*"), ["*"]);
    }

    /// The textbook definition, exponential but obvious.
    fn naive(pattern: &[char], text: &[char]) -> bool {
        match (pattern.first(), text.first()) {
            (None, None) => true,
            (Some('*'), _) => naive(&pattern[1..], text) || (!text.is_empty() && naive(pattern, &text[1..])),
            (Some('?'), Some(_)) => naive(&pattern[1..], &text[1..]),
            (Some(p), Some(t)) if p == t => naive(&pattern[1..], &text[1..]),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn matching_agrees_with_the_textbook(pattern in "[ab*?]{0,8}", text in "[ab]{0,10}") {
            let chars = |s: &str| s.chars().collect::<Vec<_>>();
            prop_assert_eq!(check(&pattern, &text), Some(naive(&chars(&pattern), &chars(&text))));
        }
    }
}
