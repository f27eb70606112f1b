//! Finds, starts, keeps and ends the processes that serve invocations.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use pontoon_core::work::{Code, FunctionCall, FunctionResult, FunctionSpec};
use pontoon_core::{Clock, Space, Store};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::{Instant, sleep_until};

use super::interpreter::Interpreters;
use super::launcher::Spawner;
use super::logs::{self, Report};
use super::process::{Failure, Launch, Process, Sandbox};
use super::runtime_api::Assignment;
use super::unpack::{CodeCache, UnpackError, Unpacked};
use super::{Executor, FunctionCredentials, Invocation, PoolClosed, UNHANDLED};

/// How long an initialization may take before Lambda starts over within the call.
const INIT_TIMEOUT: Duration = Duration::from_secs(10);

/// How a [`FunctionPool`] is set up.
#[derive(Clone)]
pub struct PoolConfig {
    /// A directory that is the pool's alone; unpacked code and bootstraps go there, and it is emptied at start.
    pub dir: PathBuf,
    /// What functions get as `AWS_ENDPOINT_URL`.
    pub endpoint_url: String,
    /// Timestamps the log lines.
    pub clock: Arc<dyn Clock>,
    /// Holds the archives of functions.
    pub store: Arc<dyn Store>,
    /// How many invocations run at once; more wait, outside of their timeouts. At least one.
    pub concurrency_max: usize,
    /// How many processes without work are kept; the one longest without work goes first.
    pub idle_max: usize,
    /// How long a process without work is kept.
    pub idle_timeout: Duration,
}

impl PoolConfig {
    /// A configuration with the default bounds: 256 invocations at once, 64 idle processes, five minutes.
    #[must_use]
    pub fn new(dir: PathBuf, endpoint_url: String, clock: Arc<dyn Clock>, store: Arc<dyn Store>) -> Self {
        Self {
            dir,
            endpoint_url,
            clock,
            store,
            concurrency_max: 256,
            idle_max: 64,
            idle_timeout: Duration::from_secs(300),
        }
    }
}

/// Runs functions. Cheap to clone; [`FunctionPool::close`] ends every process, and so does dropping the last clone.
#[derive(Clone)]
pub struct FunctionPool {
    inner: Arc<Inner>,
}

struct Inner {
    config: PoolConfig,
    code: CodeCache,
    interpreters: Interpreters,
    spawner: Spawner,
    permits: Semaphore,
    closed: watch::Sender<bool>,
    /// Warm processes, the longest idle first.
    idle: Mutex<VecDeque<Idle>>,
    idle_changed: Arc<Notify>,
}

struct Idle {
    process: Process,
    expires: Instant,
}

impl FunctionPool {
    /// Empties the pool's directory and takes it. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If the directory cannot be written.
    pub fn open(config: PoolConfig) -> std::io::Result<Self> {
        std::fs::create_dir_all(&config.dir)?;
        // Functions run in directories of their own, where a relative path would lead elsewhere.
        let dir = config.dir.canonicalize()?;
        let code = CodeCache::open(dir.join("code"))?;
        let interpreters = Interpreters::install(dir.join("runtime"))?;
        let permits = Semaphore::new(config.concurrency_max.max(1));
        let idle_changed = Arc::new(Notify::new());
        let inner = Arc::new(Inner {
            config,
            code,
            interpreters,
            spawner: Spawner::start()?,
            permits,
            closed: watch::Sender::new(false),
            idle: Mutex::default(),
            idle_changed: Arc::clone(&idle_changed),
        });
        tokio::spawn(reap(Arc::downgrade(&inner), idle_changed));
        Ok(Self { inner })
    }

    /// Runs one invocation to its end, whatever that is. Dropping the future kills the process that works on it.
    ///
    /// # Errors
    /// If the pool is closed before that.
    pub async fn invoke(
        &self,
        call: &FunctionCall,
        credentials: &FunctionCredentials,
    ) -> Result<FunctionResult, PoolClosed> {
        let mut closed = self.inner.closed.subscribe();
        let work = async {
            let _permit = self.inner.permits.acquire().await.map_err(|_| PoolClosed)?;
            Ok(self.inner.run(call, credentials).await)
        };
        tokio::select! {
            biased;
            _ = closed.wait_for(|&closed| closed) => Err(PoolClosed),
            result = work => result,
        }
    }

    /// Refuses further work, kills every process and waits for the end of those that are idle.
    pub async fn close(&self) {
        self.inner.closed.send_replace(true);
        let all = u32::try_from(self.inner.config.concurrency_max.max(1)).unwrap_or(u32::MAX);
        // An error means that the pool is closed already.
        let _ = self.inner.permits.acquire_many(all).await;
        self.inner.permits.close();
        let idle = std::mem::take(&mut *self.inner.idle.lock());
        for mut idle in idle {
            idle.process.end().await;
        }
    }
}

impl Executor for FunctionPool {
    fn invoke<'a>(&'a self, call: &'a FunctionCall, credentials: &'a FunctionCredentials) -> Invocation<'a> {
        Box::pin(Self::invoke(self, call, credentials))
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(Self::close(self))
    }
}

impl Inner {
    async fn run(&self, call: &FunctionCall, credentials: &FunctionCredentials) -> FunctionResult {
        if let Some(process) = self.take_idle(&call.spec) {
            return self.serve(process, call, Instant::now(), None).await;
        }
        let sandbox = Arc::new(Sandbox::new(&call.spec, &self.config.clock));
        let began = Instant::now();
        match self.code_of(&call.spec).await {
            Ok((task_root, code)) => {
                let launch = Launch {
                    spec: &call.spec,
                    task_root: &task_root,
                    code: code.as_ref(),
                    interpreters: &self.interpreters,
                    spawner: &self.spawner,
                    endpoint_url: &self.config.endpoint_url,
                    credentials,
                    sandbox: &sandbox,
                };
                self.start_and_serve(call, &launch).await
            }
            Err(error) => failed(call, &sandbox, Failure::Entrypoint(error.to_string()), began, 1),
        }
    }

    /// Starts a process for a call that no warm one can serve. Lambda tries a failed initialization once more, and then it counts as part of the
    /// call.
    async fn start_and_serve(&self, call: &FunctionCall, launch: &Launch<'_>) -> FunctionResult {
        let sandbox = launch.sandbox;
        sandbox.log(logs::init_start(&call.spec));
        let began = Instant::now();
        match initialize(launch, began + INIT_TIMEOUT).await {
            Ok(process) => {
                let init = began.elapsed();
                return self.serve(process, call, Instant::now(), Some(init)).await;
            }
            Err((failure @ Failure::Entrypoint(_), memory_mb)) => {
                return failed(call, sandbox, failure, began, memory_mb);
            }
            Err((failure, _)) => {
                sandbox.log(logs::init_report(began.elapsed(), "init", &failure.init_status()));
            }
        }
        let began = Instant::now();
        match initialize(launch, began + call.spec.timeout).await {
            Ok(process) => self.serve(process, call, began, None).await,
            Err((failure, memory_mb)) => {
                sandbox.log(logs::init_report(began.elapsed(), "invoke", &failure.init_status()));
                failed(call, sandbox, failure, began, memory_mb)
            }
        }
    }

    async fn code_of(&self, spec: &FunctionSpec) -> Result<(PathBuf, Option<Arc<Unpacked>>), UnpackError> {
        match &spec.code {
            Code::Zip { key, sha256 } => {
                let (store, key) = (Arc::clone(&self.config.store), key.clone());
                let source = move || {
                    let found =
                        store.get(Space::Blob, &key).map_err(|error| io::Error::other(error.message))?;
                    found.ok_or_else(|| io::Error::other("the archive is not in the store"))
                };
                let unpacked = self.code.get(sha256, source).await?;
                Ok((unpacked.path().to_owned(), Some(unpacked)))
            }
            Code::Directory { path, .. } => {
                let path = PathBuf::from(path);
                match path.is_dir() {
                    true => Ok((path, None)),
                    false => Err(UnpackError::Code(format!("{} is not a directory", path.display()))),
                }
            }
        }
    }

    /// Has a ready process work on an invocation that began at `began`, and keeps the process if it can go on.
    async fn serve(
        &self,
        mut process: Process,
        call: &FunctionCall,
        began: Instant,
        init: Option<Duration>,
    ) -> FunctionResult {
        let spec = &call.spec;
        let sandbox = Arc::clone(process.sandbox());
        let deadline = began + spec.timeout;
        sandbox.log(logs::start(&call.request_id, &spec.version));
        let answer = process.serve(assignment(call, deadline), deadline).await;
        let duration = if matches!(answer, Err(Failure::TimedOut)) { spec.timeout } else { began.elapsed() };
        // A runtime that answered asks for work again at once. One that does not, has ended or hangs: its answer counts all the same.
        let answered = matches!(answer, Ok(_) | Err(Failure::Reported { .. } | Failure::ResponseTooLarge));
        let reusable = answered && process.ready(deadline).await.is_ok();
        if reusable {
            process.settle();
        } else {
            process.settle();
            process.end().await;
        }
        let result = conclude(call, &sandbox, answer, duration, init, process.max_memory_mb());
        if reusable {
            self.park(process);
        }
        result
    }

    fn take_idle(&self, spec: &FunctionSpec) -> Option<Process> {
        let mut idle = self.idle.lock();
        // Processes of this version with another revision belong to a configuration or code that is gone.
        idle.retain(|idle| {
            let theirs = idle.process.spec();
            theirs.arn != spec.arn || theirs.version != spec.version || is_same(theirs, spec)
        });
        loop {
            let at = idle.iter().rposition(|idle| is_same(idle.process.spec(), spec))?;
            let mut process = idle.remove(at)?.process;
            if process.is_alive() {
                return Some(process);
            }
        }
    }

    fn park(&self, process: Process) {
        if *self.closed.borrow() {
            return;
        }
        let mut idle = self.idle.lock();
        idle.push_back(Idle { process, expires: Instant::now() + self.config.idle_timeout });
        if idle.len() > self.config.idle_max {
            idle.pop_front();
        }
        if idle.len() == 1 {
            self.idle_changed.notify_one();
        }
    }

    /// Ends what has been idle for too long; returns when to look again.
    fn reap_expired(&self) -> Option<Instant> {
        let now = Instant::now();
        let mut idle = self.idle.lock();
        while idle.front().is_some_and(|first| first.expires <= now) {
            idle.pop_front();
        }
        idle.front().map(|first| first.expires)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.idle_changed.notify_one();
    }
}

/// Ends idle processes when their time is up. Sleeps until the first is due, or until there is one.
async fn reap(inner: Weak<Inner>, idle_changed: Arc<Notify>) {
    loop {
        let Some(next) = inner.upgrade().map(|inner| inner.reap_expired()) else { return };
        match next {
            Some(at) => tokio::select! {
                () = sleep_until(at) => {}
                () = idle_changed.notified() => {}
            },
            None => idle_changed.notified().await,
        }
    }
}

/// Whether a process that was started for one of them can serve the other.
fn is_same(a: &FunctionSpec, b: &FunctionSpec) -> bool {
    a.arn == b.arn && a.version == b.version && a.revision == b.revision && a.code == b.code
}

/// Starts a process and waits until it is ready. A failure comes with the memory that was seen in use, in MB.
async fn initialize(launch: &Launch<'_>, deadline: Instant) -> Result<Process, (Failure, u32)> {
    let mut process = Process::start(launch).await.map_err(|failure| (failure, 1))?;
    match process.ready(deadline).await {
        Ok(()) => Ok(process),
        Err(failure) => {
            process.settle();
            process.end().await;
            Err((failure, process.max_memory_mb()))
        }
    }
}

/// The result of an invocation whose process never got ready.
fn failed(
    call: &FunctionCall,
    sandbox: &Sandbox,
    failure: Failure,
    began: Instant,
    memory_mb: u32,
) -> FunctionResult {
    sandbox.log(logs::start(&call.request_id, &call.spec.version));
    let duration = began.elapsed().min(call.spec.timeout);
    conclude(call, sandbox, Err(failure), duration, None, memory_mb)
}

/// Writes the log's closing lines and puts the result together.
fn conclude(
    call: &FunctionCall,
    sandbox: &Sandbox,
    answer: Result<bytes::Bytes, Failure>,
    duration: Duration,
    init_duration: Option<Duration>,
    max_memory_mb: u32,
) -> FunctionResult {
    let spec = &call.spec;
    let request_id = &call.request_id;
    if let Err(failure) = &answer {
        failure.log(sandbox, request_id, spec.timeout);
    }
    // Since August 2025 AWS bills the initialization of every function, zip packages of managed runtimes included.
    let billed = duration + init_duration.unwrap_or_default();
    let billed_ms = u64::try_from(billed.as_micros().div_ceil(1000)).unwrap_or(u64::MAX);
    let status = answer.as_ref().err().and_then(Failure::status);
    let report = Report {
        request_id,
        duration,
        billed_ms,
        memory_mb: spec.memory_mb,
        max_memory_mb,
        init_duration,
        status,
    };
    let log = {
        let mut capture = sandbox.capture.lock();
        capture.system(logs::end(request_id));
        capture.system(report.line());
        capture.take()
    };
    let (payload, function_error) = match answer {
        Ok(payload) => (payload, None),
        Err(failure) => (failure.payload(request_id, spec.timeout), Some(UNHANDLED)),
    };
    FunctionResult {
        payload,
        function_error,
        log,
        log_stream: sandbox.log_stream.clone(),
        duration_ms: duration.as_secs_f64() * 1000.0,
        init_ms: init_duration.map(|init| init.as_secs_f64() * 1000.0),
        max_memory_mb,
    }
}

fn assignment(call: &FunctionCall, deadline: Instant) -> Assignment {
    let left = deadline.saturating_duration_since(Instant::now());
    // The function compares the deadline with the machine's clock, even when Pontoon's own is virtual.
    let machine_now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Assignment {
        request_id: call.request_id.clone(),
        deadline_ms: (machine_now + left).as_millis(),
        invoked_arn: call.invoked_arn.clone(),
        trace_header: call.trace_header.clone(),
        client_context: call.client_context.clone(),
        payload: call.payload.clone(),
    }
}
