//! Whether a claimed signature holds.

use std::time::Duration;

use http::request::Parts;
use pontoon_core::Timestamp;

use super::canonical::{self, PathStyle};
use super::claim::{Claim, basic_iso, parse_basic_iso};
use super::error::AuthError;
use super::sign::{EMPTY_SHA256, SigningKey, same, sha256_hex};
use crate::backend::Secret;

/// How far a signature's time may be from ours.
const SKEW_MAX: Duration = Duration::from_secs(5 * 60);

/// How far it may be in S3.
const S3_SKEW_MAX: Duration = Duration::from_secs(15 * 60);

/// How long a presigned request may be good for: a week.
const EXPIRES_SECS_MAX: u64 = 604_800;

/// What stands for the payload where it is not signed.
const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// What of the body the signature covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// The whole of it, or nothing; either way there is no more to check.
    Settled,
    /// It comes in chunks that are each signed in turn.
    SignedChunks,
}

/// A signature that holds.
#[derive(Debug)]
pub struct Verified {
    /// The key that it was made with, for the chunks that may follow.
    pub key: SigningKey,
    /// What it covers.
    pub payload: Payload,
}

/// Checks a claim about a request against the secret of its access key.
///
/// # Errors
/// What is wrong, in the order in which AWS looks: token, scope, date, signature, payload.
pub fn verify(
    head: &Parts,
    claim: &Claim,
    secret: &Secret,
    signing_name: &str,
    body: &[u8],
    now: Timestamp,
) -> Result<Verified, AuthError> {
    if claim.session_token.as_deref() != secret.session_token.as_deref() {
        return Err(AuthError::WrongToken);
    }
    check_scope(claim, signing_name)?;
    let is_s3 = signing_name == "s3";
    check_time(claim, now, if is_s3 { S3_SKEW_MAX } else { SKEW_MAX })?;
    let declared = head.headers.get("x-amz-content-sha256").and_then(|value| value.to_str().ok());
    let payload_hash = payload_hash(claim, declared, is_s3, body)?;
    if !claim.signed_headers.iter().any(|name| name == "host") {
        return Err(AuthError::Incomplete(
            "'Host' must be a 'SignedHeader' in the AWS Authorization.".to_owned(),
        ));
    }
    let style = if is_s3 { PathStyle::Once } else { PathStyle::Twice };
    let canonical = canonical::request(head, claim, style, &payload_hash);
    let string_to_sign = canonical::string_to_sign(claim, &canonical);
    let key = SigningKey::derive(&secret.key, &claim.scope);
    if !same(&key.sign(&string_to_sign), &claim.signature) {
        return Err(AuthError::Mismatch { canonical, string_to_sign });
    }
    let is_hash = payload_hash.len() == 64;
    if is_s3 && is_hash && !same(&sha256_hex(body), &payload_hash.to_ascii_lowercase()) {
        return Err(AuthError::ContentMismatch);
    }
    let chunked = payload_hash.starts_with("STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
    Ok(Verified { key, payload: if chunked { Payload::SignedChunks } else { Payload::Settled } })
}

fn check_scope(claim: &Claim, signing_name: &str) -> Result<(), AuthError> {
    let scope = &claim.scope;
    if scope.terminator != "aws4_request" {
        return Err(AuthError::WrongScope(format!(
            "Credential should be scoped with a valid terminator: 'aws4_request', not '{}'.",
            scope.terminator
        )));
    }
    if scope.service != signing_name {
        return Err(AuthError::WrongScope(format!(
            "Credential should be scoped to correct service: '{signing_name}'. "
        )));
    }
    let day = claim.date.get(..8).unwrap_or_default();
    if day != scope.date {
        return Err(AuthError::WrongScope(format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != '{day}', from '{}'.",
            scope.date, claim.date
        )));
    }
    Ok(())
}

fn check_time(claim: &Claim, now: Timestamp, skew_max: Duration) -> Result<(), AuthError> {
    let signed_at =
        parse_basic_iso(&claim.date).ok_or_else(|| AuthError::MalformedDate(claim.date.clone()))?;
    let (now_text, minutes) = (basic_iso(now), skew_max.as_secs() / 60);
    if signed_at > now.after(skew_max) {
        return Err(AuthError::Skewed(format!(
            "Signature not yet current: {} is still later than {} ({now_text} + {minutes} min.)",
            claim.date,
            basic_iso(now.after(skew_max)),
        )));
    }
    match claim.expires_secs {
        Some(secs) if secs > EXPIRES_SECS_MAX => Err(AuthError::ExpiresTooLate),
        Some(secs) if now > signed_at.after(Duration::from_secs(secs)) => Err(AuthError::Expired),
        None if signed_at < now.before(skew_max) => Err(AuthError::Skewed(format!(
            "Signature expired: {} is now earlier than {} ({now_text} - {minutes} min.)",
            claim.date,
            basic_iso(now.before(skew_max)),
        ))),
        _ => Ok(()),
    }
}

/// What stands for the payload in the canonical request. S3 takes the client's word first and compares afterwards; the others compute it.
fn payload_hash(
    claim: &Claim,
    declared: Option<&str>,
    is_s3: bool,
    body: &[u8],
) -> Result<String, AuthError> {
    match declared {
        Some(declared) if is_s3 => Ok(declared.to_owned()),
        None if is_s3 && claim.expires_secs.is_some() => Ok(UNSIGNED_PAYLOAD.to_owned()),
        None if is_s3 => Err(AuthError::ContentMissing),
        _ if body.is_empty() => Ok(EMPTY_SHA256.to_owned()),
        _ => Ok(sha256_hex(body)),
    }
}
