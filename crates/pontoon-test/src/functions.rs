//! Rust functions in the test's process, where a template has Lambda functions.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use pontoon_core::work::{FunctionCall, FunctionResult, FunctionSpec, LogLine};
use pontoon_core::{Clock, Store};
use pontoon_host::functions::{
    Executor, FunctionCredentials, FunctionPool, Invocation as Running, PoolClosed, PoolConfig,
};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::Pontoon;

/// What a function is told of an invocation beside the event.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// # let pontoon = pontoon_test::start().await;
/// pontoon.function("Who", async |_event, context| Ok::<_, String>(context.function_name));
/// # });
/// ```
#[derive(Debug, Clone)]
pub struct InvocationContext {
    /// The request's id, a UUID; the same again when Lambda tries an asynchronous invocation again.
    pub request_id: String,
    /// The ARN that was invoked.
    pub function_arn: String,
    /// The function's name.
    pub function_name: String,
    /// Its environment variables by the template.
    pub environment: BTreeMap<String, String>,
    /// When Lambda ends it, by the machine's clock, as real functions are told.
    pub deadline: SystemTime,
    /// The X-Ray header.
    pub trace_header: String,
    took_micros: Arc<AtomicU64>,
}

impl InvocationContext {
    /// Has the invocation count as one that took `longer` than it does, in the `Duration` metric and the log's report, without anyone waiting.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// use pontoon_test::Span as _;
    ///
    /// # let pontoon = pontoon_test::start().await;
    /// pontoon.function("SlowOne", async |event, context| {
    ///     context.take(1500.millis());
    ///     Ok::<_, String>(event)
    /// });
    /// # });
    /// ```
    pub fn take(&self, longer: Duration) {
        let micros = u64::try_from(longer.as_micros()).unwrap_or(u64::MAX);
        self.took_micros.fetch_add(micros, Ordering::Relaxed);
    }
}

/// An invocation of a function in the test's process that has ended.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use pontoon_test::Invocation;
///
/// let pontoon = pontoon_test::start().await;
/// pontoon.function("Processor", async |event, _| Ok::<_, String>(event));
/// let failed = |invocation: &&Invocation| invocation.outcome.is_err();
/// assert_eq!(pontoon.invocations("Processor").iter().filter(failed).count(), 0);
/// # });
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Invocation {
    /// When it ended, by Pontoon's clock.
    pub at: SystemTime,
    /// What the function was given.
    pub event: Value,
    /// What it gave, or its error in words.
    pub outcome: Result<Value, String>,
}

type Answer = Pin<Box<dyn Future<Output = Result<Value, Problem>> + Send>>;
type Function = Arc<dyn Fn(Value, InvocationContext) -> Answer + Send + Sync>;

/// How a function failed, as a Rust runtime reports it.
struct Problem {
    error_type: String,
    message: String,
}

impl Pontoon {
    /// Has `function` run whenever the Lambda function of this name, or of this logical id in a template, is invoked: no process is started, and its
    /// `Code` is not looked at. Its errors, panics and timeouts count as Lambda's do, with Lambda's retries and destinations. Register before deploying.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let pontoon = pontoon_test::start().await;
    /// let sqs = aws_sdk_sqs::Client::new(&pontoon.sdk_config());
    /// pontoon.function("Processor", move |event, _context| {
    ///     let sqs = sqs.clone();
    ///     async move {
    ///         sqs.list_queues().send().await?;
    ///         Ok::<_, aws_sdk_sqs::Error>(event)
    ///     }
    /// });
    /// # });
    /// ```
    pub fn function<F, Fut, T, E>(&self, name: &str, function: F)
    where
        F: Fn(Value, InvocationContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        T: Serialize,
        E: Display,
    {
        let function: Function = Arc::new(move |event, context| {
            let answer = function(event, context);
            Box::pin(async move {
                let error_type = std::any::type_name::<E>();
                let problem = |message| Problem { error_type: error_type.to_owned(), message };
                let answer = answer.await.map_err(|error| problem(error.to_string()))?;
                serde_json::to_value(answer).map_err(|error| problem(error.to_string()))
            })
        });
        self.functions.0.lock().known.insert(name.to_owned(), function);
    }

    /// The invocations of a function in the test's process that have ended, by the name it was registered under, the oldest first.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let pontoon = pontoon_test::start().await;
    /// pontoon.function("Processor", async |event, _| Ok::<_, String>(event));
    /// assert!(pontoon.invocations("Processor").is_empty());
    /// # });
    /// ```
    #[must_use]
    pub fn invocations(&self, name: &str) -> Vec<Invocation> {
        self.functions.0.lock().ended.get(name).cloned().unwrap_or_default()
    }
}

/// The functions of the test's process. Clones share them; they outlast crashes.
#[derive(Clone, Default)]
pub(crate) struct Functions(Arc<Mutex<Registry>>);

#[derive(Default)]
struct Registry {
    /// By the name they were registered under.
    known: HashMap<String, Function>,
    /// Names of functions, and the logical ids that stand for them.
    logical_ids: HashMap<String, String>,
    ended: HashMap<String, Vec<Invocation>>,
}

impl Functions {
    /// Whether one was registered under this name.
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.0.lock().known.contains_key(name)
    }

    /// Notes that the function `name` is that of a logical id.
    pub(crate) fn is_named(&self, name: &str, logical_id: &str) {
        self.0.lock().logical_ids.insert(name.to_owned(), logical_id.to_owned());
    }

    /// What runs them, and others as processes.
    pub(crate) fn executor(
        &self,
        endpoint_url: String,
        clock: Arc<dyn Clock>,
        store: Arc<dyn Store>,
    ) -> Arc<dyn Executor> {
        let (closed, _) = watch::channel(false);
        Arc::new(InProcess {
            functions: self.clone(),
            endpoint_url,
            clock,
            store,
            closed,
            pool: Mutex::default(),
        })
    }

    /// The function to run for a specification, with the name it was registered under.
    fn find(&self, spec: &FunctionSpec) -> Option<(String, Function)> {
        let registry = self.0.lock();
        let found = |name: &str| Some((name.to_owned(), Arc::clone(registry.known.get(name)?)));
        if let Some(found) = found(&spec.name) {
            return Some(found);
        }
        if let Some(found) = registry.logical_ids.get(&spec.name).and_then(|id| found(id)) {
            return Some(found);
        }
        // The name that CloudFormation makes is STACK-LOGICALID-SUFFIX; a function may be called before its stack is complete.
        let within = spec.name.rsplit_once('-').and_then(|(rest, _)| rest.rsplit_once('-'));
        within.and_then(|(_, logical_id)| found(logical_id))
    }
}

/// Runs registered functions as tasks, and everything else in a pool of processes that is opened when it is first needed.
struct InProcess {
    functions: Functions,
    endpoint_url: String,
    clock: Arc<dyn Clock>,
    store: Arc<dyn Store>,
    closed: watch::Sender<bool>,
    pool: Mutex<Option<(FunctionPool, Scratch)>>,
}

/// A directory that is removed with its owner.
struct Scratch(std::path::PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left is in the machine's directory for temporary files, which is cleared anyway.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Executor for InProcess {
    fn invoke<'a>(&'a self, call: &'a FunctionCall, credentials: &'a FunctionCredentials) -> Running<'a> {
        Box::pin(async move {
            let Some((name, function)) = self.functions.find(&call.spec) else {
                let pool = self.pool();
                return FunctionPool::invoke(&pool, call, credentials).await;
            };
            let mut closed = self.closed.subscribe();
            tokio::select! {
                biased;
                _ = closed.wait_for(|closed| *closed) => Err(PoolClosed),
                result = self.run(&name, &function, call) => Ok(result),
            }
        })
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            self.closed.send_replace(true);
            let pool = self.pool.lock().take();
            if let Some((pool, _scratch)) = pool {
                FunctionPool::close(&pool).await;
            }
        })
    }
}

impl InProcess {
    fn pool(&self) -> FunctionPool {
        let mut pool = self.pool.lock();
        let (pool, _) = pool.get_or_insert_with(|| {
            let unique = format!("pontoon-test-{}-{:016x}", std::process::id(), fastrand::u64(..));
            let dir = std::env::temp_dir().join(unique);
            let (clock, store) = (Arc::clone(&self.clock), Arc::clone(&self.store));
            let config = PoolConfig::new(dir.clone(), self.endpoint_url.clone(), clock, store);
            let opened = FunctionPool::open(config);
            let opened = opened.unwrap_or_else(|error| panic!("{} cannot be used: {error}", dir.display()));
            (opened, Scratch(dir))
        });
        pool.clone()
    }

    async fn run(&self, name: &str, function: &Function, call: &FunctionCall) -> FunctionResult {
        let spec = &call.spec;
        let event: Value = serde_json::from_slice(&call.payload).unwrap_or_default();
        let took_micros = Arc::new(AtomicU64::new(0));
        let context = InvocationContext {
            request_id: call.request_id.clone(),
            function_arn: call.invoked_arn.clone(),
            function_name: spec.name.clone(),
            environment: spec.environment.clone(),
            deadline: SystemTime::now() + spec.timeout,
            trace_header: call.trace_header.clone(),
            took_micros: Arc::clone(&took_micros),
        };
        let began = Instant::now();
        let answer = end_of(function(event.clone(), context), spec.timeout, &call.request_id).await;
        let took = began.elapsed() + Duration::from_micros(took_micros.load(Ordering::Relaxed));
        let at = self.clock.now();
        let outcome = answer.as_ref().map(Value::clone).map_err(|problem| problem.message.clone());
        let at_time = UNIX_EPOCH + at.since(pontoon_core::Timestamp::EPOCH);
        let ended = Invocation { at: at_time, event, outcome };
        self.functions.0.lock().ended.entry(name.to_owned()).or_default().push(ended);
        let (payload, function_error) = match answer {
            Ok(value) => (value.to_string(), None),
            Err(Problem { error_type, message }) => {
                (json!({ "errorType": error_type, "errorMessage": message }).to_string(), Some("Unhandled"))
            }
        };
        let duration_ms = took.min(spec.timeout).as_secs_f64() * 1000.0;
        FunctionResult {
            payload: payload.into(),
            function_error,
            log: log(call, duration_ms).into_iter().map(|text| LogLine { at, text }).collect(),
            log_stream: format!("{}/[{}]in-process", at.zoned().strftime("%Y/%m/%d"), spec.version),
            duration_ms,
            init_ms: None,
            max_memory_mb: 1,
        }
    }
}

/// Runs a function to its end, in a task of its own so that its panic is its own.
async fn end_of(answer: Answer, limit: Duration, request_id: &str) -> Result<Value, Problem> {
    let mut task = Abort(tokio::spawn(answer));
    match tokio::time::timeout(limit, &mut task.0).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(panicked)) => {
            let message = match panicked.try_into_panic() {
                Ok(payload) => said_of(payload.as_ref()),
                Err(cancelled) => cancelled.to_string(),
            };
            Err(Problem { error_type: "Panic".to_owned(), message })
        }
        Err(_) => Err(Problem {
            error_type: "Sandbox.Timedout".to_owned(),
            message: format!(
                "RequestId: {request_id} Error: Task timed out after {:.2} seconds",
                limit.as_secs_f64()
            ),
        }),
    }
}

/// Ends its task when it is dropped.
struct Abort<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for Abort<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn said_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without words".to_owned())
}

/// The lines that Lambda itself logs of an invocation.
fn log(call: &FunctionCall, duration_ms: f64) -> [String; 3] {
    let (id, spec) = (&call.request_id, &call.spec);
    [
        format!("START RequestId: {id} Version: {}\n", spec.version),
        format!("END RequestId: {id}\n"),
        format!(
            "REPORT RequestId: {id}\tDuration: {duration_ms:.2} ms\tBilled Duration: {:.0} ms\tMemory Size: {} MB\tMax Memory Used: 1 MB\t\n",
            duration_ms.ceil(),
            spec.memory_mb
        ),
    ]
}
