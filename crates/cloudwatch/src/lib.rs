//! CloudWatch, as Pontoon runs it.
