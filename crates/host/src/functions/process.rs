//! One process of a function: how it is started, watched and ended.

use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use pontoon_core::Clock;
use pontoon_core::work::FunctionSpec;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::net::unix::pipe;
use tokio::process::Child;
use tokio::task::AbortHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};

use super::environment::{self, Surroundings};
use super::interpreter::{Entrypoint, Interpreters};
use super::launcher::Spawner;
use super::logs::{self, Capture, Status};
use super::runtime_api::{Assignment, Event, RuntimeApi};
use super::unpack::Unpacked;
use super::{FunctionCredentials, RESPONSE_BYTES_MAX};

/// How often the memory of a working process is looked at. Nothing tells when a process grows.
const MEMORY_SAMPLE: Duration = Duration::from_millis(50);
/// How long an answer may still come in after its process is gone: it is in the socket already.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// The most bytes read in one go after an answer: what fits in a pipe, twice.
const DRAIN_BYTES_MAX: usize = 128 * 1024;

/// Where a process's output goes; stays the same when an initialization is tried again.
pub(super) struct Sandbox {
    pub(super) log_stream: String,
    pub(super) capture: Mutex<Capture>,
}

impl Sandbox {
    pub(super) fn new(spec: &FunctionSpec, clock: &Arc<dyn Clock>) -> Self {
        let day = clock.now().zoned().strftime("%Y/%m/%d");
        let log_stream = format!("{day}/[{}]{:032x}", spec.version, fastrand::u128(..));
        Self { log_stream, capture: Mutex::new(Capture::new(Arc::clone(clock))) }
    }

    /// Adds a line of Lambda's own to the log.
    pub(super) fn log(&self, message: String) {
        self.capture.lock().system(message);
    }
}

/// Why a process did not serve an invocation.
#[derive(Debug)]
pub(super) enum Failure {
    /// The runtime told, in its own words.
    Reported { document: Bytes, error_type: String },
    /// The process ended.
    Exited(ExitStatus),
    /// The time was up.
    TimedOut,
    /// The process used more memory than the function has.
    OutOfMemory,
    /// There is nothing that can be executed, or no code to execute it with.
    Entrypoint(String),
    /// The response is too large.
    ResponseTooLarge,
}

impl Failure {
    pub(super) fn error_type(&self) -> &str {
        match self {
            Self::Reported { error_type, .. } => error_type,
            Self::Exited(_) => "Runtime.ExitError",
            Self::TimedOut => "Sandbox.Timedout",
            Self::OutOfMemory => "Runtime.OutOfMemory",
            Self::Entrypoint(_) => "Runtime.InvalidEntrypoint",
            Self::ResponseTooLarge => "Function.ResponseSizeTooLarge",
        }
    }

    /// How the `REPORT` line names it. What a runtime reports is the function's affair and leaves the line as it is
    /// (recording `test_invocation_type_event_error`).
    pub(super) fn status(&self) -> Option<Status<'_>> {
        match self {
            Self::Reported { .. } | Self::ResponseTooLarge => None,
            Self::TimedOut => Some(Status::Timeout),
            Self::Exited(_) | Self::OutOfMemory | Self::Entrypoint(_) => {
                Some(Status::Error(self.error_type()))
            }
        }
    }

    /// The same for an initialization, where a reported error counts too.
    pub(super) fn init_status(&self) -> Status<'_> {
        self.status().unwrap_or(Status::Error(self.error_type()))
    }

    fn message(&self, time_limit: Duration) -> String {
        match self {
            Self::Reported { error_type, .. } => error_type.clone(),
            Self::Exited(status) => exit_text(*status),
            Self::TimedOut => format!("Task timed out after {:.2} seconds", time_limit.as_secs_f64()),
            Self::OutOfMemory => "Runtime exited with error: signal: killed".to_owned(),
            Self::Entrypoint(reason) => reason.clone(),
            Self::ResponseTooLarge => {
                format!(
                    "Response payload size exceeded maximum allowed payload size ({RESPONSE_BYTES_MAX} bytes)."
                )
            }
        }
    }

    /// The error document that the caller gets (recordings `TestLambdaErrors`, `test_lambda_invoke_with_timeout`).
    pub(super) fn payload(&self, request_id: &str, time_limit: Duration) -> Bytes {
        match self {
            Self::Reported { document, .. } => document.clone(),
            Self::ResponseTooLarge => error_payload(self.error_type(), &self.message(time_limit)),
            _ => error_payload(
                self.error_type(),
                &format!("RequestId: {request_id} Error: {}", self.message(time_limit)),
            ),
        }
    }

    /// What Lambda logs of it.
    pub(super) fn log(&self, sandbox: &Sandbox, request_id: &str, time_limit: Duration) {
        let mut capture = sandbox.capture.lock();
        match self {
            Self::Reported { .. } => {}
            Self::TimedOut => {
                let line = logs::timed_out(capture.now(), request_id, time_limit);
                capture.system(line);
            }
            _ => {
                let text = self.message(time_limit);
                capture.system(format!("RequestId: {request_id} Error: {text}\n{}\n", self.error_type()));
            }
        }
    }
}

/// The document of an error that the function did not write itself.
pub(super) fn error_payload(error_type: &str, message: &str) -> Bytes {
    serde_json::json!({ "errorType": error_type, "errorMessage": message }).to_string().into()
}

/// How Lambda words the end of a runtime: Go's words for the exit status, and none for success.
fn exit_text(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(0), _) => "Runtime exited without providing a reason".to_owned(),
        (Some(code), _) => format!("Runtime exited with error: exit status {code}"),
        (None, Some(signal)) => {
            let dumped = if status.core_dumped() { " (core dumped)" } else { "" };
            format!("Runtime exited with error: signal: {}{dumped}", signal_text(signal))
        }
        (None, None) => "Runtime exited without providing a reason".to_owned(),
    }
}

fn signal_text(signal: i32) -> String {
    let name = match signal {
        1 => "hangup",
        2 => "interrupt",
        3 => "quit",
        4 => "illegal instruction",
        5 => "trace/breakpoint trap",
        6 => "aborted",
        7 => "bus error",
        8 => "floating point exception",
        9 => "killed",
        11 => "segmentation fault",
        13 => "broken pipe",
        14 => "alarm clock",
        15 => "terminated",
        _ => return format!("signal {signal}"),
    };
    name.to_owned()
}

/// Both output streams of a process, in one pipe so that their order is kept.
struct Output {
    pipe: pipe::Receiver,
    sandbox: Arc<Sandbox>,
}

impl Output {
    /// Feeds the capture as output comes, until the last writer is gone.
    async fn pump(self: Arc<Self>) {
        let mut buffer = vec![0; 16 * 1024];
        while self.pipe.readable().await.is_ok() {
            // Held while reading, so that `drain` cannot overtake.
            let mut capture = self.sandbox.capture.lock();
            match self.pipe.try_read(&mut buffer) {
                Ok(0) => return,
                Ok(read) => capture.feed(&buffer[..read]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    }

    /// Takes in what the process wrote before now, and no more: one that writes without end must not hold us up. Reads past the
    /// event loop, whose knowledge of the pipe may be older than the answer that just came.
    fn drain(&self) {
        let mut capture = self.sandbox.capture.lock();
        let mut buffer = vec![0; 16 * 1024];
        let mut total = 0;
        while total < DRAIN_BYTES_MAX {
            match rustix::io::read(self.pipe.as_fd(), &mut buffer) {
                Ok(0) => return,
                Ok(read) => {
                    capture.feed(&buffer[..read]);
                    total += read;
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return,
            }
        }
    }
}

/// What a process is started with.
pub(super) struct Launch<'a> {
    pub(super) spec: &'a Arc<FunctionSpec>,
    pub(super) task_root: &'a Path,
    pub(super) code: Option<&'a Arc<Unpacked>>,
    pub(super) interpreters: &'a Interpreters,
    pub(super) spawner: &'a Spawner,
    pub(super) endpoint_url: &'a str,
    pub(super) credentials: &'a FunctionCredentials,
    pub(super) sandbox: &'a Arc<Sandbox>,
}

/// A process that runs, or did. Dropping it kills its whole process group.
pub(super) struct Process {
    spec: Arc<FunctionSpec>,
    child: Child,
    group: Option<Pid>,
    api: RuntimeApi,
    output: Arc<Output>,
    pump: AbortHandle,
    max_memory_bytes: u64,
    // Keeps the unpacked package on disk.
    _code: Option<Arc<Unpacked>>,
}

impl Process {
    /// Starts a process; its initialization is still to be awaited.
    ///
    /// # Errors
    /// If there is nothing to execute, or the machine cannot.
    pub(super) async fn start(launch: &Launch<'_>) -> Result<Self, Failure> {
        let Launch { spec, task_root, interpreters, .. } = launch;
        let entrypoint = interpreters.entrypoint(&spec.runtime, task_root, spec.memory_mb).await;
        let entrypoint = entrypoint.map_err(Failure::Entrypoint)?;
        let program = entrypoint.program.display();
        Self::spawn(launch, &entrypoint)
            .await
            .map_err(|error| Failure::Entrypoint(format!("fork/exec {program}: {}", exec_text(&error))))
    }

    async fn spawn(launch: &Launch<'_>, entrypoint: &Entrypoint) -> io::Result<Self> {
        let Launch { spec, task_root, code, interpreters, spawner, endpoint_url, credentials, sandbox } =
            launch;
        check_executable(&entrypoint.program)?;
        let api = RuntimeApi::listen().await?;
        let (writer, pipe) = pipe::pipe()?;
        let writer = writer.into_blocking_fd()?;
        let around = Surroundings {
            task_root,
            runtime_dir: interpreters.runtime_dir(),
            runtime_api: api.address(),
            log_stream: &sandbox.log_stream,
            endpoint_url,
            credentials,
            entrypoint,
        };
        let mut command = match environment::wrapper(spec, task_root) {
            None => spawner.command(&entrypoint.program),
            Some(wrapper) => {
                // A shell, as at AWS: what cannot be executed ends with its status 126 or 127.
                let mut shell = spawner.command(Path::new("/bin/sh"));
                shell.args(["-c", r#"exec "$0" "$@""#]).arg(wrapper).arg(&entrypoint.program);
                shell
            }
        };
        command
            .args(&entrypoint.arguments)
            .env_clear()
            .envs(environment::of(spec, &around))
            .current_dir(task_root)
            .stdin(Stdio::null())
            .stderr(writer.try_clone()?)
            .stdout(writer)
            .process_group(0)
            .kill_on_drop(true);
        let child = spawner.spawn(command).await?;
        let output = Arc::new(Output { pipe, sandbox: Arc::clone(sandbox) });
        let pump = tokio::spawn(Arc::clone(&output).pump()).abort_handle();
        let group = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let _code = code.cloned();
        Ok(Self { spec: Arc::clone(spec), child, group, api, output, pump, max_memory_bytes: 0, _code })
    }

    pub(super) fn spec(&self) -> &Arc<FunctionSpec> {
        &self.spec
    }

    pub(super) fn sandbox(&self) -> &Arc<Sandbox> {
        &self.output.sandbox
    }

    /// The most memory seen so far, in whole MB, at least one.
    pub(super) fn max_memory_mb(&self) -> u32 {
        u32::try_from(self.max_memory_bytes.div_ceil(1024 * 1024)).unwrap_or(u32::MAX).max(1)
    }

    /// Whether the process is still there to serve.
    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits until the process asks for work: at the end of its initialization, and after each answer.
    pub(super) async fn ready(&mut self, deadline: Instant) -> Result<(), Failure> {
        loop {
            match self.next_event(deadline).await? {
                Event::Ready => return Ok(()),
                Event::InitError { document, error_type } => {
                    return Err(Failure::Reported { document, error_type });
                }
                // Answers to nothing are refused by the Runtime API and do not get here.
                Event::Response(_) | Event::ResponseTooLarge | Event::Error { .. } => {}
            }
        }
    }

    /// Hands the process an invocation and waits for its answer.
    pub(super) async fn serve(
        &mut self,
        assignment: Assignment,
        deadline: Instant,
    ) -> Result<Bytes, Failure> {
        self.api.assign(assignment);
        loop {
            match self.next_event(deadline).await? {
                Event::Response(payload) => return Ok(payload),
                Event::ResponseTooLarge => return Err(Failure::ResponseTooLarge),
                Event::Error { document, error_type } | Event::InitError { document, error_type } => {
                    return Err(Failure::Reported { document, error_type });
                }
                // From a connection that the runtime gave up while it was idle.
                Event::Ready => {}
            }
        }
    }

    /// Takes in the output up to now and has a last look at the memory.
    pub(super) fn settle(&mut self) {
        self.output.drain();
        self.sample_memory();
    }

    /// Kills the process with all that it started, and waits for its end.
    pub(super) async fn end(&mut self) {
        self.kill_group();
        // An error means that it was waited for already.
        let _ = self.child.wait().await;
        self.output.drain();
    }

    async fn next_event(&mut self, deadline: Instant) -> Result<Event, Failure> {
        let mut sample = interval(MEMORY_SAMPLE);
        sample.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                event = self.api.event() => return Ok(event),
                status = self.child.wait() => return self.last_event(status).await,
                () = sleep_until(deadline) => return Err(Failure::TimedOut),
                _ = sample.tick() => {
                    self.sample_memory();
                    if self.max_memory_bytes > u64::from(self.spec.memory_mb) * 1024 * 1024 {
                        return Err(Failure::OutOfMemory);
                    }
                }
            }
        }
    }

    /// What the process said just before it ended, or how it ended.
    async fn last_event(&mut self, status: io::Result<ExitStatus>) -> Result<Event, Failure> {
        self.kill_group();
        match timeout(LAST_WORDS, self.api.event()).await {
            Ok(event) if event != Event::Ready => Ok(event),
            _ => Err(Failure::Exited(status.unwrap_or_default())),
        }
    }

    fn sample_memory(&mut self) {
        if let Some(bytes) = self.child.id().and_then(resident_bytes) {
            self.max_memory_bytes = self.max_memory_bytes.max(bytes);
        }
    }

    fn kill_group(&mut self) {
        if let Some(group) = self.group.take() {
            // An error means that nobody is left in the group.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill_group();
        self.pump.abort();
    }
}

/// The memory that a process has written to, in bytes: what Lambda's limit is about. Pages of files, such as the interpreter's own
/// code, are shared and do not count. `None` where the system does not tell (it takes Linux's `/proc`), and then no limit is enforced.
fn resident_bytes(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let kilobytes = |field: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(field))?;
        line.trim().trim_end_matches("kB").trim().parse().ok()
    };
    Some((kilobytes("RssAnon:")? + kilobytes("RssShmem:")?) * 1024)
}

/// Whether anyone may execute the file; a launcher would find out too late to say so.
fn check_executable(program: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    match fs::metadata(program)?.permissions().mode() & 0o111 {
        0 => Err(rustix::io::Errno::ACCESS.into()),
        _ => Ok(()),
    }
}

/// The system's words for a program that cannot be executed, as Lambda passes them on.
fn exec_text(error: &io::Error) -> String {
    match rustix::io::Errno::from_io_error(error) {
        Some(rustix::io::Errno::NOENT) => "no such file or directory".to_owned(),
        Some(rustix::io::Errno::ACCESS) => "permission denied".to_owned(),
        Some(rustix::io::Errno::NOEXEC) => "exec format error".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exits_are_worded_as_lambda_words_them() {
        for (raw, text) in [
            (0, "Runtime exited without providing a reason"),
            (1 << 8, "Runtime exited with error: exit status 1"),
            (127 << 8, "Runtime exited with error: exit status 127"),
            (9, "Runtime exited with error: signal: killed"),
            (11 | 0x80, "Runtime exited with error: signal: segmentation fault (core dumped)"),
        ] {
            assert_eq!(exit_text(ExitStatus::from_raw(raw)), text);
        }
    }
}
