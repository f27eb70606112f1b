//! How discovery names schemas and their parts.

/// The name of a discovered schema: source and detail type, joined by `@` (`aws.ec2@EC2InstanceStateChangeNotification`). What a name cannot have becomes a
/// hyphen.
#[must_use]
pub fn schema_name(source: &str, detail_type: &str) -> String {
    let allowed = |character: char| character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '-');
    let source = source.chars().map(|character| if allowed(character) { character } else { '-' });
    format!("{}@{}", source.collect::<String>(), pascal_case(detail_type))
}

/// The words of a text, each with a capital, joined: `EC2 Instance State-change Notification` is `EC2InstanceStateChangeNotification`. A text without
/// letters or digits of ASCII is `Event`.
#[must_use]
pub fn pascal_case(text: &str) -> String {
    let words =
        text.split(|character: char| !character.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut name = String::with_capacity(text.len());
    for word in words {
        let (first, rest) = word.split_at(1);
        name.push_str(&first.to_ascii_uppercase());
        name.push_str(rest);
    }
    if name.is_empty() { "Event".to_owned() } else { name }
}

/// Whether a registry can have this name: 1 to 64 characters of `A-Za-z0-9._-`.
#[must_use]
pub fn is_registry_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// Whether a schema can have this name: 1 to 385 characters of `A-Za-z0-9._@-`.
#[must_use]
pub fn is_schema_name(name: &str) -> bool {
    (1..=SCHEMA_NAME_CHARS_MAX).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._@-".contains(&byte))
}

const SCHEMA_NAME_CHARS_MAX: usize = 385;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_are_named_as_aws_names_its_own() {
        for (source, detail_type, expected) in [
            (
                "aws.ec2",
                "EC2 Instance State-change Notification",
                "aws.ec2@EC2InstanceStateChangeNotification",
            ),
            ("users", "userCreated", "users@UserCreated"),
            ("shop/eu", "Order created (v2)", "shop-eu@OrderCreatedV2"),
            ("s", "\u{1F4E6}", "s@Event"),
        ] {
            let name = schema_name(source, detail_type);
            assert_eq!(name, expected);
            assert!(is_schema_name(&name));
        }
    }
}
