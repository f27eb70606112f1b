//! Thousands of clients that wait at once, each on a connection of its own.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use support::Pontoon;

/// Long polls that wait; fewer where the system does not let this process open as many files.
const POLLS: usize = 10_000;

/// How long any answer may take: less than the polls wait.
const PATIENCE: Duration = Duration::from_secs(15);

#[test]
fn ten_thousand_long_polls_wait_and_a_message_answers_one() {
    pontoon_host::descriptors::raise_limit();
    let pontoon = Pontoon::start(&["--memory"]);
    let address = pontoon.endpoint.trim_start_matches("http://").to_owned();
    assert!(call(&address, "CreateQueue", r#"{"QueueName": "waited-for"}"#).contains("QueueUrl"));
    let queue = format!("http://{address}/000000000000/waited-for");

    let poll = request("ReceiveMessage", &format!(r#"{{"QueueUrl": "{queue}", "WaitTimeSeconds": 20}}"#));
    let began = Instant::now();
    let mut polls = Vec::with_capacity(POLLS);
    while polls.len() < POLLS {
        match TcpStream::connect(&address) {
            Ok(mut stream) => {
                stream.write_all(&poll).unwrap();
                stream.set_nonblocking(true).unwrap();
                polls.push(stream);
            }
            Err(error) => {
                assert!(polls.len() > 900, "{} connections, then {error}", polls.len());
                break;
            }
        }
    }
    if polls.len() < POLLS {
        // Room for the calls below.
        polls.truncate(polls.len() - 16);
    }
    assert!(began.elapsed() < PATIENCE, "{} connected in {:?}", polls.len(), began.elapsed());
    assert_eq!(answers(&mut polls), Vec::<String>::new(), "none is answered before there is a message");

    let send = format!(r#"{{"QueueUrl": "{queue}", "MessageBody": "at last"}}"#);
    assert!(call(&address, "SendMessage", &send).contains("MessageId"));
    let mut answered = Vec::new();
    let sent = Instant::now();
    while answered.is_empty() && sent.elapsed() < PATIENCE {
        answered = answers(&mut polls);
    }
    assert!(matches!(&answered[..], [one] if one.contains("at last")), "{answered:?}");
    let waiting = polls.len();
    drop(polls);
    let asked = format!(r#"{{"QueueUrl": "{queue}", "AttributeNames": ["All"]}}"#);
    let attributes = call(&address, "GetQueueAttributes", &asked);
    assert!(attributes.contains(r#""ApproximateNumberOfMessagesNotVisible":"1""#), "{attributes}");
    println!("{waiting} long polls waited");
}

fn request(operation: &str, body: &str) -> Vec<u8> {
    format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-amz-json-1.0\r\n\
         x-amz-target: AmazonSQS.{operation}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// A call on a connection of its own.
fn call(address: &str, operation: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(&request(operation, body)).unwrap();
    let mut answer = vec![0; 64 << 10];
    let length = stream.read(&mut answer).unwrap();
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

/// What has been answered so far; an end of a connection is an answer too.
fn answers(polls: &mut [TcpStream]) -> Vec<String> {
    let mut answers = Vec::new();
    let mut buffer = vec![0; 4 << 10];
    for poll in polls {
        match poll.read(&mut buffer) {
            Ok(length) => answers.push(String::from_utf8_lossy(&buffer[..length]).into_owned()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => answers.push(error.to_string()),
        }
    }
    answers
}
