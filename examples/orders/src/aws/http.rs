//! One HTTP/1.1 request over a connection of its own, with blocking reads and writes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

/// A request.
pub struct Request<'a> {
    /// `GET` or `POST`.
    pub method: &'a str,
    /// Absolute `http://` URL.
    pub url: &'a str,
    /// Headers beyond `host`, `connection` and `content-length`.
    pub headers: &'a [(String, String)],
    /// Body.
    pub body: &'a [u8],
}

/// An answer.
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Headers, names in lower case.
    headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

impl Response {
    /// The value of a header, by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// `host:port` of an `http://` URL.
///
/// # Errors
/// If it is another URL.
pub fn host_of(url: &str) -> Result<&str, String> {
    let rest = url.strip_prefix("http://").ok_or_else(|| format!("{url} is not an http:// URL"))?;
    Ok(rest.split('/').next().unwrap_or(rest))
}

/// Sends a request and reads its answer.
///
/// # Errors
/// If there is none, in words.
pub fn send(request: &Request<'_>) -> Result<Response, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", request.url);
    let host = host_of(request.url)?;
    let path = &request.url["http://".len() + host.len()..];
    let mut head = format!(
        "{} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {}\r\n",
        request.method,
        request.body.len()
    );
    for (name, value) in request.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    let mut stream = TcpStream::connect(host).map_err(failed)?;
    stream.write_all(&[head.as_bytes(), request.body].concat()).map_err(failed)?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).map_err(failed)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| format!("{}: not an HTTP answer: {line:?}", request.url))?;
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line).map_err(failed)?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut response = Response { status, headers, body: Vec::new() };
    match response.header("content-length").and_then(|length| length.parse().ok()) {
        Some(length) => {
            response.body.resize(length, 0);
            reader.read_exact(&mut response.body).map_err(failed)?;
        }
        None => drop(reader.read_to_end(&mut response.body).map_err(failed)?),
    }
    Ok(response)
}
