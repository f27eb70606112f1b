//! `GetLogEvents`: the events of one stream, page by page in either direction.
//!
//! A page's tokens are the gaps before its first and behind its last event, so a page at an end gives its own token back and reading goes on there when
//! events have come.

use std::ops::ControlFlow;

use pontoon_api::logs::*;
use pontoon_core::{ApiError, Direction, Reply, Space, Step, StoreRead};

use super::{Answer, access, unavailable};
use crate::records::{self, EVENT_OVERHEAD_BYTES, Event};
use crate::state::position::{Position, TIMESTAMP_MAX, Way};
use crate::{Error, Logs};

/// How many events a page has at most, and if the request does not say.
pub const EVENTS_MAX: usize = 10_000;
/// How many bytes of events a page has at most; one event always fits.
pub const PAGE_BYTES_MAX: usize = 1 << 20;

/// How many events the request wants.
pub fn limit(limit: Option<i32>) -> usize {
    limit.and_then(|limit| usize::try_from(limit).ok()).map_or(EVENTS_MAX, |n| n.clamp(1, EVENTS_MAX))
}

/// A time of a request as a place among events.
pub fn place(millis: i64) -> Position {
    Position::at(u64::try_from(millis).unwrap_or(0).min(TIMESTAMP_MAX))
}

pub fn get(logs: &mut Logs, step: &mut Step<'_>, input: GetLogEventsInput) -> Answer<GetLogEventsOutput> {
    let name = super::group_name(step.scope, input.log_group_name, input.log_group_identifier)?;
    access::authorize(logs, step, "logs:GetLogEvents", (&name, &input.log_stream_name))?;
    let group = logs.group(step.scope, &name)?;
    let stream = group.stream(&input.log_stream_name)?;
    let kept = Position::at(group.kept_from(step.now));
    let start = input.start_time.map_or(kept, |start| place(start).max(kept));
    // The end is not included.
    let end = input.end_time.map_or(Position::at(TIMESTAMP_MAX), place);
    let (way, from) = match input.next_token.as_deref() {
        Some(token) => {
            let (way, gap) =
                Position::from_page_token(token, stream.number).ok_or(Error::InvalidNextToken)?;
            (way, Some(gap))
        }
        None if input.start_from_head == Some(true) => (Way::Forward, None),
        None => (Way::Backward, None),
    };
    let page = Page {
        group: group.record.number,
        stream: stream.number,
        start,
        end,
        way,
        from,
        limit: limit(input.limit),
    };
    Ok(Reply::Read(Box::new(move |store| page.read(store))))
}

/// One page to be read.
struct Page {
    group: u64,
    stream: u64,
    start: Position,
    end: Position,
    way: Way,
    /// The gap that the page begins at; `None` at the end that its way comes from.
    from: Option<Position>,
    limit: usize,
}

impl Page {
    fn read(&self, store: &dyn StoreRead) -> Result<GetLogEventsOutput, ApiError> {
        let positions = self.positions(store)?;
        let mut events = Vec::new();
        let mut bytes = 0;
        for position in positions {
            let stored =
                store.get(Space::Log, &records::event_key(self.group, position)).map_err(unavailable)?;
            let Some(event) = stored.as_deref().and_then(Event::decode) else { continue };
            bytes += event.message.len() + EVENT_OVERHEAD_BYTES;
            if bytes > PAGE_BYTES_MAX && !events.is_empty() {
                break;
            }
            events.push((position, told(position, &event)));
        }
        if self.way == Way::Backward {
            events.reverse();
        }
        let (before, behind) = match (events.first(), events.last()) {
            (Some((first, _)), Some((last, _))) => (*first, last.next()),
            _ => {
                let gap = self.from.unwrap_or(match self.way {
                    Way::Forward => self.start,
                    // What comes later must still be found.
                    Way::Backward => self.start.min(self.end),
                });
                (gap, gap)
            }
        };
        Ok(GetLogEventsOutput {
            events: Some(events.into_iter().map(|(_, event)| event).collect()),
            next_forward_token: Some(behind.page_token(Way::Forward, self.stream)),
            next_backward_token: Some(before.page_token(Way::Backward, self.stream)),
        })
    }

    /// Where the page's events stand, in the order in which they are read.
    fn positions(&self, store: &dyn StoreRead) -> Result<Vec<Position>, ApiError> {
        let (first, last, direction) = match self.way {
            Way::Forward => {
                (self.from.map_or(self.start, |gap| gap.max(self.start)), self.end, Direction::Ascending)
            }
            Way::Backward => {
                (self.start, self.from.map_or(self.end, |gap| gap.min(self.end)), Direction::Descending)
            }
        };
        let range = records::index_range(self.group, self.stream, first, last);
        let mut positions = Vec::new();
        if range.is_empty() {
            return Ok(positions);
        }
        store
            .scan(Space::Log, &range, direction, &mut |key, _| {
                positions.extend(records::position_of(key));
                if positions.len() < self.limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })
            .map_err(unavailable)?;
        Ok(positions)
    }
}

fn told(position: Position, event: &Event<'_>) -> OutputLogEvent {
    OutputLogEvent {
        timestamp: i64::try_from(position.timestamp).ok(),
        message: Some(event.message.to_owned()),
        ingestion_time: Some(event.ingested_millis),
    }
}
