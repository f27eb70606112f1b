//! What the services have in common of tags.

use std::collections::BTreeMap;

/// Tags that a resource may have, by the common limit.
///
/// <https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html>
pub const TAGS_MAX: usize = 50;

/// How AWS words that [`is_reserved`]; services whose own words are not known say it so too.
pub const RESERVED: &str = "aws: prefixed tag key names are not allowed for external use.";

/// Whether a tag's key is for AWS alone to set: it begins with `aws:`, in any case. CloudFormation's own (`aws:cloudformation:`) are none of these,
/// because a stack sets them by the operations that everyone calls, in the name of whoever deploys it.
///
/// <https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html>
#[must_use]
pub fn is_reserved(key: &str) -> bool {
    let begins = key.get(..4).is_some_and(|beginning| beginning.eq_ignore_ascii_case("aws:"));
    begins && !key.starts_with("aws:cloudformation:")
}

/// Why tags cannot be set; each service has words of its own for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// This key is for AWS alone to set.
    Reserved(String),
    /// The resource would have more than [`TAGS_MAX`].
    TooMany,
}

/// A resource's tags with others set, each in place of one with the same key.
///
/// # Errors
/// The first key that [`is_reserved`], or too many tags.
pub fn merged(
    mut all: BTreeMap<String, String>,
    set: impl IntoIterator<Item = (String, String)>,
) -> Result<BTreeMap<String, String>, Refused> {
    for (key, value) in set {
        if is_reserved(&key) {
            return Err(Refused::Reserved(key));
        }
        all.insert(key, value);
    }
    if all.len() > TAGS_MAX { Err(Refused::TooMany) } else { Ok(all) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_set_in_place_of_those_with_the_same_key_up_to_their_number() {
        let tags = |keys: std::ops::Range<usize>, value: &str| -> BTreeMap<String, String> {
            keys.map(|key| (key.to_string(), value.to_owned())).collect()
        };
        let mut expected = tags(0..TAGS_MAX, "old");
        expected.extend(tags(40..TAGS_MAX, "new"));
        assert_eq!(merged(tags(0..45, "old"), tags(40..TAGS_MAX, "new")).unwrap().len(), TAGS_MAX);
        assert_eq!(merged(tags(0..TAGS_MAX, "old"), tags(40..TAGS_MAX, "new")), Ok(expected));
        assert_eq!(merged(tags(0..45, "old"), tags(40..TAGS_MAX + 1, "new")), Err(Refused::TooMany));
        let set = [("a".to_owned(), String::new()), ("Aws:b".to_owned(), String::new())];
        assert_eq!(merged(tags(0..TAGS_MAX, "old"), set), Err(Refused::Reserved("Aws:b".to_owned())));
    }

    #[test]
    fn keys_that_begin_with_aws_are_reserved_unless_a_stack_sets_them() {
        for (key, reserved) in [
            ("aws:x", true),
            ("AWS:x", true),
            ("aws:", true),
            ("aws:cloudformation:stack-name", false),
            ("AWS:cloudformation:stack-name", true),
            ("aws", false),
            ("awsome:x", false),
            ("my-aws:x", false),
            ("äöü", false),
            ("", false),
        ] {
            assert_eq!(is_reserved(key), reserved, "{key}");
        }
    }
}
