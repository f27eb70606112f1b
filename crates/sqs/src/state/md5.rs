//! MD5, which senders check their messages' bodies by. A step of it waits for the one before, so that a core that computes one digest idles most of the
//! time; those of a batch are computed four at a time, in a third of the time.
//!
//! <https://www.rfc-editor.org/rfc/rfc1321>

use std::array::from_fn;

use md5::{Digest, Md5};
use wide::u32x4;

/// How many digests are computed at a time.
const LANES: usize = 4;
/// The state that each digest begins with.
const BEGIN: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
/// The integer parts of 2^32 times the sines of 1 to 64, without their signs.
#[rustfmt::skip]
const SINES: [u32; 64] = [
    0xd76a_a478, 0xe8c7_b756, 0x2420_70db, 0xc1bd_ceee, 0xf57c_0faf, 0x4787_c62a, 0xa830_4613, 0xfd46_9501,
    0x6980_98d8, 0x8b44_f7af, 0xffff_5bb1, 0x895c_d7be, 0x6b90_1122, 0xfd98_7193, 0xa679_438e, 0x49b4_0821,
    0xf61e_2562, 0xc040_b340, 0x265e_5a51, 0xe9b6_c7aa, 0xd62f_105d, 0x0244_1453, 0xd8a1_e681, 0xe7d3_fbc8,
    0x21e1_cde6, 0xc337_07d6, 0xf4d5_0d87, 0x455a_14ed, 0xa9e3_e905, 0xfcef_a3f8, 0x676f_02d9, 0x8d2a_4c8a,
    0xfffa_3942, 0x8771_f681, 0x6d9d_6122, 0xfde5_380c, 0xa4be_ea44, 0x4bde_cfa9, 0xf6bb_4b60, 0xbebf_bc70,
    0x289b_7ec6, 0xeaa1_27fa, 0xd4ef_3085, 0x0488_1d05, 0xd9d4_d039, 0xe6db_99e5, 0x1fa2_7cf8, 0xc4ac_5665,
    0xf429_2244, 0x432a_ff97, 0xab94_23a7, 0xfc93_a039, 0x655b_59c3, 0x8f0c_cc92, 0xffef_f47d, 0x8584_5dd1,
    0x6fa8_7e4f, 0xfe2c_e6e0, 0xa301_4314, 0x4e08_11a1, 0xf753_7e82, 0xbd3a_f235, 0x2ad7_d2bb, 0xeb86_d391,
];

/// The MD5 of some bytes.
#[must_use]
pub fn digest(bytes: &[u8]) -> [u8; 16] {
    Md5::digest(bytes).into()
}

/// The MD5 of each message.
#[must_use]
pub fn digests(messages: &[&[u8]]) -> Vec<[u8; 16]> {
    let mut digests = Vec::with_capacity(messages.len());
    for four in messages.chunks(LANES) {
        let padded: Vec<Padded<'_>> = four.iter().map(|message| Padded::new(message)).collect();
        let blocks = padded.iter().map(|message| message.blocks);
        let (longest, all): (usize, usize) = (blocks.clone().max().unwrap_or(0), blocks.sum());
        // A long message among short ones, or alone, leaves the other lanes idle.
        if all * 2 > longest * 3 {
            digests.extend(together(&padded, longest));
        } else {
            digests.extend(four.iter().map(|message| digest(message)));
        }
    }
    digests
}

/// A message with what MD5 adds to it: a bit, zeros, and its length in bits, up to a whole number of blocks.
struct Padded<'m> {
    whole: &'m [[u8; 64]],
    end: [[u8; 64]; 2],
    blocks: usize,
}

impl<'m> Padded<'m> {
    fn new(message: &'m [u8]) -> Self {
        let (whole, rest) = message.as_chunks();
        let mut end = [[0; 64]; 2];
        end[0][..rest.len()].copy_from_slice(rest);
        end[0][rest.len()] = 0x80;
        let last = usize::from(rest.len() >= 56);
        end[last][56..].copy_from_slice(&(message.len() as u64 * 8).to_le_bytes());
        Self { whole, end, blocks: whole.len() + 1 + last }
    }

    /// A block of it, or one of zeros behind its end.
    fn block(&self, at: usize) -> &[u8; 64] {
        match at.checked_sub(self.whole.len()) {
            None => &self.whole[at],
            Some(behind) => self.end.get(behind).unwrap_or(&[0; 64]),
        }
    }
}

/// The digests of up to [`LANES`] messages of `blocks` blocks at most, each in a lane of its own.
fn together(messages: &[Padded<'_>], blocks: usize) -> impl Iterator<Item = [u8; 16]> {
    let mut states = BEGIN.map(u32x4::splat);
    let mut digests = vec![[0; 16]; messages.len()];
    for at in 0..blocks {
        let lanes: [&[u8; 64]; LANES] =
            from_fn(|lane| messages.get(lane).map_or(&[0; 64], |message| message.block(at)));
        let words = from_fn(|word| u32x4::new(lanes.map(|block| word_of(block, word))));
        states = compress(states, &words);
        for (lane, _) in messages.iter().enumerate().filter(|(_, message)| message.blocks == at + 1) {
            for (part, state) in digests[lane].chunks_exact_mut(4).zip(states) {
                part.copy_from_slice(&state.as_array_ref()[lane].to_le_bytes());
            }
        }
    }
    digests.into_iter()
}

fn word_of(block: &[u8; 64], word: usize) -> u32 {
    u32::from_le_bytes(from_fn(|byte| block[4 * word + byte]))
}

/// Takes a block of each lane into its state.
fn compress(begin: [u32x4; 4], words: &[u32x4; 16]) -> [u32x4; 4] {
    let [mut a, mut b, mut c, mut d] = begin;
    let mut step = |mix: fn(u32x4, u32x4, u32x4) -> u32x4, word: usize, sine: u32, turn: u32| {
        let sum = a + mix(b, c, d) + (words[word] + u32x4::splat(sine));
        (a, b, c, d) = (d, b + ((sum << turn) | (sum >> (32 - turn))), b, c);
    };
    for at in 0..16 {
        step(|b, c, d| d ^ (b & (c ^ d)), at, SINES[at], [7, 12, 17, 22][at % 4]);
    }
    for at in 0..16 {
        step(|b, c, d| c ^ (d & (b ^ c)), (5 * at + 1) % 16, SINES[16 + at], [5, 9, 14, 20][at % 4]);
    }
    for at in 0..16 {
        step(|b, c, d| b ^ c ^ d, (3 * at + 5) % 16, SINES[32 + at], [4, 11, 16, 23][at % 4]);
    }
    for at in 0..16 {
        step(|b, c, d| c ^ (b | !d), 7 * at % 16, SINES[48 + at], [6, 10, 15, 21][at % 4]);
    }
    let end = [a, b, c, d];
    from_fn(|part| begin[part] + end[part])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(messages: &[Vec<u8>]) {
        let messages: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
        let alone: Vec<_> = messages.iter().map(|message| digest(message)).collect();
        assert_eq!(digests(&messages), alone);
    }

    #[test]
    fn together_they_are_what_each_is_alone_at_every_length_around_a_block() {
        assert_eq!(digests(&[]), Vec::<[u8; 16]>::new());
        let messages: Vec<Vec<u8>> = (0..=200).map(|len| (0..len).collect()).collect();
        check(&messages);
        for four in messages.chunks(3) {
            check(four);
        }
    }

    proptest! {
        #[test]
        fn together_they_are_what_each_is_alone(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..11),
        ) {
            check(&messages);
        }
    }
}
