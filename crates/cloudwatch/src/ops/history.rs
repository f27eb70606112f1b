//! `DescribeAlarmHistory`.

use std::ops::{Bound, ControlFlow};

use pontoon_api::cloudwatch::*;
use pontoon_core::{ApiError, Direction, KeyRange, Reply, Scope, Space, Step, StoreRead, Timestamp};

use super::{Answer, token};
use crate::history::KEPT_FOR;
use crate::records::{self, HistoryRecord};
use crate::{Error, alarm_arn, allow};

/// How many items a page holds at most, and unless asked for fewer.
const PAGE: usize = 100;

struct Wanted {
    scope: Scope,
    range: KeyRange,
    direction: Direction,
    alarm: Option<String>,
    kind: Option<String>,
    max: usize,
}

pub(super) fn describe(
    step: &mut Step<'_>,
    input: DescribeAlarmHistoryInput,
) -> Answer<DescribeAlarmHistoryOutput> {
    let scope = step.scope;
    let name = input.alarm_name.as_deref().unwrap_or("*");
    allow(step, "cloudwatch:DescribeAlarmHistory", &alarm_arn(scope, name))?;
    if input.alarm_contributor_id.is_some() {
        return Err(Error::Unsupported("alarm contributors (AlarmContributorId)".to_owned()));
    }
    let direction = match input.scan_by.as_deref() {
        Some("TimestampAscending") => Direction::Ascending,
        _ => Direction::Descending,
    };
    // Only metric alarms have history, and they are meant unless others are asked for alone.
    let of_type =
        input.alarm_types.as_ref().is_none_or(|types| types.iter().any(|kind| kind == "MetricAlarm"));
    let oldest = step.now.before(KEPT_FOR);
    let from = input.start_date.map_or(oldest, |start| start.max(oldest));
    let mut range = records::history_range(scope, from, input.end_date.unwrap_or(step.now));
    if let Some(token) = &input.next_token {
        let place = token::decode(token)?;
        let (at, number) = records::history_place(&place).ok_or(Error::InvalidNextToken)?;
        let key = records::history_key(scope, at, number);
        match direction {
            Direction::Ascending => range.start = Bound::Excluded(key),
            Direction::Descending => range.end = Bound::Excluded(key),
        }
    }
    let wanted = Wanted {
        scope,
        range,
        direction,
        alarm: input.alarm_name,
        kind: input.history_item_type,
        max: if of_type { input.max_records.map_or(PAGE, |max| max.unsigned_abs() as usize) } else { 0 },
    };
    Ok(Reply::Read(Box::new(move |store: &dyn StoreRead| read(store, &wanted))))
}

fn read(store: &dyn StoreRead, wanted: &Wanted) -> Result<DescribeAlarmHistoryOutput, ApiError> {
    let mut items = Vec::new();
    let mut last = None;
    let mut more = false;
    if wanted.max > 0 && !wanted.range.is_empty() {
        let scanned = store.scan(Space::Metric, &wanted.range, wanted.direction, &mut |key, value| {
            let record = records::history_place(key).zip(serde_json::from_slice::<HistoryRecord>(value).ok());
            let Some(((at, _), record)) = record.filter(|(_, record)| wanted.holds(record)) else {
                return ControlFlow::Continue(());
            };
            if items.len() == wanted.max {
                more = true;
                return ControlFlow::Break(());
            }
            last = Some(key[records::history_prefix(wanted.scope).len()..].to_vec());
            items.push(item(at, record));
            ControlFlow::Continue(())
        });
        scanned.map_err(|error| records::read_failed(&error))?;
    }
    let next_token = last.filter(|_| more).map(|place| token::encode(&place));
    Ok(DescribeAlarmHistoryOutput { alarm_history_items: Some(items), next_token })
}

impl Wanted {
    fn holds(&self, record: &HistoryRecord) -> bool {
        self.alarm.as_ref().is_none_or(|alarm| *alarm == record.alarm)
            && self.kind.as_ref().is_none_or(|kind| *kind == record.kind)
    }
}

fn item(at: Timestamp, record: HistoryRecord) -> AlarmHistoryItem {
    AlarmHistoryItem {
        alarm_name: Some(record.alarm),
        alarm_type: Some("MetricAlarm".to_owned()),
        timestamp: Some(at),
        history_item_type: Some(record.kind),
        history_summary: Some(record.summary),
        history_data: Some(record.data),
        ..Default::default()
    }
}
