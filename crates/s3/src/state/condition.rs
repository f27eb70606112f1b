//! Conditional requests: RFC 9110, with S3's answers.

use pontoon_core::Timestamp;

/// The conditions of a request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Conditions<'a> {
    /// `If-Match`
    pub matches: Option<&'a str>,
    /// `If-None-Match`
    pub none_matches: Option<&'a str>,
    /// `If-Modified-Since`
    pub modified_since: Option<Timestamp>,
    /// `If-Unmodified-Since`
    pub unmodified_since: Option<Timestamp>,
}

/// Why a conditional request is not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmet {
    /// `If-Match` or `If-Unmodified-Since` does not hold.
    Failed,
    /// `If-None-Match` or `If-Modified-Since` says that the client has it.
    NotModified,
}

impl Conditions<'_> {
    /// Whether a read of an object goes on. An entity tag counts before a date of the same kind.
    ///
    /// # Errors
    /// Why it does not.
    pub fn check(&self, etag: &str, modified: Timestamp) -> Result<(), Unmet> {
        // HTTP's dates have no fractions.
        let later = |since: Timestamp| modified.secs() > since.secs();
        let failed = match (self.matches, self.unmodified_since) {
            (Some(tags), _) => !names(tags, etag),
            (None, Some(since)) => later(since),
            (None, None) => false,
        };
        if failed {
            return Err(Unmet::Failed);
        }
        let unmodified = match (self.none_matches, self.modified_since) {
            (Some(tags), _) => names(tags, etag),
            (None, Some(since)) => !later(since),
            (None, None) => false,
        };
        if unmodified { Err(Unmet::NotModified) } else { Ok(()) }
    }
}

/// Whether a list of entity tags, or `*`, names this one (which has no quotes).
#[must_use]
pub fn names(tags: &str, etag: &str) -> bool {
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").trim_matches('"') == etag;
    tags.trim() == "*" || tags.split(',').any(bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_count_before_dates_and_matches_before_their_opposites() {
        let modified = Timestamp::from_millis(10_500);
        let (before, same, after) =
            (Timestamp::from_secs(9), Timestamp::from_secs(10), Timestamp::from_secs(11));
        let none = Conditions::default();
        for (conditions, expected) in [
            (none, Ok(())),
            (Conditions { matches: Some("\"e\""), ..none }, Ok(())),
            (Conditions { matches: Some("x, W/\"e\""), ..none }, Ok(())),
            (Conditions { matches: Some("*"), ..none }, Ok(())),
            (Conditions { matches: Some("\"x\""), ..none }, Err(Unmet::Failed)),
            (Conditions { matches: Some("e"), unmodified_since: Some(before), ..none }, Ok(())),
            (Conditions { unmodified_since: Some(before), ..none }, Err(Unmet::Failed)),
            (Conditions { unmodified_since: Some(same), ..none }, Ok(())),
            (Conditions { none_matches: Some("e"), ..none }, Err(Unmet::NotModified)),
            (Conditions { none_matches: Some("x"), modified_since: Some(after), ..none }, Ok(())),
            (Conditions { modified_since: Some(same), ..none }, Err(Unmet::NotModified)),
            (Conditions { modified_since: Some(before), ..none }, Ok(())),
            (Conditions { matches: Some("x"), none_matches: Some("e"), ..none }, Err(Unmet::Failed)),
        ] {
            assert_eq!(conditions.check("e", modified), expected, "{conditions:?}");
        }
    }
}
