//! DynamoDB's number: a decimal of up to 38 significant digits, exact.
//!
//! Magnitudes run from 1e-130 to 9.99…e125, and zero. A number is held normalised, so that equal
//! numbers are equal structures: no trailing zeros in the coefficient, one zero, no negative zero.
//! Follows "Number" in the developer guide's page on naming rules and data types; the messages are
//! the service's own.

use std::cmp::Ordering;
use std::fmt;

use super::Invalid;

/// Significant digits that a number may have.
pub const DIGITS_MAX: u32 = 38;
/// The largest power of ten that a number's leading digit may stand for.
const LEADING_EXPONENT_MAX: i64 = 125;
/// The smallest power of ten that a number's leading digit may stand for.
const LEADING_EXPONENT_MIN: i64 = -130;

const OVERFLOW: &str =
    "Number overflow. Attempting to store a number with magnitude larger than supported range";
const UNDERFLOW: &str =
    "Number underflow. Attempting to store a number with magnitude smaller than supported range";
const TOO_PRECISE: &str = "Attempting to store more than 38 significant digits in a Number";
const NOT_A_NUMBER: &str = "The parameter cannot be converted to a numeric value";

/// An exact decimal: `±coefficient × 10^exponent`, normalised.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Number {
    negative: bool,
    /// Power of ten of the coefficient's last digit; zero when the coefficient is.
    exponent: i16,
    /// Below 10^38 and not a multiple of ten, unless zero.
    coefficient: u128,
}

impl Number {
    /// Zero.
    pub const ZERO: Number = Number { negative: false, exponent: 0, coefficient: 0 };

    /// Reads a number as clients write it: an optional sign, digits with an optional point, and an
    /// optional exponent. Surrounding spaces, `NaN` and infinities are refused.
    ///
    /// # Errors
    /// The service's message for text that is no number, for a magnitude outside the range, or for
    /// more than 38 significant digits, looked at in that order.
    pub fn parse(text: &str) -> Result<Number, Invalid> {
        if text.is_empty() {
            return Err(Invalid::new(NOT_A_NUMBER));
        }
        let Some(scanned) = Scanned::scan(text.as_bytes()) else {
            return Err(Invalid::new(format!("{NOT_A_NUMBER}: {text}")));
        };
        if scanned.digits == 0 {
            return Ok(Number::ZERO);
        }
        let leading = scanned.exponent.saturating_add(scanned.digits - 1);
        if leading > LEADING_EXPONENT_MAX {
            return Err(Invalid::new(OVERFLOW));
        }
        if leading < LEADING_EXPONENT_MIN {
            return Err(Invalid::new(UNDERFLOW));
        }
        let Some(coefficient) = scanned.coefficient else {
            return Err(Invalid::new(TOO_PRECISE));
        };
        // In range: the leading exponent is within ±130 and there are at most 38 digits.
        let exponent = i16::try_from(scanned.exponent).map_err(|_| Invalid::new(OVERFLOW))?;
        Ok(Number { negative: scanned.negative, exponent, coefficient })
    }

    /// Whether the number is zero.
    pub fn is_zero(&self) -> bool {
        self.coefficient == 0
    }

    /// How many significant digits the coefficient has; one for zero.
    fn digits(&self) -> u32 {
        self.coefficient.checked_ilog10().map_or(1, |log| log + 1)
    }

    /// Power of ten of the leading digit.
    fn leading_exponent(&self) -> i64 {
        i64::from(self.exponent) + i64::from(self.digits()) - 1
    }

    /// The number's share of an item's size, in bytes.
    ///
    /// One byte, one more for each two digits before the point and for each two after it, and one
    /// for a minus sign; leading and trailing zeros are not counted. The developer guide describes
    /// it as approximate; the pairing on either side of the point is what the service measures.
    pub fn size_bytes(&self) -> usize {
        if self.is_zero() {
            return 1;
        }
        let digits = i64::from(self.digits());
        let exponent = i64::from(self.exponent);
        let whole = if exponent >= 0 { digits } else { (digits + exponent).max(0) };
        let fraction = digits - whole;
        let pairs = whole.unsigned_abs().div_ceil(2) + fraction.unsigned_abs().div_ceil(2);
        // At most 38 digits: the sum is small on every platform.
        1 + pairs as usize + usize::from(self.negative)
    }

    /// The sum, exactly.
    ///
    /// # Errors
    /// A magnitude out of range, or a sum that 38 digits cannot hold; the service calls both an
    /// overflow.
    pub fn checked_add(&self, other: &Number) -> Result<Number, Invalid> {
        let overflow = || Invalid::new(OVERFLOW);
        let exponent = match (self.is_zero(), other.is_zero()) {
            (true, _) => return Ok(*other),
            (_, true) => return Ok(*self),
            _ => self.exponent.min(other.exponent),
        };
        // A term that does not fit when aligned exceeds 3e38, while the other, which owns the last
        // digit, stays below 1e38: their sum has 39 digits or more whatever the signs.
        let left = self.aligned_to(exponent).ok_or_else(overflow)?;
        let right = other.aligned_to(exponent).ok_or_else(overflow)?;
        let (negative, coefficient) = if self.negative == other.negative {
            (self.negative, left.checked_add(right).ok_or_else(overflow)?)
        } else if left >= right {
            (self.negative, left - right)
        } else {
            (other.negative, right - left)
        };
        Number::normalised(negative, coefficient, exponent)
    }

    /// The difference, exactly.
    ///
    /// # Errors
    /// As for [`Number::checked_add`].
    pub fn checked_sub(&self, other: &Number) -> Result<Number, Invalid> {
        self.checked_add(&other.negated())
    }

    fn negated(&self) -> Number {
        Number { negative: !self.negative && !self.is_zero(), ..*self }
    }

    fn aligned_to(&self, exponent: i16) -> Option<u128> {
        let shift = u32::try_from(self.exponent - exponent).ok()?;
        self.coefficient.checked_mul(10u128.checked_pow(shift)?)
    }

    fn normalised(negative: bool, mut coefficient: u128, mut exponent: i16) -> Result<Number, Invalid> {
        if coefficient == 0 {
            return Ok(Number::ZERO);
        }
        while coefficient.is_multiple_of(10) {
            coefficient /= 10;
            exponent += 1;
        }
        let number = Number { negative, exponent, coefficient };
        let leading = number.leading_exponent();
        if leading > LEADING_EXPONENT_MAX || number.digits() > DIGITS_MAX {
            return Err(Invalid::new(OVERFLOW));
        }
        if leading < LEADING_EXPONENT_MIN {
            return Err(Invalid::new(UNDERFLOW));
        }
        Ok(number)
    }

    /// The whole part, towards negative infinity, if it fits: how time to live reads an attribute
    /// as seconds since the epoch.
    pub fn floor_i64(&self) -> Option<i64> {
        let (whole, exact) = if self.exponent >= 0 {
            let scale = 10u128.checked_pow(u32::from(self.exponent.unsigned_abs()))?;
            (self.coefficient.checked_mul(scale)?, true)
        } else {
            match 10u128.checked_pow(u32::from(self.exponent.unsigned_abs())) {
                Some(scale) => (self.coefficient / scale, self.coefficient.is_multiple_of(scale)),
                None => (0, false),
            }
        };
        let whole = i64::try_from(whole).ok()?;
        if self.negative {
            if exact { Some(-whole) } else { whole.checked_neg()?.checked_sub(1) }
        } else {
            Some(whole)
        }
    }

    /// Appends bytes that sort as the numbers do and never are a prefix of another number's.
    ///
    /// Layout: a byte that orders negative, zero and positive; the leading exponent, shifted to be
    /// non-negative; the digits in pairs, each plus one; a zero. For negatives all but the first
    /// byte are inverted, so that larger magnitudes come first.
    pub fn encode_ordered(&self, out: &mut Vec<u8>) {
        if self.is_zero() {
            out.push(0x02);
            return;
        }
        out.push(if self.negative { 0x01 } else { 0x03 });
        let body = out.len();
        // 0..=255 by the limits on the leading exponent.
        out.push((self.leading_exponent() - LEADING_EXPONENT_MIN) as u8);
        let mut digits = [0u8; DIGITS_MAX as usize + 1];
        let count = self.digits() as usize;
        let mut rest = self.coefficient;
        for slot in digits[..count].iter_mut().rev() {
            *slot = (rest % 10) as u8;
            rest /= 10;
        }
        for pair in digits[..count.next_multiple_of(2)].chunks_exact(2) {
            out.push(pair[0] * 10 + pair[1] + 1);
        }
        out.push(0);
        if self.negative {
            out[body..].iter_mut().for_each(|byte| *byte = !*byte);
        }
    }

    /// Sign, power of ten of the last digit, and coefficient: what the item encoding stores.
    pub fn to_parts(self) -> (bool, i16, u128) {
        (self.negative, self.exponent, self.coefficient)
    }

    /// The reverse of [`Number::to_parts`]; `None` when the parts are no number within the limits.
    pub fn from_parts(negative: bool, exponent: i16, coefficient: u128) -> Option<Number> {
        Number::normalised(negative, coefficient, exponent).ok()
    }
}

/// What a single pass over a number's text finds.
struct Scanned {
    negative: bool,
    /// `None` if there are more than 38 significant digits.
    coefficient: Option<u128>,
    /// Significant digits, without leading and trailing zeros.
    digits: i64,
    /// Power of ten of the last significant digit.
    exponent: i64,
}

impl Scanned {
    fn scan(text: &[u8]) -> Option<Scanned> {
        let (negative, rest) = match text.split_first()? {
            (b'-', rest) => (true, rest),
            (b'+', rest) => (false, rest),
            _ => (false, text),
        };
        let mantissa_end = rest.iter().position(|byte| matches!(byte, b'e' | b'E')).unwrap_or(rest.len());
        let written_exponent = match rest.get(mantissa_end + 1..) {
            Some(written) => scan_exponent(written)?,
            None => 0,
        };
        let mut coefficient = Some(0u128);
        let (mut digits, mut zeros, mut fraction) = (0i64, 0i64, 0i64);
        let (mut any_digit, mut after_point) = (false, false);
        for byte in &rest[..mantissa_end] {
            match byte {
                b'.' if !after_point => after_point = true,
                b'0'..=b'9' => {
                    any_digit = true;
                    fraction += i64::from(after_point);
                    if *byte == b'0' {
                        zeros += i64::from(digits > 0);
                        continue;
                    }
                    digits += zeros + 1;
                    coefficient = coefficient.filter(|_| digits <= i64::from(DIGITS_MAX)).map(|so_far| {
                        // At most 38 digits, so neither the power nor the product overflows.
                        so_far * 10u128.pow(zeros as u32 + 1) + u128::from(byte - b'0')
                    });
                    zeros = 0;
                }
                _ => return None,
            }
        }
        let exponent = written_exponent.saturating_sub(fraction).saturating_add(zeros);
        any_digit.then_some(Scanned { negative, coefficient, digits, exponent })
    }
}

/// Reads an exponent, held within bounds far outside any number's range.
fn scan_exponent(text: &[u8]) -> Option<i64> {
    let (sign, digits) = match text.split_first()? {
        (b'-', rest) => (-1, rest),
        (b'+', rest) => (1, rest),
        _ => (1, text),
    };
    if digits.is_empty() {
        return None;
    }
    let mut value = 0i64;
    for byte in digits {
        if !byte.is_ascii_digit() {
            return None;
        }
        value = (value * 10 + i64::from(byte - b'0')).min(i64::from(u32::MAX));
    }
    Some(sign * value)
}

impl From<u64> for Number {
    fn from(value: u64) -> Number {
        let (mut coefficient, mut exponent) = (u128::from(value), 0);
        while coefficient != 0 && coefficient.is_multiple_of(10) {
            coefficient /= 10;
            exponent += 1;
        }
        Number { negative: false, exponent, coefficient }
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Number) -> Ordering {
        let sign = |number: &Number| match (number.is_zero(), number.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        sign(self).cmp(&sign(other)).then_with(|| {
            let magnitude = self.leading_exponent().cmp(&other.leading_exponent()).then_with(|| {
                // Same leading exponent: scaling the shorter to the longer's digits keeps both
                // below 10^38.
                let width = self.digits().max(other.digits());
                let scaled = |number: &Number| number.coefficient * 10u128.pow(width - number.digits());
                scaled(self).cmp(&scaled(other))
            });
            if self.negative { magnitude.reverse() } else { magnitude }
        })
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Number) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Number {
    /// Plain decimal without an exponent, as the service returns numbers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.negative {
            f.write_str("-")?;
        }
        let digits = self.coefficient.to_string();
        if self.exponent >= 0 {
            return write!(f, "{digits}{:0<1$}", "", self.exponent.unsigned_abs() as usize);
        }
        let fraction = self.exponent.unsigned_abs() as usize;
        match digits.len().checked_sub(fraction) {
            Some(point) if point > 0 => write!(f, "{}.{}", &digits[..point], &digits[point..]),
            _ => write!(f, "0.{digits:0>fraction$}"),
        }
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number(text: &str) -> Number {
        Number::parse(text).unwrap()
    }

    #[test]
    fn numbers_come_back_in_plain_decimal() {
        for (written, returned) in [
            ("0", "0"),
            ("-0", "0"),
            ("0e1000", "0"),
            ("+3", "3"),
            (".123", "0.123"),
            ("1.", "1"),
            ("0001.2300", "1.23"),
            ("0042.1200", "42.12"),
            ("-17.4E37", "-174000000000000000000000000000000000000"),
            ("1e+5", "100000"),
            ("1.5E2", "150"),
            ("100e-2", "1"),
            ("12e-1", "1.2"),
            ("0.00000000000000000000000000000000000001", "0.00000000000000000000000000000000000001"),
            ("12345678901234567890123456789012345678", "12345678901234567890123456789012345678"),
        ] {
            assert_eq!(number(written).to_string(), returned, "{written}");
        }
        assert_eq!(number("1E125").to_string().len(), 126);
        assert_eq!(number("1E-130").to_string().len(), 132);
    }

    #[test]
    fn what_is_no_number_is_refused_in_the_services_words() {
        for (written, message) in [
            ("", NOT_A_NUMBER.to_string()),
            ("b", format!("{NOT_A_NUMBER}: b")),
            (" 1", format!("{NOT_A_NUMBER}:  1")),
            ("1 ", format!("{NOT_A_NUMBER}: 1 ")),
            ("NaN", format!("{NOT_A_NUMBER}: NaN")),
            ("-Infinity", format!("{NOT_A_NUMBER}: -Infinity")),
            ("1e", format!("{NOT_A_NUMBER}: 1e")),
            ("1.2.3", format!("{NOT_A_NUMBER}: 1.2.3")),
            (".", format!("{NOT_A_NUMBER}: .")),
            ("-", format!("{NOT_A_NUMBER}: -")),
            ("1e126", OVERFLOW.to_string()),
            ("-11e125", OVERFLOW.to_string()),
            ("1e99999999999999999999999", OVERFLOW.to_string()),
            ("1e-131", UNDERFLOW.to_string()),
            ("-0.9e-130", UNDERFLOW.to_string()),
            ("1e-99999999999999999999999", UNDERFLOW.to_string()),
            ("123456789012345678901234567890123456789", TOO_PRECISE.to_string()),
            ("-1.23456789012345678901234567890123456789", TOO_PRECISE.to_string()),
        ] {
            assert_eq!(Number::parse(written).unwrap_err().to_string(), message, "{written}");
        }
    }

    #[test]
    fn sizes_are_those_measured_on_the_service() {
        for (written, bytes) in [
            ("0", 1),
            ("1", 2),
            ("12", 2),
            ("123", 3),
            ("1234", 3),
            ("12345678901234567890123456789012345678", 20),
            ("0042", 2),
            ("100", 2),
            ("1010", 3),
            ("0.0000001", 2),
            ("1E125", 2),
            ("1E-100", 2),
            ("1.5", 3),
            ("15", 2),
            ("1.200", 3),
            ("1.234", 4),
            ("3.14159", 5),
            ("123456", 4),
            ("100.5", 4),
            ("0.15", 2),
            ("-42", 3),
            ("-0", 1),
        ] {
            assert_eq!(number(written).size_bytes(), bytes, "{written}");
        }
    }

    #[test]
    fn arithmetic_is_exact_or_an_overflow() {
        for (left, right, sum) in [
            ("1", "10000000000000000000000", Ok("10000000000000000000001")),
            ("0.1", "0.2", Ok("0.3")),
            ("5", "-5", Ok("0")),
            ("100000000000000000000000000000000000000", "-1", Ok("99999999999999999999999999999999999999")),
            ("99999999999999999999999999999999999999", "1", Ok("100000000000000000000000000000000000000")),
            ("9e125", "9e125", Err(OVERFLOW)),
            ("1e50", "1", Err(OVERFLOW)),
            ("1e125", "-1e-130", Err(OVERFLOW)),
            ("1.1e-130", "-1e-130", Err(UNDERFLOW)),
        ] {
            let got = number(left).checked_add(&number(right)).map(|sum| sum.to_string());
            assert_eq!(
                got.as_deref().map_err(|e| e.to_string()),
                sum.map_err(str::to_owned),
                "{left} + {right}"
            );
        }
        assert_eq!(number("10").checked_sub(&number("0.5")).unwrap(), number("9.5"));
    }

    #[test]
    fn the_whole_part_rounds_down() {
        for (written, whole) in [
            ("0", Some(0)),
            ("12.9", Some(12)),
            ("-12.1", Some(-13)),
            ("-12", Some(-12)),
            ("1e30", None),
            ("1e-130", Some(0)),
        ] {
            assert_eq!(number(written).floor_i64(), whole, "{written}");
        }
    }

    /// A naive decimal: a sign and 300 digits, the last standing for 10^-170.
    #[derive(PartialEq, Eq, Clone, Debug)]
    struct Naive {
        negative: bool,
        digits: Vec<u8>,
    }

    impl Naive {
        fn of(number: &Number) -> Naive {
            let mut digits = vec![0; 300];
            let text = number.coefficient.to_string();
            let end = 300 - usize::try_from(i64::from(number.exponent) + 170).unwrap();
            digits[end - text.len()..end]
                .copy_from_slice(&text.bytes().map(|b| b - b'0').collect::<Vec<_>>());
            Naive { negative: number.negative, digits }
        }

        fn plus(&self, other: &Naive) -> Naive {
            let mut digits = vec![0u8; 300];
            if self.negative == other.negative {
                let mut carry = 0;
                for i in (0..300).rev() {
                    let sum = self.digits[i] + other.digits[i] + carry;
                    digits[i] = sum % 10;
                    carry = sum / 10;
                }
                return Naive { negative: self.negative, digits };
            }
            let (big, small) = if self.digits >= other.digits { (self, other) } else { (other, self) };
            let mut borrow = 0;
            for i in (0..300).rev() {
                let difference = i16::from(big.digits[i]) - i16::from(small.digits[i]) - borrow;
                digits[i] = u8::try_from(difference.rem_euclid(10)).unwrap();
                borrow = i16::from(difference < 0);
            }
            Naive { negative: big.negative && digits.iter().any(|d| *d != 0), digits }
        }

        fn significant(&self) -> usize {
            let first = self.digits.iter().position(|d| *d != 0);
            let last = self.digits.iter().rposition(|d| *d != 0);
            first.zip(last).map_or(0, |(first, last)| last - first + 1)
        }

        fn cmp(&self, other: &Naive) -> Ordering {
            let zero = |n: &Naive| n.digits.iter().all(|d| *d == 0);
            let sign = |n: &Naive| {
                if zero(n) {
                    0
                } else if n.negative {
                    -1
                } else {
                    1
                }
            };
            sign(self).cmp(&sign(other)).then_with(|| {
                let order = self.digits.cmp(&other.digits);
                if self.negative { order.reverse() } else { order }
            })
        }
    }

    fn any_number() -> impl Strategy<Value = Number> {
        let exponents = prop_oneof![-130i64..=125, -3i64..=3];
        (any::<bool>(), "[0-9]{1,38}", exponents).prop_filter_map(
            "out of range",
            |(negative, digits, exponent)| {
                let sign = if negative { "-" } else { "" };
                Number::parse(&format!("{sign}{digits}e{}", exponent - digits.len() as i64 + 1)).ok()
            },
        )
    }

    proptest! {
        #[test]
        fn text_round_trips(number in any_number()) {
            prop_assert_eq!(Number::parse(&number.to_string()).unwrap(), number);
        }

        #[test]
        fn order_equality_and_encoding_agree_with_the_naive_model(a in any_number(), b in any_number()) {
            let naive = Naive::of(&a).cmp(&Naive::of(&b));
            prop_assert_eq!(a.cmp(&b), naive);
            prop_assert_eq!(a == b, naive == Ordering::Equal);
            let (mut left, mut right) = (Vec::new(), Vec::new());
            a.encode_ordered(&mut left);
            b.encode_ordered(&mut right);
            prop_assert_eq!(left.cmp(&right), naive);
            prop_assert!(a == b || !left.starts_with(&right));
        }

        #[test]
        fn sums_agree_with_the_naive_model(a in any_number(), b in any_number()) {
            let naive = Naive::of(&a).plus(&Naive::of(&b));
            match a.checked_add(&b) {
                Ok(sum) => prop_assert_eq!(Naive::of(&sum).cmp(&naive), Ordering::Equal),
                Err(_) => {
                    let leading = naive.digits.iter().position(|d| *d != 0).map(|at| 129 - at as i64);
                    let out_of_range = leading.is_some_and(|e| !(-130..=125).contains(&e));
                    prop_assert!(naive.significant() > 38 || out_of_range);
                }
            }
        }

        #[test]
        fn parsing_never_panics(text in "[-+.eE0-9 x]{0,60}") {
            let _ = Number::parse(&text);
        }
    }
}
