//! `PutItem`

use pontoon_api::dynamodb::{PutItemInput, PutItemOutput};
use pontoon_core::{Reply, Step};

use super::capacity::Detail;
use super::parameters::{self, Substitutes};
use super::values;
use super::write::Change;
use crate::state::expression::Kind;
use crate::state::value::{ITEM_BYTES_MAX, Item, item_size_bytes};
use crate::{DynamoDb, Error};

/// The message about an item that is larger than items may be.
pub(crate) const ITEM_TOO_LARGE: &str = "Item size has exceeded the maximum allowed size";

impl DynamoDb {
    pub(crate) fn put(
        &mut self,
        step: &mut Step<'_>,
        input: PutItemInput,
    ) -> Result<Reply<PutItemOutput>, Error> {
        let id = self.address(step, &input.table_name, "tableName", "dynamodb:PutItem")?;
        let substitutes =
            Substitutes::new(input.expression_attribute_names, input.expression_attribute_values);
        substitutes.check_mixing(
            &[(Kind::Condition, input.condition_expression.is_some())],
            &[("Expected", input.expected.is_some())],
        )?;
        let item = values::item(input.item)?;
        let expected = parameters::expected(input.expected, input.conditional_operator.as_deref())?;
        let returns_old = check_return_values(input.return_values.as_deref())?;
        if item_size_bytes(&item) > ITEM_BYTES_MAX {
            return Err(Error::invalid(ITEM_TOO_LARGE));
        }
        let mut placeholders = substitutes.placeholders()?;
        let condition =
            parameters::condition(Kind::Condition, input.condition_expression.as_deref(), &mut placeholders)?
                .or(expected);
        placeholders.check_all_used()?;

        let open = self.existing(&id)?;
        let key = open.schema.encode_item(&item)?;
        parameters::check_condition_paths(&open.schema, condition.as_ref())?;
        let old = open.read(step, &key);
        if let Some(condition) = condition
            && !condition.holds(old.as_ref().unwrap_or(&Item::new()))
        {
            let shown = input.return_values_on_condition_check_failure.as_deref();
            return Err(self.condition_failed(step, &id, old, shown));
        }
        let change = self.apply(step, &id, Change::new(key, old, Some(item)));
        let units = change.units();
        self.count_write(step, &id, units);
        Ok(Reply::Ready(PutItemOutput {
            attributes: change.old.filter(|_| returns_old).map(values::to_wire),
            consumed_capacity: Detail::of(input.return_consumed_capacity.as_deref()).plain(&id.name, units),
            // Only tables with local secondary indexes have item collections.
            item_collection_metrics: None,
        }))
    }
}

/// Whether the old item is asked for.
///
/// # Errors
/// Return values that only `UpdateItem` knows.
pub(crate) fn check_return_values(parameter: Option<&str>) -> Result<bool, Error> {
    match parameter {
        None | Some("NONE") => Ok(false),
        Some("ALL_OLD") => Ok(true),
        Some(_) => Err(Error::invalid("ReturnValues can only be ALL_OLD or NONE")),
    }
}
