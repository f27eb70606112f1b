//! Which dead letters are meant.

use jiff::Timestamp;

use super::DeadLetter;

/// Which dead letters are meant: those that all of its parts take. The default takes all.
///
/// ```
/// use pontoon::dead_letters::Filter;
/// let filter = Filter::default().reason("gateway").event_type("OrderCreated");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    ids: Vec<String>,
    reason: Option<String>,
    event_type: Option<String>,
    sent_before: Option<Timestamp>,
    sent_after: Option<Timestamp>,
}

impl Filter {
    /// Only the message with this id; with several, those.
    ///
    /// ```
    /// let filter = pontoon::dead_letters::Filter::default().id("5fea7756-0ea4-451a-a703-a558b933e274");
    /// ```
    #[must_use]
    pub fn id(mut self, message_id: impl Into<String>) -> Self {
        self.ids.push(message_id.into());
        self
    }

    /// Only those whose reason contains this text, whatever the case of its letters.
    ///
    /// ```
    /// let filter = pontoon::dead_letters::Filter::default().reason("timed out");
    /// ```
    #[must_use]
    pub fn reason(self, part: impl AsRef<str>) -> Self {
        Self { reason: Some(part.as_ref().to_lowercase()), ..self }
    }

    /// Only events of this type.
    ///
    /// ```
    /// let filter = pontoon::dead_letters::Filter::default().event_type("OrderCreated");
    /// ```
    #[must_use]
    pub fn event_type(self, event_type: impl Into<String>) -> Self {
        Self { event_type: Some(event_type.into()), ..self }
    }

    /// Only those sent before this instant.
    ///
    /// ```
    /// let filter = pontoon::dead_letters::Filter::default().sent_before(jiff::Timestamp::now());
    /// ```
    #[must_use]
    pub fn sent_before(self, instant: Timestamp) -> Self {
        Self { sent_before: Some(instant), ..self }
    }

    /// Only those sent after this instant.
    ///
    /// ```
    /// let filter = pontoon::dead_letters::Filter::default().sent_after(jiff::Timestamp::UNIX_EPOCH);
    /// ```
    #[must_use]
    pub fn sent_after(self, instant: Timestamp) -> Self {
        Self { sent_after: Some(instant), ..self }
    }

    /// Whether it takes every message.
    ///
    /// ```
    /// assert!(pontoon::dead_letters::Filter::default().is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it takes this one.
    ///
    /// ```
    /// # fn with(letter: pontoon::dead_letters::DeadLetter) {
    /// assert!(pontoon::dead_letters::Filter::default().takes(&letter));
    /// # }
    /// ```
    #[must_use]
    pub fn takes(&self, letter: &DeadLetter) -> bool {
        let of_reason = |part: &String| letter.reason.to_lowercase().contains(part);
        let of_type = |event_type: &String| letter.event_type.as_ref() == Some(event_type);
        (self.ids.is_empty() || self.ids.contains(&letter.message_id))
            && self.reason.as_ref().is_none_or(of_reason)
            && self.event_type.as_ref().is_none_or(of_type)
            && self.sent_before.is_none_or(|before| letter.sent_at.is_some_and(|at| at < before))
            && self.sent_after.is_none_or(|after| letter.sent_at.is_some_and(|at| at > after))
    }
}
