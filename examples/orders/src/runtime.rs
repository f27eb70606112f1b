//! The Lambda Runtime API from the function's side: take an invocation, answer it, take the next.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use crate::aws::http::{self, Request};

/// One invocation.
pub struct Invocation {
    /// The event, JSON.
    pub payload: Vec<u8>,
    /// The header by which calls made for it continue its trace.
    pub trace: Option<String>,
}

/// Serves invocations with `handle` until the runtime goes away.
///
/// # Errors
/// Why the runtime could not be reached.
pub fn serve(mut handle: impl FnMut(Invocation) -> Result<Vec<u8>, String>) -> Result<(), String> {
    let host = std::env::var("AWS_LAMBDA_RUNTIME_API")
        .map_err(|_| "AWS_LAMBDA_RUNTIME_API is not set; only Lambda starts this".to_owned())?;
    let base = format!("http://{host}/2018-06-01/runtime");
    loop {
        let next = http::send(&Request {
            method: "GET",
            url: &format!("{base}/invocation/next"),
            headers: &[],
            body: b"",
        })?;
        let id = next.header("lambda-runtime-aws-request-id").ok_or("an invocation without id")?.to_owned();
        let trace = next.header("lambda-runtime-trace-id").map(str::to_owned);
        let (path, body) = match handle(Invocation { payload: next.body, trace }) {
            Ok(answer) => (format!("{base}/invocation/{id}/response"), answer),
            Err(message) => {
                println!("ERROR {message}");
                let error = serde_json::json!({ "errorType": "OrderError", "errorMessage": message });
                (format!("{base}/invocation/{id}/error"), error.to_string().into_bytes())
            }
        };
        http::send(&Request { method: "POST", url: &path, headers: &[], body: &body })?;
    }
}
