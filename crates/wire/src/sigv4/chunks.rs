//! Uploads in chunks (`aws-chunked`): `SIZE;chunk-signature=…`, bytes, and in the end perhaps trailing headers.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::claim::Claim;
use super::sign::{EMPTY_SHA256, SigningKey, same, sha256_hex};

/// Why chunks could not be put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkError {
    /// The framing is wrong or ends too early.
    Malformed,
    /// A chunk's or the trailer's signature is not what it should be.
    Signature,
}

/// What the chunks made.
#[derive(Debug)]
pub struct Unchunked {
    /// The bytes.
    pub body: Bytes,
    /// The headers that came after them.
    pub trailers: HeaderMap,
}

/// How long the line before a chunk may be: sixteen digits and a signature of 64.
const LINE_BYTES_MAX: usize = 128;

/// How long all trailing headers together may be.
const TRAILER_BYTES_MAX: usize = 4096;

/// Checks the signatures of one chunk after another, each of which covers the one before.
#[derive(Debug)]
pub struct ChunkSigner<'c> {
    key: &'c SigningKey,
    claim: &'c Claim,
    previous: String,
}

impl<'c> ChunkSigner<'c> {
    /// A signer whose first chunk follows the request's own signature.
    #[must_use]
    pub fn new(key: &'c SigningKey, claim: &'c Claim) -> Self {
        Self { key, claim, previous: claim.signature.clone() }
    }

    fn check(&mut self, kind: &str, hashes: &str, signature: Option<&str>) -> Result<(), ChunkError> {
        let string_to_sign = format!(
            "AWS4-HMAC-SHA256-{kind}\n{}\n{}\n{}\n{hashes}",
            self.claim.date, self.claim.scope, self.previous
        );
        self.previous = self.key.sign(&string_to_sign);
        match signature {
            Some(signature) if same(&self.previous, signature) => Ok(()),
            _ => Err(ChunkError::Signature),
        }
    }

    fn check_chunk(&mut self, data: &[u8], signature: Option<&str>) -> Result<(), ChunkError> {
        self.check("PAYLOAD", &format!("{EMPTY_SHA256}\n{}", sha256_hex(data)), signature)
    }
}

/// Puts chunks together. With a `signer`, each must be signed; without one, signatures are passed over. A body of one chunk is not copied.
///
/// # Errors
/// See [`ChunkError`].
pub fn unchunk(chunked: &Bytes, mut signer: Option<ChunkSigner<'_>>) -> Result<Unchunked, ChunkError> {
    let mut rest = chunked.clone();
    let mut first = Bytes::new();
    let mut whole = BytesMut::new();
    loop {
        let line = take_line(&mut rest, LINE_BYTES_MAX)?;
        let (size, signature) = parse_chunk_line(&line)?;
        if size > rest.len() {
            return Err(ChunkError::Malformed);
        }
        let data = rest.split_to(size);
        if let Some(signer) = &mut signer {
            signer.check_chunk(&data, signature)?;
        }
        if size == 0 {
            break;
        }
        if !rest.starts_with(b"\r\n") {
            return Err(ChunkError::Malformed);
        }
        rest = rest.slice(2..);
        if first.is_empty() {
            first = data;
            continue;
        }
        if whole.is_empty() {
            whole.reserve(chunked.len());
            whole.extend_from_slice(&first);
        }
        whole.extend_from_slice(&data);
    }
    let trailers = read_trailers(&mut rest, signer)?;
    let body = if whole.is_empty() { first } else { whole.freeze() };
    Ok(Unchunked { body, trailers })
}

/// Takes a line from the front, without its `\r\n`.
fn take_line(rest: &mut Bytes, bytes_max: usize) -> Result<Bytes, ChunkError> {
    let window = &rest[..rest.len().min(bytes_max)];
    let end = window.windows(2).position(|pair| pair == b"\r\n").ok_or(ChunkError::Malformed)?;
    let line = rest.split_to(end);
    *rest = rest.slice(2..);
    Ok(line)
}

/// Size and signature of `SIZE[;chunk-signature=…]`.
fn parse_chunk_line(line: &[u8]) -> Result<(usize, Option<&str>), ChunkError> {
    let line = std::str::from_utf8(line).map_err(|_| ChunkError::Malformed)?;
    let (size, extension) = line.split_once(';').unwrap_or((line, ""));
    let is_hex = !size.is_empty() && size.bytes().all(|b| b.is_ascii_hexdigit());
    let size = usize::from_str_radix(size, 16).ok().filter(|_| is_hex).ok_or(ChunkError::Malformed)?;
    Ok((size, extension.strip_prefix("chunk-signature=")))
}

/// Reads the headers behind the last chunk, to the empty line or the end.
fn read_trailers(rest: &mut Bytes, signer: Option<ChunkSigner<'_>>) -> Result<HeaderMap, ChunkError> {
    let mut trailers = HeaderMap::new();
    if rest.len() > TRAILER_BYTES_MAX {
        return Err(ChunkError::Malformed);
    }
    let mut signed = String::new();
    let mut signature = None;
    while !rest.is_empty() {
        let line = take_line(rest, TRAILER_BYTES_MAX)?;
        if line.is_empty() {
            break;
        }
        let line = std::str::from_utf8(&line).map_err(|_| ChunkError::Malformed)?;
        let (name, value) = line.split_once(':').ok_or(ChunkError::Malformed)?;
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        if name == "x-amz-trailer-signature" {
            signature = Some(value.to_owned());
            continue;
        }
        signed.push_str(&format!("{name}:{value}\n"));
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| ChunkError::Malformed)?;
        trailers.insert(name, HeaderValue::from_str(value).map_err(|_| ChunkError::Malformed)?);
    }
    if let (Some(mut signer), false) = (signer, trailers.is_empty()) {
        signer.check("TRAILER", &sha256_hex(signed.as_bytes()), signature.as_deref())?;
    }
    Ok(trailers)
}
