//! What operations answer.
