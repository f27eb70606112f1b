//! Discovery: schemas inferred from events, asked for or as they pass on a bus.
//!
//! EventBridge delivers an event to a discoverer by `GetDiscoveredSchema` in the name of the discoverer's rule. The discoverer merges the event's shape
//! into what it knows of events of this source and detail type; where that changes, the schema gets a new version, in the same command that accepts the
//! event.
//!
//! DEVIATION: AWS discovers minutes later, and does not say how it makes one schema of events that differ; here the schema takes all events seen.

use pontoon_core::trace::TraceRecord;
use pontoon_core::{Principal, Step, TraceNote, TraceOutcome};
use serde_json::Value;

use crate::ops::{add_version, rule_name};
use crate::records::SchemaRecord;
use crate::state::content::{CONTENT_CHARS_MAX, Kind};
use crate::state::naming::{is_schema_name, schema_name};
use crate::state::registry::{DISCOVERED, DISCOVERED_MAX, VERSIONS_MAX};
use crate::state::render;
use crate::state::shape::Shape;
use crate::{Schemas, discoverer_arn, schema_arn};

/// The principal that delivers events.
const EVENTS: &str = "events.amazonaws.com";

/// What every event of EventBridge has.
pub(crate) struct Event<'e> {
    pub(crate) source: &'e str,
    pub(crate) detail_type: &'e str,
    pub(crate) detail: &'e Value,
    resources: Option<&'e Value>,
}

impl<'e> Event<'e> {
    /// `None` if it is no event of EventBridge.
    pub(crate) fn of(event: &'e Value) -> Option<Self> {
        Some(Self {
            source: event.get("source")?.as_str()?,
            detail_type: event.get("detail-type")?.as_str()?,
            detail: event.get("detail")?,
            resources: event.get("resources"),
        })
    }

    /// The shape of what differs from event to event: its resources and its detail.
    fn shape(&self) -> Shape {
        let resources = self.resources.map(Shape::of).unwrap_or_default();
        let member = |name: &str, shape: Shape| {
            (name.to_owned(), crate::state::shape::Property { shape, required: true })
        };
        let members = [member("resources", resources), member("detail", Shape::of(self.detail))];
        Shape { properties: Some(members.into()), ..Shape::default() }
    }

    /// The content that describes events of this shape.
    fn content(&self, shape: &Shape) -> Value {
        let member = |name: &str| {
            let properties = shape.properties.as_ref();
            properties.and_then(|properties| properties.get(name)).map(|property| property.shape.clone())
        };
        let (resources, detail) =
            (member("resources").unwrap_or_default(), member("detail").unwrap_or_default());
        render::event(self.source, self.detail_type, &resources, &detail)
    }
}

/// The OpenAPI content of all of these events together, which are of EventBridge and of one type, or any objects.
pub(crate) fn content_of(events: &[Value]) -> Value {
    match events.iter().map(Event::of).collect::<Option<Vec<_>>>() {
        Some(of_bus) if !of_bus.is_empty() => {
            let shape = of_bus.iter().map(Event::shape).reduce(Shape::merge).unwrap_or_default();
            of_bus[0].content(&shape)
        }
        _ => render::plain(&events.iter().map(Shape::of).reduce(Shape::merge).unwrap_or_default()),
    }
}

/// Whether it is EventBridge that calls, for a rule.
pub(crate) fn is_delivery(step: &Step<'_>) -> bool {
    step.caller.principal == Principal::Service(EVENTS)
}

impl Schemas {
    /// The running discoverer that the calling rule delivers to.
    pub(crate) fn delivered_to(&mut self, step: &Step<'_>) -> Option<String> {
        let rule = step.caller.source_arn.as_deref()?.rsplit('/').next()?;
        let discoverers = &self.region_mut(step.scope).discoverers;
        let found = discoverers.iter().find(|(id, record)| record.is_started && rule_name(id) == rule);
        found.map(|(id, _)| id.clone())
    }

    /// Learns from an event that a discoverer was delivered.
    pub(crate) fn learn(&mut self, step: &mut Step<'_>, discoverer: &str, event: &Value) {
        let Some(event) = Event::of(event) else { return };
        let name = schema_name(event.source, event.detail_type);
        let shape = event.shape();
        let scope = step.scope;
        let Ok(registry) = self.registry_mut(scope, DISCOVERED) else { return };
        let known = registry.schemas.get(&name);
        let merged = match known.and_then(|schema| schema.discovered.clone()) {
            Some(known) => {
                let merged = known.clone().merge(shape);
                if merged == known {
                    return;
                }
                merged
            }
            None => shape,
        };
        let content = event.content(&merged).to_string();
        let limit = if !is_schema_name(&name) {
            Some("its name would be longer than a schema's can be".to_owned())
        } else if content.chars().count() > CONTENT_CHARS_MAX {
            Some(format!("its content would be longer than {CONTENT_CHARS_MAX} characters"))
        } else if known.is_none() && registry.schemas.len() >= DISCOVERED_MAX {
            Some(format!("there are {DISCOVERED_MAX} discovered schemas already"))
        } else if known.is_some_and(|schema| schema.versions.len() >= VERSIONS_MAX) {
            Some(format!("it has {VERSIONS_MAX} versions already"))
        } else {
            None
        };
        let mut record = TraceRecord::delivered(
            step.now,
            "schema discovered",
            discoverer_arn(scope, discoverer),
            schema_arn(scope, DISCOVERED, &name),
        );
        if let Some(limit) = limit {
            record = record
                .with_outcome(TraceOutcome::Skipped, format!("The schema gets no new version: {limit}."));
            return step.note(TraceNote { traces: step.caller.traces.clone(), record });
        }
        let mut schema = registry.schemas.remove(&name).unwrap_or_else(|| SchemaRecord {
            description: Some(format!(
                "Schema for event type {}, published by {}.",
                event.detail_type, event.source
            )),
            ..SchemaRecord::default()
        });
        schema.discovered = Some(merged);
        add_version(step, (DISCOVERED, &name), &mut schema, (Kind::OpenApi3, &content));
        registry.schemas.insert(name, schema);
        step.note(TraceNote { traces: step.caller.traces.clone(), record });
    }
}
