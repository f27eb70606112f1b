//! `BatchGetItem`

use std::collections::{BTreeMap, HashSet};

use pontoon_api::dynamodb::{BatchGetItemInput, BatchGetItemOutput, KeysAndAttributes};
use pontoon_core::{ApiError, Reply, Space, Step, StoreRead};

use super::capacity::{self, Detail};
use super::parameters::{self, Substitutes};
use super::values::{self, WireItem};
use crate::metrics::ReadMeter;
use crate::state::expression::{Kind, Projection};
use crate::state::value::{Item, item_size_bytes};
use crate::{DynamoDb, Error, TableId, records};

/// Keys that one request may ask for.
const KEYS_MAX: usize = 100;
/// Bytes of items that one answer may hold; what is beyond comes back unprocessed.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What is read of one table.
struct TableRead {
    /// The table as the request names it, which is how the answer names it.
    given: String,
    id: TableId,
    /// Where each item is, and its key as it came.
    keys: Vec<(Vec<u8>, WireItem)>,
    projection: Option<Projection>,
    consistent: bool,
    /// The request without its keys, for what comes back unprocessed.
    rest: KeysAndAttributes,
    meter: ReadMeter,
}

/// What has been read so far.
#[derive(Default)]
struct Read {
    responses: BTreeMap<String, Vec<WireItem>>,
    unprocessed: BTreeMap<String, KeysAndAttributes>,
    units: Vec<(TableId, f64)>,
    bytes: usize,
}

impl DynamoDb {
    pub(crate) fn batch_get(
        &mut self,
        step: &mut Step<'_>,
        input: BatchGetItemInput,
    ) -> Result<Reply<BatchGetItemOutput>, Error> {
        check_mixing(&input.request_items)?;
        let mut asked = 0;
        let mut checked = Vec::with_capacity(input.request_items.len());
        for (given, request) in input.request_items {
            let id = self.address(step, &given, "requestItems", "dynamodb:BatchGetItem")?;
            asked += request.keys.len();
            if asked > KEYS_MAX {
                return Err(Error::invalid("Too many items requested for the BatchGetItem call"));
            }
            checked.push((given, id, check(request)?));
        }
        let mut reads = Vec::with_capacity(checked.len());
        for (given, id, (rest, keys, projection)) in checked {
            let open = self.existing(&id)?;
            let mut seen = HashSet::new();
            let mut stored = Vec::with_capacity(keys.len());
            for key in keys {
                let encoded = open.schema.encode_key(&key)?;
                if !seen.insert(encoded.clone()) {
                    return Err(Error::invalid("Provided list of item keys contains duplicates"));
                }
                stored.push((records::item_key(open.table.number, &encoded), values::to_wire(key)));
            }
            parameters::check_key_paths(&open.schema, projection.iter().flat_map(|p| p.paths()))?;
            let (consistent, meter) = (rest.consistent_read == Some(true), open.counters.read_meter());
            reads.push(TableRead { given, id, keys: stored, projection, consistent, rest, meter });
        }
        self.active(step.now);
        let detail = Detail::of(input.return_consumed_capacity.as_deref());
        Ok(Reply::Read(Box::new(move |store| answer(store, reads, detail))))
    }
}

/// Refuses expressions in one table's part together with what they replace in another's.
fn check_mixing(requests: &BTreeMap<String, KeysAndAttributes>) -> Result<(), Error> {
    let substitutes = Substitutes::new(None, None);
    let any = |has: fn(&KeysAndAttributes) -> bool| requests.values().any(has);
    substitutes.check_mixing(
        &[(Kind::Projection, any(|request| request.projection_expression.is_some()))],
        &[("AttributesToGet", any(|request| request.attributes_to_get.is_some()))],
    )?;
    Ok(())
}

type Checked = (KeysAndAttributes, Vec<Item>, Option<Projection>);

/// The checks of one table's part that come before the table is looked up.
fn check(mut request: KeysAndAttributes) -> Result<Checked, Error> {
    let substitutes = Substitutes::new(request.expression_attribute_names.clone(), None);
    substitutes.check_mixing(&[(Kind::Projection, request.projection_expression.is_some())], &[])?;
    let keys = std::mem::take(&mut request.keys);
    let keys = keys.into_iter().map(values::item).collect::<Result<Vec<_>, _>>()?;
    let mut placeholders = substitutes.placeholders()?;
    let projection = parameters::projection(
        request.projection_expression.as_deref(),
        request.attributes_to_get.as_deref(),
        &mut placeholders,
    )?;
    placeholders.check_all_used()?;
    Ok((request, keys, projection))
}

fn answer(
    store: &dyn StoreRead,
    reads: Vec<TableRead>,
    detail: Detail,
) -> Result<BatchGetItemOutput, ApiError> {
    let mut read = Read::default();
    for table in reads {
        read.table(store, table)?;
    }
    let consumed = read.units.iter().filter_map(|(id, units)| detail.plain(&id.name, *units)).collect();
    Ok(BatchGetItemOutput {
        responses: Some(read.responses),
        unprocessed_keys: Some(read.unprocessed),
        consumed_capacity: (detail != Detail::None).then_some(consumed),
    })
}

impl Read {
    fn table(&mut self, store: &dyn StoreRead, table: TableRead) -> Result<(), ApiError> {
        let mut items = Vec::with_capacity(table.keys.len());
        let (mut units, mut left) = (0.0, Vec::new());
        for (stored, key) in table.keys {
            if self.bytes >= ANSWER_BYTES_MAX {
                left.push(key);
                continue;
            }
            let item = stored_item(store, &stored)?;
            let bytes = item.as_ref().map_or(0, item_size_bytes);
            self.bytes += bytes;
            units += capacity::read_units(bytes, table.consistent);
            let projected = item.map(|item| match &table.projection {
                Some(projection) => projection.apply(&item),
                None => item,
            });
            items.extend(projected.map(values::to_wire));
        }
        table.meter.read(units);
        self.units.push((table.id, units));
        self.responses.insert(table.given.clone(), items);
        if !left.is_empty() {
            self.unprocessed.insert(table.given, KeysAndAttributes { keys: left, ..table.rest });
        }
        Ok(())
    }
}

/// The item at a place of the store.
///
/// # Errors
/// If the store fails or holds what was not written.
pub(crate) fn stored_item(store: &dyn StoreRead, stored: &[u8]) -> Result<Option<Item>, ApiError> {
    let failed = || ApiError::server("InternalServerError", "Internal server error");
    let bytes = store.get(Space::Table, stored).map_err(|_| failed())?;
    bytes.map(|bytes| records::item::decode(&bytes).ok_or_else(failed)).transpose()
}
