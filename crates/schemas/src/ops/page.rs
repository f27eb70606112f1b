//! Pages of lists: how many, and the tokens between them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::Error;

/// How many entries a page has at most, and if the request does not say.
const PAGE_MAX: i32 = 100;

/// Entries by name, and the token of the next page.
type Page<T> = (Vec<(String, T)>, Option<String>);

/// A page of `entries`, which are in the order of their names, and the token of the next.
///
/// # Errors
/// If the limit is below one, or the token is none of ours.
pub fn page<T>(
    entries: impl Iterator<Item = (String, T)>,
    limit: Option<i32>,
    token: Option<&str>,
) -> Result<Page<T>, Error> {
    let limit = limit.unwrap_or(PAGE_MAX);
    if limit < 1 {
        return Err(Error::BadRequest(format!("Limit must be at least 1, it is {limit}.")));
    }
    let size = usize::try_from(limit.min(PAGE_MAX)).unwrap_or(1);
    let after = token.filter(|token| !token.is_empty()).map(read).transpose()?;
    let mut rest = entries.filter(|(name, _)| after.as_ref().is_none_or(|after| name > after));
    let shown: Vec<(String, T)> = rest.by_ref().take(size).collect();
    let more = rest.next().is_some();
    let next = shown.last().filter(|_| more).map(|(name, _)| URL_SAFE_NO_PAD.encode(name));
    Ok((shown, next))
}

fn read(token: &str) -> Result<String, Error> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    let name = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    name.ok_or_else(|| Error::BadRequest("The specified NextToken is invalid.".to_owned()))
}
