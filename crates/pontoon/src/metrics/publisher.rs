//! Sends measurements to CloudWatch.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, UNIX_EPOCH};

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum, StandardUnit};

use super::series::{Gathered, Key, Values, this_minute};
use super::{Flushing, InvalidMeasurement, Measurement, MetricSink, Unit};
use crate::aws::failure::words;
use crate::handler::BoxError;

/// PutMetricData takes at most so many metrics.
const DATA_MAX: usize = 1_000;
/// A metric takes at most so many distinct values.
const VALUES_MAX: usize = 150;
/// PutMetricData takes at most a megabyte, compressed or not; what a request is estimated to have stays below.
const REQUEST_BYTES_MAX: usize = 900_000;
/// How often what was gathered is sent: CloudWatch's own resolution.
const INTERVAL: Duration = Duration::from_secs(60);

/// Counts and times in memory, and sends what it gathered to CloudWatch every minute: values that are alike together, within PutMetricData's limits.
/// What cannot be sent is sent with the next. Clones share it.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use pontoon::metrics::{MetricSink, MetricsPublisher};
///
/// let pontoon = pontoon_test::start().await;
/// let cloudwatch = aws_sdk_cloudwatch::Client::new(&pontoon.sdk_config());
/// let metrics = MetricsPublisher::new(cloudwatch.clone(), "Orders").dimension("Service", "shipping");
/// metrics.count("OrdersShipped", 2.0, &[("Country", "DE")]).unwrap();
/// metrics.time("Packing", std::time::Duration::from_millis(1500), &[]).unwrap();
/// metrics.flush().await.unwrap();
/// let known = cloudwatch.list_metrics().namespace("Orders").send().await.unwrap();
/// assert_eq!(known.metrics().len(), 2);
/// # });
/// ```
///
/// Dropping the last clone sends nothing more: [`flush`](MetricSink::flush) before the program ends.
#[derive(Clone)]
pub struct MetricsPublisher {
    inner: Arc<Inner>,
    common: Arc<Vec<(Cow<'static, str>, String)>>,
}

struct Inner {
    client: Client,
    namespace: String,
    gathered: Mutex<Gathered>,
}

impl MetricsPublisher {
    /// Sends to this namespace. Within a tokio runtime it sends every minute; outside of one, at each flush only.
    ///
    /// ```
    /// # fn with(config: &aws_config::SdkConfig) {
    /// let metrics = pontoon::metrics::MetricsPublisher::new(aws_sdk_cloudwatch::Client::new(config), "Orders");
    /// # }
    /// ```
    pub fn new(client: Client, namespace: impl Into<String>) -> Self {
        let namespace = namespace.into();
        let inner = Arc::new(Inner { client, namespace, gathered: Mutex::default() });
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(send_now_and_then(Arc::downgrade(&inner)));
        }
        Self { inner, common: Arc::default() }
    }

    /// Adds a dimension to every measurement that does not have it.
    ///
    /// ```
    /// # fn with(metrics: pontoon::metrics::MetricsPublisher) {
    /// let metrics = metrics.dimension("Service", "shipping");
    /// # }
    /// ```
    #[must_use]
    pub fn dimension(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.common).push((name.into(), value.into()));
        self
    }

    /// Adds `count` to a metric of that unit.
    ///
    /// # Errors
    /// [`InvalidMeasurement`], and nothing is counted.
    ///
    /// ```
    /// # fn with(metrics: pontoon::metrics::MetricsPublisher) {
    /// metrics.count("OrdersCreated", 1.0, &[("Country", "DE")]).unwrap();
    /// # }
    /// ```
    pub fn count(
        &self,
        name: impl Into<Cow<'static, str>>,
        count: f64,
        dimensions: &[(&str, &str)],
    ) -> Result<(), InvalidMeasurement> {
        self.record(with(Measurement::new(name, count, Unit::Count), dimensions))
    }

    /// Adds a duration to a metric in milliseconds.
    ///
    /// # Errors
    /// [`InvalidMeasurement`], and nothing is added.
    ///
    /// ```
    /// # fn with(metrics: pontoon::metrics::MetricsPublisher) {
    /// metrics.time("Packing", std::time::Duration::from_millis(1500), &[]).unwrap();
    /// # }
    /// ```
    pub fn time(
        &self,
        name: impl Into<Cow<'static, str>>,
        took: Duration,
        dimensions: &[(&str, &str)],
    ) -> Result<(), InvalidMeasurement> {
        let millis = took.as_secs_f64() * 1000.0;
        self.record(with(Measurement::new(name, millis, Unit::Milliseconds), dimensions))
    }
}

fn with(measurement: Measurement, dimensions: &[(&str, &str)]) -> Measurement {
    let each = dimensions.iter();
    each.fold(measurement, |measurement, (name, value)| measurement.dimension((*name).to_owned(), *value))
}

impl MetricSink for MetricsPublisher {
    fn record(&self, measurement: Measurement) -> Result<(), InvalidMeasurement> {
        measurement.check()?;
        self.inner.gathered().add(measurement, &self.common, this_minute());
        Ok(())
    }

    fn flush(&self) -> Flushing<'_> {
        Box::pin(self.inner.send())
    }
}

/// Sends every minute, until the last clone is gone.
async fn send_now_and_then(inner: Weak<Inner>) {
    loop {
        tokio::time::sleep(INTERVAL).await;
        let Some(inner) = inner.upgrade() else { return };
        if let Err(reason) = inner.send().await {
            tracing::warn!(%reason, "metrics are not sent yet");
        }
    }
}

/// A piece of a series that fits into a metric's datum.
struct Piece {
    key: Key,
    values: Vec<(f64, f64)>,
}

impl Inner {
    fn gathered(&self) -> MutexGuard<'_, Gathered> {
        // Nothing that holds the lock can panic, so a poisoned lock guards sound data.
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn send(&self) -> Result<(), BoxError> {
        let series = self.gathered().take();
        let mut failed = None;
        for request in requests(series) {
            let data = request.iter().map(datum).collect::<Result<Vec<_>, _>>()?;
            let put = self.client.put_metric_data().namespace(&self.namespace).set_metric_data(Some(data));
            if let Err(error) = put.send().await {
                let mut gathered = self.gathered();
                request.into_iter().for_each(|piece| gathered.put_back(&piece.key, piece.values));
                failed = Some(words(&error));
            }
        }
        failed.map_or(Ok(()), |reason| Err(reason.into()))
    }
}

/// The series in pieces, and the pieces by request.
fn requests(series: BTreeMap<Key, Values>) -> Vec<Vec<Piece>> {
    let mut requests: Vec<Vec<Piece>> = Vec::new();
    let mut bytes = 0;
    for (key, values) in series {
        let values: Vec<(f64, f64)> = values.iter().collect();
        for values in values.chunks(VALUES_MAX) {
            let piece = Piece { key: key.clone(), values: values.to_vec() };
            let size = estimated_bytes(&piece);
            if requests.last().is_none_or(|request| request.len() == DATA_MAX)
                || bytes + size > REQUEST_BYTES_MAX
            {
                requests.push(Vec::new());
                bytes = 0;
            }
            bytes += size;
            if let Some(request) = requests.last_mut() {
                request.push(piece);
            }
        }
    }
    requests
}

/// No less than what a piece takes in whichever protocol the SDK speaks: of those the query protocol is the longest, with some fifty bytes of name for
/// each value, each count and each dimension's name and value.
fn estimated_bytes(piece: &Piece) -> usize {
    let dimensions: usize =
        piece.key.dimensions.iter().map(|(name, value)| 3 * (name.len() + value.len()) + 160).sum();
    300 + 3 * piece.key.name.len() + dimensions + piece.values.len() * 160
}

fn datum(piece: &Piece) -> Result<MetricDatum, BoxError> {
    let Key { dimensions, name, unit, minute } = &piece.key;
    let since = Duration::from_secs(u64::try_from(minute * 60)?);
    let mut datum = MetricDatum::builder()
        .metric_name(name.as_ref())
        .unit(StandardUnit::from(unit.as_str()))
        .timestamp(DateTime::from(UNIX_EPOCH + since));
    for (name, value) in dimensions {
        datum = datum.dimensions(Dimension::builder().name(name.as_ref()).value(value).build());
    }
    for (value, count) in &piece.values {
        datum = datum.values(*value).counts(*count);
    }
    Ok(datum.build())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gather(measurements: impl Iterator<Item = Measurement>) -> Vec<Vec<Piece>> {
        let mut gathered = Gathered::default();
        measurements.for_each(|measurement| gathered.add(measurement, &[], 1));
        requests(gathered.take())
    }

    #[test]
    fn values_that_are_alike_are_sent_once_with_their_count() {
        let requests = gather((0..10_000).map(|_| Measurement::new("Shipped", 1.0, Unit::Count)));
        assert_eq!(requests.len(), 1);
        assert_eq!(requests[0][0].values, [(1.0, 10_000.0)]);
    }

    #[test]
    fn requests_keep_within_putmetricdatas_limits() {
        let values =
            gather((0..400).map(|value| Measurement::new("Took", f64::from(value), Unit::Milliseconds)));
        assert_eq!(values[0].iter().map(|piece| piece.values.len()).collect::<Vec<_>>(), [150, 150, 100]);
        let names =
            gather((0..2500).map(|number| Measurement::new(format!("Metric{number}"), 1.0, Unit::Count)));
        assert_eq!(names.iter().map(Vec::len).collect::<Vec<_>>(), [1000, 1000, 500]);
        let long = "x".repeat(1000);
        let large = gather((0..900).map(|number| {
            Measurement::new(format!("Metric{number}"), 1.0, Unit::Count).dimension("Long", long.clone())
        }));
        assert!(large.len() > 1);
        assert!(
            large
                .iter()
                .all(|request| request.iter().map(estimated_bytes).sum::<usize>() <= REQUEST_BYTES_MAX)
        );
    }

    #[test]
    fn a_series_of_very_many_values_is_rounded_and_loses_none() {
        let requests =
            gather((0..5_000).map(|value| Measurement::new("Took", f64::from(value) + 0.125, Unit::None)));
        let total: f64 =
            requests.iter().flatten().flat_map(|piece| &piece.values).map(|(_, count)| count).sum();
        assert!((total - 5_000.0).abs() < f64::EPSILON);
        assert!(requests.iter().flatten().map(|piece| piece.values.len()).sum::<usize>() < 2_000);
    }
}
