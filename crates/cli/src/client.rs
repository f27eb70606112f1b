//! Requests to a running server's own API.

use std::time::Duration;

use clap::Args;
use pontoon_core::work::HttpCall;
use pontoon_host::http::HttpClient;
use serde_json::Value;

/// Which server to ask.
#[derive(Debug, Clone, Args)]
pub struct Target {
    /// The server's URL.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        default_value = "http://127.0.0.1:4566",
        env = "PONTOON_ENDPOINT"
    )]
    pub endpoint: String,
    /// Print JSON.
    #[arg(long, global = true)]
    pub json: bool,
}

/// How much of an answer is read.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Asks a server.
pub struct Client {
    http: HttpClient,
    endpoint: String,
}

impl Client {
    /// A client of the server at `target`.
    pub fn new(target: &Target) -> Self {
        let endpoint = target.endpoint.trim_end_matches('/').to_owned();
        Self { http: HttpClient::new(), endpoint }
    }

    /// `GET /_pontoon/{path}`.
    ///
    /// # Errors
    /// If there is no server, or it refuses; in words.
    pub async fn get(&self, path: &str) -> Result<Value, String> {
        self.ask("GET", path, Duration::from_secs(60)).await
    }

    /// `POST /_pontoon/{path}`, which may take long.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn post(&self, path: &str) -> Result<Value, String> {
        self.ask("POST", path, Duration::from_secs(24 * 3600)).await
    }

    async fn ask(&self, method: &'static str, path: &str, timeout: Duration) -> Result<Value, String> {
        let url = format!("{}/_pontoon/{path}", self.endpoint);
        let call = HttpCall {
            method,
            url,
            headers: Vec::new(),
            body: Vec::new().into(),
            timeout,
            answer_bytes_max: ANSWER_BYTES_MAX,
        };
        let (status, body) = self.http.send(call).await.answer.map_err(|reason| {
            format!("no Pontoon answers at {} ({reason}); start one with `pontoon serve`, or name it with --endpoint", self.endpoint)
        })?;
        let answer: Value = serde_json::from_slice(&body)
            .map_err(|_| format!("{} is not Pontoon: it answered {status} and no JSON", self.endpoint))?;
        if status == 200 {
            return Ok(answer);
        }
        Err(answer
            .get("error")
            .and_then(Value::as_str)
            .unwrap_or("the server refused without a reason")
            .to_owned())
    }
}
