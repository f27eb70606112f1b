//! How buckets may be named: "General purpose bucket naming rules" of the user guide.

/// Which rule a name breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misnamed {
    /// Shorter than 3 or longer than 63 characters.
    Length,
    /// Something other than `a-z`, `0-9`, `.` and `-`, or one of the latter two at an end.
    Characters,
    /// Two dots in a row.
    Dots,
    /// Like an IP address.
    Address,
    /// A prefix or suffix that S3 keeps for itself.
    Reserved,
}

/// Whether a bucket may be created with this name.
///
/// # Errors
/// The rule that it breaks.
pub fn check(name: &str) -> Result<(), Misnamed> {
    if !(3..=63).contains(&name.len()) {
        return Err(Misnamed::Length);
    }
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = name.as_bytes();
    let ends = plain(bytes[0]) && plain(bytes[bytes.len() - 1]);
    if !ends || !bytes.iter().all(|byte| plain(*byte) || matches!(byte, b'.' | b'-')) {
        return Err(Misnamed::Characters);
    }
    if name.contains("..") {
        return Err(Misnamed::Dots);
    }
    if name.parse::<std::net::Ipv4Addr>().is_ok() {
        return Err(Misnamed::Address);
    }
    let prefixes = ["xn--", "sthree-", "amzn-s3-demo-"];
    let suffixes = ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"];
    if prefixes.iter().any(|p| name.starts_with(p)) || suffixes.iter().any(|s| name.ends_with(s)) {
        return Err(Misnamed::Reserved);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rules_of_the_user_guide() {
        for (name, expected) in [
            ("orders-artifacts", Ok(())),
            ("a.b-c.1", Ok(())),
            ("ab", Err(Misnamed::Length)),
            (&"a".repeat(64), Err(Misnamed::Length)),
            ("Orders", Err(Misnamed::Characters)),
            ("under_score", Err(Misnamed::Characters)),
            ("-ab", Err(Misnamed::Characters)),
            ("ab.", Err(Misnamed::Characters)),
            ("größe", Err(Misnamed::Characters)),
            ("a..b", Err(Misnamed::Dots)),
            ("192.168.5.4", Err(Misnamed::Address)),
            ("xn--ab", Err(Misnamed::Reserved)),
            ("ab--x-s3", Err(Misnamed::Reserved)),
        ] {
            assert_eq!(check(name), expected, "{name}");
        }
    }
}
