//! Runs Lambda functions as child processes that speak the Lambda Runtime API.
//!
//! A [`FunctionPool`] takes an [`Invocation`], finds or starts a process for its [`FunctionSpec`], hands the payload over by
//! the Runtime API (version 2018-06-01) and gives back an [`InvocationResult`]: the payload, whether it is an error, the log
//! lines in Lambda's own format and what the run cost. It knows nothing of the engine: the dispatcher feeds it deliveries and
//! turns results into outcomes.
//!
//! - A process serves one invocation at a time and stays warm between invocations; more concurrency means more processes.
//! - Real work takes real time: timeouts, durations and the deadline told to the function follow the machine's clock. Only the
//!   timestamps of log lines come from the injected [`pontoon_core::Clock`].
//! - A function never sees Pontoon's own environment, and its whole process group dies with its process.
//! - Invariant: every buffer that a function can fill has a bound (response, error, log lines, unpacked code).
//!
//! Follows AWS's pages "Using the Lambda runtime API", "Understanding the Lambda execution environment lifecycle" and
//! "Working with Lambda environment variables".
//!
//! What the managed runtimes bring along is not here: Node functions find `@aws-sdk/*`, and Python functions `boto3`, only in their package or
//! among the modules of the machine's interpreter.

mod environment;
mod interpreter;
mod logs;
mod pool;
mod process;
mod runtime_api;
mod unpack;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use pontoon_core::Timestamp;

pub use pool::{FunctionPool, PoolConfig};

/// The largest response of a function in bytes: 6 MB and a little for the envelope, as AWS's error message has it
/// (recording `test_lambda_too_large_response`).
pub const RESPONSE_BYTES_MAX: usize = 6_291_556;

/// How much of the log an `Invoke` with `LogType: Tail` shows, in bytes.
pub const LOG_TAIL_BYTES: usize = 4096;

/// Reads the bytes of a zip archive from wherever they are kept; called on a thread that may block.
pub type ZipSource = Arc<dyn Fn() -> io::Result<Bytes> + Send + Sync>;

/// Where a function's code is.
#[derive(Clone)]
pub enum CodeRef {
    /// A zip archive, unpacked once for all processes that run it.
    Zip {
        /// What identifies the archive: its SHA-256 in any text form.
        sha256: String,
        /// Hands out the archive when it has to be unpacked.
        source: ZipSource,
    },
    /// A directory of the machine, run in place.
    Directory {
        /// Its absolute path.
        path: PathBuf,
        /// Changes whenever its content did; processes of another version are not used again.
        version: String,
    },
}

impl PartialEq for CodeRef {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Zip { sha256: a, .. }, Self::Zip { sha256: b, .. }) => a == b,
            (Self::Directory { path: a, version: v }, Self::Directory { path: b, version: w }) => {
                a == b && v == w
            }
            _ => false,
        }
    }
}

impl fmt::Debug for CodeRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zip { sha256, .. } => write!(f, "Zip({sha256})"),
            Self::Directory { path, version } => write!(f, "Directory({}, {version})", path.display()),
        }
    }
}

/// The credentials that a function's environment carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionCredentials {
    /// `AWS_ACCESS_KEY_ID`.
    pub access_key_id: String,
    /// `AWS_SECRET_ACCESS_KEY`.
    pub secret_access_key: String,
    /// `AWS_SESSION_TOKEN`.
    pub session_token: String,
}

/// All of a function version that its processes depend on. A process started from one specification serves no other.
#[derive(Debug, Clone, PartialEq)]
pub struct FunctionSpec {
    /// The ARN without qualifier.
    pub function_arn: String,
    /// The function's name.
    pub name: String,
    /// `$LATEST` or a number.
    pub version: String,
    /// The region that the function is in.
    pub region: String,
    /// The runtime's identifier: `provided.*`, `nodejs*` or `python3.*`.
    pub runtime: String,
    /// What `INIT_START` names as the runtime's version ARN.
    pub runtime_version_arn: String,
    /// `file.method`; ignored by `provided.*` except for `_HANDLER`.
    pub handler: String,
    /// The code.
    pub code: CodeRef,
    /// The function's own variables.
    pub environment: BTreeMap<String, String>,
    /// How long an invocation may take.
    pub timeout: Duration,
    /// The memory that a process may use, in MB of 1,048,576 bytes.
    pub memory_mb: u32,
    /// The log group that the environment names.
    pub log_group: String,
    /// The credentials in the environment.
    pub credentials: FunctionCredentials,
}

/// One invocation of a function.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// What to run.
    pub spec: Arc<FunctionSpec>,
    /// The ARN as the caller gave it, with its qualifier if any.
    pub invoked_arn: String,
    /// The event, JSON. The caller has checked its size.
    pub payload: Bytes,
    /// The request id that the function and its logs see; stays the same over async retries.
    pub request_id: String,
    /// The X-Ray trace header, if the caller sent one.
    pub trace_header: Option<String>,
    /// The client context, decoded JSON, if the caller sent one.
    pub client_context: Option<String>,
}

/// What `X-Amz-Function-Error` says of a failed invocation. AWS has had only this value since the runtimes report every error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FunctionError {
    /// The handler failed, or the process did.
    Unhandled,
}

impl FunctionError {
    /// The header's value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unhandled => "Unhandled",
        }
    }
}

/// One event of a function's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// When Pontoon read it, on the injected clock.
    pub timestamp: Timestamp,
    /// The text; printed lines keep their newline, as in the recordings.
    pub message: String,
}

/// What came of an invocation.
#[derive(Debug, Clone)]
pub struct InvocationResult {
    /// The function's response, or the JSON of its error.
    pub payload: Bytes,
    /// Whether the payload is an error.
    pub function_error: Option<FunctionError>,
    /// The stream that the process logs to, `YYYY/MM/DD/[version]hex`.
    pub log_stream: String,
    /// The log events since the previous invocation of the same process, in order.
    pub log_lines: Vec<LogLine>,
    /// How long the invocation took, without the initialization.
    pub duration: Duration,
    /// What AWS would bill: duration and initialization in whole milliseconds, rounded up.
    pub billed_ms: u64,
    /// How long the process took to start, if this invocation started one.
    pub init_duration: Option<Duration>,
    /// The most memory that the process was seen to use so far, in MB.
    pub max_memory_mb: u64,
}

impl InvocationResult {
    /// The end of the log that `LogType: Tail` shows: at most [`LOG_TAIL_BYTES`], cut at a character, from `START` or the
    /// initialization's output on.
    #[must_use]
    pub fn log_tail(&self) -> String {
        logs::tail(&self.log_lines)
    }
}

/// Why an invocation could not even be tried. The function is not to blame: nothing of it ran.
#[derive(Debug)]
pub enum PoolError {
    /// The archive cannot be read or breaks a limit; the text says how.
    Code(String),
    /// The pool is shut down.
    Closed,
    /// The machine refused a file, a socket or a process.
    Machine(io::Error),
}

impl fmt::Display for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(reason) => write!(f, "the function's code cannot be unpacked: {reason}"),
            Self::Closed => f.write_str("the function executor is shut down"),
            Self::Machine(error) => write!(f, "the machine cannot run the function: {error}"),
        }
    }
}

impl std::error::Error for PoolError {}

impl From<io::Error> for PoolError {
    fn from(error: io::Error) -> Self {
        Self::Machine(error)
    }
}
