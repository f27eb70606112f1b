//! Slow, oversized, truncated and otherwise difficult clients; HTTP's finer points.

use std::io::Write as _;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use pontoon_wire::Limits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::server::{Server, request};

const ECHO: &str = "POST / HTTP/1.1\r\nhost: x\r\nx-amz-target: AmazonSQS.Echo\r\n";

/// Sends bytes, keeps the connection open, and gives back all that the server says until it closes.
async fn send_and_wait(server: &Server, bytes: &[u8]) -> String {
    let mut stream = server.connect().await;
    stream.write_all(bytes).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test(start_paused = true)]
async fn a_head_that_does_not_come_to_an_end_is_given_up() {
    let server = Server::start(Limits::default()).await;
    let begun = tokio::time::Instant::now();
    assert_eq!(send_and_wait(&server, b"POST / HTTP/1.1\r\nhost: x\r\n").await, "");
    assert_eq!(begun.elapsed().as_secs(), Limits::default().head_timeout.as_secs());
    server.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_not_used_again_is_closed() {
    let server = Server::start(Limits::default()).await;
    let begun = tokio::time::Instant::now();
    let answer = send_and_wait(&server, format!("{ECHO}content-length: 2\r\n\r\n{{}}").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("{}"), "{answer}");
    assert_eq!(begun.elapsed().as_secs(), Limits::default().head_timeout.as_secs());
    server.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_waits_for_its_answer_is_not_sent_away() {
    let server = Server::start(Limits::default()).await;
    let body = "{\"Text\":\"forever\"}";
    let request = format!("{ECHO}content-length: {}\r\n\r\n{body}", body.len());
    let wait = send_and_wait(&server, request.as_bytes());
    assert!(tokio::time::timeout(Limits::default().head_timeout * 10, wait).await.is_err());
    server.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_to_an_end_is_answered_and_given_up() {
    let server = Server::start(Limits::default()).await;
    let begun = tokio::time::Instant::now();
    let answer = send_and_wait(&server, format!("{ECHO}content-length: 100\r\n\r\n{{").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("#RequestTimeout\""), "{answer}");
    assert_eq!(begun.elapsed().as_secs(), Limits::default().body_piece_timeout.as_secs());
    server.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_body_that_trickles_is_given_up_all_the_same() {
    let limits = Limits { body_timeout: Duration::from_secs(60), ..Limits::default() };
    let server = Server::start(limits).await;
    let stream = server.connect().await;
    let (mut reading, mut writing) = stream.into_split();
    writing.write_all(format!("{ECHO}content-length: 1000\r\n\r\n").as_bytes()).await.unwrap();
    let trickle = tokio::spawn(async move {
        while writing.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(10)).await;
        }
    });
    let mut answer = [0; 12];
    reading.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
    trickle.abort();
    server.stop().await;
}

#[tokio::test]
async fn oversized_bodies_are_refused_before_and_after_they_come() {
    let server = Server::start(Limits { s3_body_bytes_max: 1000, ..Limits::default() }).await;
    let answer = server.exchange(request("PUT /bucket/object", "", &[b'x'; 1001])).await;
    assert!(answer.contains("<Code>EntityTooLarge</Code>"), "{answer}");
    let chunked = [
        &b"PUT /bucket/object HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"[..],
        &b"1f4\r\n"[..],
        &[b'x'; 500],
        b"\r\n1f5\r\n",
        &[b'x'; 501],
        b"\r\n0\r\n\r\n",
    ]
    .concat();
    let answer = server.exchange(chunked).await;
    assert!(answer.contains("<Code>EntityTooLarge</Code>"), "{answer}");
    let answer = server.exchange(request("PUT /bucket/object", "", &[b'x'; 1000])).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    // Announced only: the answer comes without anything being sent.
    let huge = "POST /2015-03-31/things/x HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 99999999999\r\n\r\n";
    let answer = server.exchange(huge).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(
        answer.contains("\"Request must be smaller than 70167211 bytes for the CreateThing operation\""),
        "{answer}"
    );
    server.stop().await;
}

#[tokio::test]
async fn all_bodies_together_are_bounded() {
    let server = Server::start(Limits { bodies_bytes_max: 4, ..Limits::default() }).await;
    let answer = server.exchange(request("PUT /bucket/object", "", b"12345")).await;
    assert!(
        answer.starts_with("HTTP/1.1 503 ") && answer.contains("<Code>ServiceUnavailable</Code>"),
        "{answer}"
    );
    let answer = server.exchange(request("PUT /bucket/object", "", b"1234")).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "what was taken is given back: {answer}");
    server.stop().await;
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn gzip_is_inflated_within_bounds() {
    let server = Server::start(Limits::default()).await;
    let headers = "x-amz-target: AmazonSQS.Echo\r\ncontent-encoding: gzip\r\n";
    let answer = server.exchange(request("POST /", headers, &gzip(b"{\"Text\":\"small\"}"))).await;
    assert!(answer.ends_with("{\"Text\":\"small\"}"), "{answer}");
    let bomb = gzip(&vec![b' '; 9 << 20]);
    assert!(bomb.len() < 100_000);
    let answer = server.exchange(request("POST /", headers, &bomb)).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    let answer = server.exchange(request("POST /", headers, b"not gzip")).await;
    assert!(answer.contains("SerializationException"), "{answer}");
    let headers = "x-amz-target: AmazonSQS.Echo\r\ncontent-encoding: br\r\n";
    let answer = server.exchange(request("POST /", headers, b"{}")).await;
    assert!(answer.starts_with("HTTP/1.1 415 "), "{answer}");
    let headers = "content-encoding: gzip\r\ncontent-type: application/x-www-form-urlencoded\r\n";
    let body = gzip(b"Action=PutEcho&Version=2010-08-01&Text=small");
    let answer = server.exchange(request("POST /", headers, &body)).await;
    assert!(answer.contains("<Text>small</Text>"), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_asks_is_told_to_go_on() {
    let server = Server::start(Limits::default()).await;
    let mut stream = server.connect().await;
    let head = format!("{ECHO}expect: 100-continue\r\nconnection: close\r\ncontent-length: 2\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"{}").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\n{}"), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn http2_is_spoken_by_prior_knowledge() {
    let server = Server::start(Limits::default()).await;
    let stream = TokioIo::new(server.connect().await);
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    let driver = tokio::spawn(connection);
    for text in ["one", "who"] {
        let request = http::Request::post("http://localhost:4566/")
            .header("x-amz-target", "AmazonSQS.Echo")
            .body(Full::new(bytes::Bytes::from(format!("{{\"Text\":\"{text}\"}}"))))
            .unwrap();
        let answer = sender.send_request(request).await.unwrap();
        assert_eq!((answer.version(), answer.status()), (http::Version::HTTP_2, http::StatusCode::OK));
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let expected = match text {
            "who" => "{\"Text\":\"000000000000 us-east-1 http://localhost:4566\"}",
            _ => "{\"Text\":\"one\"}",
        };
        assert_eq!(body, expected);
    }
    drop(sender);
    driver.await.unwrap().unwrap();
    server.stop().await;
}

#[tokio::test]
async fn truncated_and_malformed_requests_end_the_connection_and_nothing_else() {
    let server = Server::start(Limits::default()).await;
    for bytes in [
        &b"GET"[..],
        b"GET / HTTP/1.1\r\n",
        b"\0\0\0\0\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nnonsense that is no preface",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nab",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: -5\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ] {
        let mut stream = server.connect().await;
        stream.write_all(bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        // Either an answer or a closed connection will do; a hang would not.
        drop(tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await.unwrap());
    }
    let answer = server.exchange(request("GET /_pontoon/health", "", b"")).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn shutdown_lets_requests_under_way_end_and_closes_idle_connections() {
    let server = Server::start(Limits::default()).await;
    let mut idle = server.connect().await;
    idle.write_all(format!("{ECHO}content-length: 2\r\n\r\n{{}}").as_bytes()).await.unwrap();
    let mut first = [0; 15];
    idle.read_exact(&mut first).await.unwrap();
    let mut busy = server.connect().await;
    let head = format!("{ECHO}expect: 100-continue\r\ncontent-length: 2\r\n\r\n");
    busy.write_all(head.as_bytes()).await.unwrap();
    let mut interim = [0; 25];
    busy.read_exact(&mut interim).await.unwrap();
    let address = server.address;
    let (mut rest, mut answer) = (String::new(), String::new());
    let finish = async {
        idle.read_to_string(&mut rest).await.unwrap();
        assert!(tokio::net::TcpStream::connect(address).await.is_err(), "nothing listens any more");
        busy.write_all(b"{}").await.unwrap();
        busy.read_to_string(&mut answer).await.unwrap();
    };
    tokio::join!(server.stop(), finish);
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("{}"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn shutdown_does_not_wait_for_ever() {
    let server = Server::start(Limits::default()).await;
    let mut parked = server.connect().await;
    let body = "{\"Text\":\"forever\"}";
    let request = format!("{ECHO}content-length: {}\r\nexpect: 100-continue\r\n\r\n", body.len());
    parked.write_all(request.as_bytes()).await.unwrap();
    let mut interim = [0; 25];
    parked.read_exact(&mut interim).await.unwrap();
    parked.write_all(body.as_bytes()).await.unwrap();
    let begun = tokio::time::Instant::now();
    server.stop().await;
    assert_eq!(begun.elapsed().as_secs(), Limits::default().shutdown_timeout.as_secs());
    let mut rest = Vec::new();
    drop(parked.read_to_end(&mut rest).await);
    assert!(rest.is_empty(), "the connection ended without an answer");
}
