//! Sixty-four bytes of text looked at together: which of them are of a kind, as the bits of a word, the first byte's lowest.

use wide::u8x16;

/// Bytes of a block.
pub(crate) const BLOCK: usize = 64;

#[derive(Clone, Copy)]
pub(crate) struct Block([u8x16; 4]);

impl Block {
    #[inline(always)]
    pub(crate) fn new(bytes: &[u8; BLOCK]) -> Self {
        let (lanes, _) = bytes.as_chunks::<16>();
        Self(std::array::from_fn(|at| u8x16::new(lanes[at])))
    }

    /// The bits of lanes whose bytes are all ones or all zeros.
    #[inline(always)]
    fn bits(self) -> u64 {
        let [a, b, c, d] = self.0.map(|lane| u64::from(lane.move_mask().cast_unsigned()));
        (a | b << 16) | (c | d << 16) << 32
    }

    /// The bytes that are this one.
    #[inline(always)]
    pub(crate) fn equal(self, byte: u8) -> u64 {
        Self(self.0.map(|lane| lane.cmp_eq(u8x16::splat(byte)))).bits()
    }

    /// The bytes that are none above this one.
    #[inline(always)]
    pub(crate) fn at_most(self, byte: u8) -> u64 {
        Self(self.0.map(|lane| lane.cmp_eq(lane.min(u8x16::splat(byte))))).bits()
    }

    /// The bytes that are this one or none above the other.
    #[inline(always)]
    pub(crate) fn equal_or_at_most(self, byte: u8, bound: u8) -> u64 {
        let either =
            |lane: u8x16| lane.cmp_eq(u8x16::splat(byte)) | lane.cmp_eq(lane.min(u8x16::splat(bound)));
        Self(self.0.map(either)).bits()
    }

    /// Each byte less this one, around the end.
    #[inline(always)]
    pub(crate) fn minus(self, byte: u8) -> Self {
        Self(self.0.map(|lane| lane - u8x16::splat(byte)))
    }

    /// Each byte with these bits set.
    #[inline(always)]
    pub(crate) fn with(self, bits: u8) -> Self {
        Self(self.0.map(|lane| lane | u8x16::splat(bits)))
    }
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, Block};

    #[test]
    fn each_byte_is_seen_for_itself() {
        let bytes: Vec<u8> = (0..=255).chain(0..=255).collect();
        for start in 0..=256 {
            let bytes: &[u8; BLOCK] = bytes[start..start + BLOCK].try_into().unwrap();
            let bits = |test: &dyn Fn(u8) -> bool| {
                bytes.iter().rev().fold(0, |bits, &byte| bits << 1 | u64::from(test(byte)))
            };
            let block = Block::new(bytes);
            for byte in [0, 9, b' ', b'{', 127, 128, 255] {
                assert_eq!(block.equal(byte), bits(&|b| b == byte));
                assert_eq!(block.at_most(byte), bits(&|b| b <= byte));
                assert_eq!(block.equal_or_at_most(byte, 20), bits(&|b| b == byte || b <= 20));
                assert_eq!(block.minus(byte).at_most(9), bits(&|b| b.wrapping_sub(byte) <= 9));
                assert_eq!(block.with(0x20).equal(byte), bits(&|b| b | 0x20 == byte));
            }
        }
    }
}
