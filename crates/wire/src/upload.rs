//! What S3's clients wrap around a body: chunks, trailing headers, checksums.

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, HeaderValue};
use http::{HeaderMap, request::Parts};
use pontoon_core::ApiError;

use crate::admission::Admitted;
use crate::checksum;
use crate::sigv4::AuthError;
use crate::sigv4::Family;
use crate::sigv4::chunks::{ChunkError, ChunkSigner, unchunk};

/// Unwraps a body that was received with this head; the head afterwards is as if the body had been sent plainly, with trailing headers in front.
///
/// # Errors
/// If the chunks are malformed, their signatures do not hold, or a length or checksum is not as stated.
pub(crate) fn unwrap(head: &mut Parts, received: Bytes, admitted: &Admitted) -> Result<Bytes, ApiError> {
    let body = if is_chunked(&head.headers) {
        let signer = admitted.chunks_signed.as_ref().map(|(key, claim)| ChunkSigner::new(key, claim));
        let unchunked = unchunk(&received, signer).map_err(chunk_error)?;
        check_length(&head.headers, unchunked.body.len())?;
        head.headers.extend(unchunked.trailers);
        drop_chunked_encoding(&mut head.headers);
        unchunked.body
    } else {
        received
    };
    checksum::verify(&head.headers, &body)?;
    Ok(body)
}

fn is_chunked(headers: &HeaderMap) -> bool {
    let starts =
        |name: &str, prefix: &[u8]| headers.get(name).is_some_and(|v| v.as_bytes().starts_with(prefix));
    let encoded =
        headers.get_all(CONTENT_ENCODING).iter().any(|value| encodings(value).any(|e| e == "aws-chunked"));
    encoded || starts("x-amz-content-sha256", b"STREAMING-")
}

fn encodings(value: &HeaderValue) -> impl Iterator<Item = &str> {
    value.to_str().unwrap_or_default().split(',').map(str::trim).filter(|encoding| !encoding.is_empty())
}

/// S3 does not keep `aws-chunked` with the object, but what other encodings stand beside it.
fn drop_chunked_encoding(headers: &mut HeaderMap) {
    let kept: Vec<&str> = headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .flat_map(encodings)
        .filter(|e| *e != "aws-chunked")
        .collect();
    let kept = HeaderValue::from_str(&kept.join(",")).ok().filter(|value| !value.is_empty());
    match kept {
        Some(kept) => drop(headers.insert(CONTENT_ENCODING, kept)),
        None => drop(headers.remove(CONTENT_ENCODING)),
    }
}

fn check_length(headers: &HeaderMap, bytes: usize) -> Result<(), ApiError> {
    let Some(stated) = headers.get("x-amz-decoded-content-length") else {
        return Err(ApiError::client(
            "MissingContentLength",
            "You must provide the Content-Length HTTP header.",
        )
        .with_status(411));
    };
    if stated.to_str().ok().and_then(|text| text.parse().ok()) == Some(bytes) {
        return Ok(());
    }
    Err(incomplete())
}

fn incomplete() -> ApiError {
    ApiError::client(
        "IncompleteBody",
        "You did not provide the number of bytes specified by the Content-Length HTTP header",
    )
}

fn chunk_error(error: ChunkError) -> ApiError {
    match error {
        ChunkError::Malformed => incomplete(),
        ChunkError::Signature => {
            AuthError::Mismatch { canonical: String::new(), string_to_sign: String::new() }.told(Family::S3)
        }
    }
}
