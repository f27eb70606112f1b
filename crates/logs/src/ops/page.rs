//! Pages of lists: how many, and the tokens between them.

use std::collections::BTreeMap;
use std::ops::Bound;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::Error;

/// How many groups, streams or policies a page has at most, and if the request does not say.
pub const PAGE_MAX: usize = 50;

/// How many a page has.
pub fn size(limit: Option<i32>) -> usize {
    limit.and_then(|limit| usize::try_from(limit).ok()).map_or(PAGE_MAX, |limit| limit.clamp(1, PAGE_MAX))
}

/// The token of the page behind the one that ends with `last`.
pub fn token(last: &str) -> String {
    URL_SAFE_NO_PAD.encode(last)
}

/// What the page before ended with.
pub fn read_token(token: Option<&str>) -> Result<Option<String>, Error> {
    let read = |token: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        String::from_utf8(bytes).ok()
    };
    token.map(|token| read(token).ok_or(Error::InvalidNextToken)).transpose()
}

/// Some of what is listed by name, and the token of the next page.
type Page<'a, T> = (Vec<(&'a String, &'a T)>, Option<String>);

/// A page of what deliveries are made of, in the order of names.
///
/// # Errors
/// If the token was not given out.
pub fn of_deliveries<'a, T>(
    all: &'a BTreeMap<String, T>,
    after: Option<&str>,
    limit: Option<i32>,
) -> Result<Page<'a, T>, Error> {
    let after =
        read_token(after).map_err(|_| Error::Validation("The specified nextToken is invalid.".to_owned()))?;
    let from = after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
    let mut rest = all.range::<String, _>((from, Bound::Unbounded));
    let found: Vec<_> = rest.by_ref().take(size(limit)).collect();
    let next_token = found.last().filter(|_| rest.next().is_some()).map(|(name, _)| token(name));
    Ok((found, next_token))
}
