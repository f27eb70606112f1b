//! An event on its way to its handler.

use std::collections::HashMap;
use std::time::Instant;

use jiff::Timestamp;

use crate::envelope::{Envelope, RawPayload};

/// An event and how it came: what middleware and routers handle.
///
/// ```
/// use pontoon::handler::{Context, Delivery};
/// use pontoon::{Envelope, EventId};
///
/// let payload = serde_json::from_str(r#"{"orderId":"123"}"#).unwrap();
/// let event = Envelope::bare(EventId::from("1"), "OrderCreated", "order-service", jiff::Timestamp::now(), payload);
/// let delivery = Delivery { envelope: event, context: Context::new("message-1") };
/// assert_eq!(delivery.context.attempt, 1);
/// ```
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The event.
    pub envelope: Envelope<RawPayload>,
    /// How it came.
    pub context: Context,
}

/// How an event came to its handler.
///
/// ```
/// use pontoon::handler::{Context, HandleError};
///
/// async fn handle(context: Context) -> Result<(), HandleError> {
///     if context.attempt > 3 {
///         return Err(HandleError::permanent("three attempts are enough"));
///     }
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Context {
    /// The id of the message that carried it: the queue's or topic's message id, the bus's event id, the stream record's.
    pub message_id: String,
    /// Which attempt this is, from one. Always one where the origin does not count.
    pub attempt: u32,
    /// What carried it.
    pub origin: Origin,
    /// The FIFO group.
    pub group: Option<String>,
    /// When it was sent, if the origin says.
    pub sent_at: Option<Timestamp>,
    /// The message's attributes that are text or numbers.
    pub attributes: HashMap<String, String>,
    /// When the host gives up, if it does: a Lambda function's deadline.
    pub deadline: Option<Instant>,
}

impl Context {
    /// The context of a first attempt that came from nowhere in particular; for tests.
    ///
    /// ```
    /// use pontoon::handler::{Context, Origin};
    /// assert_eq!(Context::new("1").origin, Origin::Direct);
    /// ```
    #[must_use]
    pub fn new(message_id: impl Into<String>) -> Self {
        Self {
            message_id: message_id.into(),
            attempt: 1,
            origin: Origin::Direct,
            group: None,
            sent_at: None,
            attributes: HashMap::new(),
            deadline: None,
        }
    }
}

/// What carried an event to its handler.
///
/// ```
/// use pontoon::handler::Origin;
/// let queue = Origin::Queue { arn: "arn:aws:sqs:eu-central-1:123456789012:orders".into() };
/// assert_ne!(queue, Origin::Direct);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// An SQS queue, whatever put it there.
    Queue {
        /// The queue's ARN.
        arn: String,
    },
    /// An SNS topic, without a queue between.
    Topic {
        /// The topic's ARN.
        arn: String,
    },
    /// An EventBridge rule, without a queue between.
    Rule,
    /// A DynamoDB stream.
    Stream {
        /// The stream's ARN.
        arn: String,
    },
    /// Whoever called.
    Direct,
}
