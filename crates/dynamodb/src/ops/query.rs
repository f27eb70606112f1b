//! `Query`

use pontoon_api::dynamodb::{QueryInput, QueryOutput};
use pontoon_core::{Direction, Reply, Step};

use super::capacity::{self, Detail};
use super::page::{self, PageRead};
use super::parameters::{self, Substitutes};
use super::values;
use crate::state::Invalid;
use crate::state::expression::{Condition, KeyCondition, Kind, Projection};
use crate::state::key::{KeySchema, encode_hash};
use crate::state::legacy;
use crate::state::value::Item;
use crate::{DynamoDb, Error, OpenTable, TableId, records};

/// A query whose parameters are checked as far as that is possible without the table.
struct Asked {
    tests: crate::state::expression::KeyTests,
    filter: Option<Condition>,
    /// What messages about the filter call it.
    filter_name: &'static str,
    projection: Option<Projection>,
    start: Option<Item>,
}

impl DynamoDb {
    pub(crate) fn run_query(
        &mut self,
        step: &mut Step<'_>,
        mut input: QueryInput,
    ) -> Result<Reply<QueryOutput>, Error> {
        let id = self.address(step, &input.table_name, "tableName", "dynamodb:Query")?;
        let asked = ask(&mut input)?;
        let open = self.existing(&id)?;
        check_index(input.index_name.as_deref())?;
        let direction = match input.scan_index_forward {
            Some(false) => Direction::Descending,
            _ => Direction::Ascending,
        };
        let consistent = input.consistent_read == Some(true);
        let read = plan(open, asked, direction, limit(input.limit), input.select.as_deref())?;
        let (detail, meter) =
            (Detail::of(input.return_consumed_capacity.as_deref()), open.counters.read_meter());
        self.active(step.now);
        Ok(Reply::Read(Box::new(move |store| {
            let page = read.run(store)?;
            let units = capacity::read_units(page.bytes, consistent);
            meter.queried(units, page.count);
            let TableId { name, .. } = id;
            Ok(QueryOutput {
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
fn ask(input: &mut QueryInput) -> Result<Asked, Error> {
    let substitutes =
        Substitutes::new(input.expression_attribute_names.take(), input.expression_attribute_values.take());
    let has_key_expression = input.key_condition_expression.is_some();
    substitutes.check_mixing(
        &[
            (Kind::Projection, input.projection_expression.is_some()),
            (Kind::Filter, input.filter_expression.is_some()),
            (Kind::KeyCondition, has_key_expression),
        ],
        &[
            ("AttributesToGet", input.attributes_to_get.is_some()),
            ("QueryFilter", input.query_filter.is_some()),
            ("ConditionalOperator", input.conditional_operator.is_some()),
            // Alone it may stand beside a filter expression.
            ("KeyConditions", input.key_conditions.is_some() && has_key_expression),
        ],
    )?;
    let filter_checks = input.query_filter.take().map(|wire| parameters::checks(Some(wire))).transpose()?;
    let attributes = input.attributes_to_get.take();
    if let Some(names) = &attributes {
        legacy::attributes_to_get(names)?;
    }
    let start = starting_key(input.exclusive_start_key.take())?;
    if input.key_conditions.is_none() && !has_key_expression {
        return Err(Error::invalid(
            "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.",
        ));
    }
    let mut placeholders = substitutes.placeholders()?;
    let tests = match input.key_condition_expression.as_deref() {
        Some(text) => KeyCondition::parse(text, &mut placeholders),
        None => parameters::checks(input.key_conditions.take()).map(legacy::key_tests),
    };
    let filter_name = if filter_checks.is_some() { "QueryFilter" } else { "Filter Expression" };
    // The expressions are all read before what the key's says is judged.
    let (tests, misfit) = match tests {
        Ok(tests) => (tests, None),
        Err(fault) if fault.to_string().starts_with("Invalid KeyConditionExpression: ") => {
            return Err(fault.into());
        }
        Err(fault) => (Default::default(), Some(fault)),
    };
    let filter = match input.filter_expression.as_deref() {
        Some(text) => Some(Condition::parse(Kind::Filter, text, &mut placeholders)?),
        None => parameters::filter(filter_checks, input.conditional_operator.as_deref())?,
    };
    let projection = parameters::projection(
        input.projection_expression.as_deref(),
        attributes.as_deref(),
        &mut placeholders,
    )?;
    placeholders.check_all_used()?;
    if let Some(fault) = misfit {
        return Err(fault.into());
    }
    KeyCondition::check_count(&tests)?;
    check_select(input.select.as_deref(), input.projection_expression.is_some(), attributes.is_some())?;
    Ok(Asked { tests, filter, filter_name, projection, start })
}

/// The checks against the table, and where to read.
fn plan(
    open: &OpenTable,
    asked: Asked,
    direction: Direction,
    limit: Option<usize>,
    select: Option<&str>,
) -> Result<PageRead, Error> {
    let schema = &open.schema;
    let start = asked.start.as_ref().map(|start| starting_point(schema, start)).transpose()?;
    let condition = KeyCondition::for_schema(asked.tests, schema)?;
    let mut partition = records::items_prefix(open.table.number);
    encode_hash(&condition.hash, &mut partition);
    let mut range = page::partition_range(&partition, condition.range.as_ref());
    if let (Some(start), Some(key)) = (&asked.start, start) {
        check_start(schema, start, &condition)?;
        range = page::behind(range, records::item_key(open.table.number, &key), direction);
    }
    parameters::check_key_paths(schema, asked.projection.iter().flat_map(|p| p.paths()))?;
    check_filter(schema, asked.filter.as_ref(), asked.filter_name)?;
    parameters::check_condition_paths(schema, asked.filter.as_ref())?;
    Ok(PageRead {
        range,
        direction,
        limit,
        filter: asked.filter,
        projection: asked.projection,
        count_only: select == Some("COUNT"),
        schema: schema.clone(),
    })
}

/// The encoded key of a starting key.
fn starting_point(schema: &KeySchema, start: &Item) -> Result<Vec<u8>, Invalid> {
    let attributes = schema.attributes().count();
    if start.len() != attributes || !schema.attributes().all(|attribute| start.contains_key(&attribute.name))
    {
        return Err(Invalid::new("The provided starting key is invalid"));
    }
    schema.encode_key(start)
}

/// Refuses a starting key that the query could not have ended at.
fn check_start(schema: &KeySchema, start: &Item, condition: &KeyCondition) -> Result<(), Invalid> {
    let is_same_partition = start.get(&schema.hash.name) == Some(&*condition.hash);
    let sort_key = schema.range.as_ref().and_then(|range| start.get(&range.name));
    match (&condition.range, sort_key) {
        (Some(test), Some(value)) if !test.passes(value) => {
            Err(Invalid::new("The provided starting key does not match the range key predicate"))
        }
        (Some(_), _) if !is_same_partition => {
            Err(Invalid::new("The query can return at most one row and cannot be restarted"))
        }
        (None, _) if !is_same_partition => Err(Invalid::new(
            "The provided starting key is outside query boundaries based on provided conditions",
        )),
        _ => Ok(()),
    }
}

fn check_filter(schema: &KeySchema, filter: Option<&Condition>, name: &str) -> Result<(), Invalid> {
    let mut key = None;
    if let Some(filter) = filter {
        filter.paths(&mut |path| key = key.or_else(|| schema.contains(path.head()).then(|| path.head())));
    }
    match key {
        None => Ok(()),
        Some(key) => Err(Invalid::new(format!(
            "{name} can only contain non-primary key attributes: Primary key attribute: {key}"
        ))),
    }
}

/// A page's `Limit`.
pub(crate) fn limit(parameter: Option<i32>) -> Option<usize> {
    // The model has refused what is below one.
    parameter.and_then(|limit| usize::try_from(limit).ok())
}

/// A count for the wire; a page is far from holding so many items.
pub(crate) fn count(items: usize) -> i32 {
    i32::try_from(items).unwrap_or(i32::MAX)
}

/// An `ExclusiveStartKey`.
///
/// # Errors
/// Values that no key can have, which the service says of the starting key; not so for what is wrong with numbers
/// and for duplicates in sets.
pub(crate) fn starting_key(wire: Option<values::WireItem>) -> Result<Option<Item>, Invalid> {
    const BARE: [&str; 5] = ["numeric value", "Number", "duplicates", "number set", "Nesting"];
    wire.map(values::item).transpose().map_err(|fault| {
        let message = fault.to_string();
        if BARE.iter().any(|part| message.contains(part)) {
            return fault;
        }
        fault.within("The provided starting key is invalid: ")
    })
}

/// Refuses a secondary index: no table has any.
pub(crate) fn check_index(name: Option<&str>) -> Result<(), Error> {
    match name {
        None => Ok(()),
        Some(name) => Err(Error::invalid(format!("The table does not have the specified index: {name}"))),
    }
}

/// Refuses a `Select` that contradicts what is to be handed out.
pub(crate) fn check_select(select: Option<&str>, expression: bool, attributes: bool) -> Result<(), Error> {
    let projected = match (expression, attributes) {
        (true, _) => Some("ProjectionExpression"),
        (_, true) => Some("AttributesToGet"),
        _ => None,
    };
    match (select, projected) {
        (Some("ALL_PROJECTED_ATTRIBUTES"), _) => {
            Err(Error::invalid("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName"))
        }
        (Some("SPECIFIC_ATTRIBUTES"), None) => Err(Error::invalid(
            "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES",
        )),
        (Some("COUNT"), Some(parameter)) => {
            Err(Error::invalid(format!("Cannot specify the {parameter} when choosing to get only the Count")))
        }
        (Some("ALL_ATTRIBUTES"), Some(parameter)) => {
            Err(Error::invalid(format!("Cannot specify the {parameter} when choosing to get ALL_ATTRIBUTES")))
        }
        _ => Ok(()),
    }
}
