//! Groups of schedules.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A group as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Created, milliseconds.
    pub created_millis: i64,
    /// Changed, milliseconds.
    pub modified_millis: i64,
    /// Tags by key.
    pub tags: BTreeMap<String, String>,
    /// The token of the request that made it.
    pub token: Option<String>,
    /// Whether it goes as soon as its schedules are gone.
    pub deleting: bool,
}

impl Group {
    /// `ACTIVE` or `DELETING`.
    #[must_use]
    pub fn state(&self) -> &'static str {
        if self.deleting { "DELETING" } else { "ACTIVE" }
    }
}
