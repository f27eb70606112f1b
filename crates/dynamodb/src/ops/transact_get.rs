//! `TransactGetItems`

use std::collections::BTreeMap;

use pontoon_api::dynamodb::{Get, ItemResponse, TransactGetItemsInput, TransactGetItemsOutput};
use pontoon_core::{ApiError, Reply, Step, StoreRead};

use super::batch_get::stored_item;
use super::capacity::{self, Detail};
use super::parameters::{self, Substitutes};
use super::values;
use crate::error::Reason;
use crate::metrics::ReadMeter;
use crate::state::expression::{Kind, Projection};
use crate::state::value::{Item, item_size_bytes};
use crate::{DynamoDb, Error, TableId, records};

/// Bytes of items that one transaction may read.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// One get whose parameters are checked as far as that is possible without the table.
struct Asked {
    id: TableId,
    key: Item,
    projection: Option<Projection>,
}

/// One get that can be read.
struct Planned {
    id: TableId,
    stored: Vec<u8>,
    projection: Option<Projection>,
    meter: ReadMeter,
}

impl DynamoDb {
    pub(crate) fn transact_get(
        &mut self,
        step: &mut Step<'_>,
        input: TransactGetItemsInput,
    ) -> Result<Reply<TransactGetItemsOutput>, Error> {
        let mut asked = Vec::with_capacity(input.transact_items.len());
        for (at, item) in input.transact_items.into_iter().enumerate() {
            let path = format!("transactItems.{}.member.get.tableName", at + 1);
            let id = self.address(step, &item.get.table_name, &path, "dynamodb:GetItem")?;
            asked.push(check(id, item.get)?);
        }
        let mut plans = Vec::with_capacity(asked.len());
        let mut reasons = Vec::with_capacity(asked.len());
        for get in asked {
            let open = self.existing(&get.id)?;
            open.schema.check_not_empty(&get.key)?;
            let paths = get.projection.iter().flat_map(|p| p.paths());
            let key = open.schema.encode_key(&get.key);
            let key = key.and_then(|key| parameters::check_key_paths(&open.schema, paths).map(|()| key));
            let meter = open.counters.read_meter();
            match key {
                Ok(key) => {
                    reasons.push(Reason::None);
                    let stored = records::item_key(open.table.number, &key);
                    plans.push(Planned { id: get.id, stored, projection: get.projection, meter });
                }
                Err(fault) => reasons.push(Reason::Invalid(fault)),
            }
        }
        if reasons.iter().any(|reason| *reason != Reason::None) {
            return Err(Error::Canceled(reasons));
        }
        self.active(step.now);
        let detail = Detail::of(input.return_consumed_capacity.as_deref());
        Ok(Reply::Read(Box::new(move |store| answer(store, plans, detail))))
    }
}

fn check(id: TableId, get: Get) -> Result<Asked, Error> {
    let substitutes = Substitutes::new(get.expression_attribute_names, None);
    substitutes.check_mixing(&[(Kind::Projection, get.projection_expression.is_some())], &[])?;
    let key = values::item(get.key)?;
    let mut placeholders = substitutes.placeholders()?;
    let projection = parameters::projection(get.projection_expression.as_deref(), None, &mut placeholders)?;
    placeholders.check_all_used()?;
    Ok(Asked { id, key, projection })
}

/// Reads all from one snapshot, which makes the reads one transaction.
fn answer(
    store: &dyn StoreRead,
    plans: Vec<Planned>,
    detail: Detail,
) -> Result<TransactGetItemsOutput, ApiError> {
    let mut responses = Vec::with_capacity(plans.len());
    let mut units: BTreeMap<TableId, f64> = BTreeMap::new();
    let mut total = 0;
    for get in plans {
        let item = stored_item(store, &get.stored)?;
        let bytes = item.as_ref().map_or(0, item_size_bytes);
        total += bytes;
        if total > ANSWER_BYTES_MAX {
            return Err(Error::invalid(
                "Transaction failed: The total size of all items in the transaction request cannot exceed 4 MB",
            )
            .into());
        }
        let cost = capacity::read_units(bytes, true) * 2.0;
        get.meter.read(cost);
        *units.entry(get.id).or_default() += cost;
        let item = match &get.projection {
            Some(projection) => item.map(|item| projection.apply(&item)),
            None => item,
        };
        responses.push(ItemResponse { item: item.map(values::to_wire) });
    }
    let consumed = units.iter().filter_map(|(id, units)| detail.transact_read(&id.name, *units)).collect();
    Ok(TransactGetItemsOutput {
        responses: Some(responses),
        consumed_capacity: (detail != Detail::None).then_some(consumed),
    })
}
