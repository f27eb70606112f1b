//! Lambda, as Pontoon runs it.
