//! Runs Lambda functions as child processes that speak the Lambda Runtime API.
//!
//! A [`FunctionPool`] takes a [`pontoon_core::work::FunctionCall`], finds or starts a process for its specification, hands the
//! payload over by the Runtime API (version 2018-06-01) and gives back a [`pontoon_core::work::FunctionResult`]: the payload,
//! whether it is an error, the log lines in Lambda's own format and what the run cost. It knows nothing of the engine: the
//! dispatcher feeds it work and turns results into outcomes.
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
pub mod launcher;
mod logs;
mod pool;
mod process;
mod runtime_api;
mod unpack;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use pontoon_core::work::{FunctionCall, FunctionResult};

pub use pool::{FunctionPool, PoolConfig};

/// The largest response of a function in bytes: 6 MB and a little for the envelope, as AWS's error message has it
/// (recording `test_lambda_too_large_response`).
pub const RESPONSE_BYTES_MAX: usize = 6_291_556;

/// What `X-Amz-Function-Error` says of a failed invocation. AWS has had only this value since the runtimes report every error.
const UNHANDLED: &str = "Unhandled";

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

/// Runs invocations: the pool of processes, or what a test puts in its place.
pub trait Executor: Send + Sync {
    /// Runs one invocation to its end, whatever that is. [`PoolClosed`] if the executor is shut down before that.
    fn invoke<'a>(&'a self, call: &'a FunctionCall, credentials: &'a FunctionCredentials) -> Invocation<'a>;

    /// Refuses further work, ends what is under way and waits for its end.
    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// An invocation under way.
pub type Invocation<'a> = Pin<Box<dyn Future<Output = Result<FunctionResult, PoolClosed>> + Send + 'a>>;

/// The pool is shut down: the call has no outcome, and is to be made again after a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolClosed;

impl fmt::Display for PoolClosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the function executor is shut down")
    }
}

impl std::error::Error for PoolClosed {}
