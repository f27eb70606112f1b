//! The `Range` header: "GetObject" of the API reference, and RFC 9110.

/// The bytes that a header asks for, first and last; `None` if the whole object is given, because the header is malformed or asks for several ranges, of
/// which S3 gives none.
///
/// # Errors
/// If no byte of the range exists.
pub fn parse(header: &str, size: u64) -> Result<Option<(u64, u64)>, Unsatisfiable> {
    let Some((first, last)) = header.trim().strip_prefix("bytes=").and_then(|range| range.split_once('-'))
    else {
        return Ok(None);
    };
    let number = |text: &str| text.trim().parse::<u64>().ok();
    match (first.trim(), last.trim()) {
        ("", last) => match number(last) {
            Some(0) => Err(Unsatisfiable),
            Some(_) if size == 0 => Err(Unsatisfiable),
            Some(count) => Ok(Some((size.saturating_sub(count), size - 1))),
            None => Ok(None),
        },
        (first, "") => match number(first) {
            Some(first) if first >= size => Err(Unsatisfiable),
            Some(first) => Ok(Some((first, size - 1))),
            None => Ok(None),
        },
        (first, last) => match (number(first), number(last)) {
            (Some(first), Some(last)) if first > last => Ok(None),
            (Some(first), Some(_)) if first >= size => Err(Unsatisfiable),
            (Some(first), Some(last)) => Ok(Some((first, last.min(size - 1)))),
            _ => Ok(None),
        },
    }
}

/// No byte of the range exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsatisfiable;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_to_the_object() {
        for (header, size, expected) in [
            ("bytes=0-4", 10, Ok(Some((0, 4)))),
            ("bytes=5-", 10, Ok(Some((5, 9)))),
            ("bytes=-3", 10, Ok(Some((7, 9)))),
            ("bytes=-30", 10, Ok(Some((0, 9)))),
            ("bytes=8-100", 10, Ok(Some((8, 9)))),
            ("bytes=10-", 10, Err(Unsatisfiable)),
            ("bytes=10-12", 10, Err(Unsatisfiable)),
            ("bytes=-0", 10, Err(Unsatisfiable)),
            ("bytes=0-", 0, Err(Unsatisfiable)),
            ("bytes=-1", 0, Err(Unsatisfiable)),
            ("bytes=4-2", 10, Ok(None)),
            ("bytes=0-1,3-4", 10, Ok(None)),
            ("bytes=99999999999999999999-", 10, Ok(None)),
            ("items=0-1", 10, Ok(None)),
            ("bytes", 10, Ok(None)),
        ] {
            assert_eq!(parse(header, size), expected, "{header} of {size}");
        }
    }
}
