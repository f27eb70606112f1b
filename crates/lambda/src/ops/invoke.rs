//! Invoke.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use pontoon_api::lambda as api;
use pontoon_core::{Reply, Step};

use super::Answer;
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

/// Whether the payload is JSON; if not what is wrong, in the words of the parser that AWS uses
/// (recordings `test_lambda_invoke_payload_encoding_error`).
fn check_json(payload: &[u8]) -> Result<(), String> {
    let source = "[Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled)";
    if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(payload) {
        let (line, column) = (error.line(), error.column());
        let bad = payload.get(offset(payload, line, column)).copied().unwrap_or(b' ');
        let shown = if bad.is_ascii_graphic() {
            format!("'{}' (code {bad})", char::from(bad))
        } else {
            format!("(CTRL-CHAR, code {bad})")
        };
        return Err(format!(
            "Unexpected character ({shown}): expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')\n at {source}; line: {line}, column: {}]",
            column.max(1)
        ));
    }
    match std::str::from_utf8(payload) {
        Ok(_) => Ok(()),
        Err(error) => {
            let at = error.valid_up_to();
            Err(format!(
                "Invalid UTF-8 start byte 0x{:02x}\n at {source}; line: 1, column: {}]",
                payload[at],
                at + 1
            ))
        }
    }
}

/// The byte at a line and column, both from one, as the JSON reader counts them.
fn offset(payload: &[u8], line: usize, column: usize) -> usize {
    let start = match line {
        0 | 1 => 0,
        _ => payload
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'\n')
            .nth(line - 2)
            .map_or(0, |(at, _)| at + 1),
    };
    start + column.saturating_sub(1)
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
    fn what_is_no_json_is_refused_with_its_place() {
        let error = check_json(b"xyz").unwrap_err();
        assert!(
            error.starts_with("Unexpected character ('x' (code 120)): expected a valid value"),
            "{error}"
        );
        assert!(error.ends_with("line: 1, column: 1]"), "{error}");
        assert!(check_json(b"{\"a\":1").is_err());
        assert!(
            check_json(b"\x99\xeb,j")
                .unwrap_err()
                .starts_with("Unexpected character ((CTRL-CHAR, code 153))")
        );
        assert!(check_json(&b"[".repeat(100_000)).is_err());
    }

    #[test]
    fn client_contexts_are_base64_of_json() {
        assert_eq!(decoded_context(&STANDARD.encode("{ \"a\": 1 }")).unwrap(), r#"{"a":1}"#);
        assert!(decoded_context("***").is_err());
        assert!(decoded_context(&STANDARD.encode("x")).is_err());
    }
}
