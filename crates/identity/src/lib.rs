//! STS and IAM, as Pontoon runs it.
