//! Event patterns as EventBridge defines them: compile, match, explain.
//!
//! ```
//! use pontoon_pattern::{Event, Pattern, RuleSet};
//!
//! let created = Pattern::parse(r#"{"detail-type": ["OrderCreated"], "detail": {"amount": [{"numeric": [">", 10]}]}}"#)?;
//! let event = br#"{"detail-type": "OrderCreated", "detail": {"amount": 99.99}}"#;
//! let event = Event::parse(event)?;
//! assert!(created.matches(&event));
//!
//! let mut rules = RuleSet::new();
//! rules.insert("created", &created);
//! assert_eq!(rules.matches(&event), [&"created"]);
//! assert_eq!(rules.matches_json(br#"{"detail-type": "OrderCreated", "detail": {"amount": 11}}"#)?, [&"created"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Semantics and messages follow the EventBridge user guide ("Event patterns", "Content filtering") and, beyond what
//! it says, recordings of the service and the verdicts of AWS's open matcher; both are replayed in the tests. A
//! [`RuleSet`] holds many patterns and finds the matching ones without trying each; [`Pattern::explain`] says of
//! each condition what it expected and what it saw. [`Pattern::never_matches`], [`Pattern::covers`] and [`Pattern::excludes`]
//! need no event.
//!
//! How it is fast: a set knows the paths that its patterns ask for, and reads only these from an event's text, checking and
//! passing over the rest (`scan`, `path`, `selection`), of which what is long 64 bytes at a time (`bulk`, `block`). Each conjunction is filed under a feature of the condition that tells most
//! apart, such as a text, the beginning of one or an interval, and where many meet, under features of further conditions
//! (`feature`, `index`). What an event's features lead to is then held against its whole pattern (`pattern`), first around the field
//! that led there (`together`), so that features need only promise too much, never too little.
//!
//! The crate needs nothing of Pontoon and can be used alone. SNS filter policies are patterns in
//! another [`Dialect`]; over attributes they can use [`Event::flat`].
//!
//! Invariants:
//! - No input panics or overflows the stack: nesting is bounded by [`NESTING_MAX`], patterns by
//!   [`PATTERN_BYTES_MAX`] and [`COMBINATIONS_MAX`].
//! - A rule set and a pattern on its own always give the same verdict.
//! - A clone of a rule set never changes: whoever matches with one sees all of a change or nothing of it.

mod analysis;
mod block;
mod bulk;
mod case;
mod compile;
mod elements;
mod error;
mod event;
mod explain;
mod feature;
mod hash;
mod index;
mod intervals;
mod ip;
mod json;
mod number;
mod operator;
mod path;
mod pattern;
mod rules;
mod scan;
mod selection;
mod together;
mod wildcard;

pub use analysis::{Impossible, Why};
pub use compile::{COMBINATIONS_MAX, Dialect, PATTERN_BYTES_MAX};
pub use error::{EventError, PatternError};
pub use event::{Event, Scalar};
pub use explain::{Explanation, Finding, Verdict};
pub use json::{NESTING_MAX, check_json};
pub use operator::Operator;
pub use pattern::{Condition, Pattern};
pub use rules::RuleSet;
