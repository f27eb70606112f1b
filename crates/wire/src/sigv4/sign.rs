//! The arithmetic of signatures.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use super::scope::CredentialScope;

/// The SHA-256 of no bytes, in hexadecimal.
pub const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|b| [HEX[usize::from(b >> 4)], HEX[usize::from(b & 15)]]).map(char::from).collect()
}

/// SHA-256 in hexadecimal.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap_or_else(|_| {
        // HMAC hashes keys that are longer than its block and pads shorter ones.
        unreachable!("HMAC takes keys of any length")
    });
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// A key that is good for one day, region and service.
#[derive(Clone)]
pub struct SigningKey([u8; 32]);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey")
    }
}

impl SigningKey {
    /// Derives the key for a scope from a secret access key.
    #[must_use]
    pub fn derive(secret: &str, scope: &CredentialScope) -> Self {
        let first = hmac_sha256(format!("AWS4{secret}").as_bytes(), scope.date.as_bytes());
        let parts = [&scope.region, &scope.service, &scope.terminator];
        Self(parts.iter().fold(first, |key, part| hmac_sha256(&key, part.as_bytes())))
    }

    /// The signature of a string to sign, in hexadecimal.
    #[must_use]
    pub fn sign(&self, string_to_sign: &str) -> String {
        hex(&hmac_sha256(&self.0, string_to_sign.as_bytes()))
    }
}

/// Whether two texts are the same, in a time that does not tell where they differ.
#[must_use]
pub fn same(a: &str, b: &str) -> bool {
    let differences = a.bytes().zip(b.bytes()).fold(0, |all, (x, y)| all | (x ^ y));
    std::hint::black_box(differences) == 0 && a.len() == b.len()
}
