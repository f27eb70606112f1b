//! A live server on a socket, with a backend that echoes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use pontoon_core::shape::{OperationSchema, Output, ServiceSchema, Violations};
use pontoon_core::{ApiError, Timestamp};
use pontoon_wire::{
    Backend, Call, Credentials, Limits, PlainBody, PlainRequest, PlainResponse, Secret, serve,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::toy::{SERVICES, Thing, ThingOf, ToyRequest};

/// Saturday, 31 January 2026, 12:34:56 GMT.
pub const NOW: Timestamp = Timestamp::from_secs(1_769_862_896);

/// Gives back what it is given; fails where the text says so.
#[derive(Debug, Default)]
pub struct Echo;

impl Backend for Echo {
    fn services(&self) -> &'static [&'static ServiceSchema] {
        SERVICES
    }

    fn now(&self) -> Timestamp {
        NOW
    }

    fn credentials(&self, _: &str) -> Credentials {
        Credentials::Unchecked
    }

    fn anonymous(&self) -> bool {
        true
    }

    fn invalid(&self, _: &'static OperationSchema, violations: &Violations) -> Option<ApiError> {
        Some(ApiError::client("ValidationException", violations.message()))
    }

    async fn call(&self, call: Call) -> Result<Box<dyn Output>, ApiError> {
        let request = call.request.into_any().downcast::<ToyRequest>().expect("all requests are the toy's");
        let ToyRequest(operation, mut thing) = *request;
        match thing.text.as_deref() {
            Some("missing") => {
                let detail = Thing { number: Some(7), ..Thing::default() };
                return Err(ApiError::client("NoSuchThing", "There is no \"such\" thing & never was.")
                    .with_detail(ThingOf(&crate::toy::THING, detail)));
            }
            Some("forever") => std::future::pending().await,
            Some("key") => {
                return Err(
                    ApiError::client("NoSuchKey", "The specified key does not exist.").with_status(404)
                );
            }
            Some("who") => {
                thing.text = Some(format!("{} {} {}", call.scope.account, call.scope.region, call.endpoint));
            }
            _ => {}
        }
        Ok(Box::new(ThingOf(operation.output, thing)))
    }

    async fn plain(&self, request: PlainRequest) -> PlainResponse {
        let text = format!("{} {}", request.method, request.uri);
        let mut response = PlainResponse::new(StatusCode::OK, "text/plain", text);
        if request.uri.path() == "/_pontoon/stream" {
            let (pieces, receiver) = tokio::sync::mpsc::channel(1);
            tokio::spawn(async move {
                for piece in ["one\n", "two\n"] {
                    pieces.send(Bytes::from_static(piece.as_bytes())).await.unwrap();
                }
            });
            response.body = PlainBody::Stream(receiver);
        }
        response
    }
}

/// A server that lasts as long as this.
pub struct Server {
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    pub async fn start(limits: Limits) -> Self {
        Self::with(Echo, limits).await
    }

    pub async fn with(backend: impl Backend, limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async move { drop(stopped.await) };
        let task = tokio::spawn(serve(listener, Arc::new(backend), shutdown, limits));
        Self { address, stop: Some(stop), task }
    }

    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    pub async fn stop(mut self) {
        drop(self.stop.take());
        self.task.await.unwrap();
    }

    /// Sends bytes on a connection of their own and gives back everything that the server says until it closes.
    pub async fn exchange(&self, request: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect().await;
        stream.write_all(request.as_ref()).await.unwrap();
        let mut answer = Vec::new();
        tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer))
            .await
            .unwrap()
            .unwrap();
        String::from_utf8(answer).unwrap()
    }
}

pub fn request(first_line: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "{first_line} HTTP/1.1\r\nhost: localhost:4566\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Status and body of an answer, and whether it has each of these header lines.
#[track_caller]
fn check(answer: &str, status: u16, headers: &[&str], body: &str) {
    let (head, found) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    let id = head.split("x-amzn-requestid: ").nth(1).and_then(|rest| rest.split("\r\n").next()).unwrap_or("");
    assert_eq!(found.replace(id, "ID"), body, "{head}");
    assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
    for header in headers {
        assert!(format!("{head}\r\n").contains(&format!("\r\n{header}")), "{header} is not in {head}");
    }
}

#[tokio::test]
async fn json_is_routed_by_target_and_answered_in_its_version() {
    let server = Server::start(Limits::default()).await;
    let headers = "x-amz-target: AmazonSQS.Echo\r\ncontent-type: application/x-amz-json-1.0\r\n";
    let answer = server.exchange(request("POST /", headers, br#"{"Text":"a\u00e9\n","Unknown":[{}]}"#)).await;
    check(
        &answer,
        200,
        &[
            "content-type: application/x-amz-json-1.0\r\n",
            "content-length: 16\r\n",
            "date: Sat, 31 Jan 2026 12:34:56 GMT",
        ],
        "{\"Text\":\"aé\\n\"}",
    );
    let answer = server.exchange(request("POST /", headers, br#"{"Text":"missing"}"#)).await;
    check(
        &answer,
        400,
        &["x-amzn-query-error: Toy.NoSuchThing;Sender\r\n"],
        r#"{"__type":"com.amazonaws.sqs#NoSuchThing","message":"There is no \"such\" thing & never was.","Number":7}"#,
    );
    let answer = server.exchange(request("POST /", headers, b"{\"Text\":12}")).await;
    check(
        &answer,
        400,
        &[],
        r#"{"__type":"com.amazon.coral.service#SerializationException","Message":"NUMBER_VALUE cannot be converted to String"}"#,
    );
    let headers = "x-amz-target: DynamoDB_20120810.Echo\r\ncontent-type: application/x-amz-json-1.0\r\n";
    let answer = server.exchange(request("POST /", headers, b"{}")).await;
    check(&answer, 200, &["x-amz-crc32: 2745614147\r\n"], "{}");
    server.stop().await;
}

#[tokio::test]
async fn what_is_not_supported_is_refused_by_name() {
    let server = Server::start(Limits::default()).await;
    let headers = "x-amz-target: AmazonSQS.Levitate\r\n";
    let answer = server.exchange(request("POST /", headers, b"{}")).await;
    check(
        &answer,
        501,
        &[],
        r#"{"__type":"com.amazon.coral.service#NotSupportedByPontoon","message":"Pontoon does not support SQS:Levitate."}"#,
    );
    let answer = server.exchange(request("POST /", "x-amz-target: AmazonSQS.Nonsense\r\n", b"{}")).await;
    check(&answer, 400, &[], r#"{"__type":"com.amazon.coral.service#UnknownOperationException"}"#);
    let answer = server.exchange(request("GET /", "", b"")).await;
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    let answer = server.exchange(request("PUT /bucket/key?acl", "", b"")).await;
    assert!(
        answer.contains("<Message>Pontoon does not support S3: PUT /bucket/key?acl.</Message>"),
        "{answer}"
    );
    server.stop().await;
}

#[tokio::test]
async fn query_is_routed_by_action_scope_and_version() {
    let server = Server::start(Limits::default()).await;
    let form = "content-type: application/x-www-form-urlencoded; charset=utf-8\r\n";
    let body = b"Action=Echo&Version=2012-11-05&Txt=a%C3%A9+%2B&Tag.1.key=k&Tag.1.value=v&Name.1=x&Name.2=y&Number=12";
    let answer = server.exchange(request("POST /", form, body)).await;
    check(
        &answer,
        200,
        &["content-type: text/xml\r\n"],
        "<?xml version=\"1.0\"?><EchoResponse xmlns=\"http://toy/\"><EchoResult><Txt>aé +</Txt><Number>12</Number>\
         <Tag><key>k</key><value>v</value></Tag><Name>x</Name><Name>y</Name></EchoResult>\
         <ResponseMetadata><RequestId>ID</RequestId></ResponseMetadata></EchoResponse>",
    );
    let body = b"Action=Echo&Version=2010-03-31&Names.member.1=x&Parts.member.1.Text=%0D%3C&Tags.entry.1.key=k&Tags.entry.1.value=v";
    let answer = server.exchange(request("POST /", form, body)).await;
    check(
        &answer,
        200,
        &[],
        "<EchoResponse xmlns=\"http://toy/\"><EchoResult><Tags><entry><key>k</key><value>v</value></entry></Tags>\
         <Names><member>x</member></Names><Parts><member><Text>&#xD;&lt;</Text></member></Parts></EchoResult>\
         <ResponseMetadata><RequestId>ID</RequestId></ResponseMetadata></EchoResponse>",
    );
    let answer = server
        .exchange(request("GET /000000000000/q?Action=Echo&Txt=missing&Version=2012-11-05", "", b""))
        .await;
    check(
        &answer,
        400,
        &[],
        "<?xml version=\"1.0\"?><ErrorResponse xmlns=\"http://toy/\"><Error><Type>Sender</Type><Code>Toy.NoSuchThing</Code>\
         <Message>There is no &quot;such&quot; thing &amp; never was.</Message><Number>7</Number><Detail/></Error>\
         <RequestId>ID</RequestId></ErrorResponse>",
    );
    let answer = server.exchange(request("POST /", form, b"Action=Nonsense&Version=2010-03-31")).await;
    assert!(answer.contains(
        "<Code>InvalidAction</Code><Message>Could not find operation Nonsense for version 2010-03-31"
    ));
    server.stop().await;
}

#[tokio::test]
async fn rest_members_travel_in_path_query_headers_and_body() {
    let server = Server::start(Limits::default()).await;
    let path = "POST /2015-03-31/things/arn%3Aaws%3Alambda%2Fx?number=5&name=a&name=b%20c";
    let headers = "x-flag: true\r\nx-at: Sat, 31 Jan 2026 12:34:56 GMT\r\ncontent-type: application/json\r\n";
    let answer = server.exchange(request(path, headers, br#"{"Ratio":0.5,"Text":"not here"}"#)).await;
    check(
        &answer,
        201,
        &[
            "x-flag: true\r\n",
            "x-at: Sat, 31 Jan 2026 12:34:56 GMT\r\n",
            "content-type: application/json\r\n",
        ],
        r#"{"Text":"arn:aws:lambda/x","number":5,"Ratio":0.5,"name":["a","b c"]}"#,
    );
    let path = "POST /2015-03-31/things/f/invocations";
    let answer = server.exchange(request(path, "", b"\x00raw")).await;
    check(&answer, 200, &[], "\0raw");
    let answer = server.exchange(request("POST /2015-03-31/things/key/invocations", "", b"")).await;
    check(
        &answer,
        404,
        &["x-amzn-errortype: NoSuchKey\r\n"],
        r#"{"Message":"The specified key does not exist."}"#,
    );
    server.stop().await;
}

#[tokio::test]
async fn buckets_are_named_by_path_or_host() {
    let server = Server::start(Limits::default()).await;
    let answer = server.exchange(request("PUT /bucket/key", "", b"")).await;
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    assert!(answer.ends_with("</HostId></Error>"), "{answer}");
    assert!(answer.contains("<Code>NoSuchKey</Code><Message>The specified key does not exist.</Message><Resource>/bucket/key</Resource>"));
    let by_host = b"PUT /key HTTP/1.1\r\nhost: bucket.s3.localhost:4566\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    let answer = server.exchange(by_host).await;
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    let answer = server.exchange(request("HEAD /bucket/key", "", b"")).await;
    check(&answer, 404, &[], "");
    server.stop().await;
}

#[tokio::test]
async fn cbor_is_routed_by_path() {
    let server = Server::start(Limits::default()).await;
    let path = "POST /service/GraniteServiceVersion20100801/operation/PutEcho";
    let headers = "smithy-protocol: rpc-v2-cbor\r\ncontent-type: application/cbor\r\n";
    // {"Number": 5, "Flag": null}
    let body = Bytes::from_static(b"\xa2\x66Number\x05\x64Flag\xf6");
    let mut stream = server.connect().await;
    stream.write_all(&request(path, headers, &body)).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.ends_with(b"\r\n\r\n\xbf\x66Number\x05\xff"), "{}", String::from_utf8_lossy(&answer));
    let text = String::from_utf8_lossy(&answer);
    assert!(
        text.contains("smithy-protocol: rpc-v2-cbor\r\n")
            && text.contains("content-type: application/cbor\r\n")
    );
    server.stop().await;
}

#[tokio::test]
async fn requests_may_be_sent_before_the_answers_to_earlier_ones() {
    let server = Server::start(Limits::default()).await;
    let one = |text: &str| {
        let body = format!("{{\"Text\":\"{text}\"}}");
        format!(
            "POST / HTTP/1.1\r\nhost: x\r\nx-amz-target: AmazonSQS.Echo\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let last = String::from_utf8(request("GET /_pontoon/health", "", b"")).unwrap();
    let answer = server.exchange(format!("{}{}{last}", one("first"), one("second"))).await;
    let (first, second) = (answer.find("first").unwrap(), answer.find("second").unwrap());
    assert!(first < second && answer.ends_with("GET /_pontoon/health"), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn plain_bodies_may_come_in_pieces() {
    let server = Server::start(Limits::default()).await;
    let answer = server.exchange(request("GET /_pontoon/stream", "", b"")).await;
    assert!(answer.contains("\r\ntransfer-encoding: chunked\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n4\r\none\n\r\n4\r\ntwo\n\r\n0\r\n\r\n"), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn account_and_region_come_from_the_credential_scope() {
    let server = Server::start(Limits::default()).await;
    for (key, account) in [("123456789012", "123456789012"), ("AKIAIOSFODNN7EXAMPLE", "000000000000")] {
        let headers = format!(
            "x-amz-target: AmazonSQS.Echo\r\nauthorization: AWS4-HMAC-SHA256 Credential={key}/20260131/eu-west-1/sqs/aws4_request, SignedHeaders=host, Signature=00\r\n"
        );
        let answer = server.exchange(request("POST /", &headers, br#"{"Text":"who"}"#)).await;
        check(&answer, 200, &[], &format!(r#"{{"Text":"{account} eu-west-1 http://localhost:4566"}}"#));
    }
    server.stop().await;
}

/// Lets in only who signs with the one key.
struct Guarded;

impl Backend for Guarded {
    fn services(&self) -> &'static [&'static ServiceSchema] {
        SERVICES
    }
    fn now(&self) -> Timestamp {
        NOW
    }
    fn credentials(&self, access_key: &str) -> Credentials {
        match access_key {
            "AKIDEXAMPLE" => Credentials::Known(Secret {
                key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
                session_token: None,
                account: "111122223333".parse().unwrap(),
            }),
            "ASIDEXAMPLE" => Credentials::Expired,
            _ => Credentials::Unknown,
        }
    }
    fn anonymous(&self) -> bool {
        false
    }
    fn needs_no_signature(&self, operation: &'static OperationSchema) -> bool {
        operation.service.id == "sns" && operation.name == "Publish"
    }
    fn invalid(&self, _: &'static OperationSchema, _: &Violations) -> Option<ApiError> {
        None
    }
    async fn call(&self, call: Call) -> Result<Box<dyn Output>, ApiError> {
        Echo.call(call).await
    }
    async fn plain(&self, request: PlainRequest) -> PlainResponse {
        PlainResponse::new(StatusCode::OK, "text/plain", request.verified.to_string())
    }
}

#[tokio::test]
async fn only_signed_requests_pass_where_credentials_are_configured() {
    let server = Server::with(Guarded, Limits::default()).await;
    let signed = |key: &str| {
        format!(
            "x-amz-target: AmazonSQS.Echo\r\ncontent-type: application/x-amz-json-1.0\r\nx-amz-date: 20260131T123456Z\r\n\
             authorization: AWS4-HMAC-SHA256 Credential={key}/20260131/us-east-1/sqs/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date;x-amz-target, \
             Signature=beb779776ee11a5deec5e4d3c8cdd508e7eb5f50d17b28fe5cc2b5f519441c47\r\n"
        )
    };
    let body = br#"{"Text":"hi"}"#;
    let answer = server.exchange(request("POST /", &signed("AKIDEXAMPLE"), body)).await;
    check(&answer, 200, &[], r#"{"Text":"hi"}"#);
    let answer = server.exchange(request("POST /_pontoon/reset", &signed("AKIDEXAMPLE"), body)).await;
    assert!(answer.ends_with("false"), "signed for another path: {answer}");
    let answer = server.exchange(request("POST /", &signed("AKIDOTHER"), body)).await;
    check(
        &answer,
        403,
        &["x-amzn-query-error: InvalidClientTokenId;Sender\r\n"],
        r#"{"__type":"com.amazon.coral.service#InvalidClientTokenId","message":"The security token included in the request is invalid."}"#,
    );
    let answer = server.exchange(request("POST /", &signed("ASIDEXAMPLE"), body)).await;
    assert!(answer.contains("#ExpiredToken\""), "{answer}");
    let headers = "x-amz-target: DynamoDB_20120810.Echo\r\n";
    let answer = server.exchange(request("POST /", headers, b"{}")).await;
    check(
        &answer,
        400,
        &[],
        r#"{"__type":"com.amazon.coral.service#MissingAuthenticationTokenException","message":"Request is missing Authentication Token"}"#,
    );
    let form = "content-type: application/x-www-form-urlencoded\r\n";
    let answer = server.exchange(request("POST /", form, b"Action=Publish&Version=2010-03-31")).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "this operation needs no signature: {answer}");
    let answer = server.exchange(request("PUT /bucket/key", "", b"")).await;
    assert!(answer.contains("<Code>AccessDenied</Code><Message>Access Denied</Message>"), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn chunked_uploads_arrive_plain_and_checked() {
    let server = Server::start(Limits::default()).await;
    let headers = "content-encoding: aws-chunked\r\nx-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER\r\n\
                   x-amz-trailer: x-amz-checksum-crc32\r\nx-amz-decoded-content-length: 11\r\n";
    let body = b"5\r\nhello\r\n6\r\n world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n";
    let answer = server.exchange(request("PUT /bucket/object", headers, body)).await;
    check(&answer, 200, &[], "hello world");
    let wrong = b"5\r\nhello\r\n6\r\n World\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n";
    let answer = server.exchange(request("PUT /bucket/object", headers, wrong)).await;
    assert!(answer.contains("<Code>BadDigest</Code>"), "{answer}");
    let answer = server.exchange(request("PUT /bucket/object", headers, b"5\r\nhello\r\n0\r\n\r\n")).await;
    assert!(answer.contains("<Code>IncompleteBody</Code>"), "{answer}");
    server.stop().await;
}
