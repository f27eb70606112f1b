//! Text compared without regard to case, as EventBridge does it.
//!
//! Each character of the *operand* may appear in the value in its lower-case or its upper-case form, each taken on
//! its own. That is not folding: `ß` matches `ß` and `SS`, while `SS` does not match `ß`.

/// Whether `value` begins with `operand`, and where the rest of it starts.
pub(crate) fn strip_prefix<'v>(operand: &str, value: &'v str) -> Option<&'v str> {
    let mut rest = value;
    for c in operand.chars() {
        rest = forms(c).into_iter().find_map(|form| rest.strip_prefix(form.as_str()))?;
    }
    Some(rest)
}

/// Whether `value` ends with `operand`, and what comes before it.
pub(crate) fn strip_suffix<'v>(operand: &str, value: &'v str) -> Option<&'v str> {
    let mut rest = value;
    for c in operand.chars().rev() {
        rest = forms(c).into_iter().find_map(|form| rest.strip_suffix(form.as_str()))?;
    }
    Some(rest)
}

/// Whether all of `value` is `operand`.
pub(crate) fn equals(operand: &str, value: &str) -> bool {
    if operand.is_ascii() {
        return operand.eq_ignore_ascii_case(value);
    }
    strip_prefix(operand, value).is_some_and(str::is_empty)
}

/// The lower-case and the upper-case form. Characters beyond the basic plane have one form only, because AWS's
/// matcher looks at UTF-16 units.
fn forms(c: char) -> [Form; 2] {
    if u32::from(c) > 0xffff {
        return [Form::of([c].into_iter()), Form::of([c].into_iter())];
    }
    [Form::of(c.to_lowercase()), Form::of(c.to_uppercase())]
}

/// Up to three characters, which is the longest that a change of case makes of one.
struct Form {
    bytes: [u8; 12],
    length: usize,
}

impl Form {
    fn of(chars: impl Iterator<Item = char>) -> Self {
        let mut form = Self { bytes: [0; 12], length: 0 };
        for c in chars {
            form.length += c.encode_utf8(&mut form.bytes[form.length..]).len();
        }
        form
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::{equals, strip_prefix, strip_suffix};

    #[test]
    fn each_character_of_the_operand_has_two_forms() {
        assert!(equals("OrderCreated", "ordercreated"));
        assert!(equals("Straße", "STRASSE"));
        assert!(!equals("STRASSE", "straße"));
        assert!(equals("ÄÖ", "äÖ"));
        assert!(!equals("a", "ab"));
        assert_eq!(strip_prefix("EventB", "EVENTBRIDGE"), Some("RIDGE"));
        assert_eq!(strip_suffix(".png", "x.PnG"), Some("x"));
        assert_eq!(strip_suffix("é", "CAFÉ"), Some("CAF"));
    }
}
