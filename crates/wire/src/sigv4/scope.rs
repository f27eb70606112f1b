//! The credential scope, which names access key, day, region and service.

use std::fmt;

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
    /// `aws4_request`, unless the client got it wrong.
    pub terminator: String,
}

impl CredentialScope {
    /// The scope that a request names in its `Authorization` header or `X-Amz-Credential` parameter, whatever else may be wrong with its signature; `None` if there
    /// is none.
    #[must_use]
    pub fn of(head: &Parts) -> Option<Self> {
        if let Some(header) = head.headers.get(AUTHORIZATION) {
            let credential = header.to_str().ok()?.split_once("Credential=")?.1;
            return Self::parse(credential.split([',', ' ']).next()?);
        }
        let mut pairs = head.uri.query()?.split('&');
        let credential = pairs.find_map(|pair| pair.strip_prefix("X-Amz-Credential="))?;
        Self::parse(&form::decode(credential.as_bytes(), true).ok()?)
    }

    /// Takes a `Credential` apart. Access keys may hold slashes; the other parts do not.
    #[must_use]
    pub fn parse(credential: &str) -> Option<Self> {
        let mut parts = credential.rsplitn(5, '/').map(str::to_owned);
        let (terminator, service) = (parts.next()?, parts.next()?);
        let (region, date, access_key) = (parts.next()?, parts.next()?, parts.next()?);
        (!access_key.is_empty()).then_some(Self { access_key, date, region, service, terminator })
    }
}

impl fmt::Display for CredentialScope {
    /// The scope without the access key, as it stands in strings to sign.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{}", self.date, self.region, self.service, self.terminator)
    }
}
