//! Metrics: counted and timed in memory, sent to CloudWatch in few requests or printed for Lambda to pick up.
//!
//! | Sink | Sends | For |
//! |---|---|---|
//! | [`MetricsPublisher`] | PutMetricData, every minute and at [`flush`](MetricSink::flush) | workers, services |
//! | [`Emf`] | lines of CloudWatch's embedded metric format | Lambda functions, which then need no permission and no request |
//!
//! Hosts take a sink by [`Handling::metrics`](crate::handler::Handling::metrics), and tell it of every event handled, with the dimension `EventType`:
//! `HandlerDuration` and `EventAge` in milliseconds, and the counts `Handled`, `Failed` (to be tried again), `FailedForGood` and `Retried` (a second or
//! later attempt).

mod emf;
#[cfg(feature = "cloudwatch")]
mod publisher;
mod series;

use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;

pub use emf::Emf;
#[cfg(feature = "cloudwatch")]
pub use publisher::MetricsPublisher;

use crate::handler::{BoxError, Failed, Handled};

/// The longest name of a metric or of a dimension, and the longest value of a dimension is four times that.
const NAME_CHARS_MAX: usize = 255;
/// The longest value of a dimension.
const DIMENSION_VALUE_CHARS_MAX: usize = 1024;
/// The most dimensions of a metric.
const DIMENSIONS_MAX: usize = 30;
/// Values are refused beyond 2^360 either way.
const VALUE_MAX: f64 = 2.348_542_582_773_833_4e108;

/// What a metric's values count.
///
/// ```
/// assert_eq!(pontoon::metrics::Unit::Milliseconds.as_str(), "Milliseconds");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Unit {
    /// Things.
    Count,
    /// Thousandths of a second.
    Milliseconds,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// Hundredths.
    Percent,
    /// Nothing in particular.
    None,
}

impl Unit {
    /// As CloudWatch spells it.
    ///
    /// ```
    /// assert_eq!(pontoon::metrics::Unit::None.as_str(), "None");
    /// ```
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Milliseconds => "Milliseconds",
            Self::Seconds => "Seconds",
            Self::Bytes => "Bytes",
            Self::Percent => "Percent",
            Self::None => "None",
        }
    }
}

/// One value of a metric.
///
/// ```
/// use pontoon::metrics::{Measurement, Unit};
/// let paid = Measurement::new("Revenue", 99.99, Unit::None).dimension("Currency", "EUR");
/// assert!(paid.check().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    /// The metric's name.
    pub name: Cow<'static, str>,
    /// The value.
    pub value: f64,
    /// What it counts.
    pub unit: Unit,
    /// What it is about: names and values, in any order.
    pub dimensions: Vec<(Cow<'static, str>, String)>,
}

impl Measurement {
    /// A value without dimensions.
    ///
    /// ```
    /// use pontoon::metrics::{Measurement, Unit};
    /// let one = Measurement::new("OrdersCreated", 1.0, Unit::Count);
    /// ```
    pub fn new(name: impl Into<Cow<'static, str>>, value: f64, unit: Unit) -> Self {
        Self { name: name.into(), value, unit, dimensions: Vec::new() }
    }

    /// The same with another dimension.
    ///
    /// ```
    /// use pontoon::metrics::{Measurement, Unit};
    /// let one = Measurement::new("OrdersCreated", 1.0, Unit::Count).dimension("Country", "DE");
    /// assert_eq!(one.dimensions.len(), 1);
    /// ```
    #[must_use]
    pub fn dimension(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.dimensions.push((name.into(), value.into()));
        self
    }

    /// Whether CloudWatch would take it; it refuses a whole request for one bad value.
    ///
    /// # Errors
    /// [`InvalidMeasurement`].
    ///
    /// ```
    /// use pontoon::metrics::{Measurement, Unit};
    /// let error = Measurement::new("Load", f64::NAN, Unit::None).check().unwrap_err();
    /// assert_eq!(error.to_string(), "Load: NaN is no value that CloudWatch takes");
    /// ```
    pub fn check(&self) -> Result<(), InvalidMeasurement> {
        let name = self.name.as_ref();
        let invalid = |reason: String| Err(InvalidMeasurement { metric: name.to_owned(), reason });
        if !is_text(name, NAME_CHARS_MAX) {
            return invalid(format!("a metric's name has 1 to {NAME_CHARS_MAX} characters"));
        }
        if !self.value.is_finite() || self.value.abs() > VALUE_MAX {
            return invalid(format!("{} is no value that CloudWatch takes", self.value));
        }
        if self.dimensions.len() > DIMENSIONS_MAX {
            return invalid(format!("a metric has at most {DIMENSIONS_MAX} dimensions"));
        }
        for (dimension, value) in &self.dimensions {
            if !is_text(dimension, NAME_CHARS_MAX) || dimension.starts_with(':') {
                return invalid(format!("{dimension:?} is no name of a dimension"));
            }
            if !is_text(value, DIMENSION_VALUE_CHARS_MAX) {
                return invalid(format!("{value:?} is no value of the dimension {dimension}"));
            }
        }
        Ok(())
    }
}

/// Whether CloudWatch takes it as a name or a dimension's value: printable ASCII that is not all blank.
fn is_text(text: &str, chars_max: usize) -> bool {
    text.len() <= chars_max
        && !text.trim().is_empty()
        && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

/// CloudWatch would refuse a measurement.
///
/// ```
/// use pontoon::metrics::{Measurement, Unit};
/// assert!(Measurement::new("", 1.0, Unit::Count).check().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{metric}: {reason}")]
pub struct InvalidMeasurement {
    /// The metric's name.
    pub metric: String,
    /// What is wrong.
    pub reason: String,
}

/// A sink's answer, still to come.
///
/// ```
/// use pontoon::metrics::Flushing;
///
/// fn nothing_to_flush<'a>() -> Flushing<'a> {
///     Box::pin(async { Ok(()) })
/// }
/// ```
pub type Flushing<'a> = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send + 'a>>;

/// Where measurements go.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use pontoon::metrics::{Emf, Measurement, MetricSink, Unit};
/// let sink = Emf::to(std::io::sink(), "Orders");
/// sink.record(Measurement::new("OrdersCreated", 1.0, Unit::Count)).unwrap();
/// sink.flush().await.unwrap();
/// # });
/// ```
pub trait MetricSink: Send + Sync + 'static {
    /// Takes a value into account; quick, and never waits.
    ///
    /// # Errors
    /// [`InvalidMeasurement`], and nothing is recorded.
    fn record(&self, measurement: Measurement) -> Result<(), InvalidMeasurement>;

    /// Sends everything recorded so far.
    fn flush(&self) -> Flushing<'_>;
}

/// Tells a sink how the handling of an event went.
pub(crate) fn record_handled(sink: &dyn MetricSink, handled: &Handled) {
    let count = match handled.failed {
        None => "Handled",
        Some(Failed::Transiently) => "Failed",
        Some(Failed::Permanently) => "FailedForGood",
    };
    let millis = |duration: std::time::Duration| duration.as_secs_f64() * 1000.0;
    let retried = (handled.attempt > 1).then_some(("Retried", 1.0, Unit::Count));
    let always = [
        (count, 1.0, Unit::Count),
        ("HandlerDuration", millis(handled.took), Unit::Milliseconds),
        ("EventAge", millis(handled.age), Unit::Milliseconds),
    ];
    for (name, value, unit) in always.into_iter().chain(retried) {
        let measurement =
            Measurement::new(name, value, unit).dimension("EventType", handled.event_type.clone());
        if let Err(invalid) = sink.record(measurement) {
            tracing::warn!(%invalid, "not measured");
        }
    }
}
