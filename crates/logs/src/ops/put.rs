//! `PutLogEvents`, and the metrics that events carry in them.

use std::collections::BTreeMap;

use pontoon_api::cloudwatch::{self, Dimension, MetricDatum, PutMetricDataInput};
use pontoon_api::logs::*;
use pontoon_core::{Hop, ServiceId, Space, Step, Ticket, Timestamp};

use super::{Answer, access, streams};
use crate::records::{self, EVENT_OVERHEAD_BYTES, Event};
use crate::service::Token;
use crate::state::emf::{self, Metric};
use crate::state::position::{Position, TIMESTAMP_MAX};
use crate::state::verdict::{Refused, Verdict};
use crate::{Error, Group, Logs};

/// Bytes of an event and of a whole request, 26 for each event beside its message ("PutLogEvents" of the API reference).
pub const BYTES_MAX: usize = 1 << 20;
/// Events of one request.
pub const EVENTS_MAX: usize = 10_000;

/// The principal that publishes the metrics of events.
const PRINCIPAL: &str = "logs.amazonaws.com";

pub fn put(logs: &mut Logs, step: &mut Step<'_>, input: PutLogEventsInput) -> Answer<PutLogEventsOutput> {
    let PutLogEventsInput { log_group_name, log_stream_name, log_events, entity, .. } = input;
    access::authorize(logs, step, "logs:PutLogEvents", (&log_group_name, &log_stream_name))?;
    if entity.is_some() {
        return Err(Error::Unsupported("entities of log events"));
    }
    let scope = step.scope;
    let group = logs.group_mut(scope, &log_group_name)?;
    group.stream(&log_stream_name)?;
    check_sizes(&log_events)?;
    let timestamps: Vec<i64> = log_events.iter().map(|event| event.timestamp).collect();
    let verdict = Verdict::of(&timestamps, step.now, group.record.retention()).map_err(|refused| {
        Error::InvalidParameter(match refused {
            Refused::Disordered => {
                "Log events in a single PutLogEvents request must be in chronological order.".to_owned()
            }
            Refused::SpansMoreThanADay => {
                "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."
                    .to_owned()
            }
        })
    })?;
    let accepted = &log_events[verdict.accepted.clone()];
    let stored = group.append(step, &log_stream_name, accepted)?;
    let arn = group.arn();
    if !accepted.is_empty() {
        logs.count_incoming(step.now, scope, &log_group_name, accepted.len(), stored.bytes);
        publish_embedded(logs, step, (&log_group_name, &arn), accepted);
        logs.reschedule(scope, &log_group_name);
    }
    let index = |at: Option<usize>| at.and_then(|at| i32::try_from(at).ok());
    let rejected = RejectedLogEventsInfo {
        too_new_log_event_start_index: index(verdict.too_new_start),
        too_old_log_event_end_index: index(verdict.too_old_end),
        expired_log_event_end_index: index(verdict.expired_end),
    };
    Ok(PutLogEventsOutput {
        next_sequence_token: Some(stored.token),
        rejected_log_events_info: (rejected != RejectedLogEventsInfo::default()).then_some(rejected),
        rejected_entity_info: None,
    }
    .into())
}

fn check_sizes(events: &[InputLogEvent]) -> Result<(), Error> {
    let mut total = 0;
    for event in events {
        let bytes = event.message.len() + EVENT_OVERHEAD_BYTES;
        if bytes > BYTES_MAX {
            return Err(Error::InvalidParameter(format!(
                "Log event too large: {bytes} bytes exceeds limit of {BYTES_MAX}"
            )));
        }
        total += bytes;
    }
    if total > BYTES_MAX {
        return Err(Error::InvalidParameter(format!(
            "Upload too large: {total} bytes exceeds limit of {BYTES_MAX}"
        )));
    }
    let in_range = |event: &InputLogEvent| {
        u64::try_from(event.timestamp).is_ok_and(|timestamp| timestamp <= TIMESTAMP_MAX)
            && !event.message.is_empty()
    };
    // The model demands as much of clients; services that hop here are held to it too.
    if events.is_empty() || events.len() > EVENTS_MAX || !events.iter().all(in_range) {
        return Err(Error::InvalidParameter("The log events are not valid.".to_owned()));
    }
    Ok(())
}

/// What an append came to.
struct Appended {
    bytes: u64,
    token: String,
}

impl Group {
    /// Stores events, in order of time, at the end of a stream.
    fn append(
        &mut self,
        step: &mut Step<'_>,
        stream: &str,
        events: &[InputLogEvent],
    ) -> Result<Appended, Error> {
        let number = self.record.number;
        let mut sequence = self.sequence;
        let stream = self.streams.get_mut(stream).ok_or(Error::StreamNotFound)?;
        let mut bytes = 0;
        for event in events {
            let timestamp = u64::try_from(event.timestamp).unwrap_or(0);
            let position = Position { timestamp, sequence };
            sequence += 1;
            let stored =
                Event { stream: stream.number, ingested_millis: step.now.millis(), message: &event.message };
            bytes += stored.bytes();
            step.put(Space::Log, records::event_key(number, position), stored.encode());
            step.put(Space::Log, records::index_key(number, stream.number, position), Vec::new());
            self.oldest = Some(self.oldest.map_or(timestamp, |oldest| oldest.min(timestamp)));
        }
        if let (Some(first), Some(last)) = (events.first(), events.last()) {
            let earliest = stream.first_event_millis.map_or(first.timestamp, |at| at.min(first.timestamp));
            let latest = stream.last_event_millis.map_or(last.timestamp, |at| at.max(last.timestamp));
            stream.first_event_millis = Some(earliest);
            stream.last_event_millis = Some(latest);
            stream.last_ingestion_millis = Some(step.now.millis());
            stream.stored_bytes += bytes;
            stream.sequence_end = sequence;
            step.put(Space::Log, records::stream_key(number, stream.number), records::to_json(stream));
        }
        self.sequence = sequence;
        Ok(Appended { bytes, token: streams::sequence_token(stream) })
    }
}

/// Hands the metrics embedded in events to CloudWatch, those of each event and namespace by themselves, so that what CloudWatch refuses costs no other
/// event its metrics.
fn publish_embedded(
    logs: &mut Logs,
    step: &mut Step<'_>,
    (group, arn): (&str, &str),
    events: &[InputLogEvent],
) {
    for event in events {
        let mut by_namespace: BTreeMap<String, Vec<MetricDatum>> = BTreeMap::new();
        match emf::metrics(&event.message) {
            Ok(metrics) => {
                for mut metric in metrics {
                    let namespace = std::mem::take(&mut metric.namespace);
                    by_namespace.entry(namespace).or_default().push(datum(metric));
                }
            }
            Err(fault) => logs.count_emf_fault(step.now, step.scope, group, fault),
        }
        for (namespace, data) in by_namespace {
            assert!(data.len() <= emf::DATA_MAX, "an event gives no more data than PutMetricData takes");
            let resource = namespace.as_str().into();
            let input =
                PutMetricDataInput { namespace, metric_data: Some(data), ..PutMetricDataInput::default() };
            let caller = step.hop_caller(PRINCIPAL, arn, step.caller.traces.clone());
            let ticket = Ticket {
                owner: ServiceId::Logs,
                scope: step.scope,
                token: Box::new(Token::Metrics(group.to_owned())),
            };
            step.hop(Hop {
                to: step.scope,
                caller,
                request: Box::new(cloudwatch::Request::PutMetricData(input)),
                resource,
                attempt: 1,
                traced: false,
                ticket: Some(ticket),
            });
        }
    }
}

fn datum(metric: Metric) -> MetricDatum {
    let dimensions: Vec<Dimension> =
        metric.dimensions.into_iter().map(|(name, value)| Dimension { name, value }).collect();
    MetricDatum {
        metric_name: metric.name,
        dimensions: (!dimensions.is_empty()).then_some(dimensions),
        timestamp: Some(Timestamp::from_millis(metric.at_millis)),
        values: Some(metric.values),
        unit: metric.unit,
        storage_resolution: metric.storage_resolution_secs,
        ..MetricDatum::default()
    }
}
