//! The embedded metric format: log events that are JSON and say which of their members are metrics.
//!
//! Follows "Specification: Embedded metric format" of the CloudWatch user guide.

use serde::Deserialize;
use serde_json::{Map, Value};

/// How many metrics one directive may define.
pub const METRICS_MAX: usize = 100;
/// How many names a dimension set may have.
pub const DIMENSIONS_MAX: usize = 30;
/// How many values a metric's target member may list.
pub const VALUES_MAX: usize = 100;
/// How many data one event gives at most, over all its directives and dimension sets: what one `PutMetricData` takes.
pub const DATA_MAX: usize = 1_000;

/// Values of one metric under one set of dimensions.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Names and values, in the directive's order.
    pub dimensions: Vec<(String, String)>,
    /// Unit as the event spells it; `None` if it names none.
    pub unit: Option<String>,
    /// 1 or 60 seconds; `None` if the event does not say.
    pub storage_resolution_secs: Option<i32>,
    /// When, milliseconds.
    pub at_millis: i64,
    /// The values; never empty.
    pub values: Vec<f64>,
}

/// Why an event that has the `_aws` member gives no metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The member is not what the specification says.
    Parsing,
    /// A metric or dimension breaks a limit or names a member that is not there.
    Validation,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(rename = "Timestamp")]
    timestamp: i64,
    #[serde(rename = "CloudWatchMetrics")]
    directives: Vec<Directive>,
}

#[derive(Deserialize)]
struct Directive {
    #[serde(rename = "Namespace")]
    namespace: String,
    #[serde(rename = "Dimensions")]
    dimension_sets: Vec<Vec<String>>,
    #[serde(rename = "Metrics")]
    metrics: Vec<Definition>,
}

#[derive(Deserialize)]
struct Definition {
    #[serde(rename = "Name")]
    name: String,
    #[serde(rename = "Unit")]
    unit: Option<String>,
    #[serde(rename = "StorageResolution")]
    storage_resolution: Option<i32>,
}

/// The metrics of an event; none if it is not of this format.
///
/// # Errors
/// If it claims to be, but is not.
pub fn metrics(message: &str) -> Result<Vec<Metric>, Fault> {
    let text = message.trim();
    // Most events are no EMF; they are not parsed.
    if !text.starts_with('{') || !text.contains("\"_aws\"") || !text.contains("\"CloudWatchMetrics\"") {
        return Ok(Vec::new());
    }
    let Ok(root) = serde_json::from_str::<Map<String, Value>>(text) else { return Ok(Vec::new()) };
    let Some(metadata) = root.get("_aws").filter(|aws| aws.get("CloudWatchMetrics").is_some()) else {
        return Ok(Vec::new());
    };
    let metadata = Metadata::deserialize(metadata).map_err(|_| Fault::Parsing)?;
    let mut found = Vec::new();
    for directive in &metadata.directives {
        directive.extract(&root, metadata.timestamp, &mut found)?;
    }
    Ok(found)
}

impl Directive {
    fn extract(
        &self,
        root: &Map<String, Value>,
        at_millis: i64,
        found: &mut Vec<Metric>,
    ) -> Result<(), Fault> {
        if self.namespace.is_empty() || self.metrics.len() > METRICS_MAX {
            return Err(Fault::Validation);
        }
        let mut sets = Vec::with_capacity(self.dimension_sets.len().min(DATA_MAX));
        for names in self.dimension_sets.iter().take(DATA_MAX) {
            sets.push(dimensions(root, names)?);
        }
        // Without a dimension set the metric has no dimensions.
        if sets.is_empty() {
            sets.push(Vec::new());
        }
        for definition in &self.metrics {
            let values = values(root.get(&definition.name))?;
            if values.is_empty() {
                continue;
            }
            for dimensions in &sets {
                if found.len() >= DATA_MAX {
                    return Err(Fault::Validation);
                }
                found.push(Metric {
                    namespace: self.namespace.clone(),
                    name: definition.name.clone(),
                    dimensions: dimensions.clone(),
                    unit: definition.unit.clone(),
                    storage_resolution_secs: definition.storage_resolution,
                    at_millis,
                    values: values.clone(),
                });
            }
        }
        Ok(())
    }
}

fn dimensions(root: &Map<String, Value>, names: &[String]) -> Result<Vec<(String, String)>, Fault> {
    if names.len() > DIMENSIONS_MAX {
        return Err(Fault::Validation);
    }
    let value = |name: &String| {
        let text = root.get(name)?.as_str()?;
        (!text.is_empty()).then(|| (name.clone(), text.to_owned()))
    };
    names.iter().map(|name| value(name).ok_or(Fault::Validation)).collect()
}

fn values(target: Option<&Value>) -> Result<Vec<f64>, Fault> {
    let number = |value: &Value| value.as_f64().ok_or(Fault::Validation);
    match target {
        Some(Value::Array(values)) if values.len() <= VALUES_MAX => values.iter().map(number).collect(),
        Some(Value::Array(_)) | None => Err(Fault::Validation),
        Some(value) => Ok(vec![number(value)?]),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event() -> Value {
        json!({
            "_aws": {
                "Timestamp": 1_800_000_000_000_i64,
                "CloudWatchMetrics": [{
                    "Namespace": "Orders",
                    "Dimensions": [["Service"], ["Service", "Stage"]],
                    "Metrics": [{ "Name": "Latency", "Unit": "Milliseconds" }, { "Name": "Count" }],
                }],
            },
            "Service": "api", "Stage": "test", "Latency": [1, 2.5], "Count": 3, "free": "text",
        })
    }

    #[test]
    fn each_metric_is_given_under_each_dimension_set() {
        let found = metrics(&event().to_string()).unwrap();
        assert_eq!(found.len(), 4);
        assert_eq!(
            found[1],
            Metric {
                namespace: "Orders".into(),
                name: "Latency".into(),
                dimensions: vec![("Service".into(), "api".into()), ("Stage".into(), "test".into())],
                unit: Some("Milliseconds".into()),
                storage_resolution_secs: None,
                at_millis: 1_800_000_000_000,
                values: vec![1.0, 2.5],
            }
        );
        assert_eq!((found[2].name.as_str(), found[2].values.as_slice()), ("Count", &[3.0][..]));
    }

    #[test]
    fn other_events_give_nothing() {
        for message in
            ["", "text", "{\"_aws\": 1}", "{\"a\": {\"_aws\": {\"CloudWatchMetrics\": []}}}", "{\"_aws\""]
        {
            assert_eq!(metrics(message), Ok(vec![]), "{message}");
        }
    }

    #[test]
    fn what_breaks_the_specification_gives_no_metrics() {
        let check = |path: &str, value: Value, fault| {
            let mut event = event();
            *event.pointer_mut(path).unwrap() = value;
            assert_eq!(metrics(&event.to_string()), Err(fault), "{path}");
        };
        check("/_aws/Timestamp", json!("now"), Fault::Parsing);
        check("/_aws/CloudWatchMetrics", json!({}), Fault::Parsing);
        check("/_aws/CloudWatchMetrics/0/Namespace", json!(""), Fault::Validation);
        check("/_aws/CloudWatchMetrics/0/Dimensions", json!([["absent"]]), Fault::Validation);
        check("/_aws/CloudWatchMetrics/0/Dimensions", json!([vec!["Service"; 31]]), Fault::Validation);
        check("/_aws/CloudWatchMetrics/0/Metrics", json!([{ "Name": "absent" }]), Fault::Validation);
        check("/_aws/CloudWatchMetrics/0/Dimensions", json!(vec![["Service"]; 501]), Fault::Validation);
        check("/Latency", json!("slow"), Fault::Validation);
        check("/Latency", json!(vec![1; 101]), Fault::Validation);
    }
}
