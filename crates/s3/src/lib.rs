//! S3, as Pontoon runs it.
