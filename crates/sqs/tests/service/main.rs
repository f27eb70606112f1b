//! The service as its clients see it: JSON or a form in, JSON or XML out, over a store in memory.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod fifo;
mod harness;
mod hostile;
mod inspect;
mod metrics;
mod model;
mod polls;
mod recordings;
mod redrive;
mod scale;
mod validation;
