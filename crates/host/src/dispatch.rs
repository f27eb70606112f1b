//! Carries out work outside the engine: runs functions, sends HTTP requests.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use pontoon_core::work::{FunctionCall, FunctionResult};
use pontoon_core::{Account, Ids, TraceIds, TraceNote, TraceOutcome, TraceRecord, Work, WorkOutcome};

use crate::feed::LogFeed;
use crate::functions::{Executor, FunctionCredentials, PoolClosed};
use crate::http::HttpClient;

/// Runs functions and sends HTTP requests; knows whose credentials and traces the functions under way have.
pub struct Dispatcher {
    executor: Arc<dyn Executor>,
    http: HttpClient,
    logs: LogFeed,
    /// By the root of the X-Ray header that the function was handed.
    traces: Mutex<HashMap<String, Continued>>,
    sessions: Mutex<Sessions>,
}

/// What the requests of a function under way continue.
#[derive(Clone, Debug)]
pub struct Continued {
    /// The traces of the events that it handles.
    pub traces: TraceIds,
    /// The function's ARN.
    pub function: Arc<str>,
}

/// In whose name a function's requests are made.
#[derive(Clone, Debug)]
pub struct FunctionSession {
    /// The function's account.
    pub account: Account,
    /// The ARN of its execution role.
    pub role: Arc<str>,
    /// Session name: the function's name.
    pub session: Arc<str>,
    /// The secret that its requests are signed with.
    pub secret: Arc<str>,
    /// The session token that comes along.
    pub token: Arc<str>,
}

/// The credentials that functions were handed, by access key. They live as long as the processes: no longer than this server.
struct Sessions {
    ids: Ids,
    by_function: HashMap<(String, String), FunctionCredentials>,
    by_key: HashMap<String, FunctionSession>,
}

impl Sessions {
    fn credentials(&mut self, call: &FunctionCall) -> FunctionCredentials {
        let spec = &call.spec;
        let key = (spec.arn.clone(), spec.role.clone());
        if let Some(known) = self.by_function.get(&key) {
            return known.clone();
        }
        let credentials = FunctionCredentials {
            access_key_id: format!("ASIA{}", self.ids.upper_alphanumeric(16)),
            secret_access_key: self.ids.secret_hex(40),
            session_token: self.ids.secret_hex(64),
        };
        let session = FunctionSession {
            account: spec.scope.account,
            role: spec.role.as_str().into(),
            session: spec.name.as_str().into(),
            secret: credentials.secret_access_key.as_str().into(),
            token: credentials.session_token.as_str().into(),
        };
        self.by_key.insert(credentials.access_key_id.clone(), session);
        self.by_function.insert(key, credentials.clone());
        credentials
    }
}

impl Dispatcher {
    /// A dispatcher that has functions run by `executor`.
    #[must_use]
    pub fn new(executor: Arc<dyn Executor>) -> Self {
        let sessions =
            Sessions { ids: crate::host::machine_ids(), by_function: HashMap::new(), by_key: HashMap::new() };
        Self {
            executor,
            http: HttpClient::new(),
            logs: LogFeed::default(),
            traces: Mutex::default(),
            sessions: Mutex::new(sessions),
        }
    }

    /// What functions print.
    #[must_use]
    pub fn logs(&self) -> &LogFeed {
        &self.logs
    }

    /// What a request with this `X-Amzn-Trace-Id` header continues.
    #[must_use]
    pub fn continued(&self, header: &str) -> Option<Continued> {
        self.traces.lock().get(root_of(header)?).cloned()
    }

    /// Whose credentials these are, if a function was handed them.
    #[must_use]
    pub fn session(&self, access_key: &str) -> Option<FunctionSession> {
        self.sessions.lock().by_key.get(access_key).cloned()
    }

    /// Ends every function process. Invocations that were under way have no outcome.
    pub async fn close(&self) {
        self.executor.close().await;
    }

    /// Does a piece of work, however long it takes, and says how it went; with a note for the traces if it belongs to some. `None` if the server
    /// stops before that: the work is begun anew after a restart, or its caller sees the connection close.
    pub async fn carry_out(
        &self,
        work: Work,
        now: impl Fn() -> pontoon_core::Timestamp,
    ) -> Option<(WorkOutcome, Option<TraceNote>)> {
        match work {
            Work::Function(call) => {
                let result = self.run(&call).await.ok()?;
                self.logs.add(&call.spec.name, &result);
                let note = note_of(&call, &result, now());
                Some((WorkOutcome::Function(Box::new(result)), note))
            }
            Work::Http(call) => Some((WorkOutcome::Http(Box::new(self.http.send(*call).await)), None)),
        }
    }

    async fn run(&self, call: &FunctionCall) -> Result<FunctionResult, PoolClosed> {
        let credentials = self.sessions.lock().credentials(call);
        let root = root_of(&call.trace_header).unwrap_or_default().to_owned();
        let continued = Continued { traces: call.traces.clone(), function: call.spec.arn.as_str().into() };
        self.traces.lock().insert(root.clone(), continued);
        let outcome = self.executor.invoke(call, &credentials).await;
        self.traces.lock().remove(&root);
        outcome
    }
}

fn note_of(call: &FunctionCall, result: &FunctionResult, now: pontoon_core::Timestamp) -> Option<TraceNote> {
    call.traces.as_ref()?;
    let mut record = TraceRecord::delivered(now, "Invoke", "", call.spec.arn.as_str());
    record.duration_ms = Some(result.duration_ms);
    if result.function_error.is_some() {
        let text = String::from_utf8_lossy(&result.payload);
        let shown: String = text.chars().take(500).collect();
        record = record.with_outcome(TraceOutcome::Failed, shown);
    }
    Some(TraceNote { traces: call.traces.clone(), record })
}

/// The `Root` field of an X-Ray header.
fn root_of(header: &str) -> Option<&str> {
    header.split(';').find_map(|field| field.trim().strip_prefix("Root="))
}
