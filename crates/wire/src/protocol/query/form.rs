//! `application/x-www-form-urlencoded` pairs, from bodies and query strings.

use std::borrow::Cow;

/// Why a form could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormError {
    /// A `%` without two hexadecimal digits, or bytes that are not UTF-8.
    Malformed,
    /// More pairs than [`PAIRS_MAX`].
    TooMany,
}

/// How many pairs a form may have: ten SendMessageBatch entries with ten attributes need a few hundred, PutMetricData some ten thousand.
pub const PAIRS_MAX: usize = 65_536;

/// A decoded pair.
pub type Pair<'f> = (Cow<'f, str>, Cow<'f, str>);

/// Splits a form into its decoded pairs, in order. Empty pieces (`a=1&&b=2`) are passed over; a piece without `=` has an empty value.
///
/// # Errors
/// See [`FormError`].
pub fn parse(form: &[u8]) -> Result<Vec<Pair<'_>>, FormError> {
    let mut pairs = Vec::new();
    for piece in form.split(|b| *b == b'&').filter(|piece| !piece.is_empty()) {
        if pairs.len() == PAIRS_MAX {
            return Err(FormError::TooMany);
        }
        let split = piece.iter().position(|b| *b == b'=');
        let (key, value) = split.map_or((piece, &[][..]), |at| (&piece[..at], &piece[at + 1..]));
        pairs.push((decode(key, true)?, decode(value, true)?));
    }
    Ok(pairs)
}

/// Undoes percent-encoding, and `+` for a space where `plus_is_space`.
///
/// # Errors
/// [`FormError::Malformed`].
pub fn decode(text: &[u8], plus_is_space: bool) -> Result<Cow<'_, str>, FormError> {
    if !text.iter().any(|b| *b == b'%' || (plus_is_space && *b == b'+')) {
        return std::str::from_utf8(text).map(Cow::Borrowed).map_err(|_| FormError::Malformed);
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' if plus_is_space => b' ',
            b'%' => {
                let high = hex(bytes.next())?;
                high << 4 | hex(bytes.next())?
            }
            other => *other,
        });
    }
    String::from_utf8(decoded).map(Cow::Owned).map_err(|_| FormError::Malformed)
}

fn hex(digit: Option<&u8>) -> Result<u8, FormError> {
    digit.and_then(|d| char::from(*d).to_digit(16)).map(|d| d as u8).ok_or(FormError::Malformed)
}

/// The value of `key` among `pairs`, the last if it comes more than once.
#[must_use]
pub fn get<'p>(pairs: &'p [Pair<'_>], key: &str) -> Option<&'p str> {
    pairs.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value.as_ref())
}
