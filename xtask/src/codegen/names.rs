//! AWS's names in Rust's spelling.

/// `MD5OfMessageBody` → `md5_of_message_body`; `ETag` → `e_tag`; `NotificationARNs` → `notification_arns`. Not escaped, see [`field`].
pub fn snake(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut text = String::new();
    for (i, &c) in chars.iter().enumerate() {
        if !c.is_ascii_alphanumeric() {
            text.push('_');
            continue;
        }
        let before = i.checked_sub(1).map(|i| chars[i]);
        let begins_word = match before {
            None => false,
            Some(b) if b.is_ascii_lowercase() => c.is_ascii_uppercase(),
            Some(b) if b.is_ascii_alphanumeric() => c.is_ascii_uppercase() && word_follows(&chars[i + 1..]),
            Some(_) => false,
        };
        if begins_word {
            text.push('_');
        }
        text.push(c.to_ascii_lowercase());
    }
    text
}

/// Whether what follows a capital makes it the first letter of a word rather than the last of an acronym, whose plural `s` does not count.
fn word_follows(rest: &[char]) -> bool {
    let lower = rest.iter().take_while(|c| c.is_ascii_lowercase()).count();
    let plural = lower == 1 && rest[0] == 's';
    lower > 0 && !plural
}

/// The name of a field or method: snake case, with `r#` where Rust needs it.
pub fn field(name: &str) -> String {
    let text = snake(name);
    match text.as_str() {
        "type" | "match" | "move" | "ref" | "use" | "where" | "loop" | "final" | "as" | "in" => {
            format!("r#{text}")
        }
        _ => text,
    }
}

/// The name of a type or variant: as the model has it, but with a capital first letter.
pub fn type_name(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|c| c.to_ascii_uppercase()).into_iter().chain(chars).collect()
}

/// The name of a union's variant: `SS` → `Ss`, `NULL` → `Null`, `PromQLCriteria` → `PromQlCriteria`.
pub fn variant(name: &str) -> String {
    snake(name).split('_').map(type_name).collect()
}

/// The name of a static: `TAG_LIST`.
pub fn screaming(name: &str) -> String {
    snake(name).to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acronyms_digits_and_plurals_are_one_word() {
        for (name, expected) in [
            ("QueueUrl", "queue_url"),
            ("MD5OfMessageBody", "md5_of_message_body"),
            ("ETag", "e_tag"),
            ("AWSAccountIds", "aws_account_ids"),
            ("NotificationARNs", "notification_arns"),
            ("SSESpecification", "sse_specification"),
            ("ChecksumCRC32C", "checksum_crc32c"),
            ("S3Bucket", "s3_bucket"),
            ("arn", "arn"),
            ("KMSMasterKeyId", "kms_master_key_id"),
            ("SqsManagedSseEnabled", "sqs_managed_sse_enabled"),
        ] {
            assert_eq!(snake(name), expected);
        }
        assert_eq!(field("Type"), "r#type");
        assert_eq!(variant("NULL"), "Null");
        assert_eq!(variant("SS"), "Ss");
        assert_eq!(type_name("pathType"), "PathType");
    }
}
