//! The front's bounds: how much, how many, how long.

use std::time::Duration;

/// Bounds on connections, bodies and time.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections served at once; further ones wait to be accepted.
    pub connections_max: usize,
    /// Time for a request's head to arrive, and for an idle connection to be used again.
    pub head_timeout: Duration,
    /// Time for the next piece of a body to arrive.
    pub body_piece_timeout: Duration,
    /// Time for a whole body to arrive.
    pub body_timeout: Duration,
    /// Bytes of an S3 object or part.
    pub s3_body_bytes_max: usize,
    /// Bytes of all bodies that are being received or worked on at once.
    pub bodies_bytes_max: usize,
    /// Time that requests under way have to end once shutdown begins.
    pub shutdown_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // Ten thousand long polls may wait at once, each on a connection of its own.
            connections_max: 16_384,
            head_timeout: Duration::from_secs(60),
            body_piece_timeout: Duration::from_secs(20),
            body_timeout: Duration::from_secs(300),
            s3_body_bytes_max: 256 << 20,
            bodies_bytes_max: 1 << 30,
            shutdown_timeout: Duration::from_secs(10),
        }
    }
}

impl Limits {
    /// How many bytes a request's body to this service may have, before and after decompression. Lambda's bound is that of its recording
    /// (`test_oversized_request_create_lambda`), DynamoDB's its documented one; for the others, which bound payloads and not bodies, it
    /// leaves room for the largest batch in the least economical encoding.
    #[must_use]
    pub fn body_bytes_max(&self, service: &str) -> usize {
        match service {
            "s3" => self.s3_body_bytes_max,
            "lambda" => 70_167_211,
            "dynamodb" => 16 << 20,
            _ => 8 << 20,
        }
    }
}
