//! Where pipes lead, and in which role, for Pontoon's own API: `pontoon lint` looks at it.

use pontoon_core::{Destination, Scope};
use serde_json::{Value, json};

use crate::state::pipe::{PipeRecord, State};
use crate::{Key, Pipes};

impl Pipes {
    /// The pipes of a scope.
    pub(crate) fn wiring(&self, scope: Scope) -> Value {
        let pipes = self.pipes.iter().filter(|((of, _), _)| *of == scope);
        json!({ "pipes": pipes.map(|(key, pipe)| shown(key, &pipe.record)).collect::<Vec<Value>>() })
    }
}

fn shown(key: &Key, record: &PipeRecord) -> Value {
    json!({
        "name": key.1,
        "arn": Pipes::arn(key),
        "enabled": record.is_wanted && record.state != State::Deleting,
        "role": record.role_arn,
        "source": record.source,
        "filtered": record.filters.as_ref().is_some_and(|filters| !filters.is_empty()),
        "enrichment": record.enrichment,
        "target": record.target.arn,
        "event": event(key, record),
    })
}

/// Source and detail type of the events that go to a bus, as far as they are the same for all messages.
fn event((_, name): &Key, record: &PipeRecord) -> Option<Value> {
    if !matches!(Destination::of(&record.target.arn), Ok(Destination::Bus(..))) {
        return None;
    }
    let parameters = record.target.bus.clone().unwrap_or_default();
    let constant = |given: Option<String>, default: String| {
        let text = given.unwrap_or(default);
        (!text.starts_with('$')).then_some(text)
    };
    Some(json!({
        "source": constant(parameters.source, format!("Pipe {name}")),
        "detailType": constant(parameters.detail_type, "Event from aws:sqs".to_owned()),
    }))
}
