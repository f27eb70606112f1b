//! Objects: everything but their bytes.

use std::collections::BTreeMap;

use pontoon_core::Timestamp;
use serde::{Deserialize, Serialize};

use super::checksum::{Algorithm, Checksum, Coverage};

/// Largest object, and largest part. DEVIATION: S3 takes 5 TiB, and 5 GiB at once; here whole bodies pass through memory.
pub const OBJECT_BYTES_MAX: u64 = 256 << 20;
/// Longest key, bytes.
pub const KEY_BYTES_MAX: usize = 1024;
/// Most user metadata of an object, bytes of keys and values.
pub const METADATA_BYTES_MAX: usize = 2048;
/// Highest part number.
pub const PART_NUMBER_MAX: i32 = 10_000;
/// Smallest part that is not the last, bytes.
pub const PART_BYTES_MIN: u64 = 5 << 20;

/// What a client says of an object's content, given back as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// `Content-Type`
    pub content_type: Option<String>,
    /// `Cache-Control`
    pub cache_control: Option<String>,
    /// `Content-Disposition`
    pub content_disposition: Option<String>,
    /// `Content-Encoding`
    pub content_encoding: Option<String>,
    /// `Content-Language`
    pub content_language: Option<String>,
    /// `Expires`
    pub expires: Option<String>,
    /// `x-amz-meta-…`
    pub metadata: BTreeMap<String, String>,
    /// Whether `x-amz-server-side-encryption: AES256` was asked for.
    pub encrypted: bool,
}

impl Description {
    /// The type of an object whose client did not say.
    pub const CONTENT_TYPE_DEFAULT: &str = "binary/octet-stream";
}

/// A run of bytes in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// 32 hex digits.
    pub id: String,
    /// Its length.
    pub bytes: u64,
}

/// An object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    /// Its bytes: one piece, or one for each part.
    pub pieces: Vec<Piece>,
    /// Entity tag without quotes.
    pub etag: String,
    /// When it was written.
    pub modified_ms: i64,
    /// What its client says of it.
    pub description: Description,
    /// Its checksum.
    pub checksum: Option<Checksum>,
    /// Whether it was uploaded in parts.
    pub in_parts: bool,
}

impl Object {
    /// Its size in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.bytes).sum()
    }

    /// When it was written.
    #[must_use]
    pub fn modified(&self) -> Timestamp {
        Timestamp::from_millis(self.modified_ms)
    }

    /// First and last byte of a part, counted from one; `None` if there is no such part, or nothing in it.
    #[must_use]
    pub fn part(&self, number: usize) -> Option<(u64, u64)> {
        let before = self.pieces.get(..number.checked_sub(1)?)?;
        let start: u64 = before.iter().map(|piece| piece.bytes).sum();
        let bytes = self.pieces.get(number - 1)?.bytes;
        (bytes > 0).then(|| (start, start + bytes - 1))
    }
}

/// An upload in parts that is neither complete nor aborted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// The object's key.
    pub key: String,
    /// What its client says of it.
    pub description: Description,
    /// How the parts' checksums are computed and what the whole one will cover, if the client said.
    pub checksum: Option<(Algorithm, Coverage)>,
}

/// A part of an upload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its bytes.
    pub piece: Piece,
    /// MD5 in hex, which is its entity tag.
    pub md5: String,
    /// Its checksum.
    pub checksum: Checksum,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_counted_from_one() {
        let piece = |bytes| Piece { id: String::new(), bytes };
        let object = Object {
            pieces: vec![piece(5), piece(3), piece(0)],
            etag: String::new(),
            modified_ms: 0,
            description: Description::default(),
            checksum: None,
            in_parts: true,
        };
        assert_eq!(object.size(), 8);
        let parts: Vec<_> = (0..5).map(|number| object.part(number)).collect();
        assert_eq!(parts, [None, Some((0, 4)), Some((5, 7)), None, None]);
    }
}
