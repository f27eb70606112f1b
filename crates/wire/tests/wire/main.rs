//! The front over made-up services: bytes in, bytes out.

#![allow(clippy::unwrap_used, reason = "all of this is tests, but only functions marked so are known to be")]

mod limits;
mod readers;
mod routing;
mod server;
mod sigv4;
mod toy;
