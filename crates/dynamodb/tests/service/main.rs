//! The service as its clients see it: JSON in, JSON out, over a store in memory.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod conditions;
mod faults;
mod harness;
mod model;
mod pages;
mod recordings;
mod returned;
mod tables;
mod time_to_live;
mod transactions;
