//! EventBridge, as Pontoon runs it.
