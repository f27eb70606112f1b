//! The canonical request and the string to sign.

use std::fmt::Write as _;

use http::request::Parts;

use super::claim::{ALGORITHM, Claim};
use super::sign::sha256_hex;
use crate::protocol::query::form;

/// How a service's paths are canonicalised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathStyle {
    /// As they are, encoded once: S3, whose keys may hold anything.
    Once,
    /// Freed of `.`, `..` and empty segments, and encoded again: everything else.
    Twice,
}

/// The canonical request: what both sides agree the request is.
#[must_use]
pub fn request(head: &Parts, claim: &Claim, style: PathStyle, payload_hash: &str) -> String {
    let mut text = String::with_capacity(1024);
    text.push_str(head.method.as_str());
    text.push('\n');
    push_path(&mut text, head.uri.path(), style);
    text.push('\n');
    push_query(&mut text, head.uri.query().unwrap_or_default());
    text.push('\n');
    for name in &claim.signed_headers {
        push_header(&mut text, head, name);
    }
    text.push('\n');
    text.push_str(&claim.signed_headers.join(";"));
    text.push('\n');
    text.push_str(payload_hash);
    text
}

/// The string that is signed for a canonical request.
#[must_use]
pub fn string_to_sign(claim: &Claim, canonical_request: &str) -> String {
    format!("{ALGORITHM}\n{}\n{}\n{}", claim.date, claim.scope, sha256_hex(canonical_request.as_bytes()))
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Appends `bytes` percent-encoded but for unreserved characters and those in `keep`.
fn push_encoded(text: &mut String, bytes: &[u8], keep: &[u8]) {
    for byte in bytes {
        if is_unreserved(*byte) || keep.contains(byte) {
            text.push(char::from(*byte));
        } else {
            // Writing to a String does not fail.
            let written = write!(text, "%{byte:02X}");
            debug_assert!(written.is_ok());
        }
    }
}

/// Undoes percent-encoding; what is not valid encoding stays as it is, because some signature was made of it.
fn unescaped(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [first, after @ ..] = rest {
        let digit = |at: usize| after.get(at).and_then(|d| char::from(*d).to_digit(16));
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                plain.push((high << 4 | low) as u8);
                rest = &after[2..];
            }
            _ => {
                plain.push(*first);
                rest = after;
            }
        }
    }
    plain
}

fn push_path(text: &mut String, path: &str, style: PathStyle) {
    let path = if path.is_empty() { "/" } else { path };
    if style == PathStyle::Once {
        return push_encoded(text, &unescaped(path.as_bytes()), b"/");
    }
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            _ => segments.push(segment),
        }
    }
    for segment in &segments {
        text.push('/');
        push_encoded(text, segment.as_bytes(), b"");
    }
    if segments.is_empty() || path.ends_with('/') {
        text.push('/');
    }
}

fn push_query(text: &mut String, query: &str) {
    let encoded = |part: &str| {
        let mut text = String::with_capacity(part.len());
        push_encoded(&mut text, &unescaped(part.as_bytes()), b"");
        text
    };
    let pieces = query.split('&').filter(|piece| !piece.is_empty()).take(form::PAIRS_MAX);
    let mut pairs: Vec<(String, String)> = pieces
        .map(|piece| piece.split_once('=').unwrap_or((piece, "")))
        .filter(|(name, _)| *name != "X-Amz-Signature")
        .map(|(name, value)| (encoded(name), encoded(value)))
        .collect();
    pairs.sort_unstable();
    for (index, (name, value)) in pairs.iter().enumerate() {
        if index > 0 {
            text.push('&');
        }
        text.push_str(name);
        text.push('=');
        text.push_str(value);
    }
}

/// Appends `name:value` with runs of spaces made one; several values are joined by commas.
fn push_header(text: &mut String, head: &Parts, name: &str) {
    text.push_str(name);
    text.push(':');
    if name == "host" {
        text.push_str(crate::exchange::authority(head).unwrap_or_default());
    } else {
        for (index, value) in head.headers.get_all(name).iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            let value = String::from_utf8_lossy(value.as_bytes());
            for (at, word) in value.split(' ').filter(|word| !word.is_empty()).enumerate() {
                if at > 0 {
                    text.push(' ');
                }
                text.push_str(word);
            }
        }
    }
    text.push('\n');
}
