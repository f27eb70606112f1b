//! How handling an event fails.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::event::DecodeError;
use crate::forms::FormError;
use crate::publish::PublishError;

/// Any error, as tower's layers have it.
///
/// ```
/// use pontoon::handler::{BoxError, HandleError};
///
/// let error: BoxError = "the gateway is busy".into();
/// assert!(!HandleError::transient(error).is_permanent());
/// ```
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Why an event was not handled, and whether trying again can help.
///
/// `?` turns any error into one that can pass, but for an event that cannot be decoded, which stays so.
///
/// ```
/// use pontoon::handler::HandleError;
///
/// fn charge(amount: &str) -> Result<(), HandleError> {
///     let amount: f64 = amount.parse().map_err(HandleError::permanent)?;
///     if amount > 1000.0 {
///         return Err(HandleError::transient("the gateway is busy").retry_after(std::time::Duration::from_secs(30)));
///     }
///     std::fs::metadata("/no/such/file")?;
///     Ok(())
/// }
///
/// assert!(charge("ten").unwrap_err().is_permanent());
/// assert_eq!(charge("2000").unwrap_err().reason(), "the gateway is busy");
/// assert!(!charge("20").unwrap_err().is_permanent());
/// ```
///
/// It is no `std::error::Error` itself, so that `?` can make it of every other; as a [`BoxError`] it is one.
pub struct HandleError {
    permanent: bool,
    after: Option<Duration>,
    source: BoxError,
}

impl HandleError {
    /// The event can never be handled: it is not tried again, and goes to the dead-letter queue with this reason.
    ///
    /// ```
    /// use pontoon::handler::HandleError;
    /// assert!(HandleError::permanent("the amount is negative").is_permanent());
    /// ```
    pub fn permanent(source: impl Into<BoxError>) -> Self {
        Self { permanent: true, after: None, source: source.into() }
    }

    /// The event could not be handled now: it is tried again, later each time, as often as its queue allows.
    ///
    /// ```
    /// use pontoon::handler::HandleError;
    /// assert!(!HandleError::transient("the gateway is busy").is_permanent());
    /// ```
    pub fn transient(source: impl Into<BoxError>) -> Self {
        Self { permanent: false, after: None, source: source.into() }
    }

    /// The same, to be tried again after `delay` instead of when the host's backoff says; SQS takes whole seconds, up to twelve hours.
    ///
    /// ```
    /// use std::time::Duration;
    /// use pontoon::handler::HandleError;
    /// let busy = HandleError::transient("busy").retry_after(Duration::from_secs(30));
    /// assert_eq!(busy.delay(), Some(Duration::from_secs(30)));
    /// ```
    #[must_use]
    pub fn retry_after(self, delay: Duration) -> Self {
        Self { after: Some(delay), ..self }
    }

    /// Whether trying again cannot help.
    ///
    /// ```
    /// assert!(pontoon::handler::HandleError::permanent("no").is_permanent());
    /// ```
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        self.permanent
    }

    /// When to try again, if [`retry_after`](Self::retry_after) said so.
    ///
    /// ```
    /// assert_eq!(pontoon::handler::HandleError::transient("busy").delay(), None);
    /// ```
    #[must_use]
    pub fn delay(&self) -> Option<Duration> {
        self.after
    }

    /// The error and its sources, in words.
    ///
    /// ```
    /// let error = pontoon::handler::HandleError::from("x".parse::<u8>().unwrap_err());
    /// assert_eq!(error.reason(), "invalid digit found in string");
    /// ```
    #[must_use]
    pub fn reason(&self) -> String {
        let mut reason = self.source.to_string();
        let mut source = self.source.source();
        while let Some(error) = source {
            let text = error.to_string();
            // Many errors already say what their source says.
            if !reason.contains(&text) {
                reason.push_str(": ");
                reason.push_str(&text);
            }
            source = error.source();
        }
        reason
    }

    /// From whatever a stack of layers failed with: a handler's own error is itself again.
    ///
    /// ```
    /// use pontoon::handler::{BoxError, HandleError};
    /// let boxed: BoxError = HandleError::permanent("no").into();
    /// assert!(HandleError::from_box(boxed).is_permanent());
    /// assert!(!HandleError::from_box("timed out").is_permanent());
    /// ```
    #[must_use]
    pub fn from_box(error: impl Into<BoxError>) -> Self {
        let error = error.into();
        match error.downcast::<Boxed>() {
            Ok(boxed) => boxed.0,
            Err(source) => {
                let permanent = is_final(source.as_ref());
                Self { permanent, after: None, source }
            }
        }
    }
}

impl fmt::Debug for HandleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.permanent { "permanent" } else { "transient" };
        write!(f, "{kind}: {}", self.reason())
    }
}

impl fmt::Display for HandleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason())
    }
}

/// Whether this is an error of the crate's own that trying again does not cure.
fn is_final(error: &(dyn Error + 'static)) -> bool {
    let publishing = error.downcast_ref::<PublishError>();
    error.is::<DecodeError>()
        || error.is::<FormError>()
        || publishing.is_some_and(|error| !error.is_transient())
}

impl<E: Error + Send + Sync + 'static> From<E> for HandleError {
    fn from(error: E) -> Self {
        let permanent = is_final(&error);
        Self { permanent, after: None, source: Box::new(error) }
    }
}

impl From<HandleError> for BoxError {
    fn from(error: HandleError) -> Self {
        Box::new(Boxed(error))
    }
}

/// A [`HandleError`] on its way through layers that take errors of any kind.
#[derive(Debug)]
struct Boxed(HandleError);

impl fmt::Display for Boxed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Error for Boxed {}
