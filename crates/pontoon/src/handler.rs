//! Handlers: what an application does with an event, independent of where it runs.
//!
//! A handler is an `async fn(Envelope<T>, Context) -> Result<(), HandleError>`. A [`Router`] gives each event to the handler of its type. The same
//! router runs in three hosts: as a Lambda function (`function::Function`), as a worker that polls a queue (`worker::Worker`), and in tests,
//! which call either without a process.
//!
//! - Whatever form the event came in (SQS, SNS in SQS, EventBridge in SQS, EventBridge, a DynamoDB stream), the handler sees an [`Envelope`].
//! - It runs in the event's scope: events that it makes take over correlation, cause, trace and tenant ([`Cause`]), and every `tracing` line that it
//!   writes carries them.
//! - What it returns decides what becomes of the message: [`HandleError::permanent`] goes to the dead-letter queue at once, with the reason;
//!   everything else is tried again, later each time. A panic counts as a failure that can pass.
//! - Within a FIFO group nothing overtakes a failed message: the rest of the group is given back unhandled.
//!
//! Middleware are tower layers around the router, which is a `tower::Service<Delivery>`; see [`middleware`](crate::middleware).
//!
//! [`Envelope`]: crate::Envelope
//! [`Cause`]: crate::Cause

mod attend;
mod backoff;
pub(crate) mod batch;
mod delivery;
mod error;
pub(crate) mod input;
mod router;

pub use attend::{Failed, Handled};
pub use backoff::Backoff;
pub use batch::{FailedGroup, Handling};
pub use delivery::{Context, Delivery, Origin};
pub use error::{BoxError, HandleError};
pub use input::InputError;
pub use router::{Router, Unrouted};
