//! The HTTP front: one port on which all services are reached, over the wire protocols that AWS's clients speak.
//!
//! A request is routed ([`routing`]) to an operation and a protocol, its signature is checked ([`sigv4`]), its body is read into the operation's input
//! ([`protocol`]), the [`Backend`] carries it out, and the output or error is written the way the protocol wants it. Nothing here knows a
//! particular operation: shapes come from [`pontoon_core::shape`], and what differs from service to service stands in tables.
//!
//! Invariant: every request that reaches the front gets an answer in the protocol that it was made in, whatever its bytes are; none makes the front panic,
//! recurse without bound or hold more memory than [`Limits`] allows.

mod admission;
pub mod backend;
pub mod body;
mod checksum;
mod exchange;
mod idle;
mod limits;
pub mod protocol;
pub mod routing;
mod server;
pub mod sigv4;
mod upload;

pub use backend::{Backend, Call, Credentials, PlainBody, PlainRequest, PlainResponse, Secret};
pub use limits::Limits;
pub use server::serve;
