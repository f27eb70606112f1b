//! Invoke.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use pontoon_api::lambda as api;
use pontoon_core::{Reply, Step};

use super::Answer;
use super::payload::check_json;
use crate::Lambda;
use crate::error::Error;
use crate::metrics::Metric;
use crate::run::asynchronous::AsyncEvent;
use crate::run::{Begin, Purpose};
use crate::state::name::FunctionRef;

/// The largest payload of a call that waits, in bytes: 6 MB.
const SYNC_BYTES_MAX: usize = 6_291_456;
/// The largest payload of an asynchronous call, in bytes: 1 MB since October 2025.
const ASYNC_BYTES_MAX: usize = 1_048_576;
/// The largest client context, in bytes, as base64.
const CLIENT_CONTEXT_BYTES_MAX: usize = 3583;

pub(super) fn invoke(
    lambda: &mut Lambda,
    step: &mut Step<'_>,
    input: api::InvokeInput,
) -> Answer<api::InvokeOutput> {
    let named = FunctionRef::parse(step.scope, &input.function_name, input.qualifier.as_deref())?;
    lambda.authorize(step, "lambda:InvokeFunction", &named)?;
    for (what, used) in [
        ("durable executions (X-Amz-Durable-Execution-Name)", input.durable_execution_name.is_some()),
        ("tenant isolation (X-Amz-Tenant-Id)", input.tenant_id.is_some()),
    ] {
        if used {
            return Err(Error::unsupported(what));
        }
    }
    let missing = || Error::function_not_found(&named.arn_or_latest());
    let function = lambda.functions.get(&named.key()).ok_or_else(missing)?;
    let draw = step.ids.below(1_000_000) as f64 / 1_000_000.0;
    let resolved = function.resolve(named.qualifier.as_deref(), draw).ok_or_else(missing)?;
    let spec = function.spec(named.scope, resolved);
    let kind = input.invocation_type.as_deref().unwrap_or("RequestResponse");
    let payload = payload(input.payload, kind)?;
    let client_context = input.client_context.map(|context| decoded_context(&context)).transpose()?;
    match kind {
        "DryRun" => {
            Ok(Reply::Ready(api::InvokeOutput { status_code: Some(204), ..api::InvokeOutput::default() }))
        }
        "Event" => {
            let event = AsyncEvent {
                function: named.name.clone(),
                qualifier: named.qualifier.clone(),
                request_id: step.caller.request_id.to_string(),
                payload: String::from_utf8_lossy(&payload).into_owned(),
                client_context,
                traces: step.caller.traces.as_deref().unwrap_or_default().to_vec(),
            };
            lambda.accept(step, &named.key(), &event);
            Ok(Reply::Ready(api::InvokeOutput { status_code: Some(202), ..api::InvokeOutput::default() }))
        }
        _ => {
            if let Err(why) = lambda.check_concurrency(&named.key()) {
                lambda.measure(step, &named.key(), named.qualifier.as_deref(), Metric::Throttles, 1.0);
                return Err(Error::Throttled(why));
            }
            let park = step.park();
            let tail = input.log_type.as_deref() == Some("Tail");
            let begin = Begin {
                function: named.key(),
                qualifier: named.qualifier,
                spec,
                request_id: step.caller.request_id.to_string(),
                payload,
                client_context,
                traces: step.caller.traces.clone(),
                purpose: Purpose::Reply { park, tail },
            };
            lambda.begin(step, begin);
            Ok(Reply::Parked(park))
        }
    }
}

/// The payload, checked for size and form; an absent one is an empty object.
fn payload(payload: Option<Bytes>, kind: &str) -> Result<Bytes, Error> {
    let Some(payload) = payload.filter(|payload| !payload.is_empty()) else {
        return Ok(Bytes::from_static(b"{}"));
    };
    if payload.len() > SYNC_BYTES_MAX {
        return Err(Error::TooLarge(format!(
            "Request must be smaller than {SYNC_BYTES_MAX} bytes for the InvokeFunction operation"
        )));
    }
    if kind == "Event" && payload.len() > ASYNC_BYTES_MAX {
        return Err(Error::TooLarge(format!(
            "{} byte payload is too large for the Event invocation type (limit {ASYNC_BYTES_MAX} bytes)",
            payload.len()
        )));
    }
    check_json(&payload).map_err(Error::PayloadNotJson)?;
    Ok(payload)
}

/// The client context's JSON text, which travels as base64.
fn decoded_context(context: &str) -> Result<String, Error> {
    let invalid = |why: &str| Error::InvalidParameter(format!("Could not parse client context: {why}"));
    if context.len() > CLIENT_CONTEXT_BYTES_MAX {
        return Err(invalid("it is longer than 3583 bytes"));
    }
    let bytes = STANDARD.decode(context).map_err(|_| invalid("it is not base64"))?;
    // Written on one line: it travels to the function in a header.
    let value: serde_json::Value = serde_json::from_slice(&bytes).map_err(|_| invalid("it is not JSON"))?;
    Ok(value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_json_within_the_limits() {
        let bytes = |text: &str| Some(Bytes::from(text.to_owned()));
        assert_eq!(payload(None, "Event").unwrap(), "{}");
        assert_eq!(payload(bytes(""), "RequestResponse").unwrap(), "{}");
        assert_eq!(payload(bytes("[1]"), "RequestResponse").unwrap(), "[1]");
        assert!(payload(bytes("5"), "RequestResponse").is_ok());
        let string = |length: usize| bytes(&format!("\"{}\"", "x".repeat(length - 2)));
        assert!(payload(string(ASYNC_BYTES_MAX), "Event").is_ok());
        let large = payload(string(ASYNC_BYTES_MAX + 1), "Event").unwrap_err();
        assert_eq!(
            large,
            Error::TooLarge(
                "1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)"
                    .to_owned()
            )
        );
        assert!(payload(string(SYNC_BYTES_MAX), "RequestResponse").is_ok());
        assert!(payload(string(SYNC_BYTES_MAX + 1), "RequestResponse").is_err());
    }

    #[test]
    fn client_contexts_are_base64_of_json() {
        assert_eq!(decoded_context(&STANDARD.encode("{ \"a\": 1 }")).unwrap(), r#"{"a":1}"#);
        assert!(decoded_context("***").is_err());
        assert!(decoded_context(&STANDARD.encode("x")).is_err());
    }
}
