//! `DeleteItem`

use pontoon_api::dynamodb::{DeleteItemInput, DeleteItemOutput};
use pontoon_core::{Reply, Step};

use super::capacity::Detail;
use super::parameters::{self, Substitutes};
use super::put_item::check_return_values;
use super::values;
use super::write::Change;
use crate::state::expression::Kind;
use crate::state::value::Item;
use crate::{DynamoDb, Error};

impl DynamoDb {
    pub(crate) fn delete(
        &mut self,
        step: &mut Step<'_>,
        input: DeleteItemInput,
    ) -> Result<Reply<DeleteItemOutput>, Error> {
        let id = self.address(step, &input.table_name, "tableName", "dynamodb:DeleteItem")?;
        let substitutes =
            Substitutes::new(input.expression_attribute_names, input.expression_attribute_values);
        substitutes.check_mixing(
            &[(Kind::Condition, input.condition_expression.is_some())],
            &[("Expected", input.expected.is_some())],
        )?;
        let key = values::item(input.key)?;
        let expected = parameters::expected(input.expected, input.conditional_operator.as_deref())?;
        let returns_old = check_return_values(input.return_values.as_deref())?;
        let mut placeholders = substitutes.placeholders()?;
        let condition =
            parameters::condition(Kind::Condition, input.condition_expression.as_deref(), &mut placeholders)?
                .or(expected);
        placeholders.check_all_used()?;

        let open = self.existing(&id)?;
        let key = open.schema.encode_key(&key)?;
        parameters::check_condition_paths(&open.schema, condition.as_ref())?;
        let old = open.read(step, &key);
        if let Some(condition) = condition
            && !condition.holds(old.as_ref().unwrap_or(&Item::new()))
        {
            let shown = input.return_values_on_condition_check_failure.as_deref();
            return Err(self.condition_failed(step, &id, old, shown));
        }
        let change = self.apply(step, &id, Change::new(key, old, None));
        let units = change.units();
        self.count_write(step, &id, units);
        Ok(Reply::Ready(DeleteItemOutput {
            attributes: change.old.filter(|_| returns_old).map(values::to_wire),
            consumed_capacity: Detail::of(input.return_consumed_capacity.as_deref()).plain(&id.name, units),
            // Only tables with local secondary indexes have item collections.
            item_collection_metrics: None,
        }))
    }
}
