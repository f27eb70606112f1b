//! `BatchWriteItem`

use std::collections::{BTreeMap, HashSet};

use pontoon_api::dynamodb::{BatchWriteItemInput, BatchWriteItemOutput, WriteRequest};
use pontoon_core::{Reply, Step};

use super::capacity::Detail;
use super::put_item::ITEM_TOO_LARGE;
use super::values;
use super::write::Change;
use crate::state::key::{KeySchema, check_size};
use crate::state::value::{ITEM_BYTES_MAX, Item, item_size_bytes};
use crate::{DynamoDb, Error, TableId};

/// Writes that one request may ask for.
const WRITES_MAX: usize = 25;

enum Write {
    Put(Item),
    Delete(Item),
}

impl DynamoDb {
    pub(crate) fn batch_write(
        &mut self,
        step: &mut Step<'_>,
        input: BatchWriteItemInput,
    ) -> Result<Reply<BatchWriteItemOutput>, Error> {
        let mut asked = 0;
        let mut tables = Vec::with_capacity(input.request_items.len());
        for (given, requests) in input.request_items {
            let id = self.address(step, &given, "requestItems", "dynamodb:BatchWriteItem")?;
            asked += requests.len();
            if asked > WRITES_MAX {
                return Err(Error::invalid("Too many items requested for the BatchWriteItem call"));
            }
            let writes = requests.into_iter().map(check).collect::<Result<Vec<_>, _>>()?;
            tables.push((id, writes));
        }
        let mut planned = Vec::with_capacity(asked);
        for (id, writes) in tables {
            let open = self.existing(&id)?;
            let mut seen = HashSet::new();
            for write in writes {
                let key = encode(&open.schema, &write)?;
                if !seen.insert(key.clone()) {
                    return Err(Error::invalid("Provided list of item keys contains duplicates"));
                }
                let new = match write {
                    Write::Put(item) => Some(item),
                    Write::Delete(_) => None,
                };
                planned.push((id.clone(), key, new));
            }
        }
        let mut units: BTreeMap<TableId, f64> = BTreeMap::new();
        for (id, key, new) in planned {
            let old = self.table(&id).and_then(|open| open.read(step, &key));
            let change = self.apply(step, &id, Change::new(key, old, new));
            self.count_write(step, &id, change.units());
            *units.entry(id).or_default() += change.units();
        }
        let detail = Detail::of(input.return_consumed_capacity.as_deref());
        let consumed = units.iter().filter_map(|(id, units)| detail.plain(&id.name, *units)).collect();
        Ok(Reply::Ready(BatchWriteItemOutput {
            unprocessed_items: Some(BTreeMap::new()),
            // Only tables with local secondary indexes have item collections.
            item_collection_metrics: None,
            consumed_capacity: (detail != Detail::None).then_some(consumed),
        }))
    }
}

/// The checks of one write that come before its table is looked up.
fn check(request: WriteRequest) -> Result<Write, Error> {
    match (request.put_request, request.delete_request) {
        (Some(put), None) => {
            let item = values::item(put.item)?;
            if item_size_bytes(&item) > ITEM_BYTES_MAX {
                return Err(Error::invalid(ITEM_TOO_LARGE));
            }
            Ok(Write::Put(item))
        }
        (None, Some(delete)) => Ok(Write::Delete(values::item(delete.key)?)),
        // The service takes both faults for one of an attribute value.
        _ => Err(Error::invalid(
            "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes",
        )),
    }
}

/// The encoded key of a write; unlike `PutItem`, a batch says of every misfit that the key does not match.
fn encode(schema: &KeySchema, write: &Write) -> Result<Vec<u8>, Error> {
    let item = match write {
        Write::Delete(key) => return Ok(schema.encode_key(key)?),
        Write::Put(item) => item,
    };
    let key = schema.key_of(item);
    let encoded = schema.encode_key(&key);
    if encoded.is_err() {
        // An empty value or one too long keeps its own message.
        for (at, attribute) in schema.attributes().enumerate() {
            if let Some(value) = item.get(&attribute.name).filter(|value| value.kind() == attribute.kind) {
                check_size(&attribute.name, value, at == 0)?;
            }
        }
    }
    Ok(encoded?)
}
