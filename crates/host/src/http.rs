//! The HTTP client that carries deliveries to endpoints outside.

use std::io::Read;
use std::time::Instant;

use bytes::Bytes;
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Incoming;
use hyper::header::{CONTENT_ENCODING, HeaderMap, HeaderName, RETRY_AFTER};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use pontoon_core::work::{HttpCall, HttpResult};

/// Sends requests over `http` and, trusting the public certificate authorities, `https`. Redirects are answers, as for AWS.
#[derive(Debug, Clone)]
pub struct HttpClient {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// What was read of an answer.
struct Answer {
    status: u16,
    body: Vec<u8>,
    is_whole: bool,
    retry_after: Option<String>,
}

impl HttpClient {
    /// A client with a pool of its own.
    #[must_use]
    pub fn new() -> Self {
        let connector =
            HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().build();
        Self { client: Client::builder(TokioExecutor::new()).build(connector) }
    }

    /// Sends one request and waits for its answer within its timeout. Every failure is a result.
    pub async fn send(&self, call: HttpCall) -> HttpResult {
        let begun = Instant::now();
        let timeout = call.timeout;
        let answer = match tokio::time::timeout(timeout, self.exchange(call)).await {
            Ok(answer) => answer,
            Err(_) => Err(format!("no answer within {} s", timeout.as_secs())),
        };
        let duration_ms = begun.elapsed().as_secs_f64() * 1000.0;
        match answer {
            Ok(Answer { status, body, is_whole, retry_after }) => {
                HttpResult { answer: Ok((status, body.into())), is_whole, retry_after, duration_ms }
            }
            Err(reason) => {
                HttpResult { answer: Err(reason), is_whole: false, retry_after: None, duration_ms }
            }
        }
    }

    async fn exchange(&self, call: HttpCall) -> Result<Answer, String> {
        let mut request = Request::builder().method(call.method).uri(&call.url);
        for (name, value) in &call.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(call.body)).map_err(|error| error.to_string())?;
        let response = self.client.request(request).await.map_err(|error| full_message(&error))?;
        let (head, body) = response.into_parts();
        let (body, is_all) = read(body, call.answer_bytes_max).await;
        let (body, is_intact) = decoded(header(&head.headers, CONTENT_ENCODING), body, call.answer_bytes_max);
        Ok(Answer {
            status: head.status.as_u16(),
            body,
            is_whole: is_all && is_intact,
            retry_after: header(&head.headers, RETRY_AFTER).map(str::to_owned),
        })
    }
}

impl Default for HttpClient {
    fn default() -> Self {
        Self::new()
    }
}

fn header(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// The first `bytes_max` bytes of a body, and whether they are all of it.
async fn read(mut body: Incoming, bytes_max: usize) -> (Vec<u8>, bool) {
    let mut read = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return (read, false) };
        let data = frame.into_data().unwrap_or_default();
        let room = bytes_max - read.len();
        read.extend_from_slice(&data[..data.len().min(room)]);
        if data.len() > room {
            return (read, false);
        }
    }
    (read, true)
}

/// A body without its content encoding, up to `bytes_max` bytes, and whether that is all of it. One in another encoding than those that requests
/// ask for stays as it is.
fn decoded(encoding: Option<&str>, body: Vec<u8>, bytes_max: usize) -> (Vec<u8>, bool) {
    let mut decoder: Box<dyn Read + Send + '_> = match encoding.map(str::trim) {
        Some(encoding) if encoding.eq_ignore_ascii_case("gzip") => Box::new(MultiGzDecoder::new(&body[..])),
        Some(encoding) if encoding.eq_ignore_ascii_case("deflate") => Box::new(ZlibDecoder::new(&body[..])),
        _ => return (body, true),
    };
    let mut inflated = Vec::new();
    let read = decoder.by_ref().take(bytes_max as u64).read_to_end(&mut inflated);
    let has_more = matches!(decoder.read(&mut [0]), Ok(1) | Err(_));
    (inflated, read.is_ok() && !has_more)
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

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};

    use super::decoded;

    #[test]
    fn a_body_is_read_as_it_was_before_it_was_compressed() {
        let text = "text ".repeat(100);
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(text.as_bytes()).unwrap();
        let gzip = gzip.finish().unwrap();
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(text.as_bytes()).unwrap();
        let zlib = zlib.finish().unwrap();
        let half = gzip[..gzip.len() / 2].to_vec();
        for (encoding, body, max, expected) in [
            (Some("gzip"), gzip.clone(), 500, (500, true)),
            (Some(" GZIP "), gzip.clone(), 501, (500, true)),
            (Some("deflate"), zlib, 500, (500, true)),
            (Some("gzip"), gzip.clone(), 499, (499, false)),
            (Some("br"), gzip.clone(), 500, (gzip.len(), true)),
            (None, gzip.clone(), 500, (gzip.len(), true)),
            (Some("gzip"), text.clone().into_bytes(), 500, (0, false)),
        ] {
            let (inflated, is_whole) = decoded(encoding, body, max);
            assert_eq!((inflated.len(), is_whole), expected, "{encoding:?} {max}");
        }
        let (begun, is_whole) = decoded(Some("gzip"), half, 500);
        assert!(text.as_bytes().starts_with(&begun) && !is_whole);
    }
}
