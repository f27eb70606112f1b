//! Tokens that continue a list: what came last, in hex, so that clients take them for what they are.

use crate::Error;

/// A token for `place`.
pub(super) fn encode(place: &[u8]) -> String {
    place.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The place of a token.
///
/// # Errors
/// If it is none that was given out.
pub(super) fn decode(token: &str) -> Result<Vec<u8>, Error> {
    let digits: Option<Vec<u32>> = token.chars().map(|c| c.to_digit(16)).collect();
    let digits = digits.filter(|digits| !digits.is_empty() && digits.len().is_multiple_of(2));
    let digits = digits.ok_or(Error::InvalidNextToken)?;
    Ok(digits.chunks_exact(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect())
}

/// The text of a token.
///
/// # Errors
/// If it is none that was given out.
pub(super) fn decode_text(token: Option<&str>) -> Result<Option<String>, Error> {
    let text = |token| String::from_utf8(decode(token)?).map_err(|_| Error::InvalidNextToken);
    token.map(text).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_and_others_are_refused() {
        assert_eq!(decode_text(Some(&encode("häuser".as_bytes()))), Ok(Some("häuser".to_owned())));
        for token in ["", "1", "zz", "é1", "ff"] {
            assert_eq!(decode_text(Some(token)), Err(Error::InvalidNextToken), "{token}");
        }
    }
}
