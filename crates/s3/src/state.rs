//! Buckets, and what can be said of objects without a store.

pub mod checksum;
pub mod condition;
pub mod listing;
pub mod name;
pub mod object;
pub mod range;

use pontoon_core::policy::Document;
use pontoon_core::{Account, Region, Timestamp};

/// A bucket.
#[derive(Clone, Debug)]
pub struct Bucket {
    /// Who owns it and all that is in it.
    pub owner: Account,
    /// Where it is.
    pub region: Region,
    /// When it was created.
    pub created: Timestamp,
    /// Keys and values, in the order in which they were set.
    pub tags: Vec<(String, String)>,
    /// Its policy as it was written, and as it is evaluated.
    pub policy: Option<(String, Document)>,
    /// Whether what happens to its objects is told to EventBridge.
    pub tells_bus: bool,
}

impl Bucket {
    /// Most buckets of an account (the default quota of "Bucket quotas, limitations, and restrictions").
    pub const PER_ACCOUNT_MAX: usize = 10_000;
    /// Most tags.
    pub const TAGS_MAX: usize = 50;
}
