//! Identifiers, from a seed that the host hands in, so that a run can be repeated exactly.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::time::Timestamp;

/// The engine's source of identifiers, secrets and jitter. The same seed and key give the same sequence.
///
/// Whoever sees enough identifiers can tell the next ones. Secrets come from the key, which nothing that is given out tells of.
#[derive(Clone)]
pub struct Ids {
    random: fastrand::Rng,
    key: [u8; 32],
    /// How many blocks of secrets the key has given.
    blocks: u64,
}

impl fmt::Debug for Ids {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Ids").field("random", &self.random).finish_non_exhaustive()
    }
}

impl Ids {
    /// A source of identifiers that depend on `seed`, and of secrets that depend on `key`.
    #[must_use]
    pub fn new(seed: u64, key: [u8; 32]) -> Self {
        Self { random: fastrand::Rng::with_seed(seed), key, blocks: 0 }
    }

    /// A source that depends on `seed` alone, secrets too: for runs that are to be repeated, where nothing is secret.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        Self::new(seed, key)
    }

    /// `len` characters of `0-9a-f` that nobody can guess who does not know the key, whatever else it gave: passwords, tokens.
    pub fn secret_hex(&mut self, len: usize) -> String {
        let mut secret = String::with_capacity(len + 64);
        while secret.len() < len {
            self.blocks += 1;
            let block =
                Sha256::new().chain_update(self.key).chain_update(self.blocks.to_le_bytes()).finalize();
            secret.extend(block.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(hex_digit));
        }
        secret.truncate(len);
        secret
    }

    /// A random (version 4) UUID, as 16 bytes.
    pub fn uuid_bytes(&mut self) -> [u8; 16] {
        let mut bytes = self.random.u128(..).to_be_bytes();
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        bytes
    }

    /// A random (version 4) UUID in its 36-character lower-case form.
    pub fn uuid(&mut self) -> String {
        format_uuid(self.uuid_bytes())
    }

    /// `len` characters of `A-Z0-9`, as CloudFormation appends to physical names and IAM gives to ids.
    pub fn upper_alphanumeric(&mut self, len: usize) -> String {
        const SET: &[u8; 36] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        (0..len).map(|_| char::from(SET[self.random.usize(..SET.len())])).collect()
    }

    /// `len` characters of `0-9a-f`.
    pub fn hex(&mut self, len: usize) -> String {
        (0..len).map(|_| char::from(b"0123456789abcdef"[self.random.usize(..16)])).collect()
    }

    /// A random number below `bound`; zero if `bound` is.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.random.u64(..bound) }
    }

    /// A random 64-bit number.
    pub fn u64(&mut self) -> u64 {
        self.random.u64(..)
    }

    /// An X-Ray trace header (`Root=1-…;Parent=…;Sampled=1`) for work begun at `now`.
    pub fn xray_header(&mut self, now: Timestamp) -> String {
        let (secs, root, parent) = (now.secs() as u32, self.hex(24), self.hex(16));
        format!("Root=1-{secs:08x}-{root};Parent={parent};Sampled=1")
    }
}

fn hex_digit(value: u8) -> char {
    char::from(b"0123456789abcdef"[usize::from(value)])
}

/// The 36-character form of a UUID's bytes.
#[must_use]
pub fn format_uuid(bytes: [u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (i, byte) in bytes.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push(hex_digit(byte >> 4));
        text.push(hex_digit(byte & 15));
    }
    text
}

/// The bytes of a UUID in its 36-character form, either case; `None` if it is not one.
#[must_use]
pub fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    if text.len() != 36 {
        return None;
    }
    let mut bytes = [0; 16];
    let mut digits = 0;
    for (i, c) in text.bytes().enumerate() {
        if matches!(i, 8 | 13 | 18 | 23) {
            if c != b'-' {
                return None;
            }
            continue;
        }
        let value = char::from(c).to_digit(16)? as u8;
        bytes[digits / 2] = (bytes[digits / 2] << 4) | value;
        digits += 1;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_version_four_and_reads_back() {
        let mut ids = Ids::from_seed(7);
        let bytes = ids.uuid_bytes();
        let text = format_uuid(bytes);
        assert_eq!(&text[14..15], "4");
        assert_eq!(parse_uuid(&text), Some(bytes));
        assert_eq!(parse_uuid("not a uuid"), None);
        assert_ne!(Ids::from_seed(1).uuid(), Ids::from_seed(2).uuid());
        assert_eq!(Ids::from_seed(1).uuid(), Ids::from_seed(1).uuid());
    }

    #[test]
    fn secrets_come_from_the_key_alone() {
        let [mut one, mut other] = [1, 2].map(|seed| Ids::new(seed, [7; 32]));
        other.uuid();
        let secrets = [64, 40, 0, 100].map(|len| one.secret_hex(len));
        assert_eq!(secrets, [64, 40, 0, 100].map(|len| other.secret_hex(len)));
        assert_eq!(secrets.each_ref().map(String::len), [64, 40, 0, 100]);
        assert!(
            secrets[0][..40] != secrets[1] && secrets.concat().bytes().all(|byte| byte.is_ascii_hexdigit())
        );
        assert_ne!(Ids::new(1, [8; 32]).secret_hex(64), secrets[0]);
        assert!(!format!("{one:?}").contains("7, 7"), "a key is never shown");
    }
}
