//! SQS, as Pontoon runs it.
