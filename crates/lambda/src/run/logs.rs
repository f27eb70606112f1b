//! What functions print goes to CloudWatch Logs, by the calls that any client makes.

use std::collections::HashSet;

use pontoon_api::logs::{
    self as api, CreateLogGroupInput, CreateLogStreamInput, InputLogEvent, PutLogEventsInput,
};
use pontoon_core::work::{FunctionResult, FunctionSpec, LogLine};
use pontoon_core::{Scope, Settled, Step};

use super::{FunctionHop, FunctionRole, Token};
use crate::Lambda;

/// How much of the log an `Invoke` with `LogType: Tail` shows, in bytes.
const TAIL_BYTES: usize = 4096;
/// The largest batch of PutLogEvents: bytes, counting 26 more for each event, and events.
const BATCH_BYTES_MAX: usize = 1_048_576;
const EVENT_OVERHEAD: usize = 26;
const BATCH_EVENTS_MAX: usize = 10_000;
/// How many streams are remembered; a stream that was forgotten is merely created in vain.
const STREAMS_MAX: usize = 10_000;

/// The streams that exist, as far as this service knows.
#[derive(Debug, Default)]
pub(crate) struct KnownStreams(HashSet<(Scope, String, String)>);

impl KnownStreams {
    /// Notes a stream; whether it was new.
    fn insert(&mut self, scope: Scope, group: &str, stream: &str) -> bool {
        if self.0.len() >= STREAMS_MAX {
            self.0.clear();
        }
        self.0.insert((scope, group.to_owned(), stream.to_owned()))
    }

    fn forget(&mut self, scope: Scope, group: &str, stream: &str) {
        self.0.remove(&(scope, group.to_owned(), stream.to_owned()));
    }
}

/// A part of an invocation's log on its way to the Logs service.
#[derive(Debug, Clone)]
pub(crate) struct LogBatch {
    role: FunctionRole,
    function_arn: String,
    input: PutLogEventsInput,
}

impl LogBatch {
    fn hop(&self, step: &Step<'_>, request: api::Request, token: Option<Token>) -> FunctionHop {
        FunctionHop {
            to: step.scope,
            role: self.role.clone(),
            source_arn: self.function_arn.clone(),
            request: Box::new(request),
            resource: self.input.log_group_name.as_str().into(),
            traces: None,
            traced: false,
            token,
        }
    }
}

impl Lambda {
    /// Puts an invocation's log into its group and stream, which are created if they are not there.
    pub(crate) fn write_log(&mut self, step: &mut Step<'_>, spec: &FunctionSpec, result: &FunctionResult) {
        for log_events in batches(&result.log) {
            let input = PutLogEventsInput {
                log_group_name: spec.log_group.clone(),
                log_stream_name: result.log_stream.clone(),
                log_events,
                ..PutLogEventsInput::default()
            };
            let role = FunctionRole { arn: spec.role.clone(), function: spec.name.clone() };
            let batch = LogBatch { role, function_arn: spec.arn.clone(), input };
            let token = Token::Logged(Box::new(batch.clone()));
            self.put_log_events(step, batch, Some(token));
        }
    }

    fn put_log_events(&mut self, step: &mut Step<'_>, batch: LogBatch, token: Option<Token>) {
        let (group, stream) = (&batch.input.log_group_name, &batch.input.log_stream_name);
        let mut requests = Vec::new();
        if self.streams.insert(step.scope, group, stream) {
            // Whether they were there already is no matter.
            let create =
                CreateLogGroupInput { log_group_name: group.clone(), ..CreateLogGroupInput::default() };
            requests.push(api::Request::CreateLogGroup(create));
            let create =
                CreateLogStreamInput { log_group_name: group.clone(), log_stream_name: stream.clone() };
            requests.push(api::Request::CreateLogStream(create));
        }
        for request in requests {
            let call = batch.hop(step, request, None);
            self.hop(step, call);
        }
        let call = batch.hop(step, api::Request::PutLogEvents(batch.input.clone()), token);
        self.hop(step, call);
    }

    /// A log batch was taken or refused. If its group or stream was deleted meanwhile they are created anew, once.
    pub(crate) fn logged(&mut self, step: &mut Step<'_>, batch: LogBatch, outcome: Settled) {
        if outcome.is_err_and(|error| error.code == "ResourceNotFoundException") {
            self.streams.forget(step.scope, &batch.input.log_group_name, &batch.input.log_stream_name);
            self.put_log_events(step, batch, None);
        }
    }
}

/// The lines as PutLogEvents takes them, in batches within its limits.
fn batches(lines: &[LogLine]) -> Vec<Vec<InputLogEvent>> {
    let mut batches = Vec::new();
    let mut batch = Vec::new();
    let mut bytes = 0;
    for line in lines.iter().filter(|line| !line.text.is_empty()) {
        let size = line.text.len() + EVENT_OVERHEAD;
        if batch.len() == BATCH_EVENTS_MAX || (bytes + size > BATCH_BYTES_MAX && !batch.is_empty()) {
            batches.push(std::mem::take(&mut batch));
            bytes = 0;
        }
        bytes += size;
        batch.push(InputLogEvent { timestamp: line.at.millis(), message: line.text.clone() });
    }
    if !batch.is_empty() {
        batches.push(batch);
    }
    batches
}

/// The last [`TAIL_BYTES`] of the lines joined, each ended by a line break, without `INIT_START` (recording `test_invocation_with_logs`).
pub(crate) fn tail(lines: &[LogLine]) -> String {
    let mut parts = Vec::new();
    let mut room = TAIL_BYTES;
    for line in lines.iter().rev().filter(|line| !line.text.starts_with("INIT_START ")) {
        if room == 0 {
            break;
        }
        let mut text = line.text.clone();
        if !text.ends_with('\n') {
            text.push('\n');
        }
        let cut = text.ceil_char_boundary(text.len().saturating_sub(room));
        room = if cut > 0 { 0 } else { room - text.len() };
        parts.push(text.split_off(cut));
    }
    parts.reverse();
    parts.concat()
}

#[cfg(test)]
mod tests {
    use pontoon_core::Timestamp;

    use super::*;

    fn line(text: &str) -> LogLine {
        LogLine { at: Timestamp::EPOCH, text: text.to_owned() }
    }

    #[test]
    fn the_tail_is_the_last_four_kilobytes_cut_at_a_character() {
        assert_eq!(
            tail(&[line("INIT_START x\n"), line("START\n"), line("a"), line("END\n")]),
            "START\na\nEND\n"
        );
        let long = tail(&[line(&"é".repeat(5000)), line("END\n")]);
        assert!(long.len() <= TAIL_BYTES && long.len() > TAIL_BYTES - 3);
        assert!(long.ends_with("é\nEND\n"));
    }

    #[test]
    fn batches_stay_within_the_limits_of_put_log_events() {
        let lines: Vec<LogLine> = (0..9).map(|_| line(&"x".repeat(250_000))).chain([line("")]).collect();
        let sizes: Vec<usize> = batches(&lines).iter().map(Vec::len).collect();
        assert_eq!(sizes, [4, 4, 1]);
        let many: Vec<LogLine> = (0..10_001).map(|_| line("x")).collect();
        assert_eq!(batches(&many).iter().map(Vec::len).collect::<Vec<_>>(), [10_000, 1]);
        assert!(batches(&[]).is_empty());
    }
}
