//! Queues as sources of events: polls and batches, the records of messages, filters, and partial answers of functions.
//!
//! Lambda's event source mappings and EventBridge's pipes share it. It is pure: whoever uses it makes the polls and hands the batches on.
//!
//! Invariant: at most one poll of a source is under way, and a message is handed on or given back exactly once.

mod filter;
mod poller;
mod record;
mod response;

pub use filter::Filters;
pub use poller::{Held, Pace, PollWish, Poller};
pub use record::{held, traces_of_all};
pub use response::reported;
