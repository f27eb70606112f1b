//! The key that messages are signed with, and its certificate.
//!
//! <https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html>
//!
//! The key is as random as the engine's ids, from which it is made: enough to tell a message that passed through here from one that did not, as long
//! as nobody works at guessing the engine's seed.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pontoon_core::{Ids, Timestamp};
use rsa::RsaPrivateKey;
use rsa::pkcs1v15::SigningKey;
use rsa::pkcs8::DecodePrivateKey;
use rsa::rand_core::{TryCryptoRng, TryRng};
use rsa::signature::{SignatureEncoding, Signer};
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use x509_cert::builder::{Builder, CertificateBuilder, profile};
use x509_cert::der::asn1::GeneralizedTime;
use x509_cert::der::{EncodePem, pem::LineEnding};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::SubjectPublicKeyInfo;
use x509_cert::time::{Time, Validity};

use super::private_key::PrivateKey;

/// How long the certificate is valid.
const VALID_FOR: Duration = Duration::from_secs(10 * 365 * 86_400);
/// What the certificate's path begins with, as at AWS.
pub const PATH_PREFIX: &str = "/SimpleNotificationService-";

/// The certificate, where the front finds it. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Certificates {
    shared: Arc<RwLock<Option<Certificate>>>,
}

/// A certificate and where it is served.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Certificate {
    path: Arc<str>,
    pem: Arc<str>,
}

impl Certificates {
    /// Whether certificates are served below this path.
    #[must_use]
    pub fn are_at(path: &str) -> bool {
        path.starts_with(PATH_PREFIX)
    }

    /// The certificate at this path, PEM.
    #[must_use]
    pub fn pem(&self, path: &str) -> Option<Arc<str>> {
        // Nothing that holds the lock can panic, so a poisoned lock guards sound data.
        let shared = self.shared.read().unwrap_or_else(PoisonError::into_inner);
        shared.as_ref().filter(|certificate| *certificate.path == *path).map(|one| Arc::clone(&one.pem))
    }

    fn set(&self, certificate: Option<Certificate>) {
        *self.shared.write().unwrap_or_else(PoisonError::into_inner) = certificate;
    }
}

/// What is stored of the key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeyRecord {
    /// The private key in base64: its primes, or, of older versions, PKCS #8.
    pub private_key: String,
    /// Its certificate, PEM.
    pub certificate: String,
}

/// The key, once there is one.
pub struct Signing {
    certificates: Certificates,
    key: Option<Key>,
}

struct Key {
    private: Private,
    path: Arc<str>,
}

enum Private {
    /// As keys are made.
    Own(PrivateKey),
    /// As keys were made: of two primes.
    Older(Box<RsaPrivateKey>),
}

impl fmt::Debug for Signing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signing").field("path", &self.path()).finish_non_exhaustive()
    }
}

impl Signing {
    /// No key yet. Its certificate will be found in `certificates`, which is emptied.
    #[must_use]
    pub fn new(certificates: Certificates) -> Self {
        certificates.set(None);
        Self { certificates, key: None }
    }

    /// Takes up the stored key.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn load(&mut self, record: &KeyRecord) -> Result<(), String> {
        let der = STANDARD.decode(&record.private_key).map_err(|error| error.to_string())?;
        let private = match PrivateKey::from_bytes(&der) {
            Some(private) => Private::Own(private),
            None => {
                let key = RsaPrivateKey::from_pkcs8_der(&der).map_err(|error| error.to_string())?;
                Private::Older(Box::new(key))
            }
        };
        self.take_up(private, &record.certificate);
        Ok(())
    }

    fn take_up(&mut self, private: Private, pem: &str) {
        let path: Arc<str> = format!("{PATH_PREFIX}{}.pem", fingerprint(pem)).into();
        self.certificates.set(Some(Certificate { path: Arc::clone(&path), pem: pem.into() }));
        self.key = Some(Key { private, path });
    }

    /// Makes the key if there is none yet, and gives back what must be stored then. Takes some 20 ms the first time.
    pub fn prepare(&mut self, ids: &mut Ids, now: Timestamp) -> Option<KeyRecord> {
        if self.key.is_some() {
            return None;
        }
        let made = make(ids, now);
        assert!(made.is_ok(), "a key and its certificate can always be made: {:?}", made.err());
        let (private, record) = made.ok()?;
        self.take_up(Private::Own(private), &record.certificate);
        Some(record)
    }

    /// Where the certificate is served.
    #[must_use]
    pub fn path(&self) -> Option<Arc<str>> {
        self.key.as_ref().map(|key| Arc::clone(&key.path))
    }

    /// Signs a text: version 1 hashes it with SHA-1, version 2 with SHA-256. In base64; `None` if there is no key yet.
    #[must_use]
    pub fn sign(&self, version: u8, text: &str) -> Option<String> {
        let text = text.as_bytes();
        let signature = match (&self.key.as_ref()?.private, version) {
            (Private::Own(key), 1) => key.sign_sha1(text),
            (Private::Own(key), _) => key.sign_sha256(text),
            (Private::Older(key), 1) => SigningKey::<Sha1>::new((**key).clone()).sign(text).to_vec(),
            (Private::Older(key), _) => SigningKey::<Sha256>::new((**key).clone()).sign(text).to_vec(),
        };
        Some(STANDARD.encode(signature))
    }
}

fn fingerprint(pem: &str) -> String {
    Sha256::digest(pem.as_bytes()).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

type Fault = Box<dyn std::error::Error>;

fn make(ids: &mut Ids, now: Timestamp) -> Result<(PrivateKey, KeyRecord), Fault> {
    let private = PrivateKey::generate(&mut Randomness(ids))?;
    let certificate = certify(&private.to_rsa()?, ids, now)?;
    let record = KeyRecord { private_key: STANDARD.encode(private.to_bytes()), certificate };
    Ok((private, record))
}

/// A key's certificate, by itself, PEM.
fn certify(key: &RsaPrivateKey, ids: &mut Ids, now: Timestamp) -> Result<String, Fault> {
    let public = SubjectPublicKeyInfo::from_key(&key.to_public_key())?;
    let name = Name::from_str("CN=sns.pontoon.local,O=Pontoon,C=US")?;
    let profile = profile::cabf::Root::new(false, name)?;
    let at = |instant: Timestamp| -> Result<Time, Fault> {
        let since_epoch = Duration::from_secs(u64::try_from(instant.secs()).unwrap_or(0));
        Ok(Time::GeneralTime(GeneralizedTime::from_unix_duration(since_epoch)?))
    };
    let validity = Validity::new(at(now)?, at(now.after(VALID_FOR))?);
    let serial = SerialNumber::from(ids.u64() >> 1);
    let builder = CertificateBuilder::new(profile, serial, validity, public)?;
    let signer = SigningKey::<Sha256>::new(key.clone());
    Ok(builder.build::<_, rsa::pkcs1v15::Signature>(&signer)?.to_pem(LineEnding::LF)?)
}

/// The engine's ids as a source of random numbers.
pub(super) struct Randomness<'i>(pub(super) &'i mut Ids);

impl TryRng for Randomness<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok((self.0.u64() >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.0.u64())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(8) {
            let random = self.0.u64().to_le_bytes();
            chunk.copy_from_slice(&random[..chunk.len()]);
        }
        Ok(())
    }
}

/// See the module's text for what it is worth.
impl TryCryptoRng for Randomness<'_> {}

#[cfg(test)]
mod tests {
    use rsa::RsaPublicKey;
    use rsa::pkcs1v15::{Signature, VerifyingKey};
    use rsa::pkcs8::{DecodePublicKey, EncodePrivateKey};
    use rsa::signature::Verifier;
    use rsa::traits::PublicKeyParts;
    use x509_cert::der::{DecodePem, Encode};

    use super::*;

    #[test]
    fn a_signature_holds_and_the_key_survives_a_restart() {
        let certificates = Certificates::default();
        let mut signing = Signing::new(certificates.clone());
        assert_eq!((signing.sign(1, "text"), signing.path()), (None, None));
        let record = signing.prepare(&mut Ids::from_seed(1), Timestamp::from_secs(1_769_862_896)).unwrap();
        assert!(signing.prepare(&mut Ids::from_seed(2), Timestamp::EPOCH).is_none());
        let path = signing.path().unwrap();
        assert!(Certificates::are_at(&path) && path.ends_with(".pem"));
        assert_eq!(certificates.pem(&path).as_deref(), Some(record.certificate.as_str()));
        assert_eq!(certificates.pem("/SimpleNotificationService-0.pem"), None);

        check_signatures(&signing, &record.certificate);

        let mut again = Signing::new(Certificates::default());
        again.load(&record).unwrap();
        assert_eq!((again.path(), again.sign(1, "text")), (signing.path(), signing.sign(1, "text")));
        assert!(again.load(&KeyRecord { private_key: "AAAA".to_owned(), ..record }).is_err());
    }

    /// Both versions' signatures hold, by what a certificate says and nothing else.
    fn check_signatures(signing: &Signing, pem: &str) {
        let certificate = x509_cert::Certificate::from_pem(pem).unwrap();
        let public = certificate.tbs_certificate().subject_public_key_info().to_der().unwrap();
        let public = RsaPublicKey::from_public_key_der(&public).unwrap();
        assert_eq!(public.size(), 256);
        let signature = |version| {
            let text = STANDARD.decode(signing.sign(version, "text").unwrap()).unwrap();
            Signature::try_from(&*text).unwrap()
        };
        VerifyingKey::<Sha1>::new(public.clone()).verify(b"text", &signature(1)).unwrap();
        let sha256 = VerifyingKey::<Sha256>::new(public);
        sha256.verify(b"text", &signature(2)).unwrap();
        assert!(sha256.verify(b"another", &signature(2)).is_err());
    }

    #[test]
    fn a_key_of_an_older_version_signs_on() {
        let private = RsaPrivateKey::new(&mut Randomness(&mut Ids::from_seed(5)), 2048).unwrap();
        let certificate = certify(&private, &mut Ids::from_seed(6), Timestamp::EPOCH).unwrap();
        let private_key = STANDARD.encode(private.to_pkcs8_der().unwrap().as_bytes());
        let mut signing = Signing::new(Certificates::default());
        signing.load(&KeyRecord { private_key, certificate: certificate.clone() }).unwrap();
        check_signatures(&signing, &certificate);
    }

    #[test]
    fn the_same_seed_makes_the_same_key() {
        let made = |seed| make(&mut Ids::from_seed(seed), Timestamp::EPOCH).unwrap().1;
        assert_eq!(made(3).certificate, made(3).certificate);
        assert_ne!(made(3).private_key, made(4).private_key);
    }
}
