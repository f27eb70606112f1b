//! Signature Version 4: who signed a request, and whether they did.
//!
//! Follows "Signing AWS API requests" and, for uploads in signed chunks, "Signature calculations for the Authorization header: transferring payload in
//! multiple chunks" of the S3 reference. What is compared is compared in constant time.

pub mod canonical;
pub mod chunks;
pub mod claim;
mod error;
pub mod scope;
pub mod sign;
mod verify;

pub use error::{AuthError, Family};
pub use verify::{Payload, Verified, verify};
