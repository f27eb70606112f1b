//! Lists of a bucket's objects: in the order of their keys' bytes, rolled up at a delimiter, in pages.

use super::object::Object;

/// Most entries of a page.
pub const ENTRIES_MAX: usize = 1000;

/// How many objects are fetched at a time where the rest of a rolled-up group will be passed over.
const FETCHED_WITH_DELIMITER: usize = 32;

/// What to list.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// Keys must begin with it.
    pub prefix: &'a str,
    /// Keys that have it behind the prefix are rolled up to it; not empty.
    pub delimiter: Option<&'a str>,
    /// Entries up to and with this one are passed over: a key, or a rolled-up prefix with all keys under it.
    pub after: Option<&'a str>,
    /// Entries of the page, at most [`ENTRIES_MAX`].
    pub entries_max: usize,
}

/// A page of a list.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Objects.
    pub objects: Vec<(String, Object)>,
    /// Rolled-up prefixes.
    pub prefixes: Vec<String>,
    /// The last entry, if there are more behind it.
    pub next_after: Option<String>,
}

/// Lists. `fetch` gives up to so many objects whose keys begin with the prefix and are not below a key, in order.
pub fn list(query: &Query<'_>, mut fetch: impl FnMut(&str, usize) -> Vec<(String, Object)>) -> Listing {
    let mut listing = Listing::default();
    if query.entries_max == 0 {
        return listing;
    }
    let mut last = String::new();
    let mut from = query.after.map_or_else(|| query.prefix.to_owned(), just_after);
    loop {
        let entries = listing.objects.len() + listing.prefixes.len();
        let wanted = query.entries_max - entries + 1;
        let limit = if query.delimiter.is_some() { wanted.min(FETCHED_WITH_DELIMITER) } else { wanted };
        let fetched = fetch(&from, limit);
        let is_end = fetched.len() < limit;
        let mut jumped = None;
        for (key, object) in fetched {
            let group = rolled_up(query, &key);
            if group == query.after && group.is_some() {
                jumped = group.map(past);
                break;
            }
            if listing.objects.len() + listing.prefixes.len() == query.entries_max {
                listing.next_after = Some(last);
                return listing;
            }
            if let Some(group) = group {
                last = group.to_owned();
                listing.prefixes.push(last.clone());
                jumped = Some(past(group));
                break;
            }
            from = just_after(&key);
            last.clone_from(&key);
            listing.objects.push((key, object));
        }
        match jumped {
            Some(Some(next)) => from = next,
            // Nothing can be behind the last of all prefixes.
            Some(None) => return listing,
            None if is_end => return listing,
            None => {}
        }
    }
}

/// The prefix that a key is rolled up to, if it is.
fn rolled_up<'k>(query: &Query<'_>, key: &'k str) -> Option<&'k str> {
    let delimiter = query.delimiter?;
    let rest = key.get(query.prefix.len()..)?;
    let at = rest.find(delimiter)?;
    Some(&key[..query.prefix.len() + at + delimiter.len()])
}

/// The smallest key behind this one.
fn just_after(key: &str) -> String {
    format!("{key}\0")
}

/// The smallest text behind everything that begins with this prefix; `None` if there is none.
fn past(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        let next = match u32::from(last) + 1 {
            // Surrogates are not characters.
            0xd800 => Some('\u{e000}'),
            code => char::from_u32(code),
        };
        if let Some(next) = next {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::super::object::Description;
    use super::*;

    fn object() -> Object {
        Object {
            pieces: Vec::new(),
            etag: String::new(),
            modified_ms: 0,
            description: Description::default(),
            checksum: None,
            in_parts: false,
        }
    }

    /// Objects and rolled-up prefixes of all pages, in order, and the pages' sizes.
    fn walk(
        keys: &BTreeSet<String>,
        prefix: &str,
        delimiter: Option<&str>,
        entries_max: usize,
    ) -> (Vec<String>, Vec<usize>) {
        let (mut seen, mut sizes) = (Vec::new(), Vec::new());
        let mut after: Option<String> = None;
        loop {
            let query = Query { prefix, delimiter, after: after.as_deref(), entries_max };
            let listing = list(&query, |from, limit| {
                let matching = keys.iter().filter(|key| key.starts_with(prefix) && key.as_str() >= from);
                matching.take(limit).map(|key| (key.clone(), object())).collect()
            });
            let mut page: Vec<String> = listing.objects.into_iter().map(|(key, _)| key).collect();
            page.extend(listing.prefixes);
            page.sort();
            sizes.push(page.len());
            seen.extend(page);
            after = listing.next_after;
            if after.is_none() {
                return (seen, sizes);
            }
        }
    }

    fn naive(keys: &BTreeSet<String>, prefix: &str, delimiter: Option<&str>) -> Vec<String> {
        let mut entries = BTreeMap::new();
        for key in keys.iter().filter(|key| key.starts_with(prefix)) {
            let rest = &key[prefix.len()..];
            let entry = match delimiter.and_then(|delimiter| Some(rest.find(delimiter)? + delimiter.len())) {
                Some(end) => format!("{prefix}{}", &rest[..end]),
                None => key.clone(),
            };
            entries.insert(entry, ());
        }
        entries.into_keys().collect()
    }

    #[test]
    fn a_start_within_a_group_still_gives_the_group() {
        let keys: Vec<String> = ["a/1", "a/2", "b"].map(String::from).to_vec();
        let query = |after| Query { prefix: "", delimiter: Some("/"), after: Some(after), entries_max: 10 };
        let prefixes = |after| {
            let listing = list(&query(after), |from, limit| {
                keys.iter()
                    .filter(|key| key.as_str() >= from)
                    .take(limit)
                    .map(|key| (key.clone(), object()))
                    .collect()
            });
            (listing.prefixes, listing.objects.len())
        };
        assert_eq!(prefixes("a/1"), (vec!["a/".to_owned()], 1));
        assert_eq!(prefixes("a/"), (vec![], 1));
    }

    #[test]
    fn behind_a_prefix_comes_what_does_not_begin_with_it() {
        assert_eq!(past("a/"), Some("a0".into()));
        assert_eq!(past("a\u{10ffff}"), Some("b".into()));
        assert_eq!(past("\u{d7ff}"), Some("\u{e000}".into()));
        assert_eq!(past("\u{10ffff}"), None);
    }

    proptest! {
        #[test]
        fn pages_together_are_the_whole_list(
            keys in proptest::collection::btree_set("[ab/]{1,5}", 0..40),
            prefix in "[ab/]{0,2}",
            delimiter in proptest::option::of("[/b]{1,2}"),
            entries_max in 1_usize..5,
        ) {
            let (seen, sizes) = walk(&keys, &prefix, delimiter.as_deref(), entries_max);
            prop_assert_eq!(seen, naive(&keys, &prefix, delimiter.as_deref()));
            prop_assert!(sizes.iter().rev().skip(1).all(|size| *size == entries_max));
        }
    }
}
