//! Aliases: names for versions.

use serde::{Deserialize, Serialize};

/// A name for a version, or for two that share its traffic.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Alias {
    /// `$LATEST` or a number.
    pub(crate) version: String,
    /// A second version and its share of the invocations, 0 to 1.
    pub(crate) second: Option<(String, f64)>,
    pub(crate) description: String,
    pub(crate) revision_id: String,
}

impl Alias {
    /// The version that an invocation goes to, for a draw between 0 and 1.
    pub(crate) fn draw(&self, draw: f64) -> &str {
        match &self.second {
            Some((version, weight)) if draw < *weight => version,
            _ => &self.version,
        }
    }
}
