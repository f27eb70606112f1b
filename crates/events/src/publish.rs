//! From an accepted event to the deliveries that its rules ask for.

use std::sync::Arc;

use pontoon_core::trace::one;
use pontoon_core::{Account, Scope, Space, Step, Timestamp, TraceId, TraceNote, TraceRecord};
use pontoon_pattern::{Event, EventError};

use crate::deliver::Delivery;
use crate::journal::{RuleMatch, Teller};
use crate::metrics::{Count, Series};
use crate::state::bus::DEFAULT;
use crate::state::bus::Rule;
use crate::state::envelope::Envelope;
use crate::state::input::Context;
use crate::state::target::Target;
use crate::{Events, records};

/// An event on its way into a bus.
#[derive(Debug)]
pub(crate) struct Published {
    /// Its id, which is that of its trace.
    pub id: [u8; 16],
    /// When it happened, to the millisecond.
    pub time: Timestamp,
    /// The event, JSON.
    pub event: Arc<str>,
    /// What it came from, for the trace.
    pub from: Arc<str>,
    /// How many hops led here.
    pub depth: u8,
    /// X-Ray header that was put with it.
    pub trace_header: Option<Arc<str>>,
    /// Whether it came from another bus under the same id, where it is kept already.
    pub is_relayed: bool,
    /// Whether a service of AWS tells it, asked or not.
    pub is_managed: bool,
    /// ARNs of the rules that it is for, if not for all: a replay can name them.
    pub only: Option<Vec<String>>,
    /// The account that put it.
    pub caller_account: Account,
    /// Id of the request that put it, if one did.
    pub request_id: Option<Arc<str>>,
}

impl Published {
    fn is_for(&self, rule: &str) -> bool {
        self.only.as_ref().is_none_or(|arns| arns.iter().any(|arn| arn == rule))
    }
}

impl Events {
    /// Matches an event against a bus's rules and delivers it.
    ///
    /// # Errors
    /// When it is not an event; then nothing has happened.
    pub(crate) fn publish(
        &mut self,
        step: &mut Step<'_>,
        (scope, bus): (Scope, &str),
        published: &Published,
    ) -> Result<(), EventError> {
        let text = published.event.as_bytes();
        let found = self.bus_mut(step.now, scope, bus);
        // Services tell their events whether anybody listens or not; where nobody does they are not worth a trace.
        let Some(found) = found.filter(|found| !(published.is_managed && found.matcher.is_empty())) else {
            return Event::parse(text).map(drop);
        };
        // What the rules ask for is read while the text is checked.
        let names = found.matcher.matches_json(text)?;
        let record = TraceRecord::delivered(
            step.now,
            "PutEvents",
            Arc::clone(&published.from),
            Arc::clone(&found.arn),
        );
        step.note(TraceNote { traces: one(TraceId(published.id)), record });
        let arn = Arc::clone(&found.arn);
        let of_bus = Series { scope, bus: Some(Arc::clone(&found.name)), rule: None };
        let mut deliveries = Vec::new();
        let (mut matched, mut archived, mut told) = (Vec::new(), Vec::new(), Vec::new());
        let teller = Teller::of(scope, found);
        for name in names {
            let Some(rule) = found.rules.get(name).filter(|rule| published.is_for(&rule.arn)) else {
                continue;
            };
            let record = TraceRecord::delivered(
                step.now,
                "rule matched",
                Arc::clone(&found.arn),
                Arc::clone(&rule.arn),
            );
            step.note(TraceNote { traces: one(TraceId(published.id)), record });
            if let Some(archive) = &rule.record.archive {
                archived.push((Arc::clone(name), archive.clone(), Arc::clone(&rule.arn)));
            }
            let before = deliveries.len();
            deliveries.extend(deliveries_of(step.now, (&found.name, name), rule, published));
            if teller.is_some() && rule.record.managed_by.is_none() {
                told.push(RuleMatch::of(step, &rule.arn, &mut deliveries[before..]));
            }
            matched.push(Arc::clone(name));
        }
        let now = step.now;
        if !matched.is_empty() {
            self.metrics.count(now, &of_bus, &[Count::Matched]);
        }
        for rule in matched {
            let series = Series { rule: Some(rule), ..of_bus.clone() };
            self.metrics.count(now, &series, &[Count::Matched, Count::Triggered]);
        }
        if published.is_relayed {
            self.kept.came_on(step, published.id, &arn);
        } else {
            self.kept.keep(step, published.id, &arn, &published.event);
        }
        for (rule, archive, arn) in archived {
            let series = Series { rule: Some(rule), ..of_bus.clone() };
            self.archive(step, &series, &archive, (&arn, published));
        }
        if let Some(teller) = teller {
            self.tell_event(now, &teller, published, &told);
        }
        self.deliver_all(step, deliveries);
        Ok(())
    }

    pub(crate) fn deliver_all(&mut self, step: &mut Step<'_>, deliveries: Vec<Delivery>) {
        for delivery in deliveries {
            self.attempt_first(step, delivery);
        }
    }

    /// Fires the scheduled rule that is due first.
    pub(crate) fn fire(&mut self, step: &mut Step<'_>, due: Timestamp, scope: Scope, name: &Arc<str>) {
        step.scope = scope;
        let id = step.ids.uuid_bytes();
        let Some(rule) = self.bus_mut(step.now, scope, DEFAULT).and_then(|bus| bus.rules.get_mut(name))
        else {
            return;
        };
        // What was missed while nothing ran fires once.
        rule.record.fired_millis = Some(due.max(step.now).millis());
        let envelope = Envelope {
            id,
            detail_type: "Scheduled Event",
            source: "aws.events",
            origin: scope,
            time: due,
            resources: &[rule.arn.to_string()],
        };
        let event = envelope.to_json("{}").into();
        let published = Published {
            id,
            time: due,
            event,
            from: Arc::clone(&rule.arn),
            depth: 0,
            trace_header: None,
            is_relayed: false,
            is_managed: false,
            only: None,
            caller_account: scope.account,
            request_id: None,
        };
        let mut deliveries = deliveries_of(step.now, (&Arc::from(DEFAULT), name), rule, &published);
        let rule_arn = Arc::clone(&rule.arn);
        let record = TraceRecord::delivered(step.now, "schedule", "aws.events", &*rule.arn);
        step.note(TraceNote { traces: one(TraceId(id)), record });
        step.put(Space::Config, records::rule_key(scope, DEFAULT, name), records::to_json(&rule.record));
        let next_fire = rule.next_fire();
        self.schedules.extend(next_fire.map(|at| (at, scope, Arc::clone(name))));
        let series = Series { rule: Some(Arc::clone(name)), ..Series::bus(scope, DEFAULT) };
        self.metrics.count(step.now, &series, &[Count::Triggered]);
        if let Some(teller) = self.bus_mut(step.now, scope, DEFAULT).and_then(|bus| Teller::of(scope, bus)) {
            let told = RuleMatch::of(step, &rule_arn, &mut deliveries);
            self.tell_event(step.now, &teller, &published, &[told]);
        }
        self.deliver_all(step, deliveries);
    }
}

fn deliveries_of(
    now: Timestamp,
    (bus, name): (&Arc<str>, &Arc<str>),
    rule: &Rule,
    published: &Published,
) -> Vec<Delivery> {
    let ingestion_time = now.iso_secs();
    let context = Context { rule_arn: &rule.arn, rule_name: name, ingestion_time: &ingestion_time };
    let deliver = |target: &Target| Delivery {
        bus: Arc::clone(bus),
        rule: Arc::clone(name),
        rule_arn: Arc::clone(&rule.arn),
        target: Arc::clone(&target.record),
        event_id: published.id,
        input: target.input.of(&published.event, context),
        event: Arc::clone(&published.event),
        accepted_millis: now.millis(),
        depth: published.depth,
        trace_header: published.trace_header.clone(),
        invocation_id: None,
    };
    rule.targets.iter().map(deliver).collect()
}
