//! `Scan`

use std::ops::Bound;

use pontoon_api::dynamodb::{ScanInput, ScanOutput};
use pontoon_core::{Direction, KeyRange, Reply, Step};

use super::capacity::{self, Detail};
use super::page::{self, PageRead};
use super::parameters::{self, Substitutes};
use super::query::{check_index, check_select, count, limit, starting_key};
use super::values;
use crate::state::Invalid;
use crate::state::expression::{Condition, Kind, Projection};
use crate::state::key::{segment_start, spread_of_key};
use crate::state::legacy;
use crate::state::value::Item;
use crate::{DynamoDb, Error, OpenTable, TableId, records};

/// A part of a parallel scan: which, of how many.
#[derive(Clone, Copy)]
struct Segment {
    number: u32,
    total: u32,
}

/// A scan whose parameters are checked as far as that is possible without the table.
struct Asked {
    filter: Option<Condition>,
    projection: Option<Projection>,
    start: Option<Item>,
    segment: Segment,
}

impl DynamoDb {
    pub(crate) fn run_scan(
        &mut self,
        step: &mut Step<'_>,
        mut input: ScanInput,
    ) -> Result<Reply<ScanOutput>, Error> {
        let id = self.address(step, &input.table_name, "tableName", "dynamodb:Scan")?;
        let asked = ask(&mut input)?;
        let open = self.existing(&id)?;
        check_index(input.index_name.as_deref())?;
        let consistent = input.consistent_read == Some(true);
        let read = plan(open, asked, limit(input.limit), input.select.as_deref())?;
        let (detail, meter) =
            (Detail::of(input.return_consumed_capacity.as_deref()), open.counters.read_meter());
        self.active(step.now);
        Ok(Reply::Read(Box::new(move |store| {
            let page = read.run(store)?;
            let units = capacity::read_units(page.bytes, consistent);
            meter.scanned(units, page.count);
            let TableId { name, .. } = id;
            Ok(ScanOutput {
                count: Some(count(page.count)),
                scanned_count: Some(count(page.scanned)),
                last_evaluated_key: page.last_key.map(values::to_wire),
                consumed_capacity: detail.plain(&name, units),
                items: (!read.count_only).then(|| page.items.into_iter().map(values::to_wire).collect()),
            })
        })))
    }
}

/// The checks that come before the table is looked up, in the service's order.
fn ask(input: &mut ScanInput) -> Result<Asked, Error> {
    let substitutes =
        Substitutes::new(input.expression_attribute_names.take(), input.expression_attribute_values.take());
    substitutes.check_mixing(
        &[
            (Kind::Projection, input.projection_expression.is_some()),
            (Kind::Filter, input.filter_expression.is_some()),
        ],
        &[
            ("AttributesToGet", input.attributes_to_get.is_some()),
            ("ScanFilter", input.scan_filter.is_some()),
            ("ConditionalOperator", input.conditional_operator.is_some()),
        ],
    )?;
    let attributes = input.attributes_to_get.take();
    if let Some(names) = &attributes {
        legacy::attributes_to_get(names)?;
    }
    let checks = input.scan_filter.take().map(|wire| parameters::checks(Some(wire))).transpose()?;
    let start = starting_key(input.exclusive_start_key.take())?;
    let segment = segment(input.segment, input.total_segments)?;
    let mut placeholders = substitutes.placeholders()?;
    let filter = match input.filter_expression.as_deref() {
        Some(text) => Some(Condition::parse(Kind::Filter, text, &mut placeholders)?),
        None => parameters::filter(checks, input.conditional_operator.as_deref())?,
    };
    let projection = parameters::projection(
        input.projection_expression.as_deref(),
        attributes.as_deref(),
        &mut placeholders,
    )?;
    placeholders.check_all_used()?;
    check_select(input.select.as_deref(), input.projection_expression.is_some(), attributes.is_some())?;
    Ok(Asked { filter, projection, start, segment })
}

fn segment(number: Option<i32>, total: Option<i32>) -> Result<Segment, Invalid> {
    // The model has refused negative numbers and a total below one.
    let unsigned = |number: i32| u32::try_from(number).unwrap_or(0);
    match (number, total) {
        (None, None) => Ok(Segment { number: 0, total: 1 }),
        (Some(_), None) => Err(Invalid::new(
            "The TotalSegments parameter is required but was not present in the request when Segment parameter is present",
        )),
        (None, Some(_)) => Err(Invalid::new(
            "The Segment parameter is required but was not present in the request when parameter TotalSegments is present",
        )),
        (Some(number), Some(total)) if number >= total => Err(Invalid::new(format!(
            "The Segment parameter is zero-based and must be less than parameter TotalSegments: \
             Segment: {number} is not less than TotalSegments: {total}"
        ))),
        (Some(number), Some(total)) => Ok(Segment { number: unsigned(number), total: unsigned(total) }),
    }
}

/// The checks against the table, and where to read.
fn plan(
    open: &OpenTable,
    asked: Asked,
    limit: Option<usize>,
    select: Option<&str>,
) -> Result<PageRead, Error> {
    let schema = &open.schema;
    let number = open.table.number;
    let mut range = segment_range(number, asked.segment);
    if let Some(start) = &asked.start {
        let invalid = |fault: Invalid| fault.within("The provided starting key is invalid: ");
        let key = schema.encode_key(start).map_err(invalid)?;
        check_segment(&key, asked.segment).map_err(invalid)?;
        range = page::behind(range, records::item_key(number, &key), Direction::Ascending);
    }
    parameters::check_key_paths(schema, asked.projection.iter().flat_map(|p| p.paths()))?;
    parameters::check_condition_paths(schema, asked.filter.as_ref())?;
    Ok(PageRead {
        range,
        direction: Direction::Ascending,
        limit,
        filter: asked.filter,
        projection: asked.projection,
        count_only: select == Some("COUNT"),
        schema: schema.clone(),
    })
}

/// Where a segment's items are.
fn segment_range(number: u64, segment: Segment) -> KeyRange {
    let items = records::items_prefix(number);
    let at = |spread: u64| {
        // Only the end of the last segment lies beyond.
        let spread = u32::try_from(spread).ok()?;
        let mut key = items.clone();
        key.extend_from_slice(&spread.to_be_bytes());
        Some(key)
    };
    let mut range = KeyRange::prefix(&items);
    if let Some(start) = at(segment_start(segment.number, segment.total)) {
        range.start = Bound::Included(start);
    }
    if let Some(end) = at(segment_start(segment.number + 1, segment.total)) {
        range.end = Bound::Excluded(end);
    }
    range
}

fn check_segment(key: &[u8], segment: Segment) -> Result<(), Invalid> {
    let Segment { number, total } = segment;
    let spread = u64::from(spread_of_key(key));
    if (segment_start(number, total)..segment_start(number + 1, total)).contains(&spread) {
        return Ok(());
    }
    Err(Invalid::new(format!(
        "Invalid ExclusiveStartKey. Please use ExclusiveStartKey with correct Segment. \
         TotalSegments: {total} Segment: {number}"
    )))
}
