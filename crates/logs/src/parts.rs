//! The parts of deliveries: sources, destinations and deliveries are found, written and tagged in one way.

use std::collections::BTreeMap;

use pontoon_core::{Scope, Space, Step};
use serde::Serialize;

use crate::deliveries::Deliveries;
use crate::records::{self, DeliveryRecord, DestinationRecord, SourceRecord};
use crate::{Error, Logs};

/// What an account keeps in a region by a name or an id of its own.
pub(crate) trait Part: Serialize + Sized + 'static {
    /// AWS's word for it.
    const NOUN: &'static str;
    /// What a missing one is told by.
    const MISSING: Error = Error::NoDelivery(Self::NOUN, ".");

    /// All of them.
    fn all(of: &Deliveries) -> &BTreeMap<String, Self>;
    /// All of them, to be changed.
    fn all_mut(of: &mut Deliveries) -> &mut BTreeMap<String, Self>;
    /// The key in the store.
    fn key(scope: Scope, name: &str) -> Vec<u8>;
    /// Tags.
    fn tags(&self) -> &BTreeMap<String, String>;
    /// Tags, to be changed.
    fn tags_mut(&mut self) -> &mut BTreeMap<String, String>;

    /// Has the store keep it.
    fn write(&self, step: &mut Step<'_>, name: &str) {
        step.put(Space::Config, Self::key(step.scope, name), records::to_json(self));
    }
}

macro_rules! part {
    ($record:ty, $noun:literal, $all:ident, $key:path) => {
        impl Part for $record {
            const NOUN: &'static str = $noun;

            fn all(of: &Deliveries) -> &BTreeMap<String, Self> {
                &of.$all
            }

            fn all_mut(of: &mut Deliveries) -> &mut BTreeMap<String, Self> {
                &mut of.$all
            }

            fn key(scope: Scope, name: &str) -> Vec<u8> {
                $key(scope, name)
            }

            fn tags(&self) -> &BTreeMap<String, String> {
                &self.tags
            }

            fn tags_mut(&mut self) -> &mut BTreeMap<String, String> {
                &mut self.tags
            }
        }
    };
}

part!(SourceRecord, "Delivery Source", sources, records::source_key);
part!(DestinationRecord, "Delivery Destination", destinations, records::destination_key);
part!(DeliveryRecord, "Delivery", deliveries, records::delivery_key);

impl Logs {
    /// A part by name.
    ///
    /// # Errors
    /// [`Part::MISSING`].
    pub(crate) fn part<P: Part>(&self, scope: Scope, name: &str) -> Result<&P, Error> {
        let region = self.regions.get(&scope);
        region.and_then(|region| P::all(&region.deliveries).get(name)).ok_or(P::MISSING)
    }

    /// A part by name, to be changed.
    ///
    /// # Errors
    /// [`Part::MISSING`].
    pub(crate) fn part_mut<P: Part>(&mut self, scope: Scope, name: &str) -> Result<&mut P, Error> {
        let region = self.regions.get_mut(&scope);
        region.and_then(|region| P::all_mut(&mut region.deliveries).get_mut(name)).ok_or(P::MISSING)
    }
}
