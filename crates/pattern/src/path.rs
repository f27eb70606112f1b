//! Where in an event a condition looks.

/// The names from the top of an event to a value, joined by dots. A name may itself hold dots; AWS does not tell
/// `{"a.b": …}` from `{"a": {"b": …}}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path {
    text: Box<str>,
    hash: u64,
}

impl Path {
    pub(crate) fn new(text: &str) -> Self {
        Self { text: text.into(), hash: extend_hash(HASH_START, text.as_bytes()) }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Finds candidates; equality is always settled by the text.
    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }
}

/// The hash of no bytes (FNV-1a, because a child's hash continues its parent's).
pub(crate) const HASH_START: u64 = 0xcbf2_9ce4_8422_2325;

pub(crate) fn extend_hash(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, &byte| extend_hash_by(hash, byte))
}

pub(crate) fn extend_hash_by(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
}
