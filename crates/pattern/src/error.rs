//! Why a pattern or an event was refused.

use std::fmt;

/// A pattern that EventBridge refuses.
///
/// Its `Display` is the message of `InvalidEventPatternException`, to the letter: the reason, and for most reasons
/// the place in the text where AWS's parser stood when it gave up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternError {
    reason: String,
    place: String,
}

impl PatternError {
    /// A reason without a place, as AWS words faults it finds in a value rather than at a position.
    pub(crate) fn without_place(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), place: String::new() }
    }

    pub(crate) fn at(reason: impl Into<String>, place: String) -> Self {
        Self { reason: reason.into(), place }
    }

    /// The same fault with its place named once more, which is what AWS's list parsers do to the faults they meet.
    pub(crate) fn with_further_place(mut self, place: &str) -> Self {
        self.place.push_str(place);
        self
    }

    /// The reason alone, in AWS's words and without the place in the text.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The reason followed by its place, for services that put a prefix of their own before it (SNS filter policies).
    pub fn reason_with_place(&self) -> String {
        format!("{}{}", self.reason, self.place)
    }
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Event pattern is not valid. Reason: {}{}", self.reason, self.place)
    }
}

impl std::error::Error for PatternError {}

/// A text that is not an event: not JSON, not an object at the top, or nested beyond [`crate::NESTING_MAX`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventError {
    reason: String,
}

impl EventError {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}

impl fmt::Display for EventError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for EventError {}
