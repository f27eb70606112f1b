//! Lists in pages.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::Error;

/// Entries of a page if the caller does not say (API reference, `MaxItems`).
const ITEMS_DEFAULT: usize = 100;

/// A page, and where the next one begins.
pub struct Page<T> {
    pub items: Vec<T>,
    pub marker: Option<String>,
}

impl<T> Page<T> {
    pub fn is_truncated(&self) -> Option<bool> {
        Some(self.marker.is_some())
    }
}

/// The page after `marker` of entries that come in the order of their keys.
pub fn page<'a, T>(
    entries: impl Iterator<Item = (&'a str, T)>,
    marker: Option<&str>,
    max_items: Option<i32>,
) -> Result<Page<T>, Error> {
    let after = marker.map(decoded).transpose()?;
    let limit = max_items.and_then(|max| usize::try_from(max).ok()).unwrap_or(ITEMS_DEFAULT);
    let mut rest = entries.filter(|(key, _)| after.as_deref().is_none_or(|after| *key > after)).peekable();
    let mut items = Vec::new();
    let mut last = "";
    while items.len() < limit
        && let Some((key, item)) = rest.next()
    {
        items.push(item);
        last = key;
    }
    let marker = rest.peek().is_some().then(|| URL_SAFE_NO_PAD.encode(last));
    Ok(Page { items, marker })
}

fn decoded(marker: &str) -> Result<String, Error> {
    let invalid = || Error::Validation("Invalid Marker.".into());
    let bytes = URL_SAFE_NO_PAD.decode(marker).map_err(|_| invalid())?;
    String::from_utf8(bytes).map_err(|_| invalid())
}
