//! What an event takes from the one that caused it, carried along without anyone handing it on.

use std::future::Future;

tokio::task_local! {
    static CURRENT: Cause;
}

/// What an event takes over from the event being handled while it is made: correlation, cause, trace and tenant.
///
/// Hosts run each handler in the [`scope`](Cause::scope) of its event, so that every [`Envelope::new`](crate::Envelope::new) within finds it.
/// The scope follows the task, across awaits; for a task of its own use [`spawn`](Cause::spawn).
///
/// ```
/// use pontoon::Cause;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let request = Cause { tenant: Some("acme".into()), ..Cause::new("request-7") };
/// request.scope(async { assert_eq!(Cause::current().unwrap().correlation_id, "request-7") }).await;
/// assert!(Cause::current().is_none());
/// # });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Shared by all events that go back to the same beginning.
    pub correlation_id: String,
    /// The id of the event that was the direct cause, if an event was.
    pub causation_id: Option<String>,
    /// The trace to continue: a W3C `traceparent` or the value of an `X-Amzn-Trace-Id` header.
    pub trace: Option<String>,
    /// Whose event it is, where one system serves several.
    pub tenant: Option<String>,
}

impl Cause {
    /// A beginning that is no event, such as a request: events made in its scope share `correlation_id`.
    ///
    /// ```
    /// assert_eq!(pontoon::Cause::new("request-7").causation_id, None);
    /// ```
    pub fn new(correlation_id: impl Into<String>) -> Self {
        Self { correlation_id: correlation_id.into(), causation_id: None, trace: None, tenant: None }
    }

    /// The cause in whose scope the caller runs, if any.
    ///
    /// ```
    /// assert_eq!(pontoon::Cause::current(), None);
    /// ```
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// Runs `future` so that events made within take this cause.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use pontoon::Cause;
    /// let inside = Cause::new("request-7").scope(async { Cause::current() }).await;
    /// assert_eq!(inside, Some(Cause::new("request-7")));
    /// # });
    /// ```
    pub fn scope<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, future)
    }

    /// The same for code that does not wait.
    ///
    /// ```
    /// use pontoon::Cause;
    /// assert_eq!(Cause::new("request-7").sync_scope(Cause::current), Some(Cause::new("request-7")));
    /// ```
    pub fn sync_scope<R>(self, run: impl FnOnce() -> R) -> R {
        CURRENT.sync_scope(self, run)
    }

    /// Starts a task that takes along the cause of the caller, which a plain `tokio::spawn` loses.
    ///
    /// # Panics
    /// Outside of a tokio runtime, as `tokio::spawn` does.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use pontoon::Cause;
    /// let task = Cause::new("request-7").scope(async { Cause::spawn(async { Cause::current() }) }).await;
    /// assert_eq!(task.await.unwrap(), Some(Cause::new("request-7")));
    /// # });
    /// ```
    pub fn spawn<F>(future: F) -> tokio::task::JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        match Self::current() {
            Some(cause) => tokio::spawn(cause.scope(future)),
            None => tokio::spawn(future),
        }
    }
}
