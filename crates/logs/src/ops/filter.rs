//! `FilterLogEvents`: searching the streams of a group in order of time.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use pontoon_api::logs::*;
use pontoon_core::{ApiError, Direction, Reply, Space, Step, StoreRead};

use super::get::{PAGE_BYTES_MAX, limit, place};
use super::{Answer, access, unavailable};
use crate::records::{self, EVENT_OVERHEAD_BYTES, Event};
use crate::state::position::{Position, TIMESTAMP_MAX};
use crate::{Error, FilterPattern, Group, Logs};

/// How many events one page looks at; what it has found until then it gives, with a token to go on.
const LOOKED_AT_MAX: usize = 100_000;
/// How many bytes of events one page looks at.
const LOOKED_AT_BYTES_MAX: usize = 64 << 20;

/// Up to how many chosen streams are read by their indexes; more are picked out of the whole group.
const INDEXED_STREAMS_MAX: usize = 100;
/// How many events of each stream are looked up at a time.
const INDEX_PIECE: usize = 1_000;

pub fn filter(
    logs: &mut Logs,
    step: &mut Step<'_>,
    input: FilterLogEventsInput,
) -> Answer<FilterLogEventsOutput> {
    let pattern = FilterPattern::parse(input.filter_pattern.as_deref().unwrap_or_default())
        .map_err(|invalid| Error::InvalidParameter(invalid.message))?;
    let name = super::group_name(step.scope, input.log_group_name, input.log_group_identifier)?;
    access::authorize(logs, step, "logs:FilterLogEvents", (&name, ""))?;
    let group = logs.group(step.scope, &name)?;
    let number = group.record.number;
    let streams =
        selected(group, input.log_stream_names.as_deref(), input.log_stream_name_prefix.as_deref())?;
    let kept = Position::at(group.kept_from(step.now));
    let mut from = input.start_time.map_or(kept, |start| place(start).max(kept));
    if let Some(token) = &input.next_token {
        from = Position::from_search_token(token, number).ok_or(Error::InvalidNextToken)?.max(from);
    }
    // The end is included, unlike that of GetLogEvents.
    let to = input.end_time.map_or(Position::at(TIMESTAMP_MAX), |end| place(end.saturating_add(1)));
    let search = Search {
        group: number,
        names: Arc::clone(&group.names),
        streams,
        from,
        to,
        pattern,
        limit: limit(input.limit),
    };
    Ok(Reply::Read(Box::new(move |store| search.run(store))))
}

/// The numbers of the streams that are searched; `None` for all.
fn selected(
    group: &Group,
    names: Option<&[String]>,
    prefix: Option<&str>,
) -> Result<Option<HashSet<u64>>, Error> {
    match (names, prefix) {
        (Some(_), Some(_)) => Err(Error::InvalidParameter(
            "LogStream names and LogStream name prefix are mutually exclusive parameters.".to_owned(),
        )),
        (Some(names), None) => names
            .iter()
            .map(|name| group.stream(name).map(|stream| stream.number))
            .collect::<Result<_, _>>()
            .map(Some),
        (None, Some(prefix)) => {
            let chosen = group.streams.values().filter(|stream| stream.name.starts_with(prefix));
            Ok(Some(chosen.map(|stream| stream.number).collect()))
        }
        (None, None) => Ok(None),
    }
}

/// One page to be searched.
struct Search {
    group: u64,
    names: Arc<HashMap<u64, Arc<str>>>,
    streams: Option<HashSet<u64>>,
    from: Position,
    to: Position,
    pattern: FilterPattern,
    limit: usize,
}

impl Search {
    fn run(&self, store: &dyn StoreRead) -> Result<FilterLogEventsOutput, ApiError> {
        let mut page = Page::default();
        match &self.streams {
            Some(streams) if streams.len() <= INDEXED_STREAMS_MAX => {
                self.walk_indexes(store, streams, &mut page)?;
            }
            _ => self.walk_group(store, &mut page)?,
        }
        Ok(FilterLogEventsOutput {
            events: Some(page.found),
            // "This parameter returns an empty list" (API reference).
            searched_log_streams: Some(Vec::new()),
            next_token: page.next.map(|next| next.search_token(self.group)),
        })
    }

    /// Looks at every event of the group.
    fn walk_group(&self, store: &dyn StoreRead, page: &mut Page) -> Result<(), ApiError> {
        let range = records::event_range(self.group, self.from, self.to);
        if range.is_empty() {
            return Ok(());
        }
        store
            .scan(Space::Log, &range, Direction::Ascending, &mut |key, value| match (
                records::position_of(key),
                Event::decode(value),
            ) {
                (Some(position), Some(event)) => self.look_at(page, position, &event),
                _ => ControlFlow::Continue(()),
            })
            .map_err(unavailable)
    }

    /// Looks at the events of a few streams alone, merged from their indexes piece by piece.
    fn walk_indexes(
        &self,
        store: &dyn StoreRead,
        streams: &HashSet<u64>,
        page: &mut Page,
    ) -> Result<(), ApiError> {
        let mut from = self.from;
        while from < self.to {
            let mut positions = Vec::new();
            // Up to where every stream's piece is complete.
            let mut complete_to = self.to;
            for stream in streams {
                let last = self.read_index(store, *stream, from, &mut positions)?;
                complete_to = last.map_or(complete_to, |last| complete_to.min(last.next()));
            }
            positions.retain(|position| *position < complete_to);
            positions.sort_unstable();
            for position in positions {
                let key = records::event_key(self.group, position);
                let stored = store.get(Space::Log, &key).map_err(unavailable)?;
                let Some(event) = stored.as_deref().and_then(Event::decode) else { continue };
                if self.look_at(page, position, &event).is_break() {
                    return Ok(());
                }
            }
            from = complete_to;
        }
        Ok(())
    }

    /// Adds the next piece of a stream's index; its last position if there may be more.
    fn read_index(
        &self,
        store: &dyn StoreRead,
        stream: u64,
        from: Position,
        positions: &mut Vec<Position>,
    ) -> Result<Option<Position>, ApiError> {
        let range = records::index_range(self.group, stream, from, self.to);
        let mut read = 0;
        store
            .scan(Space::Log, &range, Direction::Ascending, &mut |key, _| {
                positions.extend(records::position_of(key));
                read += 1;
                if read < INDEX_PIECE { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })
            .map_err(unavailable)?;
        Ok(positions.last().copied().filter(|_| read == INDEX_PIECE))
    }

    fn look_at(&self, page: &mut Page, position: Position, event: &Event<'_>) -> ControlFlow<()> {
        let bytes = event.message.len() + EVENT_OVERHEAD_BYTES;
        let is_full = page.found.len() >= self.limit
            || page.looked_at >= LOOKED_AT_MAX
            || page.looked_at_bytes >= LOOKED_AT_BYTES_MAX;
        if is_full {
            page.next = Some(position);
            return ControlFlow::Break(());
        }
        page.looked_at += 1;
        page.looked_at_bytes += bytes;
        let is_searched = self.streams.as_ref().is_none_or(|streams| streams.contains(&event.stream));
        // Events of a deleted stream are there until they are removed, but belong to no name.
        let Some(name) = self.names.get(&event.stream).filter(|_| is_searched) else {
            return ControlFlow::Continue(());
        };
        if !self.pattern.matches(event.message) {
            return ControlFlow::Continue(());
        }
        if page.found_bytes + bytes > PAGE_BYTES_MAX && !page.found.is_empty() {
            page.next = Some(position);
            return ControlFlow::Break(());
        }
        page.found_bytes += bytes;
        page.found.push(FilteredLogEvent {
            log_stream_name: Some(name.to_string()),
            timestamp: i64::try_from(position.timestamp).ok(),
            message: Some(event.message.to_owned()),
            ingestion_time: Some(event.ingested_millis),
            event_id: Some(position.digits(self.group)),
        });
        ControlFlow::Continue(())
    }
}

/// What a search has found and looked at so far.
#[derive(Default)]
struct Page {
    found: Vec<FilteredLogEvent>,
    found_bytes: usize,
    looked_at: usize,
    looked_at_bytes: usize,
    /// The event that the next page begins with.
    next: Option<Position>,
}
