//! Assembles the engine: routes hops, timers, deliveries and traces.

pub mod clock;
pub mod engine;
pub mod functions;
pub mod traces;
