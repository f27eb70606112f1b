//! A server process that can be killed, and the plainest client of it: JSON over HTTP/1.1, blocking, one request after another.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

/// How long a server may take to answer before the test is over.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// `pontoon serve`, killed when dropped.
pub struct Server {
    child: Child,
    /// `127.0.0.1:PORT`; empty until it is known to be ready.
    pub address: String,
}

impl Server {
    /// Starts on a directory, without waiting until it is ready.
    pub fn spawn(data: &Path) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_pontoon"))
            .args(["serve", "--virtual-clock", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self { child, address: String::new() }
    }

    /// Starts on a directory; ready when it returns.
    pub fn start(data: &Path) -> Self {
        let mut server = Self::spawn(data);
        let mut line = String::new();
        BufReader::new(server.child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.split_once("http://").and_then(|(_, rest)| rest.split([' ', ',']).next());
        let address = address.unwrap_or_else(|| panic!("the server said {line:?} and not where it listens"));
        address.clone_into(&mut server.address);
        server
    }

    /// A client with a connection of its own.
    pub fn client(&self) -> Client {
        Client { address: self.address.clone(), connection: None }
    }

    /// Ends it as a crash does: SIGKILL, and nothing is written after it.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The server died before it answered: nobody knows whether the request took effect.
#[derive(Debug)]
pub struct Lost;

/// What the server answered: the output, or the error's code and message.
pub type Answer = Result<Value, String>;

/// One connection.
pub struct Client {
    address: String,
    connection: Option<BufReader<TcpStream>>,
}

impl Client {
    /// Calls an operation by its `X-Amz-Target`.
    ///
    /// # Errors
    /// If there was no answer.
    pub fn call(&mut self, target: &str, input: &Value) -> Result<Answer, Lost> {
        let body = input.to_string();
        let headers = format!("X-Amz-Target: {target}\r\nContent-Type: application/x-amz-json-1.0\r\n");
        self.post("/", &headers, body.as_bytes())
    }

    /// A POST to a path: Pontoon's own API, and services of the REST protocols.
    ///
    /// # Errors
    /// If there was no answer.
    pub fn post(&mut self, path: &str, headers: &str, body: &[u8]) -> Result<Answer, Lost> {
        self.request("POST", path, headers, body)
    }

    /// A PUT to a path.
    ///
    /// # Errors
    /// If there was no answer.
    pub fn put(&mut self, path: &str, headers: &str, body: &[u8]) -> Result<Answer, Lost> {
        self.request("PUT", path, headers, body)
    }

    /// Sets the virtual clock forward, and returns when everything due has settled.
    #[track_caller]
    pub fn advance(&mut self, by: Duration) {
        let path = format!("/_pontoon/clock/advance?millis={}", by.as_millis());
        self.post(&path, "", b"").unwrap().unwrap();
    }

    /// Up to ten messages of a queue, with their system attributes.
    pub fn receive(&mut self, queue_url: &Value) -> Result<Vec<Value>, Lost> {
        let asked =
            json!({"QueueUrl": queue_url, "MaxNumberOfMessages": 10, "MessageSystemAttributeNames": ["All"]});
        let answer = self.call("AmazonSQS.ReceiveMessage", &asked)?.unwrap();
        Ok(answer["Messages"].as_array().cloned().unwrap_or_default())
    }

    /// The output of an operation that must succeed.
    #[track_caller]
    pub fn ok(&mut self, target: &str, input: Value) -> Value {
        match self.call(target, &input).unwrap_or_else(|Lost| panic!("no answer to {target}")) {
            Ok(output) => output,
            Err(error) => panic!("{target} {input}: {error}"),
        }
    }

    fn request(&mut self, method: &str, path: &str, headers: &str, body: &[u8]) -> Result<Answer, Lost> {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\n{headers}Content-Length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        let answer = self.exchange(&head, body);
        if answer.is_err() {
            self.connection = None;
        }
        let (status, body) = answer.map_err(|error| {
            // A server that hangs is not one that died.
            assert!(!matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut), "{error}");
            Lost
        })?;
        if (200..300).contains(&status) {
            return Ok(Ok(serde_json::from_slice(&body).unwrap_or(Value::Null)));
        }
        Ok(Err(format!("{status} {}", String::from_utf8_lossy(&body))))
    }

    fn exchange(&mut self, head: &str, body: &[u8]) -> io::Result<(u16, Vec<u8>)> {
        if self.connection.is_none() {
            let stream = TcpStream::connect(&self.address)?;
            stream.set_read_timeout(Some(ANSWER_MAX))?;
            stream.set_nodelay(true)?;
            self.connection = Some(BufReader::new(stream));
        }
        let connection = self.connection.as_mut().unwrap();
        connection.get_mut().write_all(&[head.as_bytes(), body].concat())?;
        let mut line = String::new();
        let (mut status, mut length) = (0, 0);
        loop {
            line.clear();
            if connection.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let line = line.trim_end();
            if let Some(rest) = line.strip_prefix("HTTP/1.1 ") {
                status = rest.split(' ').next().and_then(|code| code.parse().ok()).unwrap_or(0);
            } else if let Some((name, value)) = line.split_once(':') {
                if name.eq_ignore_ascii_case("content-length") {
                    length = value.trim().parse().unwrap();
                }
            } else if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        connection.read_exact(&mut body)?;
        Ok((status, body))
    }
}

/// What deletes a message that was received.
pub fn delete_of(queue_url: &Value, message: &Value) -> Value {
    json!({"QueueUrl": queue_url, "ReceiptHandle": message["ReceiptHandle"]})
}
