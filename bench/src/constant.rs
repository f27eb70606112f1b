//! The limit: the same HTTP stack, answering a constant.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// As long as the answer to a `SendMessage`.
const ANSWER: &[u8] = br#"{"MD5OfMessageBody":"6d7ebc3ba694d1ace812b3552e1a71f9","MessageId":"5b0ba526-f435-43ef-895d-efc3242069d9"}"#;

/// Serves on a free port, which it prints, until killed.
///
/// # Errors
/// If it cannot listen.
pub fn serve() -> Result<(), String> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|e| e.to_string())?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|e| e.to_string())?;
        println!("constant listens on http://{}", listener.local_addr().map_err(|e| e.to_string())?);
        loop {
            let (stream, _) = listener.accept().await.map_err(|e| e.to_string())?;
            stream.set_nodelay(true).map_err(|e| e.to_string())?;
            tokio::spawn(async move {
                let service = service_fn(answer);
                // A client that goes away ends its connection; there is nothing to do about it.
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    })
}

/// The header with which a request asks for an answer of so many bytes.
pub const ANSWER_BYTES: &str = "x-answer-bytes";
/// What such answers are of.
static FILLER: [u8; 64 << 10] = [b'x'; 64 << 10];

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let asked = request.headers().get(ANSWER_BYTES).and_then(|bytes| bytes.to_str().ok()?.parse().ok());
    let answer = asked.map_or(ANSWER, |bytes: usize| &FILLER[..bytes.min(FILLER.len())]);
    // Read the body, as any server must.
    let _ = request.into_body().collect().await;
    Ok(Response::new(Full::new(Bytes::from_static(answer))))
}
