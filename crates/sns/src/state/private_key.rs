//! The RSA key that messages are signed with: four primes of 512 bits.
//!
//! Every message that is not delivered raw is signed within the engine's step, where nothing else goes on meanwhile. The work grows with the square of the primes'
//! size and once with their number, so four primes take a third of the time of two, and who verifies cannot tell: the public key is a modulus of 2048
//! bits and an exponent as ever. RFC 8017 describes keys of several primes (3.2) and their private operation by the Chinese remainder theorem (5.1.2);
//! primes of 512 bits are beyond what finds small factors. The `rsa` crate verifies and certifies with such keys, but works with them without the theorem.

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, NonZero, Odd, Resize};
use crypto_primes::hazmat::{SetBits, SmallFactorsSieveFactory};
use crypto_primes::{Flavor, is_prime, sieve_and_find};
use rsa::RsaPrivateKey;
use rsa::rand_core::CryptoRng;
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// Size of the modulus, as of AWS's own keys.
const KEY_BITS: u32 = 2048;
/// Bytes of a signature.
const SIGNATURE_BYTES: usize = 256;
/// How many primes there are.
const PRIMES: usize = 4;
const PRIME_BITS: u32 = 512;
const PUBLIC_EXPONENT: u64 = 65_537;

/// DER of `DigestInfo` up to the hash itself, of RFC 8017, 9.2, note 1.
const SHA1_INFO: &[u8] = &[0x30, 0x21, 0x30, 9, 6, 5, 0x2b, 0x0e, 3, 2, 0x1a, 5, 0, 4, 20];
const SHA256_INFO: &[u8] = &[0x30, 0x31, 0x30, 13, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0, 4, 32];

/// A private key.
pub struct PrivateKey {
    primes: Vec<Prime>,
}

/// One prime, and what recombining needs of it.
struct Prime {
    prime: NonZero<BoxedUint>,
    params: BoxedMontyParams,
    /// The private exponent modulo the prime less one.
    exponent: BoxedUint,
    /// The product of the primes before this, in the modulus's size.
    before: BoxedUint,
    /// Its inverse modulo this prime.
    inverse: BoxedMontyForm,
}

impl PrivateKey {
    /// A new key.
    ///
    /// # Errors
    /// None that could come to pass with primes of this size.
    pub fn generate(random: &mut impl CryptoRng) -> Result<Self, String> {
        loop {
            let primes: Result<Vec<_>, _> = (0..PRIMES).map(|_| random_prime(random)).collect();
            // Four primes whose first two bits are set have a product of the full size three times in four.
            if let Some(key) = Self::of(&primes.map_err(|error| error.to_string())?) {
                return Ok(key);
            }
        }
    }

    /// The key of these primes; `None` if they make none of [`KEY_BITS`] bits.
    fn of(primes: &[BoxedUint]) -> Option<Self> {
        let mut before = BoxedUint::one_with_precision(KEY_BITS);
        let mut made = Vec::with_capacity(primes.len());
        for prime in primes {
            let params = BoxedMontyParams::new_vartime(Option::from(Odd::new(prime.clone()))?);
            let prime: NonZero<BoxedUint> = Option::from(NonZero::new(prime.clone()))?;
            let order = NonZero::new(prime.as_ref().wrapping_sub(BoxedUint::one_with_precision(PRIME_BITS)));
            let public = BoxedUint::from(PUBLIC_EXPONENT).resize(PRIME_BITS);
            // There is none if they have a common factor, or the same prime came twice.
            let exponent = Option::from(public.invert_mod(&Option::from(order)?))?;
            let inverse = Option::from(residue(&before, &prime, &params).invert())?;
            let product = before.wrapping_mul(prime.as_ref());
            made.push(Prime { prime, params, exponent, before, inverse });
            before = product;
        }
        (before.bits() == KEY_BITS && made.len() == PRIMES).then_some(Self { primes: made })
    }

    /// The key whose primes [`PrivateKey::to_bytes`] gave.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let primes = bytes.chunks(PRIME_BITS as usize / 8);
        let primes: Result<Vec<_>, _> = primes.map(|one| BoxedUint::from_be_slice(one, PRIME_BITS)).collect();
        Self::of(&primes.ok()?)
    }

    /// Its primes, 64 bytes each.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.primes.iter().flat_map(|one| one.prime.to_be_bytes().into_vec()).collect()
    }

    /// The same key as the `rsa` crate knows it.
    ///
    /// # Errors
    /// If that finds something wrong with it.
    pub fn to_rsa(&self) -> Result<RsaPrivateKey, rsa::Error> {
        let primes = self.primes.iter().map(|one| one.prime.as_ref().clone()).collect();
        RsaPrivateKey::from_primes(primes, BoxedUint::from(PUBLIC_EXPONENT))
    }

    /// The signature of a text by RSASSA-PKCS1-v1_5 with SHA-1.
    #[must_use]
    pub fn sign_sha1(&self, text: &[u8]) -> Vec<u8> {
        self.sign(SHA1_INFO, &Sha1::digest(text))
    }

    /// The signature of a text by RSASSA-PKCS1-v1_5 with SHA-256.
    #[must_use]
    pub fn sign_sha256(&self, text: &[u8]) -> Vec<u8> {
        self.sign(SHA256_INFO, &Sha256::digest(text))
    }

    fn sign(&self, info: &[u8], hash: &[u8]) -> Vec<u8> {
        let mut padded = vec![0xff; SIGNATURE_BYTES];
        let separator = SIGNATURE_BYTES - info.len() - hash.len() - 1;
        padded[..2].copy_from_slice(&[0, 1]);
        padded[separator] = 0;
        padded[separator + 1..][..info.len()].copy_from_slice(info);
        padded[separator + 1 + info.len()..].copy_from_slice(hash);
        self.root(&BoxedUint::from_be_slice_truncated(&padded, KEY_BITS)).to_be_bytes().into_vec()
    }

    /// The number below the modulus whose power by the public exponent is this one: its root modulo each prime, put together prime after prime.
    fn root(&self, power: &BoxedUint) -> BoxedUint {
        let mut root = BoxedUint::zero_with_precision(KEY_BITS);
        for Prime { prime, params, exponent, before, inverse } in &self.primes {
            let wanted = residue(power, prime, params).pow(exponent);
            let missing = (&wanted - &residue(&root, prime, params)) * inverse;
            root = root.wrapping_add(before.wrapping_mul(missing.retrieve()));
        }
        root
    }
}

fn random_prime(random: &mut impl CryptoRng) -> Result<BoxedUint, crypto_primes::Error> {
    loop {
        let sieve = SmallFactorsSieveFactory::new(Flavor::Any, PRIME_BITS, SetBits::TwoMsb)?;
        if let Some(prime) = sieve_and_find(random, sieve, |_, candidate| is_prime(Flavor::Any, candidate))? {
            return Ok(prime);
        }
    }
}

/// A number of the modulus's size modulo a prime.
fn residue(number: &BoxedUint, prime: &NonZero<BoxedUint>, params: &BoxedMontyParams) -> BoxedMontyForm {
    BoxedMontyForm::new(number.rem(prime), params)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rsa::pkcs1v15::{Signature, VerifyingKey};
    use rsa::signature::Verifier;

    use super::*;
    use crate::state::signing::Randomness;

    fn key(seed: u64) -> PrivateKey {
        PrivateKey::generate(&mut Randomness(&mut pontoon_core::Ids::from_seed(seed))).unwrap()
    }

    #[test]
    fn primes_that_make_no_key_are_refused() {
        let bytes = key(1).to_bytes();
        assert!(PrivateKey::from_bytes(&bytes).is_some());
        let twice = [&bytes[..64], &bytes[..192]].concat();
        for wrong in [&[][..], &bytes[..192], &bytes[..100], &twice, &[0; 256]] {
            assert!(PrivateKey::from_bytes(wrong).is_none());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]

        #[test]
        fn what_any_key_signs_is_verified_by_its_public_key_alone(seed: u64, text: Vec<u8>) {
            let key = key(seed);
            let public = key.to_rsa().unwrap().to_public_key();
            let sha1 = Signature::try_from(&*key.sign_sha1(&text)).unwrap();
            let sha256 = Signature::try_from(&*key.sign_sha256(&text)).unwrap();
            prop_assert!(VerifyingKey::<Sha1>::new(public.clone()).verify(&text, &sha1).is_ok());
            prop_assert!(VerifyingKey::<Sha256>::new(public.clone()).verify(&text, &sha256).is_ok());
            let other = [&text[..], b"."].concat();
            prop_assert!(VerifyingKey::<Sha1>::new(public.clone()).verify(&other, &sha1).is_err());
            prop_assert!(VerifyingKey::<Sha256>::new(public).verify(&other, &sha256).is_err());
        }
    }
}
