//! The HTTP client that carries deliveries to endpoints outside.

use std::time::Instant;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use pontoon_core::work::{HttpCall, HttpResult};

/// How much of an answer is read.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Sends requests over `http` and, trusting the public certificate authorities, `https`. Redirects are answers, as for AWS.
#[derive(Debug, Clone)]
pub struct HttpClient {
    answer_bytes_max: usize,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl HttpClient {
    /// A client with a pool of its own.
    #[must_use]
    pub fn new() -> Self {
        let connector =
            HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Self { answer_bytes_max: ANSWER_BYTES_MAX, client }
    }

    /// The same client, which reads up to `bytes` of an answer.
    #[must_use]
    pub fn with_answer_bytes_max(self, bytes: usize) -> Self {
        Self { answer_bytes_max: bytes, ..self }
    }

    /// Sends one request and waits for its answer within its timeout. Every failure is a result.
    pub async fn send(&self, call: HttpCall) -> HttpResult {
        let begun = Instant::now();
        let timeout = call.timeout;
        let mut retry_after = None;
        let answer = match tokio::time::timeout(timeout, self.exchange(call, &mut retry_after)).await {
            Ok(answer) => answer,
            Err(_) => Err(format!("no answer within {} s", timeout.as_secs())),
        };
        HttpResult { answer, retry_after, duration_ms: begun.elapsed().as_secs_f64() * 1000.0 }
    }

    async fn exchange(
        &self,
        call: HttpCall,
        retry_after: &mut Option<String>,
    ) -> Result<(u16, Bytes), String> {
        let mut request = Request::builder().method(call.method).uri(&call.url);
        for (name, value) in &call.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(call.body)).map_err(|error| error.to_string())?;
        let response = self.client.request(request).await.map_err(|error| full_message(&error))?;
        let status = response.status().as_u16();
        let header = response.headers().get(hyper::header::RETRY_AFTER);
        *retry_after = header.and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = Limited::new(response.into_body(), self.answer_bytes_max).collect().await;
        Ok((status, body.map(|body| body.to_bytes()).unwrap_or_default()))
    }
}

impl Default for HttpClient {
    fn default() -> Self {
        Self::new()
    }
}

/// An error with its causes: hyper's own message says only that connecting failed.
fn full_message(error: &dyn std::error::Error) -> String {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        message.push_str(": ");
        message.push_str(&cause.to_string());
        source = cause.source();
    }
    message
}
