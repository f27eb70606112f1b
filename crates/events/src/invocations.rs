//! API destinations that other services have called: pipes, as enrichments and as targets.
//!
//! The caller waits for the answer. Requests take the same turns as those of rules and go by the same connections. Nothing is tried again here: whoever
//! asked decides that. Nothing is persisted either, because the caller begins anew after a restart.

use std::collections::BTreeSet;
use std::time::Duration;

use pontoon_api::events::HttpParameters;
use pontoon_api::invocation::{ANSWER_BYTES_MAX, InvokeApiDestinationInput, InvokeApiDestinationOutput};
use pontoon_core::work::{HttpCall, HttpResult};
use pontoon_core::{ApiError, HashMap, ParkId, Reply, Scope, Step, Timestamp};

use crate::Events;
use crate::destinations::{Asker, Readiness, failure_of};
use crate::ops::authorize;
use crate::state::api_destination::HttpTarget;

/// Invocations that are under way or wait at once.
const OPEN_MAX: usize = 100_000;
/// How long an invocation waits for its turn at most. With the request's own time it stays below the 30 seconds after which queues show messages again
/// unless they are told otherwise, so that none is on its way twice.
const TURN_WAIT_MAX: Duration = Duration::from_secs(20);

/// What another service waits for.
#[derive(Debug)]
struct Invocation {
    scope: Scope,
    arn: String,
    target: HttpTarget,
    body: String,
    /// When its turn must have come.
    until: Timestamp,
    park: ParkId,
}

/// The invocations that have not ended.
#[derive(Debug, Default)]
pub(crate) struct Invocations {
    open: HashMap<u64, Invocation>,
    /// When the turns of some come.
    turns: BTreeSet<(Timestamp, u64)>,
    next_id: u64,
}

impl Invocations {
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.turns.first().map(|(at, _)| *at)
    }
}

fn http_target(parameters: HttpParameters) -> HttpTarget {
    let HttpParameters { path_parameter_values, header_parameters, query_string_parameters } = parameters;
    HttpTarget {
        path: path_parameter_values.unwrap_or_default(),
        headers: header_parameters.unwrap_or_default(),
        query: query_string_parameters.unwrap_or_default(),
    }
}

impl Events {
    /// Calls an API destination in the caller's name. The answer comes later.
    ///
    /// # Errors
    /// If the caller may not, the destination cannot be called, or its rate is exceeded by too much.
    pub(crate) fn invoke_api_destination(
        &mut self,
        step: &mut Step<'_>,
        input: InvokeApiDestinationInput,
    ) -> Result<Reply<InvokeApiDestinationOutput>, ApiError> {
        authorize(step, "events:InvokeApiDestination", &input.arn)?;
        if self.invocations.open.len() >= OPEN_MAX {
            let message = "Too many invocations of API destinations wait already.";
            return Err(ApiError::client("ThrottlingException", message).with_status(429));
        }
        let InvokeApiDestinationInput { arn, parameters, body } = input;
        let until = step.now.after(TURN_WAIT_MAX);
        let id = self.invocations.next_id + 1;
        let park = step.park();
        let invocation =
            Invocation { scope: step.scope, arn, target: http_target(parameters), body, until, park };
        let readiness = self.readiness(step, id, &invocation)?;
        self.invocations.next_id = id;
        self.invocations.open.insert(id, invocation);
        self.take_up_readiness(step, id, readiness);
        Ok(Reply::Parked(park))
    }

    fn readiness(
        &mut self,
        step: &mut Step<'_>,
        id: u64,
        invocation: &Invocation,
    ) -> Result<Readiness, ApiError> {
        let Invocation { arn, target, body, until, .. } = invocation;
        self.destinations.prepare(step, Asker::Invocation(id), arn, (target, body), Some(*until))
    }

    fn take_up_readiness(&mut self, step: &mut Step<'_>, id: u64, readiness: Readiness) {
        match readiness {
            Readiness::Now(call) => {
                // One byte more tells a longer answer from one that just fits.
                let call = HttpCall { answer_bytes_max: ANSWER_BYTES_MAX + 1, ..call };
                self.destinations.send(step, Asker::Invocation(id), call);
            }
            Readiness::At(turn) => {
                self.invocations.turns.insert((turn, id));
            }
            Readiness::Later => {}
        }
    }

    /// Makes the invocation whose turn comes first.
    pub(crate) fn invoke_due(&mut self, step: &mut Step<'_>) {
        if let Some((_, id)) = self.invocations.turns.pop_first() {
            self.invoke_now(step, id);
        }
    }

    /// Goes on with an invocation that waited.
    pub(crate) fn invoke_now(&mut self, step: &mut Step<'_>, id: u64) {
        let Some(invocation) = self.invocations.open.remove(&id) else { return };
        step.scope = invocation.scope;
        let readiness = self.readiness(step, id, &invocation);
        self.invocations.open.insert(id, invocation);
        match readiness {
            Ok(readiness) => self.take_up_readiness(step, id, readiness),
            Err(error) => {
                self.destinations.forget(Asker::Invocation(id));
                self.end_invocation(step, id, Err(error));
            }
        }
    }

    /// The destination answered, or did not.
    pub(crate) fn invocation_answered(&mut self, step: &mut Step<'_>, id: u64, result: &HttpResult) {
        let Some(invocation) = self.invocations.open.get(&id) else { return };
        if matches!(result.answer, Ok((401 | 407, _))) {
            self.destinations.forget_token(&invocation.arn);
        }
        let outcome = match (failure_of(result), &result.answer) {
            (Some(error), _) => Err(error),
            (None, Ok((status, body))) if result.is_whole && body.len() <= ANSWER_BYTES_MAX => {
                Ok(InvokeApiDestinationOutput { status: *status, body: body.clone() })
            }
            (None, _) => Err(ApiError::client(
                "SdkClientError",
                format!(
                    "The answer of the API destination is longer than {ANSWER_BYTES_MAX} bytes, or broke off."
                ),
            )),
        };
        self.end_invocation(step, id, outcome);
    }

    /// Hands its outcome to whoever waits for an invocation.
    pub(crate) fn end_invocation(
        &mut self,
        step: &mut Step<'_>,
        id: u64,
        outcome: Result<InvokeApiDestinationOutput, ApiError>,
    ) {
        if let Some(invocation) = self.invocations.open.remove(&id) {
            step.scope = invocation.scope;
            step.unpark(invocation.park, outcome.map(|output| Box::new(output) as _));
        }
    }
}
