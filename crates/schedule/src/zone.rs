//! Time zones, from the database that is part of the program: no machine's own makes a difference.

use std::sync::LazyLock;

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use pontoon_core::Timestamp;

static DATABASE: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// A time zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Zone {
    /// Coordinated universal time.
    pub const UTC: Self = Self(TimeZone::UTC);

    /// The zone of a name of the IANA database (`Europe/Berlin`), whatever its case; `None` if there is none.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        DATABASE.get(name).ok().map(Self)
    }

    /// What clocks here show at an instant; instants beyond the calendar are cut to its ends.
    pub(crate) fn civil(&self, at: Timestamp) -> DateTime {
        let zoned = at.zoned();
        self.0.to_datetime(zoned.timestamp())
    }

    /// The instant at which clocks here show `time`: the first of two, and where they skip it as much later as they were put forward. `None` beyond
    /// the calendar.
    pub(crate) fn instant(&self, time: DateTime) -> Option<Timestamp> {
        let at = self.0.to_ambiguous_timestamp(time).compatible().ok()?;
        Some(Timestamp::from_millis(at.as_millisecond()))
    }

    /// The first instant at which clocks here show `time`; `None` if they skip it.
    pub(crate) fn instant_of_existing(&self, time: DateTime) -> Option<Timestamp> {
        let ambiguous = self.0.to_ambiguous_timestamp(time);
        if let AmbiguousOffset::Gap { .. } = ambiguous.offset() {
            return None;
        }
        ambiguous.compatible().ok().map(|at| Timestamp::from_millis(at.as_millisecond()))
    }
}
