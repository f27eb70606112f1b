//! The credential scope, which names access key, day, region and service.

use http::header::AUTHORIZATION;
use http::request::Parts;

use crate::protocol::query::form;

/// `AKID/20260131/us-east-1/sqs/aws4_request`, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialScope {
    /// The access key.
    pub access_key: String,
    /// `20260131`
    pub date: String,
    /// `us-east-1`
    pub region: String,
    /// The service's signing name: `sqs`.
    pub service: String,
}

impl CredentialScope {
    /// Takes a `Credential` apart. Access keys may hold slashes; the other parts do not.
    #[must_use]
    pub fn parse(credential: &str) -> Option<Self> {
        let mut parts = credential.rsplitn(5, '/');
        let terminator = parts.next()?;
        let (service, region, date, access_key) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        (terminator == "aws4_request" && !access_key.is_empty()).then(|| Self {
            access_key: access_key.to_owned(),
            date: date.to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
        })
    }

    /// The scope of a request's `Authorization` header or `X-Amz-Credential` parameter; `None` if it has neither in readable form.
    #[must_use]
    pub fn of(head: &Parts) -> Option<Self> {
        if let Some(header) = head.headers.get(AUTHORIZATION) {
            let text = header.to_str().ok()?;
            let credential = text.split_once("Credential=")?.1;
            return Self::parse(credential.split([',', ' ']).next()?);
        }
        let query = head.uri.query()?;
        let value = query.split('&').find_map(|pair| pair.strip_prefix("X-Amz-Credential="))?;
        Self::parse(&form::decode(value.as_bytes(), false).ok()?)
    }
}
