//! Lists in pages.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::Error;

/// Entries of a page, unless the caller wants fewer (API reference).
const PAGE_MAX: usize = 100;

/// The page that begins after `token`, and the token of the next one. `items` ascend by what `key` gives.
pub fn page<T>(
    items: impl Iterator<Item = T>,
    key: impl Fn(&T) -> String,
    token: Option<&str>,
    limit: Option<i32>,
) -> Result<(Vec<T>, Option<String>), Error> {
    let after = token.map(decode).transpose()?;
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX);
    let mut found: Vec<T> = items
        .skip_while(|item| after.as_ref().is_some_and(|after| key(item) <= *after))
        .take(limit + 1)
        .collect();
    let has_more = found.len() > limit;
    found.truncate(limit);
    let next = has_more.then(|| found.last().map(|last| URL_SAFE_NO_PAD.encode(key(last)))).flatten();
    Ok((found, next))
}

fn decode(token: &str) -> Result<String, Error> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.ok_or_else(|| Error::parameter("NextToken", "The token is not one that was given out."))
}

#[cfg(test)]
mod tests {
    use super::page;

    #[test]
    fn pages_follow_on_from_one_another() {
        let names = ["a", "b", "c", "d", "e"];
        let of =
            |token: Option<&str>| page(names.iter(), |name| (**name).to_owned(), token, Some(2)).unwrap();
        let (first, token) = of(None);
        let (second, token) = of(token.as_deref()).clone();
        let (third, last) = of(token.as_deref());
        assert_eq!([first, second, third].concat(), names.iter().collect::<Vec<_>>());
        assert_eq!(last, None);
        assert!(page(names.iter(), |name| (**name).to_owned(), Some("!"), None).is_err());
    }
}
