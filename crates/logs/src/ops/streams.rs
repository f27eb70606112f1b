//! Log streams: create, delete, describe.

use pontoon_api::logs::*;
use pontoon_core::Step;

use super::{Answer, access, page};
use crate::background::Sweep;
use crate::records::StreamRecord;
use crate::state::position::Position;
use crate::{Error, Group, Logs};

pub fn create(
    logs: &mut Logs,
    step: &mut Step<'_>,
    input: &CreateLogStreamInput,
) -> Answer<CreateLogStreamOutput> {
    let (group, stream) = (input.log_group_name.as_str(), input.log_stream_name.as_str());
    access::authorize(logs, step, "logs:CreateLogStream", (group, stream))?;
    let group = logs.group_mut(step.scope, group)?;
    if group.streams.contains_key(stream) {
        return Err(Error::StreamExists);
    }
    let record = StreamRecord {
        number: step.ids.u64(),
        name: stream.to_owned(),
        created_millis: step.now.millis(),
        ..StreamRecord::default()
    };
    group.write_stream(step, &record);
    group.add_stream(record);
    Ok(CreateLogStreamOutput {}.into())
}

pub fn delete(
    logs: &mut Logs,
    step: &mut Step<'_>,
    input: &DeleteLogStreamInput,
) -> Answer<DeleteLogStreamOutput> {
    let (group, stream) = (input.log_group_name.as_str(), input.log_stream_name.as_str());
    access::authorize(logs, step, "logs:DeleteLogStream", (group, stream))?;
    let group = logs.group_mut(step.scope, group)?;
    let mut record = group.remove_stream(stream).ok_or(Error::StreamNotFound)?;
    record.deleted = true;
    group.write_stream(step, &record);
    // A restart must not give out again what the deleted stream's events still have.
    group.record.sequence_floor = group.sequence;
    group.write(step);
    let number = group.record.number;
    logs.sweep(step.now, Sweep::Stream(number, record.number));
    Ok(DeleteLogStreamOutput {}.into())
}

/// How streams are ordered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Name,
    LastEvent,
}

impl Order {
    /// What a stream is ordered by, before its name: streams without events come first by time.
    fn rank(self, stream: &StreamRecord) -> i64 {
        match self {
            Self::Name => 0,
            Self::LastEvent => stream.last_event_millis.unwrap_or(-1),
        }
    }
}

pub fn describe(
    logs: &mut Logs,
    step: &mut Step<'_>,
    input: DescribeLogStreamsInput,
) -> Answer<DescribeLogStreamsOutput> {
    let name = super::group_name(step.scope, input.log_group_name, input.log_group_identifier)?;
    access::authorize(logs, step, "logs:DescribeLogStreams", (&name, ""))?;
    let order = match input.order_by.as_deref() {
        Some("LastEventTime") => Order::LastEvent,
        _ => Order::Name,
    };
    if order == Order::LastEvent && input.log_stream_name_prefix.is_some() {
        return Err(Error::InvalidParameter(
            "Cannot order by LastEventTime with a logStreamNamePrefix.".to_owned(),
        ));
    }
    let group = logs.group(step.scope, &name)?;
    let descending = input.descending == Some(true);
    let after = read_token(input.next_token.as_deref())?;
    let prefix = input.log_stream_name_prefix.as_deref().unwrap_or_default();
    let size = page::size(input.limit);
    let mut streams: Vec<(i64, &StreamRecord)> = group
        .streams
        .values()
        .filter(|stream| stream.name.starts_with(prefix))
        .map(|stream| (order.rank(stream), stream))
        .filter(|(rank, stream)| {
            after.as_ref().is_none_or(|(after_rank, after_name)| {
                let (here, after) = ((*rank, stream.name.as_str()), (*after_rank, after_name.as_str()));
                if descending { here < after } else { here > after }
            })
        })
        .collect();
    streams.sort_unstable_by(|(a, x), (b, y)| (a, &x.name).cmp(&(b, &y.name)));
    if descending {
        streams.reverse();
    }
    let more = streams.len() > size;
    streams.truncate(size);
    let next_token =
        streams.last().filter(|_| more).map(|(rank, stream)| page::token(&format!("{rank}/{}", stream.name)));
    let log_streams = streams.into_iter().map(|(_, stream)| description(group, stream)).collect();
    Ok(DescribeLogStreamsOutput { log_streams: Some(log_streams), next_token }.into())
}

/// Rank and name of the stream that the page before ended with.
fn read_token(token: Option<&str>) -> Result<Option<(i64, String)>, Error> {
    let Some(text) = page::read_token(token)? else { return Ok(None) };
    let (rank, name) = text.split_once('/').ok_or(Error::InvalidNextToken)?;
    let rank = rank.parse().map_err(|_| Error::InvalidNextToken)?;
    Ok(Some((rank, name.to_owned())))
}

/// A stream as it is told; its bytes are always told as zero (`LogStream` of the API reference).
fn description(group: &Group, stream: &StreamRecord) -> LogStream {
    LogStream {
        log_stream_name: Some(stream.name.clone()),
        creation_time: Some(stream.created_millis),
        first_event_timestamp: stream.first_event_millis,
        last_event_timestamp: stream.last_event_millis,
        last_ingestion_time: stream.last_ingestion_millis,
        upload_sequence_token: stream.last_ingestion_millis.map(|_| sequence_token(stream)),
        arn: Some(group.stream_arn(&stream.name)),
        stored_bytes: Some(0),
    }
}

/// The token that `PutLogEvents` gives and no longer wants back.
pub fn sequence_token(stream: &StreamRecord) -> String {
    let at = u64::try_from(stream.last_ingestion_millis.unwrap_or(0)).unwrap_or(0);
    let position = Position { timestamp: at, sequence: stream.sequence_end };
    format!("49{}", &position.digits(stream.number)[2..])
}
