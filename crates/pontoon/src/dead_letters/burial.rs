//! Why a message is a dead letter, as the hosts of this crate attach it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The longest reason in characters; the rest is cut.
const REASON_CHARS_MAX: usize = 1_000;

/// Why a message is a dead letter: what a host attaches to one that failed for good, in the message attribute [`Burial::ATTRIBUTE`].
///
/// ```
/// use pontoon::dead_letters::Burial;
///
/// let burial = Burial::now("the amount is negative", "arn:aws:sqs:eu-central-1:123456789012:orders", 1);
/// assert_eq!(Burial::from_json(&burial.to_json()).unwrap().reason, "the amount is negative");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Burial {
    /// What the handler said.
    pub reason: String,
    /// ARN of the queue that the message was in.
    pub queue: String,
    /// How often it was received.
    pub attempts: u32,
    /// When it failed for good.
    pub at: Timestamp,
}

impl Burial {
    /// The message attribute that carries it, as JSON.
    ///
    /// ```
    /// use pontoon::dead_letters::Burial;
    /// assert_eq!(Burial::ATTRIBUTE, "DeadLetter");
    /// ```
    pub const ATTRIBUTE: &str = "DeadLetter";

    /// A burial of now; a reason beyond a thousand characters is cut.
    ///
    /// ```
    /// let burial = pontoon::dead_letters::Burial::now(&"x".repeat(5000), "arn", 3);
    /// assert_eq!(burial.reason.len(), 1000);
    /// ```
    #[must_use]
    pub fn now(reason: &str, queue_arn: &str, attempts: u32) -> Self {
        let reason = reason.chars().take(REASON_CHARS_MAX).collect();
        Self { reason, queue: queue_arn.to_owned(), attempts, at: Timestamp::now() }
    }

    /// As the attribute has it.
    ///
    /// ```
    /// assert!(pontoon::dead_letters::Burial::now("no", "arn", 1).to_json().starts_with(r#"{"reason":"no""#));
    /// ```
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self)
            .unwrap_or_else(|_| unreachable!("texts and numbers can be written as JSON"))
    }

    /// From the attribute; `None` if it is somebody else's.
    ///
    /// ```
    /// assert_eq!(pontoon::dead_letters::Burial::from_json("yes"), None);
    /// ```
    #[must_use]
    pub fn from_json(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}
