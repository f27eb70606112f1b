//! TestEventPattern.

use std::collections::BTreeMap;

use pontoon_api::events::*;
use pontoon_core::Step;
use pontoon_pattern::{Event, Pattern};
use serde::de::IgnoredAny;

use super::{Answer, authorize};
use crate::{Error, Events};
use pontoon_core::json;

/// Fields that a tested event must have (API reference of TestEventPattern); most events of `events/test_events_patterns` have no `resources`, which it names too.
const MANDATORY: [&str; 6] = ["id", "account", "source", "time", "region", "detail-type"];

pub fn test(
    _: &mut Events,
    step: &mut Step<'_>,
    input: TestEventPatternInput,
) -> Answer<TestEventPatternOutput> {
    authorize(step, "events:TestEventPattern", "*")?;
    let invalid = || Error::Validation("Parameter Event is not valid.".into());
    if !json::is_valid(&input.event) {
        return Err(invalid());
    }
    let event = Event::parse(input.event.as_bytes()).map_err(|_| invalid())?;
    let fields: BTreeMap<String, IgnoredAny> = serde_json::from_str(&input.event).map_err(|_| invalid())?;
    if MANDATORY.iter().any(|name| !fields.contains_key(*name)) {
        return Err(invalid());
    }
    let pattern = Pattern::parse(&input.event_pattern).map_err(Error::InvalidEventPattern)?;
    Ok(TestEventPatternOutput { result: Some(pattern.matches(&event)) }.into())
}
