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

/// Bytes that are the same for all values that a character matches without regard to case, if it [`folds`].
fn canonical(c: char) -> impl DoubleEndedIterator<Item = u8> + Clone {
    let mut form = Canonical { bytes: [0; 36], length: 0 };
    if c.is_ascii() {
        form.bytes[0] = c.to_ascii_lowercase() as u8;
        form.length = 1;
    } else {
        for lower in c.to_uppercase().flat_map(char::to_lowercase) {
            form.length += lower.encode_utf8(&mut form.bytes[form.length..]).len();
        }
    }
    (0..form.length).map(move |at| form.bytes[at])
}

/// The lower case of the upper case: up to three characters, each made up to three.
#[derive(Clone, Copy)]
struct Canonical {
    bytes: [u8; 36],
    length: usize,
}

/// Whether all values that a text matches without regard to case have the same [`folded`] bytes.
pub(crate) fn folds(operand: &str) -> bool {
    operand.is_ascii()
        || operand.chars().all(|c| {
            let [lower, upper] = forms(c);
            [lower, upper].iter().all(|form| folded(form.as_str()).eq(canonical(c)))
        })
}

/// A text without regard to case.
pub(crate) fn folded(text: &str) -> impl Iterator<Item = u8> + '_ {
    text.chars().flat_map(canonical)
}

/// The same, from the end.
pub(crate) fn folded_backwards(text: &str) -> impl Iterator<Item = u8> + '_ {
    text.chars().rev().flat_map(|c| canonical(c).rev())
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
    use super::{equals, folded, folded_backwards, folds, forms, strip_prefix, strip_suffix};

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
    #[test]
    fn what_a_character_matches_folds_alike() {
        let mut without = 0;
        for c in (0..=0xffff).filter_map(char::from_u32) {
            let operand = c.to_string();
            if !folds(&operand) {
                without += 1;
                continue;
            }
            for form in forms(c) {
                assert!(folded(form.as_str()).eq(folded(&operand)), "{c:?}");
                let mut backwards: Vec<u8> = folded_backwards(form.as_str()).collect();
                backwards.reverse();
                assert!(folded(&operand).eq(backwards), "{c:?}");
            }
        }
        assert!(without < 40, "{without} characters cannot be looked up");
    }
}
