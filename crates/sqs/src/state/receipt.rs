//! Receipt handles: which message, and which of its receives.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// What a receipt handle says. Clients treat it as opaque.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The queue's number.
    pub queue: u64,
    /// The message's number within it.
    pub message: u64,
    /// Which receive, from one: a message's later receives make the handles of earlier ones stale.
    pub receive: u32,
}

/// Marks the bytes as a receipt of ours.
const MARK: [u8; 4] = *b"AQEB";

impl Receipt {
    /// The handle's text.
    #[must_use]
    pub fn encode(self) -> String {
        let mut bytes = [0; 28];
        bytes[..4].copy_from_slice(&MARK);
        bytes[4..12].copy_from_slice(&self.queue.to_be_bytes());
        bytes[12..20].copy_from_slice(&self.message.to_be_bytes());
        bytes[20..24].copy_from_slice(&self.receive.to_be_bytes());
        let sum = check(&bytes[..24]);
        bytes[24..].copy_from_slice(&sum.to_be_bytes());
        STANDARD.encode(bytes)
    }

    /// Reads a handle; `None` if it is not one of ours.
    #[must_use]
    pub fn decode(text: &str) -> Option<Self> {
        let bytes: [u8; 28] = STANDARD.decode(text).ok()?.try_into().ok()?;
        let sum = u32::from_be_bytes([bytes[24], bytes[25], bytes[26], bytes[27]]);
        if bytes[..4] != MARK || sum != check(&bytes[..24]) {
            return None;
        }
        let number = |at: usize| u64::from_be_bytes(std::array::from_fn(|i| bytes[at + i]));
        Some(Self { queue: number(4), message: number(12), receive: (number(16) & 0xffff_ffff) as u32 })
    }
}

/// FNV-1a: tells a mangled handle from a genuine one; it is not a secret.
fn check(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |sum, byte| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_reads_back_and_a_mangled_one_does_not() {
        let receipt = Receipt { queue: u64::MAX - 5, message: 1 << 40, receive: 70_000 };
        let text = receipt.encode();
        assert_eq!(Receipt::decode(&text), Some(receipt));
        assert_eq!(Receipt::decode(&text.replacen('A', "B", 1)), None);
        assert_eq!(Receipt::decode("garbage"), None);
        assert_eq!(Receipt::decode(""), None);
    }
}
