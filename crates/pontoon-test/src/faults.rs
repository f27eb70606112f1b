//! Faults that a test injects.

use std::sync::Arc;

use parking_lot::Mutex;
use pontoon_core::ApiError;
use pontoon_host::intercept::{Attempt, Intercept};

use crate::Pontoon;

/// How an operation fails.
///
/// ```
/// use pontoon_test::Failure;
/// assert_ne!(Failure::throttled(), Failure::denied());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    status: u16,
    code: String,
    message: String,
}

impl Failure {
    /// An error of the service: HTTP status, code, message.
    ///
    /// ```
    /// let failure = pontoon_test::Failure::new(400, "OverLimit", "Too many messages in flight.");
    /// ```
    #[must_use]
    pub fn new(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into() }
    }

    /// The service throttles: `ThrottlingException`, which SDKs and AWS's own callers try again.
    ///
    /// ```
    /// let failure = pontoon_test::Failure::throttled();
    /// ```
    #[must_use]
    pub fn throttled() -> Self {
        Self::new(400, "ThrottlingException", "Rate exceeded")
    }

    /// The service is down: `ServiceUnavailable`, status 503.
    ///
    /// ```
    /// let failure = pontoon_test::Failure::unavailable();
    /// ```
    #[must_use]
    pub fn unavailable() -> Self {
        Self::new(503, "ServiceUnavailable", "The service is currently unavailable.")
    }

    /// The caller may not: `AccessDenied`, which nobody tries again.
    ///
    /// ```
    /// let failure = pontoon_test::Failure::denied();
    /// ```
    #[must_use]
    pub fn denied() -> Self {
        Self::new(403, "AccessDenied", "Access to the resource is denied.")
    }

    fn error(&self) -> ApiError {
        let error = if self.status >= 500 {
            ApiError::server(self.code.clone(), self.message.clone())
        } else {
            ApiError::client(self.code.clone(), self.message.clone())
        };
        error.with_status(self.status)
    }
}

/// What fails, how and how often; made by [`Pontoon::fail`], and in force once it says how.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use pontoon_test::Failure;
///
/// let pontoon = pontoon_test::start().await;
/// pontoon.fail("SendMessage").with(Failure::unavailable());
/// # });
/// ```
#[must_use = "nothing fails before `with`"]
pub struct FaultBuilder<'p> {
    pontoon: &'p Pontoon,
    fault: Fault,
}

#[derive(Debug, Clone)]
struct Fault {
    operation: String,
    target: Option<String>,
    whose: Whose,
    left: Option<u32>,
    failure: Failure,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Everyones,
    Clients,
    Deliveries,
}

impl Pontoon {
    /// Has an operation (`SendMessage`) fail from now on, for whoever calls it: applications from outside, and AWS's services when they deliver.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// use pontoon_test::Failure;
    ///
    /// let pontoon = pontoon_test::start().await;
    /// let sqs = aws_sdk_sqs::Client::new(&pontoon.sdk_config());
    /// pontoon.fail("CreateQueue").once().with(Failure::denied());
    /// assert!(sqs.create_queue().queue_name("orders").send().await.is_err());
    /// assert!(sqs.create_queue().queue_name("orders").send().await.is_ok());
    /// # });
    /// ```
    pub fn fail(&self, operation: &str) -> FaultBuilder<'_> {
        let fault = Fault {
            operation: operation.to_owned(),
            target: None,
            whose: Whose::Everyones,
            left: None,
            failure: Failure::unavailable(),
        };
        FaultBuilder { pontoon: self, fault }
    }

    /// Ends every fault that was injected.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let pontoon = pontoon_test::start().await;
    /// pontoon.fail("CreateQueue").with(pontoon_test::Failure::denied());
    /// pontoon.mend();
    /// let sqs = aws_sdk_sqs::Client::new(&pontoon.sdk_config());
    /// assert!(sqs.create_queue().queue_name("orders").send().await.is_ok());
    /// # });
    /// ```
    pub fn mend(&self) {
        self.faults.0.lock().clear();
    }
}

impl FaultBuilder<'_> {
    /// Only the next call fails.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// # let pontoon = pontoon_test::start().await;
    /// pontoon.fail("PutItem").once().with(pontoon_test::Failure::throttled());
    /// # });
    /// ```
    pub fn once(self) -> Self {
        self.times(1)
    }

    /// Only the next `times` calls fail.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// # let pontoon = pontoon_test::start().await;
    /// pontoon.fail("PutEvents").times(2).with(pontoon_test::Failure::unavailable());
    /// # });
    /// ```
    pub fn times(mut self, times: u32) -> Self {
        self.fault.left = Some(times);
        self
    }

    /// Only calls from outside fail, not deliveries from service to service.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// # let pontoon = pontoon_test::start().await;
    /// pontoon.fail("SendMessage").for_clients().with(pontoon_test::Failure::throttled());
    /// # });
    /// ```
    pub fn for_clients(mut self) -> Self {
        self.fault.whose = Whose::Clients;
        self
    }

    /// Only deliveries from service to service (a rule's, a topic's, a redrive's) to the resource with this name or ARN fail.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// # let pontoon = pontoon_test::start().await;
    /// pontoon.fail("SendMessage").for_deliveries_to("orders").with(pontoon_test::Failure::throttled());
    /// # });
    /// ```
    pub fn for_deliveries_to(mut self, resource: &str) -> Self {
        self.fault.whose = Whose::Deliveries;
        self.fault.target = Some(resource.to_owned());
        self
    }

    /// Puts the fault in force, until it has happened as often as was said, or [`Pontoon::mend`].
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// # let pontoon = pontoon_test::start().await;
    /// pontoon.fail("UpdateItem").with(pontoon_test::Failure::new(400, "ValidationException", "No."));
    /// # });
    /// ```
    pub fn with(mut self, failure: Failure) {
        self.fault.failure = failure;
        self.pontoon.faults.0.lock().push(self.fault);
    }
}

/// The faults in force.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults(Arc<Mutex<Vec<Fault>>>);

impl Faults {
    pub(crate) fn intercept(&self) -> Intercept {
        let faults = Arc::clone(&self.0);
        Arc::new(move |attempt| {
            let mut faults = faults.lock();
            let at = faults.iter().position(|fault| fault.is_of(attempt))?;
            let error = faults[at].failure.error();
            if let Some(left) = &mut faults[at].left {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    faults.remove(at);
                }
            }
            Some(error)
        })
    }
}

impl Fault {
    fn is_of(&self, attempt: &Attempt<'_>) -> bool {
        let whose = match self.whose {
            Whose::Everyones => true,
            Whose::Clients => attempt.target.is_none(),
            Whose::Deliveries => attempt.target.is_some(),
        };
        whose
            && self.left != Some(0)
            && attempt.operation.name == self.operation
            && self
                .target
                .as_deref()
                .is_none_or(|resource| names(resource, attempt.target.unwrap_or_default()))
    }
}

/// Whether `resource`, a name or an ARN, is the resource `target`.
fn names(resource: &str, target: &str) -> bool {
    target == resource || target.rsplit([':', '/']).next() == Some(resource)
}
