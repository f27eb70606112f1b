//! TestEventPattern.

use pontoon_api::events::*;
use pontoon_core::Step;
use pontoon_pattern::{Event, Pattern};

use super::{Answer, authorize};
use crate::{Error, Events};
use pontoon_core::json;

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
    let pattern = Pattern::parse(&input.event_pattern).map_err(Error::InvalidEventPattern)?;
    Ok(TestEventPatternOutput { result: Some(pattern.matches(&event)) }.into())
}
