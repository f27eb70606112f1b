//! Checksums of objects: "Checking object integrity in Amazon S3" of the user guide.
//!
//! The front has compared what clients state with what they sent; here checksums are kept, made where a client states none, and put together from those
//! of parts.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crc::{CRC_32_ISCSI, CRC_64_NVME, Crc, Table};
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest, Sha256};

static CRC32C: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);
static CRC64NVME: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_NVME);

/// How a checksum is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// CRC-32
    Crc32,
    /// CRC-32C (Castagnoli)
    Crc32c,
    /// CRC-64/NVME, which S3 computes itself if a client states no checksum.
    Crc64nvme,
    /// SHA-1
    Sha1,
    /// SHA-256
    Sha256,
}

/// What a checksum covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Coverage {
    /// The object's bytes.
    FullObject,
    /// The checksums of its parts.
    Composite,
}

/// A checksum of an object or part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checksum {
    /// How it is computed.
    pub algorithm: Algorithm,
    /// What it covers.
    pub coverage: Coverage,
    /// Base64, with `-N` behind it if it is composite.
    pub value: String,
}

impl Algorithm {
    /// The algorithm of this name in headers (`CRC32C`).
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "CRC32" => Self::Crc32,
            "CRC32C" => Self::Crc32c,
            "CRC64NVME" => Self::Crc64nvme,
            "SHA1" => Self::Sha1,
            "SHA256" => Self::Sha256,
            _ => return None,
        })
    }

    /// Its name in headers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    /// What a checksum of parts covers if the client does not say.
    #[must_use]
    pub const fn usual_coverage(self) -> Coverage {
        match self {
            Self::Crc64nvme => Coverage::FullObject,
            Self::Crc32 | Self::Crc32c | Self::Sha1 | Self::Sha256 => Coverage::Composite,
        }
    }

    /// Whether checksums of parts can cover that.
    #[must_use]
    pub const fn can_cover(self, coverage: Coverage) -> bool {
        match coverage {
            Coverage::FullObject => matches!(self, Self::Crc32 | Self::Crc32c | Self::Crc64nvme),
            Coverage::Composite => !matches!(self, Self::Crc64nvme),
        }
    }

    /// The checksum of some bytes.
    #[must_use]
    pub fn digest(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Crc32 => crc32fast::hash(bytes).to_be_bytes().to_vec(),
            Self::Crc32c => CRC32C.checksum(bytes).to_be_bytes().to_vec(),
            Self::Crc64nvme => CRC64NVME.checksum(bytes).to_be_bytes().to_vec(),
            Self::Sha1 => Sha1::digest(bytes).to_vec(),
            Self::Sha256 => Sha256::digest(bytes).to_vec(),
        }
    }

    /// Width in bits and reflected polynomial of a cyclic redundancy check.
    const fn polynomial(self) -> Option<(u32, u64)> {
        match self {
            Self::Crc32 => Some((32, 0xedb8_8320)),
            Self::Crc32c => Some((32, 0x82f6_3b78)),
            Self::Crc64nvme => Some((64, 0x9a6c_9329_ac4b_c9b5)),
            Self::Sha1 | Self::Sha256 => None,
        }
    }
}

impl Checksum {
    /// The checksum of an object's bytes.
    #[must_use]
    pub fn of(algorithm: Algorithm, bytes: &[u8]) -> Self {
        Self::full(algorithm, STANDARD.encode(algorithm.digest(bytes)))
    }

    /// A checksum of an object's bytes that is known already.
    #[must_use]
    pub fn full(algorithm: Algorithm, value: String) -> Self {
        Self { algorithm, coverage: Coverage::FullObject, value }
    }

    /// The checksum of an object made of parts, each with its checksum in base64 and its length; `None` if one is malformed or the algorithm cannot
    /// cover that.
    #[must_use]
    pub fn of_parts(algorithm: Algorithm, coverage: Coverage, parts: &[(&str, u64)]) -> Option<Self> {
        let decoded = |text: &str| STANDARD.decode(text).ok();
        let value = match coverage {
            Coverage::Composite => {
                let mut digests = Vec::new();
                for (part, _) in parts {
                    digests.extend(decoded(part)?);
                }
                format!("{}-{}", STANDARD.encode(algorithm.digest(&digests)), parts.len())
            }
            Coverage::FullObject => {
                let (width, polynomial) = algorithm.polynomial()?;
                let mut whole = 0;
                for (part, bytes) in parts {
                    let number = decoded(part)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
                    whole = shifted(whole, *bytes, width, polynomial) ^ number;
                }
                STANDARD.encode(&whole.to_be_bytes()[8 - width as usize / 8..])
            }
        };
        algorithm.can_cover(coverage).then_some(Self { algorithm, coverage, value })
    }
}

/// A check as if this many zero bytes followed: multiplied by x to the eighth of them, modulo the polynomial. The check of two texts in a row is the first
/// one shifted over the second, plus the second's.
fn shifted(check: u64, bytes: u64, width: u32, polynomial: u64) -> u64 {
    let one = 1 << (width - 1);
    let mut power = (0..8).fold(one, |value, _| times_x(value, polynomial));
    let mut factor = one;
    let mut left = bytes;
    while left > 0 {
        if left & 1 == 1 {
            factor = product(factor, power, width, polynomial);
        }
        power = product(power, power, width, polynomial);
        left >>= 1;
    }
    product(factor, check, width, polynomial)
}

/// Reflected: the highest bit is the constant term.
fn times_x(value: u64, polynomial: u64) -> u64 {
    if value & 1 == 1 { value >> 1 ^ polynomial } else { value >> 1 }
}

fn product(a: u64, mut b: u64, width: u32, polynomial: u64) -> u64 {
    let mut sum = 0;
    for bit in (0..width).rev() {
        if a >> bit & 1 == 1 {
            sum ^= b;
        }
        b = times_x(b, polynomial);
    }
    sum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn composite_checksums_say_how_many_parts_they_cover() {
        let part = Checksum::of(Algorithm::Sha256, b"x").value;
        let whole =
            Checksum::of_parts(Algorithm::Sha256, Coverage::Composite, &[(&part, 1), (&part, 1)]).unwrap();
        assert!(whole.value.ends_with("=-2"), "{}", whole.value);
        assert!(Checksum::of_parts(Algorithm::Sha1, Coverage::FullObject, &[]).is_none());
        assert!(Checksum::of_parts(Algorithm::Crc64nvme, Coverage::Composite, &[]).is_none());
        assert!(Checksum::of_parts(Algorithm::Crc32, Coverage::Composite, &[("?", 1)]).is_none());
    }

    proptest! {
        #[test]
        fn checks_of_parts_make_the_check_of_the_whole(
            parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..6),
        ) {
            for algorithm in [Algorithm::Crc32, Algorithm::Crc32c, Algorithm::Crc64nvme] {
                let checks: Vec<_> =
                    parts.iter().map(|part| (Checksum::of(algorithm, part).value, part.len() as u64)).collect();
                let checks: Vec<_> = checks.iter().map(|(value, bytes)| (value.as_str(), *bytes)).collect();
                let whole = Checksum::of_parts(algorithm, Coverage::FullObject, &checks);
                prop_assert_eq!(whole, Some(Checksum::of(algorithm, &parts.concat())));
            }
        }
    }
}
