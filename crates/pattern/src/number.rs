//! Numbers compared as numbers, without the error of floating point.
//!
//! AWS's matcher orders numbers by the bits of their double, and takes part only with numbers that a double can
//! carry unharmed: those whose decimal value is the one that the double prints as. Every other number (more than
//! about 17 digits, or beyond a double's range) is no number to the operators and is compared by its spelling.

use std::fmt::{self, Write};

/// A double's bits, rearranged so that unsigned order is numeric order.
pub(crate) type NumberKey = u64;

/// The keys of the numbers that there are.
pub(crate) const FINITE: std::ops::RangeInclusive<NumberKey> =
    !(f64::MIN.to_bits())..=(f64::MAX.to_bits() | 1 << 63);

/// Decimal digits up to which every number of moderate size survives a double unharmed.
const SAFE_DIGITS: usize = 15;

/// The key of a JSON number, or `None` where a double would not carry it.
pub(crate) fn key(text: &str) -> Option<NumberKey> {
    if let Some(value) = plain(text.as_bytes()) {
        return Some(order(value));
    }
    let value: f64 = text.parse().ok()?;
    if !value.is_finite() {
        return None;
    }
    if is_short(text)
        && (value == 0.0 || (1e-290..1e290).contains(&value.abs()))
        && !hides_a_value(text, value)
    {
        return Some(order(value));
    }
    (Decimal::of(text)? == Decimal::of(Printed::new(value).text())?).then(|| order(value))
}

/// The value of digits, perhaps with a sign and a point among them, that are few enough for a double: both the digits and the power of ten that divides
/// them are doubles themselves, so that the one rounding there is, is that of the quotient.
fn plain(text: &[u8]) -> Option<f64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let (first, last) = (digits.first()?, digits.last()?);
    if !first.is_ascii_digit() || !last.is_ascii_digit() || digits.len() > SAFE_DIGITS {
        return None;
    }
    let (mut value, mut divisor, mut has_point) = (0_u64, 1_u64, false);
    for &byte in digits {
        match byte {
            b'0'..=b'9' => {
                value = value * 10 + u64::from(byte - b'0');
                divisor *= if has_point { 10 } else { 1 };
            }
            b'.' if !has_point => has_point = true,
            _ => return None,
        }
    }
    let value = value as f64;
    let value = if has_point { value / divisor as f64 } else { value };
    Some(if negative { -value } else { value })
}

/// Whether a text of digits rounded to zero.
fn hides_a_value(text: &str, value: f64) -> bool {
    value == 0.0
        && text
            .split(['e', 'E'])
            .next()
            .is_some_and(|digits| digits.bytes().any(|b| (b'1'..=b'9').contains(&b)))
}

fn is_short(text: &str) -> bool {
    let mantissa = text.split(['e', 'E']).next().unwrap_or(text);
    mantissa.bytes().filter(u8::is_ascii_digit).count() <= SAFE_DIGITS
}

fn order(value: f64) -> NumberKey {
    // Negative zero is zero.
    let bits = (value + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

/// A decimal number in normal form: sign, digits without outer zeros, and the exponent of the first digit.
struct Decimal<'a> {
    negative: bool,
    /// From the first digit that is not zero to the last; a point may be among them.
    digits: &'a [u8],
    exponent: i64,
}

impl PartialEq for Decimal<'_> {
    fn eq(&self, other: &Self) -> bool {
        let digits = |decimal: &Self| decimal.digits.iter().filter(|&&byte| byte != b'.');
        (self.negative, self.exponent) == (other.negative, other.exponent) && digits(self).eq(digits(other))
    }
}

impl<'a> Decimal<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
            None => (text, 0),
        };
        let (negative, mantissa) = match mantissa.as_bytes() {
            [b'-', rest @ ..] => (true, rest),
            mantissa => (false, mantissa),
        };
        let is_digit = |byte: &u8| (b'1'..=b'9').contains(byte);
        let (Some(first), Some(last)) =
            (mantissa.iter().position(is_digit), mantissa.iter().rposition(is_digit))
        else {
            return Some(Self { negative: false, digits: &[], exponent: 0 });
        };
        let integer_digits = mantissa.iter().position(|&byte| byte == b'.').unwrap_or(mantissa.len());
        // Behind the point its place is one further than that of the digit.
        let before_first = first - usize::from(first > integer_digits);
        let exponent = exponent.checked_add(integer_digits as i64 - 1 - before_first as i64)?;
        Some(Self { negative, digits: &mantissa[first..=last], exponent })
    }
}

/// A double as it prints, in scientific notation.
struct Printed {
    text: [u8; PRINTED_MAX],
    length: usize,
}

/// Bytes of the longest, which are a sign, 17 digits, a point and an exponent of five characters.
const PRINTED_MAX: usize = 24;

impl Printed {
    fn new(value: f64) -> Self {
        let mut printed = Self { text: [0; PRINTED_MAX], length: 0 };
        let written = write!(printed, "{value:e}");
        assert!(written.is_ok(), "no double prints longer");
        printed
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.text[..self.length]).unwrap_or_default()
    }
}

impl fmt::Write for Printed {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.text.get_mut(self.length..self.length + text.len()).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.length += text.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{key, plain};
    use proptest::prelude::*;

    #[test]
    fn one_value_has_one_key_however_it_is_spelled() {
        for same in [["5", "5.0"], ["5", "50e-1"], ["300", "3.0e2"], ["0", "-0.0"], ["1e-7", "0.0000001"]] {
            assert_eq!(key(same[0]), key(same[1]), "{same:?}");
            assert!(key(same[0]).is_some());
        }
    }

    #[test]
    fn digits_with_a_point_are_plain() {
        for text in [
            "0",
            "-0",
            "0.1",
            "-2.675",
            "99999.99999999",
            "123456789012345",
            "-0.000000000001",
            "1.10",
            "007",
        ] {
            assert_eq!(plain(text.as_bytes()), Some(text.parse().unwrap()), "{text}");
        }
        for text in ["", "-", ".5", "5.", "1e3", "1.2.3", "+1", "1234567890123456", "1-2", "x"] {
            assert_eq!(plain(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn doubles_print_within_bounds_and_are_what_they_print() {
        for value in
            [f64::MIN, f64::MAX, -f64::MIN_POSITIVE, -5e-324, -1.2345678901234567e-300, 0.1 + 0.2, 1e21]
        {
            assert_eq!(key(&format!("{value:e}")), Some(super::order(value)), "{value:e}");
            assert_eq!(key(&format!("{value}")), Some(super::order(value)), "{value}");
        }
    }

    proptest! {
        #[test]
        fn plain_digits_have_the_value_that_the_standard_library_reads(text in "-?[0-9]{1,8}(\\.[0-9]{1,6})?") {
            prop_assert_eq!(plain(text.as_bytes()).map(f64::to_bits), Some(text.parse::<f64>().unwrap().to_bits()));
        }
    }

    #[test]
    fn keys_order_as_numbers() {
        let rising = ["-1e300", "-5.1", "-5", "-1e-9", "0", "1e-9", "4.99999", "5", "5.00001", "1e300"];
        assert!(rising.windows(2).all(|pair| key(pair[0]) < key(pair[1])));
    }

    #[test]
    fn a_number_that_a_double_would_change_has_no_key() {
        for text in ["12345678901234567890", "0.1000000000000000055", "1e400", "1e-400", "9007199254740993"] {
            assert_eq!(key(text), None, "{text}");
        }
        for text in ["0.1", "9007199254740992", "123456789012", "1.7976931348623157e308", "5e-324"] {
            assert!(key(text).is_some(), "{text}");
        }
    }
}
