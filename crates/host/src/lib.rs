//! Assembles the engine: routes hops, timers, deliveries and traces.

pub mod clock;
pub mod dispatch;
pub mod engine;
pub mod functions;
pub mod host;
pub mod http;
pub mod traces;
