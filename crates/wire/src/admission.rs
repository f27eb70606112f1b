//! Who a request comes from, and whether it is let in.

use std::sync::Arc;

use http::request::Parts;
use pontoon_core::Scope;

use crate::backend::{Backend, Credentials};
use crate::sigv4::claim::{Claim, Claimed};
use crate::sigv4::scope::CredentialScope;
use crate::sigv4::sign::SigningKey;
use crate::sigv4::{AuthError, Payload, verify};

/// A request that is let in.
#[derive(Debug)]
pub(crate) struct Admitted {
    /// The caller's account, and the region that the request is addressed to.
    pub(crate) scope: Scope,
    /// The access key; `None` for an anonymous request.
    pub(crate) access_key: Option<Arc<str>>,
    /// The key and claim that the body's chunks are signed with, if they are.
    pub(crate) chunks_signed: Option<(SigningKey, Box<Claim>)>,
    /// Whether a signature was there and holds.
    pub(crate) verified: bool,
}

/// Decides about a request that names `scope`, to the service of this signing name, or to any if it is `None`. `body` is as it was received;
/// `unsigned` says whether a request without a signature is let in.
///
/// # Errors
/// What is wrong with the signature, where signatures are checked.
pub(crate) fn admit(
    backend: &impl Backend,
    head: &Parts,
    scope: Option<&CredentialScope>,
    signing_name: Option<&str>,
    body: &[u8],
    unsigned: bool,
) -> Result<Admitted, AuthError> {
    let home = backend.home();
    let mut admitted = Admitted { scope: home, access_key: None, chunks_signed: None, verified: false };
    let Some(scope) = scope else {
        return if unsigned { Ok(admitted) } else { complete(head).and(Err(AuthError::Missing)) };
    };
    admitted.access_key = Some(scope.access_key.as_str().into());
    // A region that cannot be one is none that state could be kept under.
    admitted.scope.region = scope.region.parse().unwrap_or(home.region);
    let secret = match backend.credentials(&scope.access_key) {
        Credentials::Unchecked => {
            admitted.scope.account = scope.access_key.parse().unwrap_or(home.account);
            return Ok(admitted);
        }
        Credentials::Unknown => return Err(AuthError::UnknownKey),
        Credentials::Expired => return Err(AuthError::ExpiredToken),
        Credentials::Known(secret) => secret,
    };
    let claim = complete(head)?;
    let signing_name = signing_name.unwrap_or(&claim.scope.service);
    let verified = verify(head, &claim, &secret, signing_name, body, backend.now())?;
    admitted.scope.account = secret.account;
    admitted.verified = true;
    if verified.payload == Payload::SignedChunks {
        admitted.chunks_signed = Some((verified.key, claim));
    }
    Ok(admitted)
}

/// The request's claim, if it is complete.
fn complete(head: &Parts) -> Result<Box<Claim>, AuthError> {
    match Claimed::of(head) {
        Claimed::Signed(claim) => Ok(claim),
        Claimed::Anonymous => Err(AuthError::Missing),
        Claimed::Both => Err(AuthError::Both),
        Claimed::Incomplete(message) => Err(AuthError::Incomplete(message)),
        Claimed::OtherAlgorithm(algorithm) => Err(AuthError::Algorithm(algorithm)),
    }
}
