//! What the engine tells the traces of calls and hops.

use std::sync::Arc;

use pontoon_core::policy::Denial;
use pontoon_core::{
    ApiError, Caller, OperationSchema, Principal, Timestamp, TraceIds, TraceNote, TraceOutcome, TraceRecord,
};

use super::{Command, Engine};

/// What the trace says of a hop once its outcome is known.
pub(super) struct HopLabel {
    pub traces: TraceIds,
    pub what: &'static str,
    pub from: Arc<str>,
    pub to: Arc<str>,
    pub attempt: u32,
    pub traced: bool,
    pub made_at: Timestamp,
}

impl Engine {
    /// A request from outside that continues a trace: a function's own calls.
    pub(super) fn note_call(
        &mut self,
        command: &mut Command,
        caller: &Caller,
        operation: &'static OperationSchema,
        error: Option<&ApiError>,
        denials: &[Denial],
    ) {
        if caller.traces.is_none() {
            return;
        }
        let label = HopLabel {
            traces: caller.traces.clone(),
            what: operation.name,
            from: source_of(caller),
            to: command.resource.take().unwrap_or_else(|| operation.service.title.into()),
            attempt: 1,
            traced: true,
            made_at: command.now,
        };
        self.note_hop(command.now, label, error, denials);
    }

    pub(super) fn note_hop(
        &mut self,
        now: Timestamp,
        label: HopLabel,
        error: Option<&ApiError>,
        denials: &[Denial],
    ) {
        self.note_hop_at(self.traces.mark(), now, label, error, denials);
    }

    /// Notes a hop before what was noted since `mark`.
    pub(super) fn note_hop_at(
        &mut self,
        mark: usize,
        now: Timestamp,
        label: HopLabel,
        error: Option<&ApiError>,
        denials: &[Denial],
    ) {
        if !label.traced || label.traces.is_none() {
            return;
        }
        let waited = now.since(label.made_at);
        let mut record = TraceRecord::delivered(now, label.what, label.from, label.to);
        record.attempt = label.attempt;
        record.duration_ms = (!waited.is_zero()).then_some(waited.as_secs_f64() * 1000.0);
        let remedy = match denials.first() {
            Some(denial) if !denial.allow.is_empty() => {
                format!(" This statement would allow it: {}", denial.allow)
            }
            _ => String::new(),
        };
        if let Some(error) = error {
            record = record.with_outcome(TraceOutcome::Failed, format!("{error}{remedy}"));
        } else if let Some(denial) = denials.first() {
            record.reason = Some(format!("AWS would have denied this: {}{remedy}", denial.message));
        }
        self.traces.note_at(mark, TraceNote { traces: label.traces, record });
    }
}

/// What the trace names as a call's origin: the resource on whose behalf it is made, else the principal.
pub(super) fn source_of(caller: &Caller) -> Arc<str> {
    match (&caller.source_arn, &caller.principal) {
        (Some(arn), _) => Arc::clone(arn),
        (None, Principal::Service(name)) => (*name).into(),
        // A function's session bears the function's name.
        (None, Principal::Role { session, .. }) => Arc::clone(session),
        (None, Principal::User(arn)) => Arc::clone(arn),
        (None, Principal::Account(account)) => account.as_str().into(),
    }
}
