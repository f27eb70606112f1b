//! Archives at work: what matches is kept, what is old or belongs to a deleted archive is let go of, a bounded number at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pontoon_core::trace::one;
use pontoon_core::{
    Direction, HashMap, LoadError, Scope, Space, Step, StoreRead, Timestamp, TraceId, TraceNote, TraceRecord,
};

use crate::metrics::{Count, Series};
use crate::publish::Published;
use crate::state::archive::{self, Archive, ArchiveId, ArchiveRecord, Place, Tally};
use crate::state::bus::Rule;
use crate::{Events, records};

/// Events that one command lets go of at most; what is left is due at once.
const BATCH_MAX: usize = 1_000;

/// The archives of all accounts and regions.
#[derive(Debug, Default)]
pub(crate) struct Archives {
    by_scope: HashMap<Scope, BTreeMap<String, Archive>>,
    /// When the oldest event of each archive expires.
    expiries: BTreeSet<(Timestamp, Scope, String)>,
    /// Deleted archives whose events are not gone yet, and since when.
    purges: BTreeSet<(Timestamp, ArchiveId)>,
}

impl Archives {
    /// What the store holds of the archives with these records.
    pub(crate) fn load(
        store: &dyn StoreRead,
        archives: Vec<(Scope, String, ArchiveRecord)>,
        purges: Vec<(i64, ArchiveId)>,
    ) -> Result<Self, LoadError> {
        let mut loaded = Self::default();
        for (scope, name, record) in archives {
            let mut archive = Archive::new(scope, &name, record);
            let id = archive.record.id;
            if let Some(bytes) = store.get(Space::Event, &archive::tally_key(id))? {
                let bad = || LoadError::new(format!("the tally of {} cannot be read", archive.arn));
                archive.tally = Tally::decode(&bytes).ok_or_else(bad)?;
            }
            store.scan(Space::Event, &archive::expiries(id), Direction::Ascending, &mut |key, value| {
                archive.oldest = archive::expiry_of(key, value).map(|(archived, ..)| archived);
                std::ops::ControlFlow::Break(())
            })?;
            loaded.insert(scope, &name, archive);
        }
        loaded.purges = purges.into_iter().map(|(at, id)| (Timestamp::from_millis(at), id)).collect();
        Ok(loaded)
    }

    pub(crate) fn get(&self, scope: Scope, name: &str) -> Option<&Archive> {
        self.by_scope.get(&scope)?.get(name)
    }

    /// The archives of an account in a region, by name.
    pub(crate) fn of(&self, scope: Scope) -> impl Iterator<Item = (&String, &Archive)> {
        self.by_scope.get(&scope).into_iter().flatten()
    }

    /// Puts an archive, in place of what is there under its name.
    pub(crate) fn insert(&mut self, scope: Scope, name: &str, archive: Archive) {
        self.remove(scope, name);
        self.expiries.extend(archive.next_expiry().map(|at| (at, scope, name.to_owned())));
        self.by_scope.entry(scope).or_default().insert(name.to_owned(), archive);
    }

    fn remove(&mut self, scope: Scope, name: &str) -> Option<Archive> {
        let archive = self.by_scope.get_mut(&scope)?.remove(name)?;
        if let Some(at) = archive.next_expiry() {
            self.expiries.remove(&(at, scope, name.to_owned()));
        }
        Some(archive)
    }

    /// When something expires or is to be purged.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        let purge = self.purges.first().map(|(at, _)| *at);
        let expiry = self.expiries.first().map(|(at, ..)| *at);
        purge.into_iter().chain(expiry).min()
    }

    /// Takes an archive away; its events go by and by.
    pub(crate) fn delete(&mut self, step: &mut Step<'_>, scope: Scope, name: &str) {
        let Some(archive) = self.remove(scope, name) else { return };
        let id = archive.record.id;
        step.delete(Space::Config, records::archive_key(scope, name));
        step.put(Space::Config, records::purge_key(id), records::to_json(&step.now.millis()));
        self.purges.insert((step.now, id));
    }

    /// Lets go of what is due first.
    pub(crate) fn run_due(&mut self, step: &mut Step<'_>) {
        match self.purges.first() {
            Some((at, _)) if Some(*at) == self.next_due() => self.purge(step),
            _ => self.expire(step),
        }
    }

    fn purge(&mut self, step: &mut Step<'_>) {
        let Some((at, id)) = self.purges.pop_first() else { return };
        let found = step.range(Space::Event, &archive::everything(id), BATCH_MAX);
        if found.len() < BATCH_MAX {
            step.delete(Space::Config, records::purge_key(id));
        } else {
            self.purges.insert((at, id));
        }
        for (key, _) in found {
            step.delete(Space::Event, key);
        }
    }

    fn expire(&mut self, step: &mut Step<'_>) {
        let Some((_, scope, name)) = self.expiries.pop_first() else { return };
        let Some(mut archive) = self.by_scope.get_mut(&scope).and_then(|archives| archives.remove(&name))
        else {
            return;
        };
        let id = archive.record.id;
        for (key, value) in step.range(Space::Event, &archive::expiries(id), BATCH_MAX) {
            let Some((archived, place, bytes)) = archive::expiry_of(&key, &value) else {
                unreachable!("keys of archives are written by Archives::keep alone");
            };
            archive.oldest = Some(archived);
            if archive.next_expiry().is_none_or(|at| at > step.now) {
                break;
            }
            step.delete(Space::Event, archive::event_key(id, place));
            step.delete(Space::Event, key);
            archive.tally.events = archive.tally.events.saturating_sub(1);
            archive.tally.bytes = archive.tally.bytes.saturating_sub(bytes);
        }
        let oldest = step.range(Space::Event, &archive::expiries(id), 1);
        archive.oldest = oldest.first().and_then(|(key, value)| Some(archive::expiry_of(key, value)?.0));
        step.put(Space::Event, archive::tally_key(id), archive.tally.encode());
        self.insert(scope, &name, archive);
    }

    /// Keeps an event.
    fn keep(
        &mut self,
        step: &mut Step<'_>,
        scope: Scope,
        name: &str,
        published: &Published,
    ) -> Option<Arc<str>> {
        let archive = self.by_scope.get_mut(&scope)?.get_mut(name)?;
        let id = archive.record.id;
        let place = Place { at_millis: published.time.millis(), number: archive.tally.next_number };
        let bytes = published.event.len() as u64;
        step.put(Space::Event, archive::event_key(id, place), published.event.as_bytes().to_vec());
        let expiry = archive::expiry_key(id, step.now, place.number);
        step.put(Space::Event, expiry, archive::expiry_value(place.at_millis, bytes));
        archive.tally.next_number += 1;
        archive.tally.events += 1;
        archive.tally.bytes += bytes;
        step.put(Space::Event, archive::tally_key(id), archive.tally.encode());
        if archive.oldest.is_none() {
            archive.oldest = Some(step.now);
            self.expiries.extend(archive.next_expiry().map(|at| (at, scope, name.to_owned())));
        }
        Some(Arc::clone(&archive.arn))
    }
}

impl Events {
    /// Keeps an event in an archive that the rule `series` names was made for.
    pub(crate) fn archive(
        &mut self,
        step: &mut Step<'_>,
        series: &Series,
        archive: &str,
        (rule_arn, published): (&Arc<str>, &Published),
    ) {
        let Some(arn) = self.archives.keep(step, series.scope, archive, published) else { return };
        let record = TraceRecord::delivered(step.now, "archive", Arc::clone(rule_arn), arn);
        step.note(TraceNote { traces: one(TraceId(published.id)), record });
        let counts = [Count::Created, Count::Attempts, Count::SuccessfulAttempts, Count::Invocations];
        self.metrics.count(step.now, series, &counts);
    }

    /// The name of the rule that an archive's events come through.
    pub(crate) fn archive_rule(archive: &str) -> String {
        format!("Events-Archive-{archive}")
    }

    /// Takes away the rule of an archive, if it is still there.
    pub(crate) fn remove_archive_rule(
        &mut self,
        step: &mut Step<'_>,
        scope: Scope,
        (bus, archive): (&str, &str),
    ) {
        let name = Self::archive_rule(archive);
        let Some(found) = self.bus_mut(step.now, scope, bus) else { return };
        let is_ours = |rule: &Rule| rule.record.managed_by.is_some();
        if found.rules.get(name.as_str()).is_some_and(is_ours) {
            found.remove(&name);
            step.delete(Space::Config, records::rule_key(scope, bus, &name));
        }
    }
}
