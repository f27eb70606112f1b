//! Hashes by which candidates are found. Equality is always settled by comparing what was hashed, so that a clash costs time and nothing else.

use std::hash::{BuildHasherDefault, Hasher};

/// A map whose keys are hashes already.
pub(crate) type HashedMap<V> = std::collections::HashMap<u64, V, BuildHasherDefault<Hashed>>;

const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
const PRIME: u64 = 0xff51_afd7_ed55_8ccd;

/// Two words made one, every bit of which depends on all of theirs.
pub(crate) fn mix(a: u64, b: u64) -> u64 {
    let wide = u128::from(a ^ ODD) * u128::from(b ^ PRIME);
    (wide as u64) ^ (wide >> 64) as u64
}

/// The hash of some bytes, eight at a time.
pub(crate) fn bytes(seed: u64, bytes: &[u8]) -> u64 {
    let length = bytes.len();
    let mut hash = mix(seed, length as u64);
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        hash = mix(hash, u64::from_le_bytes(*word));
    }
    if rest.is_empty() {
        return hash;
    }
    mix(hash, tail(bytes, rest))
}

/// The bytes after the last whole word, with some before them where there are any.
fn tail(all: &[u8], rest: &[u8]) -> u64 {
    all.last_chunk().map_or_else(|| short(rest), |word| u64::from_le_bytes(*word))
}

/// Fewer than eight bytes as a number, which is another for other bytes as many.
pub(crate) fn short(rest: &[u8]) -> u64 {
    if let (Some(first), Some(last)) = (rest.first_chunk::<4>(), rest.last_chunk::<4>()) {
        return u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last));
    }
    let (Some(&first), Some(&last)) = (rest.first(), rest.last()) else { return 0 };
    u64::from(first) << 16 | u64::from(rest[rest.len() / 2]) << 8 | u64::from(last)
}

/// A hash that grows byte by byte, so that one pass over a text has that of each of its beginnings (FNV-1a).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Growing(u64);

impl Growing {
    pub(crate) const EMPTY: Self = Self(0xcbf2_9ce4_8422_2325);

    pub(crate) fn push(&mut self, byte: u8) {
        self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }

    pub(crate) fn of(bytes: impl IntoIterator<Item = u8>) -> (u64, usize) {
        let (mut hash, mut length) = (Self::EMPTY, 0);
        for byte in bytes {
            hash.push(byte);
            length += 1;
        }
        (hash.get(), length)
    }

    pub(crate) fn get(self) -> u64 {
        self.0
    }
}

/// The hasher of keys that are hashes already.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, key: &[u8]) {
        self.0 = bytes(self.0, key);
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests {
    use super::bytes;
    use std::collections::HashSet;

    #[test]
    fn every_byte_and_the_length_count() {
        for length in 0..40 {
            let text = vec![7u8; length];
            let mut seen = HashSet::from([bytes(0, &text), bytes(1, &text)]);
            for at in 0..length {
                let mut other = text.clone();
                other[at] = 8;
                seen.insert(bytes(0, &other));
            }
            assert_eq!(seen.len(), length + 2, "{length}");
        }
    }
}
