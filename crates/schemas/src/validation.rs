//! Events held to their schemas: an extension that AWS lacks. A bus asks by its tags; see `docs/schemas.md`.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use pontoon_api::validation::{ValidateEventsInput, ValidateEventsOutput};
use pontoon_core::trace::TraceRecord;
use pontoon_core::{Scope, Step, TraceNote, TraceOutcome};
use serde_json::Value;

use crate::Schemas;
use crate::discovery::Event;
use crate::metrics::Judged;
use crate::ops::content_of;
use crate::state::content::{Validator, validator};
use crate::state::naming::schema_name;

/// Compiled contents that are kept. More are compiled again when they are needed.
const COMPILED_MAX: usize = 500;

/// Registry, schema, version.
type Key = (Scope, String, String, u32);

/// Contents compiled for events, the latest used. A content that describes no events is none.
#[derive(Default)]
pub(crate) struct Validators(HashMap<Key, Option<Arc<Validator>>>);

impl fmt::Debug for Validators {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} compiled", self.0.len())
    }
}

impl Validators {
    /// Forgets a schema: one of the same name would begin with the same versions.
    pub(crate) fn forget(&mut self, scope: Scope, registry: &str, name: &str) {
        self.0.retain(|(of, from, schema, _), _| {
            (*of, from.as_str(), schema.as_str()) != (scope, registry, name)
        });
    }
}

/// How an event stands to a schema.
enum Verdict {
    Unknown,
    Valid,
    /// The schema's name and version, and the rule, in words.
    Invalid(String),
}

impl Schemas {
    /// Holds events to the latest versions of their schemas in a registry.
    pub(crate) fn validate_events(
        &mut self,
        step: &mut Step<'_>,
        input: &ValidateEventsInput,
    ) -> ValidateEventsOutput {
        let bus = input.bus_arn.rsplit_once('/').map_or(&*input.bus_arn, |(_, name)| name).to_owned();
        let (now, scope) = (step.now, step.scope);
        let mut violations = Vec::with_capacity(input.events.len());
        for event in &input.events {
            let verdict = match serde_json::from_str(event) {
                Ok(event) => self.verdict(step, &input.registry, &event),
                // Nested deeper than anything that reads it with a bound.
                Err(error) => Verdict::Invalid(format!("the event cannot be held to a schema: {error}")),
            };
            violations.push(match verdict {
                Verdict::Unknown => {
                    self.count_judged(now, scope, &bus, Judged::Unknown);
                    None
                }
                Verdict::Valid => {
                    self.count_judged(now, scope, &bus, Judged::Valid);
                    None
                }
                Verdict::Invalid(why) => {
                    self.count_judged(now, scope, &bus, Judged::Invalid);
                    let registry = crate::registry_arn(scope, &input.registry);
                    let record =
                        TraceRecord::delivered(now, "schema violated", Arc::clone(&input.bus_arn), registry)
                            .with_outcome(TraceOutcome::Failed, why.clone());
                    step.note(TraceNote { traces: step.caller.traces.clone(), record });
                    Some(why)
                }
            });
        }
        ValidateEventsOutput { violations }
    }

    fn verdict(&mut self, step: &Step<'_>, registry: &str, event: &Value) -> Verdict {
        let Some((name, version)) = self.schema_of(step.scope, registry, event) else {
            return Verdict::Unknown;
        };
        match self.compiled(step, registry, (&name, version)) {
            None => Verdict::Unknown,
            Some(validator) => match validator.violation(event) {
                Ok(None) => Verdict::Valid,
                Ok(Some(violation)) => Verdict::Invalid(format!("{name} version {version}: {violation}")),
                Err(intricate) => Verdict::Invalid(format!("{name} version {version}: {intricate}")),
            },
        }
    }

    /// The schema of an event: named by its source and its detail type as they are, or as discovery names them.
    fn schema_of(&mut self, scope: Scope, registry: &str, event: &Value) -> Option<(String, u32)> {
        let Event { source, detail_type, .. } = Event::of(event)?;
        let schemas = &self.registry_mut(scope, registry).ok()?.schemas;
        let names = [format!("{source}@{detail_type}"), schema_name(source, detail_type)];
        let name = names.into_iter().find(|name| schemas.contains_key(name))?;
        let version = schemas.get(&name)?.versions.last()?.number;
        Some((name, version))
    }

    fn compiled(
        &mut self,
        step: &Step<'_>,
        registry: &str,
        (name, version): (&str, u32),
    ) -> Option<Arc<Validator>> {
        let key = (step.scope, registry.to_owned(), name.to_owned(), version);
        if let Some(known) = self.validators.0.get(&key) {
            return known.clone();
        }
        let kind = self.schema_mut(step.scope, registry, name).ok()?.versions.last()?.kind;
        let compiled = validator(kind, &content_of(step, registry, name, version)).map(Arc::new);
        if self.validators.0.len() >= COMPILED_MAX {
            self.validators.0.clear();
        }
        self.validators.0.insert(key, compiled.clone());
        compiled
    }
}
