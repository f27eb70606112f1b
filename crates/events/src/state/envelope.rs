//! The event that rules see and targets get.

use pontoon_core::ids::format_uuid;
use pontoon_core::{Scope, Timestamp};

use pontoon_core::json::quoted;

/// What is known of an event beside its detail.
#[derive(Debug, Clone)]
pub struct Envelope<'a> {
    /// Its id.
    pub id: [u8; 16],
    /// `DetailType`.
    pub detail_type: &'a str,
    /// `Source`.
    pub source: &'a str,
    /// The account and region in which it was first put.
    pub origin: Scope,
    /// When it happened, to the second.
    pub time: Timestamp,
    /// ARNs that it is about.
    pub resources: &'a [String],
}

impl Envelope<'_> {
    /// The event as JSON, its fields in AWS's order. `detail` is compact JSON.
    #[must_use]
    pub fn to_json(&self, detail: &str) -> String {
        let resources: Vec<String> = self.resources.iter().map(|resource| quoted(resource)).collect();
        format!(
            r#"{{"version":"0","id":"{}","detail-type":{},"source":{},"account":"{}","time":"{}","region":"{}","resources":[{}],"detail":{detail}}}"#,
            format_uuid(self.id),
            quoted(self.detail_type),
            quoted(self.source),
            self.origin.account,
            self.time.iso_secs(),
            self.origin.region,
            resources.join(","),
        )
    }
}
