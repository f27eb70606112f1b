//! Handlers as Lambda functions.

#[cfg(feature = "lambda")]
use std::pin::Pin;
#[cfg(feature = "sqs")]
use std::sync::Arc;
#[cfg(feature = "lambda")]
use std::time::SystemTime;
use std::time::{Duration, Instant};

#[cfg(feature = "lambda")]
use lambda_runtime::Diagnostic;
use serde::Serialize;
#[cfg(feature = "lambda")]
use serde_json::value::RawValue;
use tower::Service;

use crate::handler::batch::Verdict;
use crate::handler::input::{Input, RecordId, Source};
use crate::handler::{BoxError, Delivery, Handling, InputError};
#[cfg(feature = "sqs")]
use crate::queue::Queues;

/// How long before Lambda's deadline handlers are given up, so that there is time to answer which messages were handled.
const MARGIN: Duration = Duration::from_millis(500);

/// A Lambda function that handles events with a router: of a queue or a stream, in batches with partial answers, or single ones of a rule or a topic.
///
/// The event source mapping of a queue must have `FunctionResponseTypes: [ReportBatchItemFailures]`; without it Lambda takes a partial answer for a
/// success. (If every message of a batch fails, the invocation fails as a whole, which counts either way.)
///
/// ```no_run
/// use pontoon::function::Function;
/// use pontoon::handler::Router;
///
/// #[tokio::main(flavor = "current_thread")]
/// async fn main() -> Result<(), lambda_runtime::Error> {
///     let router = Router::new();
///     Function::new(router).run().await
/// }
/// ```
///
/// In a test, it is invoked without a process:
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use pontoon::function::Function;
/// use pontoon::handler::{HandleError, Router};
/// use pontoon::{DomainEvent, Envelope};
///
/// #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema, DomainEvent)]
/// #[event(source = "order-service")]
/// struct OrderCreated { amount: f64 }
///
/// let function = Function::new(Router::new().on(async |order: Envelope<OrderCreated>, _| {
///     if order.payload.amount > 100.0 { Err(HandleError::transient("too much for today")) } else { Ok(()) }
/// }));
/// let message = |id: &str, amount: f64| {
///     let body = serde_json::to_string(&Envelope::new(OrderCreated { amount }).encode().unwrap()).unwrap();
///     serde_json::json!({ "messageId": id, "body": body, "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:eu-central-1:1:orders" })
/// };
/// let batch = serde_json::json!({ "Records": [message("a", 1.0), message("b", 1000.0)] });
/// let answer = function.invoke(&batch.to_string(), None).await.unwrap();
/// assert_eq!(serde_json::to_value(answer).unwrap(), serde_json::json!({ "batchItemFailures": [{ "itemIdentifier": "b" }] }));
/// # });
/// ```
#[derive(Clone)]
pub struct Function<S> {
    handling: Handling<S>,
    #[cfg(feature = "sqs")]
    queues: Option<Arc<Queues>>,
}

/// What the function answers: for a batch, which of its messages were not handled.
///
/// ```
/// let answer = pontoon::function::Answer::default();
/// assert_eq!(serde_json::to_string(&answer).unwrap(), r#"{"batchItemFailures":[]}"#);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// The messages to be tried again.
    pub batch_item_failures: Vec<FailedItem>,
}

/// A message that was not handled.
///
/// ```
/// let failed = pontoon::function::FailedItem { item_identifier: "message-1".into() };
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FailedItem {
    /// The queue message's id, or the stream record's sequence number.
    pub item_identifier: String,
}

/// Why an invocation failed as a whole.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use pontoon::function::{Function, InvokeError};
/// let error = Function::new(pontoon::handler::Router::new()).invoke("not JSON", None).await.unwrap_err();
/// assert!(matches!(error, InvokeError::Input(_)));
/// # });
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvokeError {
    /// What it was invoked with is no events.
    #[error(transparent)]
    Input(#[from] InputError),
    /// A single event was not handled, or no message of a batch was; the reason is the first one's.
    #[error("{reason}")]
    Failed {
        /// Why.
        reason: String,
    },
}

#[cfg(feature = "lambda")]
impl InvokeError {
    /// What Lambda reports as `errorType`.
    fn kind(&self) -> &'static str {
        match self {
            Self::Input(_) => "InputError",
            Self::Failed { .. } => "HandleError",
        }
    }
}

impl<S> Function<S> {
    /// A function that handles events with a router.
    ///
    /// ```
    /// use pontoon::function::Function;
    /// use pontoon::handler::Router;
    /// let function = Function::new(Router::new());
    /// ```
    pub fn new(service: S) -> Self {
        Self::with(Handling::new(service))
    }

    /// A function that handles events as it is told.
    ///
    /// ```
    /// use pontoon::function::Function;
    /// use pontoon::handler::{Handling, Router};
    /// let function = Function::with(Handling::new(Router::new()).concurrency(1));
    /// ```
    pub fn with(handling: Handling<S>) -> Self {
        Self {
            handling,
            #[cfg(feature = "sqs")]
            queues: None,
        }
    }

    /// Lets the function see to failed queue messages itself: those that failed for good go to the queue's dead-letter queue at once, with the
    /// reason, and the others wait as the backoff says. Its role needs `sqs:GetQueueUrl`, `sqs:GetQueueAttributes`, `sqs:ChangeMessageVisibility` and
    /// `sqs:SendMessage` for that; without them, or without this, SQS's own redrive policy has the say.
    ///
    /// ```
    /// # fn with(config: &aws_config::SdkConfig) {
    /// use pontoon::function::Function;
    /// use pontoon::handler::Router;
    /// let function = Function::new(Router::new()).with_sqs(aws_sdk_sqs::Client::new(config));
    /// # }
    /// ```
    #[cfg(feature = "sqs")]
    #[must_use]
    pub fn with_sqs(self, client: aws_sdk_sqs::Client) -> Self {
        Self { queues: Some(Arc::new(Queues::new(client))), ..self }
    }
}

impl<S> Function<S>
where
    S: Service<Delivery, Response = ()> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    /// Handles one invocation's event, JSON; `deadline` is when Lambda ends it.
    ///
    /// # Errors
    /// [`InvokeError`]: the invocation as a whole is to be tried again.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// use pontoon::function::Function;
    /// use pontoon::handler::{Router, Unrouted};
    /// let function = Function::new(Router::new().unrouted(Unrouted::Skip));
    /// assert!(function.invoke(r#"{"Records":[]}"#, None).await.unwrap().batch_item_failures.is_empty());
    /// # });
    /// ```
    pub async fn invoke(&self, event: &str, deadline: Option<Instant>) -> Result<Answer, InvokeError> {
        self.invoke_traced(event, deadline, None).await
    }

    /// The same within a trace of Lambda's, which events go on with that carry none of their own.
    async fn invoke_traced(
        &self,
        event: &str,
        deadline: Option<Instant>,
        trace: Option<&str>,
    ) -> Result<Answer, InvokeError> {
        let deadline = deadline.map(|deadline| deadline.checked_sub(MARGIN).unwrap_or(deadline));
        let mut input = Input::parse(event, self.handling.assumed(), deadline)?;
        for delivery in input.items.iter_mut().filter_map(|item| item.delivery.as_mut().ok()) {
            if delivery.envelope.trace.is_none() {
                delivery.envelope.trace = trace.map(str::to_owned);
            }
        }
        let lanes = input.lanes(self.handling.fifo_lanes());
        let verdicts = self.handling.handle_batch(std::mem::take(&mut input.items), lanes).await;
        let answer = self.answer(input, verdicts).await;
        self.handling.flush_metrics().await;
        answer
    }

    async fn answer(&self, input: Input, verdicts: Vec<Verdict>) -> Result<Answer, InvokeError> {
        let first = verdicts.iter().find_map(|verdict| match verdict {
            Verdict::Failed(error) => Some(error.reason()),
            Verdict::Done | Verdict::Skipped => None,
        });
        let Some(reason) = first else { return Ok(Answer::default()) };
        let Some(records) = input.records else { return Err(InvokeError::Failed { reason }) };
        let count = records.len();
        let mut failed = Vec::new();
        for (record, verdict) in records.into_iter().zip(verdicts) {
            if !self.is_settled(&input.source, &record, verdict).await {
                failed.push(FailedItem { item_identifier: record.identifier });
            }
        }
        match input.source {
            // Lambda goes on from the first failure, whatever else is named.
            Source::Stream => failed.truncate(1),
            _ if failed.len() == count => return Err(InvokeError::Failed { reason }),
            _ => {}
        }
        Ok(Answer { batch_item_failures: failed })
    }

    /// Whether a message can be deleted: it was handled, or is a dead letter now. One that is to come back waits as the backoff says.
    async fn is_settled(&self, source: &Source, record: &RecordId, verdict: Verdict) -> bool {
        let error = match verdict {
            Verdict::Done => return true,
            Verdict::Skipped => return false,
            Verdict::Failed(error) => error,
        };
        #[cfg(feature = "sqs")]
        if let (Some(queues), Source::Queue { arn, .. }) = (&self.queues, source) {
            return queues.settle(arn, record, &error, self.handling.backoff_of()).await;
        }
        let _ = (source, record, error);
        false
    }
}

#[cfg(feature = "lambda")]
type Invocation = Pin<Box<dyn Future<Output = Result<Answer, Diagnostic>> + Send>>;

#[cfg(feature = "lambda")]
impl<S> Function<S>
where
    S: Service<Delivery, Response = ()> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    /// Serves invocations until Lambda ends the process.
    ///
    /// # Errors
    /// If the Runtime API cannot be reached.
    ///
    /// # Panics
    /// Outside of Lambda, where the variables that it sets are missing.
    ///
    /// ```no_run
    /// # async fn with(router: pontoon::handler::Router) -> Result<(), lambda_runtime::Error> {
    /// pontoon::function::Function::new(router).run().await
    /// # }
    /// ```
    pub async fn run(self) -> Result<(), lambda_runtime::Error> {
        let service = lambda_runtime::service_fn(move |event: lambda_runtime::LambdaEvent<Box<RawValue>>| {
            let function = self.clone();
            // Boxed, or the type of a `main` with a few layers is deeper than the compiler goes.
            Box::pin(async move {
                let left = event.context.deadline().duration_since(SystemTime::now()).unwrap_or_default();
                let (deadline, trace) = (Some(Instant::now() + left), event.context.xray_trace_id.as_deref());
                let answer = function.invoke_traced(event.payload.get(), deadline, trace).await;
                answer.map_err(|error| Diagnostic {
                    error_type: error.kind().to_owned(),
                    error_message: error.to_string(),
                })
            }) as Invocation
        });
        let served: Pin<Box<dyn Future<Output = _>>> = Box::pin(lambda_runtime::run(service));
        served.await
    }
}
