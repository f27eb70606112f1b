//! SNS, as Pontoon runs it.
