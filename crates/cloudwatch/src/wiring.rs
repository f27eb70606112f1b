//! What alarms watch, for Pontoon's own API: `pontoon lint` looks at it.

use std::collections::BTreeMap;

use pontoon_core::Scope;
use serde_json::{Value, json};

use crate::CloudWatch;
use crate::state::alarm::{Source, Watch};
use crate::state::metric::MetricName;

impl CloudWatch {
    /// The alarms of a scope with the metrics that they look at.
    pub(crate) fn wiring(&self, scope: Scope) -> Value {
        let alarms = self.alarms.get(&scope).into_iter().flat_map(|alarms| alarms.values());
        let shown = alarms.map(|watched| {
            let definition = &watched.alarm.definition;
            let metrics: Vec<Value> = metrics(&definition.watch).into_iter().map(metric).collect();
            json!({ "name": definition.name, "metrics": metrics, "actions": definition.alarm_actions })
        });
        json!({ "alarms": shown.collect::<Vec<_>>() })
    }
}

fn metrics(watch: &Watch) -> Vec<&MetricName> {
    match watch {
        Watch::Metric { query, .. } => vec![&query.metric],
        Watch::Math(queries) => queries
            .iter()
            .filter_map(|query| match &query.source {
                Source::Metric(query) => Some(&query.metric),
                Source::Expression { .. } => None,
            })
            .collect(),
    }
}

fn metric(name: &MetricName) -> Value {
    let dimensions: BTreeMap<&str, &str> =
        name.dimensions.iter().map(|(name, value)| (&**name, &**value)).collect();
    json!({ "namespace": name.namespace, "name": name.name, "dimensions": dimensions })
}
