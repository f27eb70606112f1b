//! DynamoDB as the engine sees it: loading, and what happens of itself.

use std::ops::ControlFlow;

use pontoon_api::dynamodb;
use pontoon_core::shape::Violations;
use pontoon_core::{
    ApiError, Direction, Inspect, KeyRange, LoadError, OperationSchema, Output, Reply, Request, Scope,
    Service, ServiceId, ServiceSchema, Space, Step, StoreRead, Timestamp,
};

use crate::state::table::{Table, Tally};
use crate::{DynamoDb, OpenTable, Wake, records};

impl Service for DynamoDb {
    fn id(&self) -> ServiceId {
        ServiceId::DynamoDb
    }

    fn schemas(&self) -> &'static [&'static ServiceSchema] {
        const { &[&dynamodb::SERVICE] }
    }

    fn load(&mut self, store: &dyn StoreRead) -> Result<(), LoadError> {
        for (scope, table) in load_tables(store)? {
            let tally = load_tally(store, &table)?;
            let open = OpenTable::new(scope, table, tally);
            let (id, number, is_indexing) =
                (open.id.clone(), open.table.number, open.table.ttl_work.is_some());
            self.regions.entry(scope).or_default().insert(id.name.clone(), open);
            if is_indexing {
                self.due.insert((Timestamp::EPOCH, Wake::Index(id.clone())));
            }
            if let Some(key) = records::first_key(store, &records::expiries_prefix(number))?
                && let Some((secs, _)) = records::split_expiry_key(&key)
            {
                self.expire_at(&id, Timestamp::from_secs(secs));
            }
        }
        for number in load_drops(store)? {
            self.drops.insert(number);
            self.due.insert((Timestamp::EPOCH, Wake::Drop(number)));
        }
        if let Some(key) = records::first_key(store, &records::token_expiries_prefix())?
            && let Some((expires, _)) = records::split_token_expiry_key(&key)
        {
            self.tokens_due = Some(expires);
            self.due.insert((expires, Wake::Tokens));
        }
        Ok(())
    }

    fn call(
        &mut self,
        step: &mut Step<'_>,
        request: Box<dyn Request>,
    ) -> Result<Reply<Box<dyn Output>>, ApiError> {
        dynamodb::call(self, step, request.try_into()?)
    }

    fn invalid(&self, operation: &'static OperationSchema, violations: &Violations) -> Option<ApiError> {
        dynamodb::Handler::invalid(self, operation, violations)
    }

    fn next_due(&self) -> Option<Timestamp> {
        let due = self.due.first().map(|(at, _)| *at);
        [due, self.minute_ends].into_iter().flatten().min()
    }

    fn run_due(&mut self, step: &mut Step<'_>) {
        let due = self.due.first().map(|(at, _)| *at);
        // A minute's counts are taken before anything else happens at its end.
        if self.minute_ends.is_some_and(|ends| due.is_none_or(|at| ends <= at)) {
            self.end_minute(step);
            return;
        }
        match self.due.pop_first() {
            Some((_, Wake::Expire(id))) => self.expire(step, &id),
            Some((_, Wake::Index(id))) => self.index_expiries(step, &id),
            Some((_, Wake::Drop(number))) => self.drop_contents(step, number),
            Some((_, Wake::Tokens)) => self.forget_tokens(step),
            None => {}
        }
    }

    fn inspect(&self, _scope: Scope, question: &Inspect<'_>) -> Option<serde_json::Value> {
        match question {
            Inspect::Counts => {
                let tables: usize = self.regions.values().map(std::collections::BTreeMap::len).sum();
                Some(serde_json::json!({ "tables": tables }))
            }
            _ => None,
        }
    }
}

fn load_tables(store: &dyn StoreRead) -> Result<Vec<(Scope, Table)>, LoadError> {
    let prefix = records::tables_prefix();
    let mut tables = Vec::new();
    let mut fault = None;
    store.scan(Space::Config, &KeyRange::prefix(&prefix), Direction::Ascending, &mut |key, value| {
        let scope = Scope::split_key(&key[prefix.len()..]).map(|(scope, _)| scope);
        match (scope, serde_json::from_slice::<Table>(value)) {
            (Some(scope), Ok(table)) if !table.key.is_empty() => tables.push((scope, table)),
            (_, read) => {
                let why = read
                    .err()
                    .map_or_else(|| "its key is not a table's".to_owned(), |error| error.to_string());
                fault = Some(LoadError::new(format!("a table's configuration cannot be read: {why}")));
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    })?;
    fault.map_or(Ok(tables), Err)
}

fn load_tally(store: &dyn StoreRead, table: &Table) -> Result<Tally, LoadError> {
    match store.get(Space::Table, &records::tally_key(table.number))? {
        None => Ok(Tally::default()),
        Some(bytes) => records::decode_tally(&bytes)
            .ok_or_else(|| LoadError::new(format!("the tally of the table {} cannot be read", table.name))),
    }
}

fn load_drops(store: &dyn StoreRead) -> Result<Vec<u64>, LoadError> {
    let prefix = records::drops_prefix();
    let mut numbers = Vec::new();
    store.scan(Space::Config, &KeyRange::prefix(&prefix), Direction::Ascending, &mut |key, _| {
        numbers.extend(key[prefix.len()..].first_chunk().map(|bytes| u64::from_be_bytes(*bytes)));
        ControlFlow::Continue(())
    })?;
    Ok(numbers)
}
