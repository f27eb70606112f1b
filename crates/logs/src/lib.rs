//! CloudWatch Logs, as Pontoon runs it.
