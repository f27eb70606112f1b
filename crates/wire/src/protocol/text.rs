//! Scalars as text: how numbers, instants and blobs are spelled wherever a protocol carries characters.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pontoon_core::Timestamp;
use pontoon_core::shape::TimestampFormat;

/// The integer that `text` spells: decimal digits with an optional sign, or a decimal number that happens to be whole (`1e3`, `5.0`) and small enough
/// to be exact. `None` if it is none or does not fit 64 bits.
pub fn integer(text: &str) -> Option<i64> {
    if let Ok(value) = text.parse() {
        return Some(value);
    }
    if !text.contains(['.', 'e', 'E']) {
        return None;
    }
    let value: f64 = text.parse().ok()?;
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    (value.fract() == 0.0 && value.abs() <= EXACT_MAX).then_some(value as i64)
}

/// `NaN` and the infinities by the names that AWS's protocols give them.
pub fn not_finite(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

/// The name of a number that is not finite.
pub fn not_finite_name(value: f64) -> &'static str {
    if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    }
}

/// The number that `text` spells, the names of [`not_finite`] included, Rust's own names for them not.
pub fn double(text: &str) -> Option<f64> {
    let numeric = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'));
    if numeric { text.parse().ok() } else { not_finite(text) }
}

/// Seconds since the epoch with an optional fraction; `None` if not a number, or beyond the calendar.
pub fn epoch_secs(text: &str) -> Option<Timestamp> {
    let secs = double(text).filter(|secs| secs.is_finite())?;
    epoch_secs_f64(secs)
}

/// An instant from fractional seconds; `None` beyond the years -9999 to 9999.
pub fn epoch_secs_f64(secs: f64) -> Option<Timestamp> {
    const SECS_MAX: f64 = 253_402_300_799.0;
    (secs.abs() <= SECS_MAX).then(|| Timestamp::from_secs_f64(secs))
}

/// An instant from text in `format`; with `Default`, in any format, as AWS's query services take them.
pub fn timestamp(text: &str, format: TimestampFormat) -> Option<Timestamp> {
    match format {
        TimestampFormat::EpochSeconds => epoch_secs(text),
        TimestampFormat::DateTime => iso(text),
        TimestampFormat::HttpDate => Timestamp::parse_http_date(text).or_else(|| iso(text)),
        TimestampFormat::Default => {
            iso(text).or_else(|| epoch_secs(text)).or_else(|| Timestamp::parse_http_date(text))
        }
    }
}

/// An ISO 8601 instant; one without a zone is in UTC, and one without a time is midnight.
fn iso(text: &str) -> Option<Timestamp> {
    if let Some(instant) = Timestamp::parse_iso(text) {
        return Some(instant);
    }
    if !text.is_ascii() || text.len() < 10 || text.len() > 35 {
        return None;
    }
    let with_time = if text.len() == 10 { format!("{text}T00:00:00Z") } else { format!("{text}Z") };
    Timestamp::parse_iso(&with_time)
}

/// An instant as text in `format`, where `Default` is the date and time of XML.
pub fn timestamp_text(value: Timestamp, format: TimestampFormat) -> String {
    match format {
        TimestampFormat::HttpDate => value.http_date(),
        TimestampFormat::EpochSeconds => {
            let mut out = Vec::with_capacity(16);
            push_epoch_secs(&mut out, value);
            String::from_utf8_lossy(&out).into_owned()
        }
        TimestampFormat::DateTime | TimestampFormat::Default if value.millis() % 1000 == 0 => {
            value.iso_secs()
        }
        TimestampFormat::DateTime | TimestampFormat::Default => value.iso_millis(),
    }
}

/// How many bytes from the start of `bytes` stand for themselves in a JSON string: all before the first quote, backslash or control character.
pub fn plain_json_len(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = ONES << 7;
    // The high bit of each byte that is less than the same byte of `bound`; bytes behind the first such one may be marked wrongly.
    let below = |word: u64, bound: u64| word.wrapping_sub(bound) & !word & HIGHS;
    let mut words = bytes.chunks_exact(8);
    let mut len = 0;
    for chunk in &mut words {
        let word = chunk.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        let quotes = below(word ^ (ONES * u64::from(b'"')), ONES);
        let backslashes = below(word ^ (ONES * u64::from(b'\\')), ONES);
        let special = quotes | backslashes | below(word, ONES * 0x20);
        if special != 0 {
            return len + (special.trailing_zeros() / 8) as usize;
        }
        len += 8;
    }
    let rest = words.remainder();
    len + rest.iter().position(|b| *b < 0x20 || matches!(b, b'"' | b'\\')).unwrap_or(rest.len())
}

/// Appends a decimal integer.
pub fn push_integer(out: &mut Vec<u8>, value: i64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = value.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends a finite number in the fewest digits that read back to the same value, whole numbers with `.0` as Java prints them.
pub fn push_double(out: &mut Vec<u8>, value: f64) {
    // Debug is the shortest form too, and turns to exponents where Display would print hundreds of zeros.
    out.extend_from_slice(format!("{value:?}").as_bytes());
}

/// Appends seconds since the epoch, with as many digits of fraction as the instant has, up to three.
pub fn push_epoch_secs(out: &mut Vec<u8>, value: Timestamp) {
    let millis = value.millis();
    if millis < 0 && millis > -1000 {
        out.push(b'-');
    }
    push_integer(out, millis / 1000);
    let fraction = (millis % 1000).unsigned_abs() as u16;
    if fraction == 0 {
        return;
    }
    let digits =
        [b'0' + (fraction / 100) as u8, b'0' + (fraction / 10 % 10) as u8, b'0' + (fraction % 10) as u8];
    let significant = 3 - digits.iter().rev().take_while(|d| **d == b'0').count();
    out.push(b'.');
    out.extend_from_slice(&digits[..significant]);
}

/// Appends padded base64.
pub fn push_base64(out: &mut Vec<u8>, value: &[u8]) {
    let start = out.len();
    out.resize(start + value.len().div_ceil(3) * 4, 0);
    let written = STANDARD.encode_slice(value, &mut out[start..]);
    debug_assert_eq!(
        written.ok(),
        Some(out.len() - start),
        "padded base64 has four characters for three bytes"
    );
}
