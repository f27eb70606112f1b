//! Metrics by name: which there are, and when they last had data.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use pontoon_core::{Scope, Timestamp};
use serde::{Deserialize, Serialize};

/// For how long after its last data a metric is listed.
pub const LISTED_FOR: Duration = Duration::from_secs(14 * 24 * 3600);
/// For how long after its last data a metric counts as recently active.
pub const RECENT_FOR: Duration = Duration::from_secs(3 * 3600);
/// How many metrics there may be in all: their names are in memory.
pub const METRICS_MAX: usize = 1_000_000;

/// What makes a metric: each other set of dimensions is another metric.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MetricName {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Dimension names and values, sorted by name.
    pub dimensions: Vec<(String, String)>,
}

impl MetricName {
    /// A metric's name from its parts in any order.
    #[must_use]
    pub fn new(namespace: String, name: String, mut dimensions: Vec<(String, String)>) -> Self {
        dimensions.sort();
        Self { namespace, name, dimensions }
    }
}

/// A metric.
#[derive(Debug)]
pub struct Metric {
    /// Number that its data are stored under; a metric is only forgotten when it has none left.
    pub number: u64,
    /// Whether it ever had data of a resolution under a minute.
    pub high_resolution: bool,
    /// The start of its latest stretch with data.
    pub last_data: Timestamp,
    /// Up to where data have been rolled up, for each tier.
    pub rolled_until: [Timestamp; 4],
    /// When they are next rolled up.
    pub rolls_at: Timestamp,
}

/// The metrics of all scopes.
#[derive(Debug, Default)]
pub struct Metrics {
    scopes: BTreeMap<Scope, BTreeMap<Arc<MetricName>, Metric>>,
    by_number: BTreeMap<u64, (Scope, Arc<MetricName>)>,
    last_number: u64,
}

impl Metrics {
    /// How many there are in all.
    #[must_use]
    pub fn count(&self) -> usize {
        self.by_number.len()
    }

    /// The metric of this exact name.
    #[must_use]
    pub fn get(&self, scope: Scope, name: &MetricName) -> Option<&Metric> {
        self.scopes.get(&scope)?.get(name)
    }

    /// The metric of this exact name, to change.
    pub fn get_mut(&mut self, scope: Scope, name: &MetricName) -> Option<&mut Metric> {
        self.scopes.get_mut(&scope)?.get_mut(name)
    }

    /// Whose metric it is, and its name.
    #[must_use]
    pub fn by_number(&self, number: u64) -> Option<(Scope, Arc<MetricName>)> {
        self.by_number.get(&number).map(|(scope, name)| (*scope, Arc::clone(name)))
    }

    /// The metrics of a scope in the order of their names, from `from` on: namespaces, then names, then dimensions.
    pub fn from<'a>(
        &'a self,
        scope: Scope,
        from: Bound<&MetricName>,
    ) -> impl Iterator<Item = (&'a MetricName, &'a Metric)> + use<'a> {
        let from = from.map(|name| Arc::new(name.clone()));
        let metrics = self.scopes.get(&scope).into_iter();
        let metrics = metrics.flat_map(move |metrics| metrics.range((from.clone(), Bound::Unbounded)));
        metrics.map(|(name, metric)| (&**name, metric))
    }

    /// Adds a metric that has no data yet, and gives its number.
    pub fn create(&mut self, scope: Scope, name: MetricName, high_resolution: bool) -> u64 {
        let number = self.last_number + 1;
        self.restore(scope, name, number, high_resolution);
        number
    }

    /// Adds a metric that was stored.
    pub fn restore(&mut self, scope: Scope, name: MetricName, number: u64, high_resolution: bool) {
        self.last_number = self.last_number.max(number);
        let name = Arc::new(name);
        let metric = Metric {
            number,
            high_resolution,
            last_data: Timestamp::EPOCH,
            rolled_until: [Timestamp::EPOCH; 4],
            rolls_at: Timestamp::EPOCH,
        };
        self.by_number.insert(number, (scope, Arc::clone(&name)));
        self.scopes.entry(scope).or_default().insert(name, metric);
    }

    /// Forgets a metric whose data are gone.
    pub fn remove(&mut self, number: u64) {
        if let Some((scope, name)) = self.by_number.remove(&number)
            && let Some(metrics) = self.scopes.get_mut(&scope)
        {
            metrics.remove(&name);
        }
    }
}
