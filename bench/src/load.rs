//! A lean HTTP/1.1 client: prebuilt requests over kept-alive connections.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One kept-alive connection.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    composed: Vec<u8>,
}

/// A request's bytes for one of the JSON protocols.
pub fn request(target: &str, body: &str) -> Vec<u8> {
    let head = format!(
        "POST / HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/x-amz-json-1.0\r\nx-amz-target: {target}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body.as_bytes()].concat()
}

/// The same request with one more header.
pub fn with_header(request: &[u8], name: &str, value: &str) -> Vec<u8> {
    let end = memchr::memmem::find(request, b"\r\n\r\n").unwrap_or(request.len());
    [&request[..end], format!("\r\n{name}: {value}").as_bytes(), &request[end..]].concat()
}

/// What a template's number is written in place of.
pub const NUMBER: &str = "################";

/// What a template's second number, such as a message group's, is written in place of.
pub const SECOND: &str = "%%%%%%%%%%%%%%%%";

/// A request that is composed once and sent with another number each time: what the load generator does between two requests is then the same for
/// every operation and for the constant answer that they are compared with.
pub struct Template {
    bytes: Vec<u8>,
    numbers: Vec<usize>,
    seconds: Vec<usize>,
}

impl Template {
    /// Of a request whose body holds [`NUMBER`] wherever the number belongs.
    pub fn new(target: &str, body: &str) -> Self {
        Self::of(request(target, body))
    }

    /// Of a request's bytes.
    pub fn of(bytes: Vec<u8>) -> Self {
        let numbers = memchr::memmem::find_iter(&bytes, NUMBER).collect();
        let seconds = memchr::memmem::find_iter(&bytes, SECOND).collect();
        Self { bytes, numbers, seconds }
    }

    /// The request as it was composed.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The request with these numbers, sixteen hexadecimal digits each, into `buffer`.
    fn write(&self, (number, second): (u64, u64), buffer: &mut Vec<u8>) {
        buffer.clear();
        buffer.extend_from_slice(&self.bytes);
        for (number, places) in [(number, &self.numbers), (second, &self.seconds)] {
            let digits = hexadecimal(number);
            for &at in places {
                buffer[at..at + NUMBER.len()].copy_from_slice(&digits);
            }
        }
    }
}

fn hexadecimal(number: u64) -> [u8; NUMBER.len()] {
    std::array::from_fn(|i| b"0123456789abcdef"[(number >> (60 - 4 * i) & 15) as usize])
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// If nobody listens.
    pub async fn open(address: &str) -> Result<Self, String> {
        let stream = TcpStream::connect(address).await.map_err(|e| format!("{address}: {e}"))?;
        stream.set_nodelay(true).map_err(|e| e.to_string())?;
        Ok(Self { stream, buffer: Vec::with_capacity(64 * 1024), composed: Vec::new() })
    }

    /// Sends a template's request with this number and gives the body of its answer.
    ///
    /// # Errors
    /// As [`Connection::call`].
    pub async fn send(&mut self, template: &Template, number: u64) -> Result<&[u8], String> {
        self.send_both(template, (number, 0)).await
    }

    /// As [`Connection::send`], with both numbers.
    ///
    /// # Errors
    /// As [`Connection::call`].
    pub async fn send_both(&mut self, template: &Template, numbers: (u64, u64)) -> Result<&[u8], String> {
        let mut composed = std::mem::take(&mut self.composed);
        template.write(numbers, &mut composed);
        let answered = self.exchange(&composed).await;
        self.composed = composed;
        self.body(answered?)
    }

    /// Sends a request and gives the body of its answer, which must have status 200.
    ///
    /// # Errors
    /// If the answer is another, or none.
    pub async fn call(&mut self, request: &[u8]) -> Result<&[u8], String> {
        let answered = self.exchange(request).await?;
        self.body(answered)
    }

    /// Sends a request without waiting for its answer.
    ///
    /// # Errors
    /// If the connection is closed.
    pub async fn post(&mut self, request: &[u8]) -> Result<(), String> {
        self.stream.write_all(request).await.map_err(|e| e.to_string())
    }

    /// The body of the answer to the request that was posted, which must have status 200.
    ///
    /// # Errors
    /// As [`Connection::call`].
    pub async fn answer(&mut self) -> Result<&[u8], String> {
        let answered = self.receive().await?;
        self.body(answered)
    }

    /// Sends a request and receives its answer; where its body is.
    async fn exchange(&mut self, request: &[u8]) -> Result<std::ops::Range<usize>, String> {
        self.post(request).await?;
        self.receive().await
    }

    /// Receives an answer; where its body is.
    async fn receive(&mut self) -> Result<std::ops::Range<usize>, String> {
        self.buffer.clear();
        let (head_end, length) = loop {
            self.read().await?;
            if let Some(end) = memchr::memmem::find(&self.buffer, b"\r\n\r\n") {
                break (end + 4, content_length(&self.buffer[..end])?);
            }
        };
        while self.buffer.len() < head_end + length {
            self.read().await?;
        }
        Ok(head_end..head_end + length)
    }

    fn body(&self, body: std::ops::Range<usize>) -> Result<&[u8], String> {
        let body = &self.buffer[body];
        if self.buffer.starts_with(b"HTTP/1.1 200") {
            return Ok(body);
        }
        Err(format!(
            "{} {}",
            String::from_utf8_lossy(&self.buffer[..12]),
            String::from_utf8_lossy(&body[..body.len().min(300)])
        ))
    }

    async fn read(&mut self) -> Result<(), String> {
        match self.stream.read_buf(&mut self.buffer).await {
            Ok(0) => Err("the server closed the connection".to_owned()),
            Ok(_) => Ok(()),
            Err(e) => Err(e.to_string()),
        }
    }
}

fn content_length(head: &[u8]) -> Result<usize, String> {
    const NAME: &[u8] = b"content-length:";
    let value = head.split(|byte| *byte == b'\n').find_map(|line| {
        let (name, value) = line.split_at_checked(NAME.len())?;
        name.eq_ignore_ascii_case(NAME).then_some(value)
    });
    value
        .and_then(|value| std::str::from_utf8(value).ok()?.trim().parse().ok())
        .ok_or_else(|| format!("an answer without length: {}", String::from_utf8_lossy(head)))
}

/// What a throughput scenario measured.
#[derive(Debug, Clone, Copy)]
pub struct Throughput {
    /// Rounds per second over all connections.
    pub per_second: f64,
    /// Median time of a round, milliseconds.
    pub p50_ms: f64,
    /// 99th percentile, milliseconds.
    pub p99_ms: f64,
}

/// Runs `round` over and over on each of `connections` for `duration`, after a tenth of it to warm up. `round` gets the connection and a number that
/// is unique among all rounds.
///
/// # Errors
/// If any round fails.
pub async fn throughput<F>(
    address: &str,
    connections: usize,
    duration: Duration,
    round: F,
) -> Result<Throughput, String>
where
    F: AsyncFn(&mut Connection, u64) -> Result<(), String>,
{
    let round = &round;
    let worker = |worker: usize| async move {
        let mut connection = Connection::open(address).await?;
        let mut number = (worker as u64) << 40;
        let warm = Instant::now();
        while warm.elapsed() < duration / 10 {
            round(&mut connection, number).await?;
            number += 1;
        }
        let (begun, mut times) = (Instant::now(), Vec::with_capacity(1 << 16));
        while begun.elapsed() < duration {
            let at = Instant::now();
            round(&mut connection, number).await?;
            times.push(at.elapsed());
            number += 1;
        }
        Ok::<_, String>((times, begun.elapsed()))
    };
    let results = join_all((0..connections).map(worker)).await;
    let mut times = Vec::new();
    let mut longest = Duration::ZERO;
    for result in results {
        let (own, elapsed) = result?;
        longest = longest.max(elapsed);
        times.extend(own);
    }
    times.sort_unstable();
    // Over the whole window: connections that were served unevenly would otherwise count for more than was done.
    let rate = times.len() as f64 / longest.as_secs_f64();
    Ok(Throughput { per_second: rate, p50_ms: percentile(&times, 0.5), p99_ms: percentile(&times, 0.99) })
}

/// A percentile of sorted times, milliseconds.
pub fn percentile(sorted: &[Duration], rank: f64) -> f64 {
    let at = ((sorted.len() as f64 * rank) as usize).min(sorted.len().saturating_sub(1));
    sorted.get(at).map_or(f64::NAN, |time| time.as_secs_f64() * 1000.0)
}
