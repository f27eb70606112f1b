//! Work outside the engine: function invocations and HTTP calls. The host's dispatcher carries it out, and its outcome is a command.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::scope::Scope;
use crate::time::Timestamp;
use crate::trace::TraceIds;

/// One piece of work.
#[derive(Debug, Clone)]
pub enum Work {
    /// Run a function once.
    Function(Box<FunctionCall>),
    /// Send one HTTP request.
    Http(Box<HttpCall>),
}

/// Where a function's code is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    /// A zip archive under this key of [`crate::store::Space::Blob`], with its SHA-256 in hex, which names the unpacked copy.
    Zip {
        /// Store key.
        key: Vec<u8>,
        /// SHA-256 of the archive, 64 hex digits.
        sha256: String,
    },
    /// A directory of the machine, used in place. A changed `revision` means new processes.
    Directory {
        /// Absolute path.
        path: String,
        /// Counted up when the content changes.
        revision: u64,
    },
}

/// Everything that is needed to run a version of a function in a process.
#[derive(Debug, Clone)]
pub struct FunctionSpec {
    /// Account and region.
    pub scope: Scope,
    /// Unqualified ARN.
    pub arn: String,
    /// Name.
    pub name: String,
    /// `$LATEST` or a number.
    pub version: String,
    /// `nodejs22.x`, `python3.13`, `provided.al2023`, …
    pub runtime: String,
    /// Handler; ignored by `provided.*`.
    pub handler: String,
    /// The code.
    pub code: Code,
    /// The function's own environment variables.
    pub environment: BTreeMap<String, String>,
    /// How long an invocation may take.
    pub timeout: Duration,
    /// Memory limit, MiB.
    pub memory_mb: u32,
    /// Log group that its output goes to.
    pub log_group: String,
    /// Changes whenever any of the above does: processes of another revision are not reused.
    pub revision: String,
    /// The role's ARN, whose name the credentials in the environment carry.
    pub role: String,
}

/// One invocation.
#[derive(Debug, Clone)]
pub struct FunctionCall {
    /// What to run.
    pub spec: Arc<FunctionSpec>,
    /// Invoked ARN, qualified if the caller qualified it.
    pub invoked_arn: String,
    /// Request id, a UUID.
    pub request_id: String,
    /// The event.
    pub payload: Bytes,
    /// X-Ray header handed to the function, by which its own requests continue the traces.
    pub trace_header: String,
    /// Decoded client context, JSON text.
    pub client_context: Option<String>,
    /// The traces of what it handles: the host notes the invocation in them, and the function's own requests continue them.
    pub traces: TraceIds,
}

/// How an invocation ended.
#[derive(Debug, Clone, Default)]
pub struct FunctionResult {
    /// The response, or the error object.
    pub payload: Bytes,
    /// `Unhandled` if the function failed, crashed or timed out.
    pub function_error: Option<&'static str>,
    /// What it printed, with START, END and REPORT lines, in order.
    pub log: Vec<LogLine>,
    /// Log stream of the process that ran it (`2026/01/31/[$LATEST]0123…`).
    pub log_stream: String,
    /// Milliseconds that the invocation took.
    pub duration_ms: f64,
    /// Milliseconds that the start of the process took, if it was started for this.
    pub init_ms: Option<f64>,
    /// Largest resident memory seen, MiB.
    pub max_memory_mb: u32,
}

/// One line of a function's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// When it was printed.
    pub at: Timestamp,
    /// The line, with its line break if it had one.
    pub text: String,
}

/// How much of an answer is read where only its status decides and its beginning is quoted, bytes.
pub const QUOTED_ANSWER_BYTES_MAX: usize = 64 * 1024;

/// One HTTP request.
#[derive(Debug, Clone)]
pub struct HttpCall {
    /// `POST`, `PUT`, …
    pub method: &'static str,
    /// Absolute `http://` or `https://` URL.
    pub url: String,
    /// Headers in order.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Bytes,
    /// How long it may take in all.
    pub timeout: Duration,
    /// How much of the answer's body is read, bytes.
    pub answer_bytes_max: usize,
}

/// How an HTTP request ended: an answer, or why there is none.
#[derive(Debug, Clone)]
pub struct HttpResult {
    /// Status and the body's first [`HttpCall::answer_bytes_max`] bytes, or the reason in words (`connection refused`, `timed out`). A body that came
    /// compressed (`gzip`, `deflate`) is there as it was before.
    pub answer: Result<(u16, Bytes), String>,
    /// Whether that is the whole body: not a longer one's beginning, and not what could be read of one that broke off.
    pub is_whole: bool,
    /// The `Retry-After` header of the answer, if it has one.
    pub retry_after: Option<String>,
    /// Milliseconds that it took.
    pub duration_ms: f64,
}

/// How a piece of work ended.
#[derive(Debug, Clone)]
pub enum WorkOutcome {
    /// A function ran (or could not be started, which is a function error too).
    Function(Box<FunctionResult>),
    /// An HTTP request was made or failed.
    Http(Box<HttpResult>),
}
