//! Lists in pages.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::Error;

/// Entries of a page, unless the caller wants fewer (API reference).
const PAGE_MAX: usize = 100;

/// The name after which a page begins.
pub fn after(token: Option<&str>) -> Result<Option<String>, Error> {
    let Some(token) = token else { return Ok(None) };
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.map(Some).ok_or_else(|| Error::Validation("Invalid NextToken.".into()))
}

/// One page of `items`, and the token of the next one; `name` gives what the next page begins after.
pub fn page<T>(
    items: impl Iterator<Item = T>,
    name: impl Fn(&T) -> String,
    limit: Option<i32>,
) -> (Vec<T>, Option<String>) {
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX);
    let mut found: Vec<T> = items.take(limit + 1).collect();
    let has_more = found.len() > limit;
    found.truncate(limit);
    let next = has_more.then(|| found.last().map(|last| URL_SAFE_NO_PAD.encode(name(last)))).flatten();
    (found, next)
}
