//! `UpdateItem`

use pontoon_api::dynamodb::{UpdateItemInput, UpdateItemOutput};
use pontoon_core::{Reply, Step};

use super::capacity::Detail;
use super::parameters::{self, Substitutes};
use super::values;
use super::write::Change;
use crate::state::Invalid;
use crate::state::expression::{Action, Kind, UPDATE_TOO_LARGE, Update};
use crate::state::key::KeySchema;
use crate::state::path::Element;
use crate::state::value::{ITEM_BYTES_MAX, Item};
use crate::{DynamoDb, Error};

/// What the service adds to the size of what an update writes: for the update, for each `SET` and `ADD`, for each
/// `REMOVE` and `DELETE`, and for an index at the end of a path. Measured, not documented.
const UPDATE_BYTES: usize = 3;
const SET_BYTES: usize = 19;
const REMOVE_BYTES: usize = 2;
const INDEX_BYTES: usize = 1;

impl DynamoDb {
    pub(crate) fn update(
        &mut self,
        step: &mut Step<'_>,
        input: UpdateItemInput,
    ) -> Result<Reply<UpdateItemOutput>, Error> {
        let id = self.address(step, &input.table_name, "tableName", "dynamodb:UpdateItem")?;
        let substitutes =
            Substitutes::new(input.expression_attribute_names, input.expression_attribute_values);
        substitutes.check_mixing(
            &[
                (Kind::Update, input.update_expression.is_some()),
                (Kind::Condition, input.condition_expression.is_some()),
            ],
            &[
                ("AttributeUpdates", input.attribute_updates.is_some()),
                ("Expected", input.expected.is_some()),
            ],
        )?;
        let key = values::item(input.key)?;
        let legacy = input.attribute_updates.map(parameters::attribute_updates).transpose()?;
        let expected = parameters::expected(input.expected, input.conditional_operator.as_deref())?;
        let mut placeholders = substitutes.placeholders()?;
        let update = match input.update_expression.as_deref() {
            Some(text) => Update::parse(text, &mut placeholders)?,
            None => legacy.unwrap_or_default(),
        };
        let condition =
            parameters::condition(Kind::Condition, input.condition_expression.as_deref(), &mut placeholders)?
                .or(expected);
        placeholders.check_all_used()?;

        let open = self.existing(&id)?;
        let encoded = open.schema.encode_key(&key)?;
        check_keys_untouched(&open.schema, &update)?;
        parameters::check_condition_paths(&open.schema, condition.as_ref())?;
        let old = open.read(step, &encoded);
        if let Some(condition) = condition
            && !condition.holds(old.as_ref().unwrap_or(&Item::new()))
        {
            let shown = input.return_values_on_condition_check_failure.as_deref();
            return Err(self.condition_failed(step, &id, old, shown));
        }
        let new = update.apply(old.as_ref().unwrap_or(&key))?;
        let change = Change::new(encoded, old, Some(new));
        check_size(&update, &change)?;
        let change = self.apply(step, &id, change);
        let units = change.units();
        self.count_write(step, &id, units);
        Ok(Reply::Ready(UpdateItemOutput {
            attributes: returned(input.return_values.as_deref(), &update, change),
            consumed_capacity: Detail::of(input.return_consumed_capacity.as_deref()).plain(&id.name, units),
            // Only tables with local secondary indexes have item collections.
            item_collection_metrics: None,
        }))
    }
}

/// Refuses an update of a key attribute.
///
/// # Errors
/// The message that names it.
pub(crate) fn check_keys_untouched(schema: &KeySchema, update: &Update) -> Result<(), Invalid> {
    match update.paths().find(|path| schema.contains(path.head())) {
        None => Ok(()),
        Some(path) => Err(Invalid::parameters(format_args!(
            "Cannot update attribute {}. This attribute is part of the key",
            path.head()
        ))),
    }
}

/// Refuses an item that is larger than items may be, or an update that writes more than one may.
fn check_size(update: &Update, change: &Change) -> Result<(), Error> {
    let too_large = || Error::invalid(UPDATE_TOO_LARGE);
    if change.new_bytes() > ITEM_BYTES_MAX {
        return Err(too_large());
    }
    let cost: usize = UPDATE_BYTES
        + update
            .actions()
            .iter()
            .map(|(path, action)| match action {
                Action::Remove | Action::Delete(_) => REMOVE_BYTES,
                _ if matches!(path.rest().last(), Some(Element::Index(_))) => SET_BYTES + INDEX_BYTES,
                _ => SET_BYTES,
            })
            .sum::<usize>();
    let (true, Some(new)) = (change.new_bytes() + cost > ITEM_BYTES_MAX, &change.new) else {
        return Ok(());
    };
    let mut heads: Vec<&str> = update.paths().map(crate::state::path::Path::head).collect();
    heads.sort_unstable();
    heads.dedup();
    let written: usize =
        heads.into_iter().filter_map(|head| Some(head.len() + new.get(head)?.size_bytes())).sum();
    if written + cost > ITEM_BYTES_MAX { Err(too_large()) } else { Ok(()) }
}

/// The attributes that `ReturnValues` asks for; absent if there are none.
fn returned(parameter: Option<&str>, update: &Update, change: Change) -> Option<values::WireItem> {
    let item = match parameter {
        Some("ALL_OLD") => change.old,
        Some("ALL_NEW") => change.new,
        Some("UPDATED_OLD") => change.old.map(|item| update.named_in(&item)),
        Some("UPDATED_NEW") => change.new.map(|item| update.named_in(&item)),
        _ => None,
    };
    item.filter(|item| !item.is_empty()).map(values::to_wire)
}
