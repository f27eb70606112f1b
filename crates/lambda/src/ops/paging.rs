//! Lists in pages.

/// The entries behind `marker`, at most `max`, and the marker of the next page if there are more. `entries` come in the order of their keys; a page's marker
/// is the key of its last entry.
pub(super) fn page<T>(
    entries: impl IntoIterator<Item = (String, T)>,
    marker: Option<&str>,
    max: Option<i32>,
    most: usize,
) -> (Vec<T>, Option<String>) {
    let max = max.and_then(|max| usize::try_from(max).ok()).unwrap_or(most).clamp(1, most);
    let mut rest = entries.into_iter().filter(|(key, _)| marker.is_none_or(|marker| key.as_str() > marker));
    let mut page = Vec::new();
    let mut last = None;
    for (key, entry) in rest.by_ref().take(max) {
        page.push(entry);
        last = Some(key);
    }
    (page, last.filter(|_| rest.next().is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_one_another_without_gap() {
        let entries = || ["a", "b", "c"].map(|key| (key.to_owned(), key));
        let (first, marker) = page(entries(), None, Some(2), 50);
        assert_eq!((first, marker.as_deref()), (vec!["a", "b"], Some("b")));
        let (second, marker) = page(entries(), marker.as_deref(), Some(2), 50);
        assert_eq!((second, marker), (vec!["c"], None));
        assert_eq!(page(entries(), None, None, 50).1, None);
    }
}
