//! What happens of itself: items expire, expiries are written when time to live is switched on and removed when it is
//! switched off, what deleted tables held is removed, and tokens are forgotten. Each goes in small steps, so that
//! nothing else waits long.

use pontoon_core::{KeyRange, Space, Step, Timestamp};

use crate::ops::write::Change;
use crate::state::table::{EXPIRED_SECS_MAX, TtlWork};
use crate::{DynamoDb, TableId, Wake, records};

/// How many records one step works on.
const CHUNK: usize = 64;

impl DynamoDb {
    /// Deletes items whose time has come.
    pub(crate) fn expire(&mut self, step: &mut Step<'_>, id: &TableId) {
        step.scope = id.scope;
        self.active(step.now);
        let Some(open) = self.table_mut(id) else { return };
        open.expiry_due = None;
        let number = open.table.number;
        let range = KeyRange::prefix(&records::expiries_prefix(number));
        for (stored, _) in step.range(Space::Table, &range, CHUNK) {
            let Some((secs, key)) = records::split_expiry_key(&stored) else { records::damaged("an expiry") };
            if Timestamp::from_secs(secs) > step.now {
                self.expire_at(id, Timestamp::from_secs(secs));
                return;
            }
            let too_old = step.now.secs().saturating_sub(secs) > EXPIRED_SECS_MAX;
            let Some(open) = self.table(id) else { return };
            let old = if too_old { None } else { open.read(step, key) };
            let is_current = old.as_ref().is_some_and(|item| open.table.expiry_secs(item) == Some(secs));
            if is_current {
                self.apply(step, id, Change::new(key.to_vec(), old, None));
                if let Some(open) = self.table_mut(id) {
                    open.counters.expired();
                }
            } else {
                step.delete(Space::Table, stored);
            }
        }
        let left = step.range(Space::Table, &range, 1);
        if let Some((secs, _)) = left.first().and_then(|(stored, _)| records::split_expiry_key(stored)) {
            self.expire_at(id, Timestamp::from_secs(secs));
        }
    }

    /// Goes on with what the last switch of time to live left to do.
    pub(crate) fn index_expiries(&mut self, step: &mut Step<'_>, id: &TableId) {
        step.scope = id.scope;
        let Some(open) = self.table_mut(id) else { return };
        let number = open.table.number;
        let mut earliest = None;
        let work = match open.table.ttl_work.take() {
            None => return,
            Some(TtlWork::Remove) => {
                let range = KeyRange::prefix(&records::expiries_prefix(number));
                let found = step.range(Space::Table, &range, CHUNK);
                let is_done = found.len() < CHUNK;
                found.into_iter().for_each(|(stored, _)| step.delete(Space::Table, stored));
                (!is_done).then_some(TtlWork::Remove)
            }
            Some(TtlWork::Write { after }) => {
                let mut range = KeyRange::prefix(&records::items_prefix(number));
                if !after.is_empty() {
                    range.start = std::ops::Bound::Excluded(records::item_key(number, &after));
                }
                let found = step.range(Space::Table, &range, CHUNK);
                let last = found.last().map(|(stored, _)| records::key_of_item(stored).to_vec());
                let is_done = found.len() < CHUNK;
                for (stored, bytes) in found {
                    let item = records::item::decode(&bytes).unwrap_or_else(|| records::damaged("an item"));
                    if let Some(secs) = open.table.expiry_secs(&item) {
                        let key = records::expiry_key(number, secs, records::key_of_item(&stored));
                        step.put(Space::Table, key, Vec::new());
                        earliest = Some(earliest.map_or(secs, |earlier: i64| earlier.min(secs)));
                    }
                }
                last.filter(|_| !is_done).map(|after| TtlWork::Write { after })
            }
        };
        let is_done = work.is_none();
        open.table.ttl_work = work;
        open.write_configuration(step);
        if let Some(secs) = earliest {
            self.expire_at(id, Timestamp::from_secs(secs));
        }
        if !is_done {
            self.due.insert((step.now, Wake::Index(id.clone())));
        }
    }

    /// Goes on removing what a deleted table held.
    pub(crate) fn drop_contents(&mut self, step: &mut Step<'_>, number: u64) {
        let range = KeyRange::prefix(&records::contents_prefix(number));
        let found = step.range(Space::Table, &range, CHUNK);
        let is_done = found.len() < CHUNK;
        found.into_iter().for_each(|(stored, _)| step.delete(Space::Table, stored));
        if is_done {
            step.delete(Space::Config, records::drop_key(number));
            self.drops.remove(&number);
        } else {
            self.due.insert((step.now, Wake::Drop(number)));
        }
    }

    /// Forgets tokens whose ten minutes are over.
    pub(crate) fn forget_tokens(&mut self, step: &mut Step<'_>) {
        self.tokens_due = None;
        let range = KeyRange::prefix(&records::token_expiries_prefix());
        let mut next = None;
        for (stored, _) in step.range(Space::Table, &range, CHUNK + 1) {
            let Some((expires, token)) = records::split_token_expiry_key(&stored) else {
                records::damaged("a token's expiry")
            };
            if expires > step.now {
                next = Some(expires);
                break;
            }
            next = Some(step.now);
            // Unless the token was used again since.
            let is_current = step
                .get(Space::Table, &token)
                .and_then(|bytes| records::decode_token(&bytes))
                .is_some_and(|record| record.expires == expires);
            if is_current {
                step.delete(Space::Table, token);
            }
            step.delete(Space::Table, stored);
        }
        if let Some(at) = next {
            self.tokens_due = Some(at);
            self.due.insert((at, Wake::Tokens));
        }
    }
}
