//! Assembles the engine: routes hops, timers, deliveries and traces.

pub mod admin;
pub mod clock;
pub mod descriptors;
pub mod dispatch;
pub mod engine;
pub mod feed;
pub mod front;
pub mod functions;
pub mod host;
pub mod http;
pub mod intercept;
pub mod server;
pub mod services;
pub mod traces;
