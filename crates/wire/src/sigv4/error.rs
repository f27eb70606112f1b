//! What is wrong with a signature, in the words of the family that the service belongs to.

use pontoon_core::ApiError;
use pontoon_core::shape::{Protocol, ServiceSchema};

/// Services that word errors of authentication alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Services that speak JSON or CBOR only: the codes end in `Exception`.
    Json,
    /// Lambda: like the above, with status 403.
    RestJson,
    /// Services that (also) speak the query protocol.
    Query,
    /// S3.
    S3,
}

impl Family {
    /// The family of a service that is spoken to in `protocol`.
    #[must_use]
    pub fn of(service: &ServiceSchema, protocol: Protocol) -> Self {
        match protocol {
            Protocol::RestXml => Self::S3,
            Protocol::RestJson => Self::RestJson,
            Protocol::Query => Self::Query,
            Protocol::Json10 | Protocol::Json11 | Protocol::Cbor
                if service.protocols.contains(&Protocol::Query) =>
            {
                Self::Query
            }
            Protocol::Json10 | Protocol::Json11 | Protocol::Cbor => Self::Json,
        }
    }
}

/// Why a request is not let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthError {
    /// It is not signed.
    Missing,
    /// It is signed in header and query at once.
    Both,
    /// Parts of its signature are missing; AWS's sentences.
    Incomplete(String),
    /// It is signed with this other algorithm.
    Algorithm(String),
    /// Nobody has its access key.
    UnknownKey,
    /// Its session token is missing or is not the key's.
    WrongToken,
    /// Its session has ended.
    ExpiredToken,
    /// It was signed for another day or service; AWS's sentence.
    WrongScope(String),
    /// Its date is this, which is not a date.
    MalformedDate(String),
    /// It was signed too long ago or will have been; AWS's sentence.
    Skewed(String),
    /// It was presigned, and its time is over.
    Expired,
    /// It was presigned for longer than a week.
    ExpiresTooLate,
    /// The signature is another than it should be for this canonical request and string to sign.
    Mismatch {
        /// The canonical request.
        canonical: String,
        /// The string to sign.
        string_to_sign: String,
    },
    /// The body is another than `x-amz-content-sha256` says.
    ContentMismatch,
    /// S3 only: `x-amz-content-sha256` is missing.
    ContentMissing,
}

impl AuthError {
    /// The error as the family words it.
    #[must_use]
    pub fn told(&self, family: Family) -> ApiError {
        if family == Family::S3 { self.of_s3() } else { self.of_others(family) }
    }

    fn of_others(&self, family: Family) -> ApiError {
        let (code, message) = match self {
            Self::Missing => {
                ("MissingAuthenticationToken", "Request is missing Authentication Token".to_owned())
            }
            Self::Both => (
                "InvalidSignature",
                "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."
                    .to_owned(),
            ),
            Self::Incomplete(message) => ("IncompleteSignature", message.clone()),
            Self::Algorithm(algorithm) => (
                "IncompleteSignature",
                format!("Unsupported AWS 'algorithm': '{algorithm}' (only AWS4-HMAC-SHA256 for now). "),
            ),
            Self::UnknownKey | Self::WrongToken => {
                ("UnrecognizedClient", "The security token included in the request is invalid.".to_owned())
            }
            Self::ExpiredToken => {
                ("ExpiredToken", "The security token included in the request is expired".to_owned())
            }
            Self::WrongScope(message) | Self::Skewed(message) => ("InvalidSignature", message.clone()),
            Self::MalformedDate(date) => (
                "IncompleteSignature",
                format!(
                    "Date must be in ISO-8601 'basic format'. Got '{date}'. See http://en.wikipedia.org/wiki/ISO_8601"
                ),
            ),
            Self::Expired => ("InvalidSignature", "Signature expired".to_owned()),
            Self::ExpiresTooLate => (
                "InvalidSignature",
                "X-Amz-Expires must be less than a week (in seconds) that is 604800".to_owned(),
            ),
            Self::Mismatch { canonical, string_to_sign } => {
                ("InvalidSignature", mismatch(canonical, string_to_sign))
            }
            Self::ContentMismatch | Self::ContentMissing => (
                "InvalidSignature",
                "The value of 'x-amz-content-sha256' is not the hash of the request body.".to_owned(),
            ),
        };
        if family != Family::Query {
            let status = if family == Family::RestJson { 403 } else { 400 };
            return ApiError::client(format!("{code}Exception"), message).with_status(status);
        }
        let (code, status) = match code {
            "InvalidSignature" => ("SignatureDoesNotMatch", 403),
            "UnrecognizedClient" => ("InvalidClientTokenId", 403),
            "IncompleteSignature" => (code, 400),
            _ => (code, 403),
        };
        ApiError::client(code, message).with_status(status)
    }

    fn of_s3(&self) -> ApiError {
        let (code, status, message) = match self {
            Self::Missing => ("AccessDenied", 403, "Access Denied"),
            Self::Both => (
                "InvalidArgument",
                400,
                "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified",
            ),
            Self::Incomplete(message) => ("AuthorizationHeaderMalformed", 400, message.as_str()),
            Self::Algorithm(_) => (
                "InvalidRequest",
                400,
                "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
            ),
            Self::UnknownKey => (
                "InvalidAccessKeyId",
                403,
                "The AWS Access Key Id you provided does not exist in our records.",
            ),
            Self::WrongToken => {
                ("InvalidToken", 400, "The provided token is malformed or otherwise invalid.")
            }
            Self::ExpiredToken => ("ExpiredToken", 400, "The provided token has expired."),
            Self::WrongScope(message) => ("AuthorizationHeaderMalformed", 400, message.as_str()),
            Self::MalformedDate(_) => {
                ("AccessDenied", 403, "AWS authentication requires a valid Date or x-amz-date header")
            }
            Self::Skewed(_) => (
                "RequestTimeTooSkewed",
                403,
                "The difference between the request time and the current time is too large.",
            ),
            Self::Expired => ("AccessDenied", 403, "Request has expired"),
            Self::ExpiresTooLate => (
                "AuthorizationQueryParametersError",
                400,
                "X-Amz-Expires must be less than a week (in seconds) that is 604800",
            ),
            Self::Mismatch { .. } => (
                "SignatureDoesNotMatch",
                403,
                "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
            ),
            Self::ContentMismatch => (
                "XAmzContentSHA256Mismatch",
                400,
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
            ),
            Self::ContentMissing => {
                ("InvalidRequest", 400, "Missing required header for this request: x-amz-content-sha256")
            }
        };
        ApiError::client(code, message).with_status(status)
    }
}

/// AWS shows what it computed, so that whoever writes a client can see where theirs went another way.
fn mismatch(canonical: &str, string_to_sign: &str) -> String {
    format!(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. \
         Consult the service documentation for details.\n\nThe Canonical String for this request should have been\n'{canonical}'\n\n\
         The String-to-Sign should have been\n'{string_to_sign}'\n"
    )
}
