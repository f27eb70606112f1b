//! Phone numbers, which are checked though nothing is sent to them: what is no number is refused in AWS's words.

/// How many digits a number may have at most (E.164).
const DIGITS_MAX: usize = 15;

/// Whether a text is a phone number: digits behind a `+` that may be left out, with single `.`, `-` and `/` between them (test_subscribe_invalid_sms,
/// test_subscribe_sms_obscure_phone_number).
#[must_use]
pub fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    let mut groups = digits.split(['.', '-', '/']);
    groups.all(|group| !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_digit()))
        && digits.bytes().filter(u8::is_ascii_digit).count() <= DIGITS_MAX
}

#[cfg(test)]
mod tests {
    use super::is_number;

    #[test]
    fn numbers_are_told_from_other_texts() {
        for number in ["+15551234567", "15551234567", "+123123123", "+15/55-123.4567"] {
            assert!(is_number(number), "{number}");
        }
        for other in [
            "",
            "+",
            "invalid-number",
            "+15--551234567",
            "NAA+15551234567",
            "+15551234567.",
            "/+15551234567",
            "+1a234",
            "+1234567890123456",
        ] {
            assert!(!is_number(other), "{other}");
        }
    }
}
