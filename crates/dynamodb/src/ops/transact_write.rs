//! `TransactWriteItems`
//!
//! Actions are checked one after another in the request's order, each whole, before any table is looked up; then all
//! are tried, and either every one is applied or each is told why the transaction was cancelled.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use pontoon_api::dynamodb::{TransactWriteItem, TransactWriteItemsInput, TransactWriteItemsOutput};
use pontoon_core::{Reply, Space, Step};
use sha2::{Digest, Sha256};

use super::capacity::{self, Detail};
use super::parameters::{self, Substitutes, returns_item_on_failure};
use super::put_item::ITEM_TOO_LARGE;
use super::update_item::check_keys_untouched;
use super::values;
use super::write::Change;
use crate::error::Reason;
use crate::records::Token;
use crate::state::Invalid;
use crate::state::expression::{Condition, Kind, UPDATE_TOO_LARGE, Update};
use crate::state::value::{ITEM_BYTES_MAX, Item, item_size_bytes};
use crate::{DynamoDb, Error, OpenTable, TableId, Wake, records};

/// How long a client request token is remembered.
const TOKEN_LIFETIME: Duration = Duration::from_secs(600);
/// Bytes of items that one transaction may write.
const TRANSACTION_BYTES_MAX: usize = 4 * 1024 * 1024;
const TOO_LARGE: &str =
    "Transaction failed: The total size of all items in the transaction request cannot exceed 4 MB";

enum Deed {
    Put(Item),
    Update(Item, Update),
    Delete(Item),
    Check(Item),
}

/// An action whose parameters are checked as far as that is possible without the table.
struct Action {
    id: TableId,
    deed: Deed,
    condition: Option<Condition>,
    shows_item: bool,
}

/// An action that would succeed.
struct Tried {
    id: TableId,
    change: Change,
    is_check: bool,
}

/// The members that all kinds of actions share.
struct Parts {
    kind: &'static str,
    iam_action: &'static str,
    table_name: String,
    substitutes: Substitutes,
    condition: Option<String>,
    update: Option<String>,
    shown: Option<String>,
    item: values::WireItem,
}

impl DynamoDb {
    pub(crate) fn transact_write(
        &mut self,
        step: &mut Step<'_>,
        input: TransactWriteItemsInput,
    ) -> Result<Reply<TransactWriteItemsOutput>, Error> {
        let detail = Detail::of(input.return_consumed_capacity.as_deref());
        // Everything about the request but the token, in a form that is the same for the same request.
        let digest = input
            .client_request_token
            .as_ref()
            .map(|_| <[u8; 32]>::from(Sha256::digest(format!("{:?}", input.transact_items).as_bytes())));
        let mut actions = Vec::with_capacity(input.transact_items.len());
        for (at, item) in input.transact_items.into_iter().enumerate() {
            let parts = parts(item)?;
            let path = format!("transactItems.{}.member.{}.tableName", at + 1, parts.kind);
            let id = self.address(step, &parts.table_name, &path, parts.iam_action)?;
            actions.push(check(id, parts)?);
        }
        let ids: Vec<TableId> = actions.iter().map(|action| action.id.clone()).collect();
        let token = input.client_request_token.zip(digest);
        if let Some((token, digest)) = &token
            && let Some(record) = self.remembered(step, token)
        {
            if record.request != *digest {
                return Err(Error::TokenReused);
            }
            return Ok(Reply::Ready(repeated(detail, &ids, &record)));
        }
        let tried = self.try_all(step, actions)?;
        let mut units: BTreeMap<TableId, f64> = BTreeMap::new();
        let mut sizes = Vec::with_capacity(tried.len());
        for Tried { id, change, is_check } in tried {
            let cost = change.units() * 2.0;
            sizes.push(u32::try_from(change.larger_bytes()).unwrap_or(u32::MAX));
            self.count_write(step, &id, cost);
            if !is_check {
                self.apply(step, &id, change);
            }
            *units.entry(id).or_default() += cost;
        }
        if let Some((token, request)) = token {
            self.remember(step, &token, Token { expires: step.now.after(TOKEN_LIFETIME), request, sizes });
        }
        let consumed =
            units.iter().filter_map(|(id, units)| detail.transact_write(&id.name, *units)).collect();
        Ok(Reply::Ready(TransactWriteItemsOutput {
            consumed_capacity: (detail != Detail::None).then_some(consumed),
            // Only tables with local secondary indexes have item collections.
            item_collection_metrics: None,
        }))
    }

    /// Tries every action against what is stored.
    fn try_all(&mut self, step: &Step<'_>, actions: Vec<Action>) -> Result<Vec<Tried>, Error> {
        for action in &actions {
            let open = self.existing(&action.id)?;
            let (Deed::Put(key) | Deed::Update(key, _) | Deed::Delete(key) | Deed::Check(key)) = &action.deed;
            open.schema.check_not_empty(key)?;
        }
        let mut seen = HashSet::new();
        for action in &actions {
            let open = self.existing(&action.id)?;
            let key = encode(open, &action.deed);
            if let Ok(key) = key
                && !seen.insert((action.id.clone(), key))
            {
                return Err(Error::invalid(
                    "Transaction request cannot include multiple operations on one item",
                ));
            }
        }
        let mut tried = Vec::with_capacity(actions.len());
        let mut reasons = Vec::with_capacity(actions.len());
        let mut failed = Vec::new();
        for action in actions {
            let id = action.id.clone();
            match try_one(self.existing(&id)?, step, action) {
                Ok(success) => {
                    tried.push(success);
                    reasons.push(Reason::None);
                }
                Err(reason) => {
                    if matches!(reason, Reason::ConditionFailed(_)) {
                        failed.push(id);
                    }
                    reasons.push(reason);
                }
            }
        }
        if reasons.iter().any(|reason| *reason != Reason::None) {
            for id in failed {
                self.count_failed_condition(step, &id);
            }
            return Err(Error::Canceled(reasons));
        }
        let total: usize = tried.iter().map(|action| action.change.new_bytes()).sum();
        if total > TRANSACTION_BYTES_MAX {
            return Err(Error::invalid(TOO_LARGE));
        }
        Ok(tried)
    }

    /// What was done under a token, unless its time is over.
    fn remembered(&self, step: &Step<'_>, token: &str) -> Option<Token> {
        let bytes = step.get(Space::Table, &records::token_key(step.scope, token))?;
        let record =
            records::decode_token(&bytes).unwrap_or_else(|| records::damaged("a client request token"));
        (record.expires > step.now).then_some(record)
    }

    fn remember(&mut self, step: &mut Step<'_>, token: &str, record: Token) {
        let expires = record.expires;
        step.put(Space::Table, records::token_key(step.scope, token), records::encode_token(&record));
        step.put(Space::Table, records::token_expiry_key(expires, step.scope, token), Vec::new());
        // Later tokens are forgotten later, so whatever is noted already is earlier.
        if self.tokens_due.is_none() {
            self.tokens_due = Some(expires);
            self.due.insert((expires, Wake::Tokens));
        }
    }
}

/// What a repetition answers: it has only read what the first request wrote.
fn repeated(detail: Detail, ids: &[TableId], record: &Token) -> TransactWriteItemsOutput {
    let mut units: BTreeMap<&TableId, f64> = BTreeMap::new();
    for (id, size) in ids.iter().zip(&record.sizes) {
        *units.entry(id).or_default() += capacity::read_units(*size as usize, true) * 2.0;
    }
    let consumed = units.iter().filter_map(|(id, units)| detail.transact_read(&id.name, *units)).collect();
    TransactWriteItemsOutput {
        consumed_capacity: (detail != Detail::None).then_some(consumed),
        item_collection_metrics: None,
    }
}

/// The one action that an element of the request holds.
fn parts(item: TransactWriteItem) -> Result<Parts, Error> {
    let TransactWriteItem { condition_check, put, delete, update } = item;
    let mut found: Vec<Parts> = Vec::with_capacity(1);
    found.extend(condition_check.map(|action| Parts {
        kind: "conditionCheck",
        iam_action: "dynamodb:ConditionCheckItem",
        table_name: action.table_name,
        substitutes: Substitutes::new(action.expression_attribute_names, action.expression_attribute_values),
        condition: Some(action.condition_expression),
        update: None,
        shown: action.return_values_on_condition_check_failure,
        item: action.key,
    }));
    found.extend(put.map(|action| Parts {
        kind: "put",
        iam_action: "dynamodb:PutItem",
        table_name: action.table_name,
        substitutes: Substitutes::new(action.expression_attribute_names, action.expression_attribute_values),
        condition: action.condition_expression,
        update: None,
        shown: action.return_values_on_condition_check_failure,
        item: action.item,
    }));
    found.extend(delete.map(|action| Parts {
        kind: "delete",
        iam_action: "dynamodb:DeleteItem",
        table_name: action.table_name,
        substitutes: Substitutes::new(action.expression_attribute_names, action.expression_attribute_values),
        condition: action.condition_expression,
        update: None,
        shown: action.return_values_on_condition_check_failure,
        item: action.key,
    }));
    found.extend(update.map(|action| Parts {
        kind: "update",
        iam_action: "dynamodb:UpdateItem",
        table_name: action.table_name,
        substitutes: Substitutes::new(action.expression_attribute_names, action.expression_attribute_values),
        condition: action.condition_expression,
        update: Some(action.update_expression),
        shown: action.return_values_on_condition_check_failure,
        item: action.key,
    }));
    match (found.pop(), found.is_empty()) {
        (Some(parts), true) => Ok(parts),
        (None, _) => Err(Error::invalid(
            "Invalid Request: TransactWriteRequest should contain Delete or Put or Update request",
        )),
        _ => Err(Error::invalid("TransactItems can only contain one of Check, Put, Update or Delete")),
    }
}

/// The checks of one action that come before its table is looked up.
fn check(id: TableId, parts: Parts) -> Result<Action, Error> {
    let is_update = parts.kind == "update";
    let with_condition = (Kind::Condition, parts.condition.is_some());
    match is_update {
        true => parts.substitutes.check_mixing(&[(Kind::Update, true), with_condition], &[])?,
        false => parts.substitutes.check_mixing(&[with_condition], &[])?,
    }
    let item = values::item(parts.item)?;
    if parts.kind == "put" && item_size_bytes(&item) > ITEM_BYTES_MAX {
        return Err(Error::invalid(ITEM_TOO_LARGE));
    }
    let mut placeholders = parts.substitutes.placeholders()?;
    let update = parts.update.as_deref().map(|text| Update::parse(text, &mut placeholders)).transpose()?;
    let condition = parameters::condition(Kind::Condition, parts.condition.as_deref(), &mut placeholders)?;
    placeholders.check_all_used()?;
    let deed = match (parts.kind, update) {
        (_, Some(update)) => Deed::Update(item, update),
        ("put", _) => Deed::Put(item),
        ("delete", _) => Deed::Delete(item),
        _ => Deed::Check(item),
    };
    Ok(Action { id, deed, condition, shows_item: returns_item_on_failure(parts.shown.as_deref()) })
}

fn encode(open: &OpenTable, deed: &Deed) -> Result<Vec<u8>, Invalid> {
    match deed {
        Deed::Put(item) => open.schema.encode_item(item),
        Deed::Update(key, _) | Deed::Delete(key) | Deed::Check(key) => open.schema.encode_key(key),
    }
}

/// What an action would change, or why it cannot.
fn try_one(open: &OpenTable, step: &Step<'_>, action: Action) -> Result<Tried, Reason> {
    let key = encode(open, &action.deed).map_err(Reason::Invalid)?;
    if let Deed::Update(_, update) = &action.deed {
        check_keys_untouched(&open.schema, update).map_err(Reason::Invalid)?;
    }
    parameters::check_condition_paths(&open.schema, action.condition.as_ref()).map_err(Reason::Invalid)?;
    let old = open.read(step, &key);
    if let Some(condition) = &action.condition
        && !condition.holds(old.as_ref().unwrap_or(&Item::new()))
    {
        return Err(Reason::ConditionFailed(old.filter(|_| action.shows_item)));
    }
    let is_check = matches!(action.deed, Deed::Check(_));
    let new = match action.deed {
        Deed::Put(item) => Some(item),
        Deed::Delete(_) => None,
        Deed::Check(_) => old.clone(),
        Deed::Update(key, update) => {
            Some(update.apply(old.as_ref().unwrap_or(&key)).map_err(Reason::Invalid)?)
        }
    };
    let change = Change::new(key, old, new);
    if change.new_bytes() > ITEM_BYTES_MAX {
        return Err(Reason::Invalid(Invalid::new(UPDATE_TOO_LARGE)));
    }
    Ok(Tried { id: action.id, change, is_check })
}
