//! What runs: invocations from their start to their end, and what comes of them.

pub(crate) mod asynchronous;
pub(crate) mod destination;
pub(crate) mod downloads;
pub(crate) mod logs;
pub(crate) mod polling;

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use pontoon_api::lambda as api;
use pontoon_core::work::{FunctionCall, FunctionResult, FunctionSpec};
use pontoon_core::{
    Caller, Dispatch, Hop, ParkId, Principal, Request, Scope, ServiceId, Settled, Step, Ticket, TraceIds,
    Work,
};
use pontoon_source::Held;

use crate::error::Throttle;
use crate::metrics::Metric;
use crate::ops::code::CodeWait;
use crate::ops::mappings::MappingWait;
use crate::run::logs::LogBatch;
use crate::state::concurrency::{FunctionKey, Limits};
use crate::state::name::qualified_arn;
use crate::{Lambda, MappingKey};

/// An invocation that a process works on.
#[derive(Debug)]
pub(crate) struct Running {
    function: FunctionKey,
    /// Version or alias that the caller named.
    qualifier: Option<String>,
    spec: Arc<FunctionSpec>,
    purpose: Purpose,
}

/// Who waits for an invocation.
#[derive(Debug)]
pub(crate) enum Purpose {
    /// A caller, who may want the end of the log too.
    Reply {
        /// The parked call.
        park: ParkId,
        /// Whether `LogType: Tail` was asked for.
        tail: bool,
    },
    /// The outbox.
    Delivery(u64),
    /// A mapping.
    Batch(Batch),
}

/// Messages of a mapping on their way through a function.
#[derive(Debug)]
pub(crate) struct Batch {
    mapping: MappingKey,
    queue_arn: String,
    reports_failures: bool,
    messages: Vec<Held>,
}

/// An invocation to begin.
pub(crate) struct Begin {
    pub(crate) function: FunctionKey,
    pub(crate) qualifier: Option<String>,
    pub(crate) spec: Arc<FunctionSpec>,
    pub(crate) request_id: String,
    pub(crate) payload: Bytes,
    pub(crate) client_context: Option<String>,
    pub(crate) traces: TraceIds,
    pub(crate) purpose: Purpose,
}

/// What a hop of this service's comes back with.
pub(crate) enum Token {
    /// An archive from S3.
    Code(Box<CodeWait>),
    /// The attributes of a queue that is to be mapped.
    Queue(Box<MappingWait>),
    /// A poll, with its number and queue.
    Polled(MappingKey, u64, String),
    /// A log batch.
    Logged(Box<LogBatch>),
    /// A dead letter of a function.
    DeadLetter(FunctionKey),
    /// An outcome on its way to a destination.
    Destination(FunctionKey),
}

impl Lambda {
    /// Whether another invocation of the function may begin.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn check_concurrency(&self, key: &FunctionKey) -> Result<(), Throttle> {
        let empty = std::collections::HashMap::new();
        let all_reserved = self.reserved.get(&key.0).unwrap_or(&empty);
        self.concurrency.check(key, Limits { reserved: all_reserved.get(&key.1).copied(), all_reserved })
    }

    /// Begins an invocation, for which there is room: the work leaves the engine when the step is durable.
    pub(crate) fn begin(&mut self, step: &mut Step<'_>, begin: Begin) {
        let Begin { function, qualifier, spec, request_id, payload, client_context, traces, purpose } = begin;
        let under_way = self.concurrency.begin(function.clone());
        let named = qualifier.as_deref();
        self.measure(step, &function, named, Metric::ConcurrentExecutions, f64::from(under_way));
        self.measure(step, &function, named, Metric::Throttles, 0.0);
        let token = self.next_token;
        self.next_token += 1;
        let call = FunctionCall {
            spec: Arc::clone(&spec),
            invoked_arn: qualified_arn(function.0, &function.1, named),
            request_id,
            payload,
            trace_header: step.ids.xray_header(step.now),
            client_context,
            traces,
        };
        let scope = function.0;
        self.running.insert(token, Running { function, qualifier, spec, purpose });
        let work = Work::Function(Box::new(call));
        step.dispatch(Dispatch { owner: ServiceId::Lambda, scope, token, work });
    }

    /// An invocation has ended, one way or the other.
    pub(crate) fn invocation_ended(&mut self, step: &mut Step<'_>, token: u64, result: FunctionResult) {
        let Some(running) = self.running.remove(&token) else { return };
        let Running { function, qualifier, spec, purpose } = running;
        step.scope = function.0;
        self.concurrency.end(&function);
        let named = qualifier.as_deref();
        let failed = f64::from(u8::from(result.function_error.is_some()));
        self.measure(step, &function, named, Metric::Invocations, 1.0);
        self.measure(step, &function, named, Metric::Errors, failed);
        self.measure(step, &function, named, Metric::Duration, result.duration_ms);
        self.write_log(step, &spec, &result);
        match purpose {
            Purpose::Reply { park, tail } => step.unpark(park, reply(&spec, &result, tail)),
            Purpose::Delivery(id) => self.delivery_ended(step, id, &spec, &result),
            Purpose::Batch(Batch { mapping, queue_arn, reports_failures, messages }) => {
                self.batch_ended(step, &mapping, (&queue_arn, reports_failures), &messages, &result);
            }
        }
        self.room_after(step, &function);
    }

    /// There may be room for another invocation of the function: those that were throttled go first, then batches.
    pub(crate) fn room_for(&mut self, step: &mut Step<'_>, function: &FunctionKey) {
        while self.check_concurrency(function).is_ok()
            && let Some(id) = self.throttled.take_for(function)
        {
            self.attempt(step, id);
        }
        let of_function = |(key, mapping): (&MappingKey, &crate::Mapping)| {
            (key.0 == function.0 && mapping.config.function == function.1).then(|| key.clone())
        };
        let mappings: Vec<MappingKey> = self.mappings.iter().filter_map(of_function).collect();
        for key in mappings {
            self.advance_mapping(step, &key);
        }
    }

    /// An invocation of the function has ended. If the account's shared concurrency was used up, others may have waited for it.
    fn room_after(&mut self, step: &mut Step<'_>, function: &FunctionKey) {
        self.room_for(step, function);
        let reserved = self.reserved.get(&function.0).cloned().unwrap_or_default();
        let was_full = self.concurrency.is_full_but_for_one(function.0, &reserved);
        if was_full && !reserved.contains_key(&function.1) {
            let scope = function.0;
            let others: Vec<FunctionKey> =
                self.functions.keys().filter(|key| key.0 == scope).cloned().collect();
            others.iter().for_each(|other| self.room_for(step, other));
        }
    }

    /// A hop of this service's has ended.
    pub(crate) fn hop_ended(&mut self, step: &mut Step<'_>, token: Token, outcome: Settled) {
        match token {
            Token::Code(wait) => self.code_arrived(step, *wait, outcome),
            Token::Queue(wait) => self.queue_checked(step, *wait, outcome),
            Token::Polled(key, number, queue) => self.polled(step, &key, (number, &queue), outcome),
            Token::Logged(batch) => self.logged(step, *batch, outcome),
            Token::DeadLetter(function) => {
                if outcome.is_err() {
                    self.measure(step, &function, None, Metric::DeadLetterErrors, 1.0);
                }
            }
            Token::Destination(function) => {
                if outcome.is_err() {
                    self.measure(step, &function, None, Metric::DestinationDeliveryFailures, 1.0);
                }
            }
        }
    }

    /// Calls another service in the name of a function's execution role, as AWS does. A role that is not in IAM may do nothing.
    pub(crate) fn hop(&self, step: &mut Step<'_>, call: FunctionHop) {
        let FunctionHop { to, role, source_arn, request, resource, traces, traced, token } = call;
        let caller = Caller {
            identity: (self.roles)(&role.arn),
            principal: Principal::Role { arn: role.arn.into(), session: role.function.into() },
            ..step.hop_caller("lambda.amazonaws.com", &source_arn, traces)
        };
        let ticket =
            token.map(|token| Ticket { owner: ServiceId::Lambda, scope: step.scope, token: Box::new(token) });
        step.hop(Hop { to, caller, request, resource, attempt: 1, traced, ticket });
    }

    /// In whose name a function calls: the role of the version that a qualifier names, or of `$LATEST`.
    pub(crate) fn role_of(&self, function: &FunctionKey, qualifier: Option<&str>) -> FunctionRole {
        let found = self.functions.get(function);
        let version =
            found.and_then(|found| found.resolve(qualifier, 1.0).or_else(|| found.resolve(None, 1.0)));
        let arn = version.map(|resolved| resolved.version.settings.role.clone()).unwrap_or_default();
        FunctionRole { arn, function: function.1.clone() }
    }
}

/// A function's execution role.
#[derive(Debug, Clone)]
pub(crate) struct FunctionRole {
    /// ARN of the role.
    pub(crate) arn: String,
    /// Name of the function, which is the session's name.
    pub(crate) function: String,
}

/// A call to another service on behalf of a function.
pub(crate) struct FunctionHop {
    pub(crate) to: Scope,
    pub(crate) role: FunctionRole,
    /// The function or mapping on whose behalf.
    pub(crate) source_arn: String,
    pub(crate) request: Box<dyn Request>,
    /// What is called, for the trace.
    pub(crate) resource: Arc<str>,
    pub(crate) traces: TraceIds,
    pub(crate) traced: bool,
    pub(crate) token: Option<Token>,
}

/// What Invoke answers with.
fn reply(spec: &FunctionSpec, result: &FunctionResult, tail: bool) -> Settled {
    Ok(Box::new(api::InvokeOutput {
        status_code: Some(200),
        function_error: result.function_error.map(str::to_owned),
        log_result: tail.then(|| STANDARD.encode(logs::tail(&result.log))),
        payload: Some(result.payload.clone()),
        executed_version: Some(spec.version.clone()),
        ..api::InvokeOutput::default()
    }))
}
