//! What the services have in common of tags.

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

#[cfg(test)]
mod tests {
    use super::*;

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
