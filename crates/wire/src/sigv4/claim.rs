//! What a request says of its signature, before anything is believed.

use http::header::AUTHORIZATION;
use http::request::Parts;
use pontoon_core::Timestamp;

use super::scope::CredentialScope;
use crate::protocol::query::form;

/// The one algorithm.
pub const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// A request's signature, as its header or query parameters have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Who is said to have signed, and for what.
    pub scope: CredentialScope,
    /// The names of the headers that are signed, in lower case, in the client's order.
    pub signed_headers: Vec<String>,
    /// The signature, 64 hexadecimal digits if it is well-formed.
    pub signature: String,
    /// When it was made, as it stands in the string to sign: `20260131T123456Z`.
    pub date: String,
    /// For presigned requests, how many seconds it is good for.
    pub expires_secs: Option<u64>,
    /// The session token that came along.
    pub session_token: Option<String>,
}

/// Whether and how a request says that it is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// It does not.
    Anonymous,
    /// It does.
    Signed(Box<Claim>),
    /// It means to, but something is missing, as AWS's sentences say.
    Incomplete(String),
    /// It is signed some other way (`AWS AKID:signature`, `AWS4-ECDSA-P256-SHA256`).
    OtherAlgorithm(String),
    /// It is signed in its header and in its query.
    Both,
}

impl Claimed {
    /// Reads what a request claims.
    #[must_use]
    pub fn of(head: &Parts) -> Self {
        let header = head.headers.get(AUTHORIZATION);
        let query = head.uri.query().unwrap_or_default();
        let presigned = query.contains("X-Amz-Algorithm=") || query.contains("X-Amz-Credential=");
        match header {
            Some(_) if presigned => Self::Both,
            Some(header) => Self::in_header(head, &String::from_utf8_lossy(header.as_bytes())),
            None if presigned => Self::in_query(query),
            // A URL presigned with Signature Version 2, as boto3 still makes them for S3 unless told otherwise.
            None if query.contains("AWSAccessKeyId=") => Self::OtherAlgorithm("AWS".to_owned()),
            None => Self::Anonymous,
        }
    }

    fn in_header(head: &Parts, header: &str) -> Self {
        let (algorithm, rest) = header.split_once(' ').unwrap_or((header, ""));
        if algorithm != ALGORITHM {
            return Self::OtherAlgorithm(algorithm.to_owned());
        }
        let parameter =
            |name: &str| rest.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
        let date = header_date(head);
        let parts = [
            ("Credential", parameter("Credential")),
            ("Signature", parameter("Signature")),
            ("SignedHeaders", parameter("SignedHeaders")),
        ];
        let mut message = String::new();
        for (name, value) in parts {
            if value.is_none_or(str::is_empty) {
                message.push_str(&format!("Authorization header requires '{name}' parameter. "));
            }
        }
        if date.is_none() {
            message.push_str(
                "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ",
            );
        }
        let scope = parts[0].1.and_then(CredentialScope::parse);
        let [_, (_, Some(signature)), (_, Some(signed_headers))] = parts else {
            message.push_str(&format!("Authorization={algorithm}"));
            return Self::Incomplete(message);
        };
        let (Some(date), true) = (date, message.is_empty()) else {
            message.push_str(&format!("Authorization={algorithm}"));
            return Self::Incomplete(message);
        };
        let Some(scope) = scope else {
            let message = "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, \
                           got '"
                .to_owned()
                + parts[0].1.unwrap_or_default()
                + "'";
            return Self::Incomplete(message);
        };
        let token = head.headers.get("x-amz-security-token");
        Self::Signed(Box::new(Claim {
            scope,
            signed_headers: split_headers(signed_headers),
            signature: signature.to_owned(),
            date,
            expires_secs: None,
            session_token: token.map(|t| String::from_utf8_lossy(t.as_bytes()).into_owned()),
        }))
    }

    fn in_query(query: &str) -> Self {
        let parameter = |name: &str| {
            let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
            form::decode(value.as_bytes(), true).ok().map(|text| text.into_owned())
        };
        if let Some(algorithm) = parameter("X-Amz-Algorithm").filter(|a| !a.is_empty() && a != ALGORITHM) {
            return Self::OtherAlgorithm(algorithm);
        }
        let names =
            ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date"];
        let values = names.map(|name| parameter(name).filter(|value| !value.is_empty()));
        let mut message = String::new();
        for (name, value) in names.iter().zip(&values) {
            if value.is_none() {
                message.push_str(&format!("AWS query-string parameters must include '{name}'. "));
            }
        }
        let [_, credential, signature, signed_headers, date] = values;
        let scope = credential.as_deref().and_then(CredentialScope::parse);
        let (Some(scope), Some(signature), Some(signed_headers), Some(date), true) =
            (scope.clone(), signature, signed_headers, date, message.is_empty())
        else {
            message.push_str("Re-examine the query-string parameters.");
            return Self::Incomplete(message);
        };
        Self::Signed(Box::new(Claim {
            scope,
            signed_headers: split_headers(&signed_headers),
            signature,
            date,
            // Only S3 insists on an expiry; for the others five minutes are left when none is said.
            expires_secs: Some(parameter("X-Amz-Expires").and_then(|secs| secs.parse().ok()).unwrap_or(300)),
            session_token: parameter("X-Amz-Security-Token"),
        }))
    }
}

fn split_headers(names: &str) -> Vec<String> {
    names.split(';').map(str::to_ascii_lowercase).collect()
}

/// When the request was signed, in the basic ISO form: from `X-Amz-Date` or, in its own format, from `Date`.
fn header_date(head: &Parts) -> Option<String> {
    if let Some(date) = head.headers.get("x-amz-date") {
        return date.to_str().ok().map(str::to_owned);
    }
    let date = head.headers.get(http::header::DATE)?.to_str().ok()?;
    match Timestamp::parse_http_date(date) {
        Some(instant) => Some(basic_iso(instant)),
        None => Some(date.to_owned()),
    }
}

/// `20260131T123456Z`
#[must_use]
pub fn basic_iso(instant: Timestamp) -> String {
    instant.iso_secs().replace(['-', ':'], "")
}

/// The instant of `20260131T123456Z`.
#[must_use]
pub fn parse_basic_iso(text: &str) -> Option<Timestamp> {
    let is_digits = |range: std::ops::Range<usize>| {
        text.as_bytes().get(range).is_some_and(|part| part.iter().all(u8::is_ascii_digit))
    };
    let well_formed = text.len() == 16
        && is_digits(0..8)
        && is_digits(9..15)
        && text.as_bytes()[8] == b'T'
        && text.as_bytes()[15] == b'Z';
    if !well_formed {
        return None;
    }
    let (d, t) = (&text[..8], &text[9..15]);
    Timestamp::parse_iso(&format!(
        "{}-{}-{}T{}:{}:{}Z",
        &d[..4],
        &d[4..6],
        &d[6..],
        &t[..2],
        &t[2..4],
        &t[4..]
    ))
}
