//! `GetItem`

use pontoon_api::dynamodb::{GetItemInput, GetItemOutput};
use pontoon_core::{Reply, Step};

use super::capacity::{self, Detail};
use super::parameters::{self, Substitutes};
use super::values;
use crate::state::expression::Kind;
use crate::state::value::item_size_bytes;
use crate::{DynamoDb, Error};

impl DynamoDb {
    pub(crate) fn get(
        &mut self,
        step: &mut Step<'_>,
        input: GetItemInput,
    ) -> Result<Reply<GetItemOutput>, Error> {
        let id = self.address(step, &input.table_name, "tableName", "dynamodb:GetItem")?;
        let substitutes = Substitutes::new(input.expression_attribute_names, None);
        substitutes.check_mixing(
            &[(Kind::Projection, input.projection_expression.is_some())],
            &[("AttributesToGet", input.attributes_to_get.is_some())],
        )?;
        let key = values::item(input.key)?;
        let mut placeholders = substitutes.placeholders()?;
        let projection = parameters::projection(
            input.projection_expression.as_deref(),
            input.attributes_to_get.as_deref(),
            &mut placeholders,
        )?;
        placeholders.check_all_used()?;

        let open = self.existing(&id)?;
        let key = open.schema.encode_key(&key)?;
        parameters::check_key_paths(&open.schema, projection.iter().flat_map(|p| p.paths()))?;
        let item = open.read(step, &key);
        let bytes = item.as_ref().map_or(0, item_size_bytes);
        let units = capacity::read_units(bytes, input.consistent_read == Some(true));
        open.counters.read_meter().read(units);
        self.active(step.now);
        let item = match projection {
            Some(projection) => item.map(|item| projection.apply(&item)),
            None => item,
        };
        Ok(Reply::Ready(GetItemOutput {
            item: item.map(values::to_wire),
            consumed_capacity: Detail::of(input.return_consumed_capacity.as_deref()).plain(&id.name, units),
        }))
    }
}
