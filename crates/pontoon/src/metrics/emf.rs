//! CloudWatch's embedded metric format: lines of JSON on standard output, of which Logs makes metrics.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value, json};

use super::series::{Gathered, Key, Values, this_minute};
use super::{Flushing, InvalidMeasurement, Measurement, MetricSink};

/// The most values that a metric may have in one line.
const VALUES_MAX: usize = 100;
/// The most metrics that one line may define.
const METRICS_MAX: usize = 100;

/// Prints measurements in the embedded metric format at each flush: for Lambda functions.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use pontoon::metrics::{Emf, Measurement, MetricSink, Unit};
///
/// let emf = Emf::stdout("Orders").dimension("Service", "shipping");
/// emf.record(Measurement::new("OrdersShipped", 1.0, Unit::Count)).unwrap();
/// emf.flush().await.unwrap();
/// # });
/// ```
pub struct Emf {
    out: Mutex<Box<dyn Write + Send>>,
    namespace: String,
    common: Vec<(Cow<'static, str>, String)>,
    gathered: Mutex<Gathered>,
}

impl Emf {
    /// Prints to standard output.
    ///
    /// ```
    /// let emf = pontoon::metrics::Emf::stdout("Orders");
    /// ```
    #[must_use]
    pub fn stdout(namespace: impl Into<String>) -> Self {
        Self::to(std::io::stdout(), namespace)
    }

    /// Prints elsewhere.
    ///
    /// ```
    /// let emf = pontoon::metrics::Emf::to(std::io::stderr(), "Orders");
    /// ```
    pub fn to(out: impl Write + Send + 'static, namespace: impl Into<String>) -> Self {
        let out: Box<dyn Write + Send> = Box::new(out);
        let namespace = namespace.into();
        Self { out: Mutex::new(out), namespace, common: Vec::new(), gathered: Mutex::default() }
    }

    /// Adds a dimension to every measurement that does not have it.
    ///
    /// ```
    /// let emf = pontoon::metrics::Emf::stdout("Orders").dimension("Service", "shipping");
    /// ```
    #[must_use]
    pub fn dimension(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.common.push((name.into(), value.into()));
        self
    }

    fn print(&self) -> std::io::Result<()> {
        let series = self.gathered.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        for line in lines(&self.namespace, series) {
            writeln!(out, "{line}")?;
        }
        out.flush()
    }
}

impl MetricSink for Emf {
    fn record(&self, measurement: Measurement) -> Result<(), InvalidMeasurement> {
        measurement.check()?;
        let mut gathered = self.gathered.lock().unwrap_or_else(PoisonError::into_inner);
        gathered.add(measurement, &self.common, this_minute());
        Ok(())
    }

    fn flush(&self) -> Flushing<'_> {
        let printed = self.print();
        Box::pin(std::future::ready(printed.map_err(Into::into)))
    }
}

/// A metric with a line's worth of its values.
struct Part {
    key: Key,
    values: Vec<f64>,
}

/// One line for the metrics that share dimensions and minute; several where there are too many of them, or too many values.
fn lines(namespace: &str, series: BTreeMap<Key, Values>) -> Vec<Value> {
    let mut lines: Vec<Vec<Part>> = Vec::new();
    for (key, values) in series {
        for values in chunks(&values) {
            let fits = |line: &&mut Vec<Part>| {
                let first = &line[0].key;
                first.dimensions == key.dimensions
                    && first.minute == key.minute
                    && line.len() < METRICS_MAX
                    && line.iter().all(|part| part.key.name != key.name)
            };
            let part = Part { key: key.clone(), values };
            match lines.iter_mut().rev().take(2).find(fits) {
                Some(line) => line.push(part),
                None => lines.push(vec![part]),
            }
        }
    }
    lines.into_iter().map(|parts| line(namespace, parts)).collect()
}

/// The values, each as often as it came, a hundred at most in one piece.
fn chunks(values: &Values) -> Vec<Vec<f64>> {
    let mut chunks: Vec<Vec<f64>> = vec![Vec::new()];
    for (value, count) in values.iter() {
        for _ in 0..count as u64 {
            if chunks.last().is_none_or(|chunk| chunk.len() == VALUES_MAX) {
                chunks.push(Vec::new());
            }
            if let Some(chunk) = chunks.last_mut() {
                chunk.push(value);
            }
        }
    }
    chunks
}

fn line(namespace: &str, parts: Vec<Part>) -> Value {
    let mut root = Map::new();
    let Some(first) = parts.first() else { return Value::Object(root) };
    let names: Vec<&str> = first.key.dimensions.iter().map(|(name, _)| name.as_ref()).collect();
    let metrics: Vec<Value> =
        parts.iter().map(|part| json!({ "Name": part.key.name, "Unit": part.key.unit.as_str() })).collect();
    let directive = json!({ "Namespace": namespace, "Dimensions": [names], "Metrics": metrics });
    let about = json!({ "Timestamp": first.key.minute * 60_000, "CloudWatchMetrics": [directive] });
    root.insert("_aws".to_owned(), about);
    for (name, value) in &first.key.dimensions {
        root.insert(name.to_string(), value.as_str().into());
    }
    for part in parts {
        let value = match part.values.as_slice() {
            [one] => json!(one),
            many => json!(many),
        };
        root.insert(part.key.name.into_owned(), value);
    }
    Value::Object(root)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Unit;

    fn printed(measurements: Vec<Measurement>) -> Vec<Value> {
        let mut gathered = Gathered::default();
        for measurement in measurements {
            gathered.add(measurement, &[], 29_497_714);
        }
        lines("Orders", gathered.take())
    }

    #[test]
    fn metrics_of_the_same_dimensions_share_a_line() {
        let of = |name: &'static str, value, unit| {
            Measurement::new(name, value, unit).dimension("Service", "shipping")
        };
        let printed = printed(vec![
            of("Shipped", 1.0, Unit::Count),
            of("Shipped", 1.0, Unit::Count),
            of("Took", 12.5, Unit::Milliseconds),
            Measurement::new("Shipped", 1.0, Unit::Count),
        ]);
        assert_eq!(
            printed,
            [
                json!({
                    "_aws": { "Timestamp": 1_769_862_840_000_i64, "CloudWatchMetrics": [
                        { "Namespace": "Orders", "Dimensions": [[]], "Metrics": [{ "Name": "Shipped", "Unit": "Count" }] },
                    ] },
                    "Shipped": 1.0,
                }),
                json!({
                    "_aws": { "Timestamp": 1_769_862_840_000_i64, "CloudWatchMetrics": [
                        { "Namespace": "Orders", "Dimensions": [["Service"]], "Metrics": [
                            { "Name": "Shipped", "Unit": "Count" }, { "Name": "Took", "Unit": "Milliseconds" },
                        ] },
                    ] },
                    "Service": "shipping",
                    "Shipped": [1.0, 1.0],
                    "Took": 12.5,
                }),
            ]
        );
    }

    #[test]
    fn lines_keep_within_the_formats_limits() {
        let values = (0..250).map(|value| Measurement::new("Took", f64::from(value), Unit::Milliseconds));
        let printed_values = printed(values.collect());
        let counts: Vec<usize> =
            printed_values.iter().map(|line| line["Took"].as_array().unwrap().len()).collect();
        assert_eq!(counts, [100, 100, 50]);
        let names = (0..150).map(|number| Measurement::new(format!("Metric{number}"), 1.0, Unit::Count));
        let printed_names = printed(names.collect());
        let metrics =
            |line: &Value| line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap().len();
        assert_eq!(printed_names.iter().map(metrics).collect::<Vec<_>>(), [100, 50]);
    }
}
