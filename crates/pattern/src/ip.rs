//! IP addresses as EventBridge compares them, in exact values and in `cidr`.
//!
//! AWS's matcher writes an address as hexadecimal digits (8 for IPv4, 32 for IPv6) and compares digit by digit from
//! the left, deciding as soon as it can. Everything that follows from that is kept, the odd parts too: a number in
//! an event is read as the digits it is spelled with, and an IPv6 address is held against an IPv4 block by its first
//! eight digits. The test vectors of AWS's matcher show both.

use std::net::Ipv6Addr;

/// Hexadecimal digits, from the left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Digits {
    /// The digits in the upper bits, zeros below.
    pub(crate) bits: u128,
    /// How many there are, up to 32.
    pub(crate) count: u32,
}

impl Digits {
    fn v4(address: u32) -> Self {
        Self { bits: u128::from(address) << 96, count: 8 }
    }

    fn v6(address: u128) -> Self {
        Self { bits: address, count: 32 }
    }

    /// The digits of an address.
    ///
    /// Octets are decimal whatever their leading zeros, a dotted tail in IPv6 is no address, and an IPv4 address
    /// written as IPv6 (`::ffff:a00:1`) is the IPv4 address.
    pub(crate) fn of_address(text: &str) -> Option<Self> {
        if looks_v4(text) {
            return parse_v4(text).map(Self::v4);
        }
        if !looks_v6(text) {
            return None;
        }
        let address: Ipv6Addr = text.parse().ok()?;
        Some(match address.to_ipv4_mapped() {
            Some(v4) => Self::v4(u32::from(v4)),
            None => Self::v6(u128::from(address)),
        })
    }

    /// The digits that the spelling of a number begins with.
    pub(crate) fn of_number(text: &str) -> Self {
        let mut digits = Self { bits: 0, count: 0 };
        for byte in text.bytes().take(32) {
            let digit = match byte {
                b'0'..=b'9' => byte - b'0',
                b'A'..=b'F' => byte - b'A' + 10,
                _ => break,
            };
            digits.count += 1;
            digits.bits |= u128::from(digit) << (128 - 4 * digits.count);
        }
        digits
    }
}

/// The bits below the first `count` digits.
fn below(count: u32) -> u128 {
    u128::MAX.checked_shr(4 * count).unwrap_or(0)
}

fn looks_v4(text: &str) -> bool {
    let mut octets = 0;
    text.split('.').all(|octet| {
        octets += 1;
        octets <= 4 && !octet.is_empty() && octet.bytes().all(|byte| byte.is_ascii_digit())
    }) && octets == 4
}

fn looks_v6(text: &str) -> bool {
    text.contains(':') && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':')
}

fn parse_v4(text: &str) -> Option<u32> {
    // Java, which AWS's matcher runs on, takes no address of more than fifteen characters.
    if text.len() > 15 {
        return None;
    }
    text.split('.').try_fold(0u32, |address, octet| {
        let octet: u32 = octet.parse().ok()?;
        (octet <= 255).then_some(address << 8 | octet)
    })
}

/// A block of addresses, one address being the smallest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Block {
    /// The first address, its digits in the upper bits.
    pub(crate) first: u128,
    /// The last address, with all bits set below its digits.
    pub(crate) last: u128,
    /// Digits of an address of the block's family.
    pub(crate) count: u32,
}

impl Block {
    /// The block of one address.
    pub(crate) fn single(address: Digits) -> Self {
        Self { first: address.bits, last: address.bits | below(address.count), count: address.count }
    }

    /// Reads `address/bits`. The address may be any of the block.
    ///
    /// # Errors
    /// AWS's reason, in its words.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        // A trailing slash has no field after it, so that it changes nothing.
        let mut parts: Vec<&str> = text.split('/').collect();
        while parts.len() > 1 && parts.last().is_some_and(|part| part.is_empty()) {
            parts.pop();
        }
        let [address, bits] = parts[..] else { return Err("Malformed CIDR, one '/' required".into()) };
        let bits: i32 = bits.parse().map_err(|_| "Malformed CIDR, mask bits must be an integer")?;
        let Ok(bits) = u32::try_from(bits) else {
            return Err("Malformed CIDR, mask bits must not be negative".into());
        };
        let digits = match Digits::of_address(address) {
            Some(digits) => digits,
            None if looks_v4(address) || looks_v6(address) => {
                return Err(format!("Invalid IP address: {address}"));
            }
            None => return Err(format!("Nonstandard IP address: {address}")),
        };
        if bits >= 4 * digits.count {
            let family = if digits.count == 8 {
                "IPv4 mask bits must be < 32"
            } else {
                "IPv6 mask bits must be < 128"
            };
            return Err(family.into());
        }
        let host = u128::MAX.checked_shr(bits).unwrap_or(0);
        Ok(Self { first: digits.bits & !host, last: digits.bits | host, count: digits.count })
    }

    /// Whether the digits fall into the block. Digits that end before they decide do not.
    pub(crate) fn contains(&self, digits: Digits) -> bool {
        if digits.count >= self.count {
            return self.first <= digits.bits && digits.bits <= self.last;
        }
        let undecided = below(digits.count);
        self.first & !undecided < digits.bits && digits.bits < self.last & !undecided
    }
}

#[cfg(test)]
mod tests {
    use super::{Block, Digits};

    fn address(text: &str) -> Digits {
        Digits::of_address(text).unwrap()
    }

    #[test]
    fn addresses_have_many_spellings() {
        assert_eq!(address("2001:db8::1"), address("2001:0DB8:0:0:0:0:0:1"));
        assert_eq!(address("::ffff:a00:5"), address("10.0.0.5"));
        assert_eq!(address("010.0.0.5"), address("10.0.0.5"));
        for text in
            ["", "1.2.3", "1.2.3.256", "1.2.3.4.5", "1..2.3", "::1%eth0", ":", "::ffff:10.0.0.1", "a.b.c.d"]
        {
            assert_eq!(Digits::of_address(text), None, "{text}");
        }
    }

    #[test]
    fn a_block_holds_its_addresses_and_no_others() {
        let block = Block::parse("10.0.0.9/24").unwrap();
        for (text, expected) in [
            ("10.0.0.0", true),
            ("10.0.0.255", true),
            ("10.0.1.0", false),
            ("9.255.255.255", false),
            ("::a00:1", false),
        ] {
            assert_eq!(block.contains(address(text)), expected, "{text}");
        }
        assert!(Block::parse("0.0.0.0/0").unwrap().contains(address("255.255.255.255")));
        assert!(Block::parse("::/0").unwrap().contains(address("ffff::")));
        assert!(Block::single(address("10.0.0.9")).contains(address("10.0.0.9")));
        assert!(!Block::single(address("10.0.0.9")).contains(address("10.0.0.10")));
    }

    #[test]
    fn digits_decide_from_the_left() {
        let all = Block::parse("0.0.0.0/0").unwrap();
        assert!(all.contains(Digits::of_number("5")));
        assert!(!all.contains(Digits::of_number("0")));
        assert!(!all.contains(Digits::of_number("-3")));
        assert!(Block::parse("32.1.0.0/16").unwrap().contains(address("2001:db8::1")));
    }

    #[test]
    fn malformed_blocks_are_refused_in_aws_words() {
        for (text, reason) in [
            ("10.0.0.0", "Malformed CIDR, one '/' required"),
            ("10.0.0.0/", "Malformed CIDR, one '/' required"),
            ("10.0.0.0/a", "Malformed CIDR, mask bits must be an integer"),
            ("10.0.0.0/-1", "Malformed CIDR, mask bits must not be negative"),
            ("10.0.0.0/32", "IPv4 mask bits must be < 32"),
            ("::/128", "IPv6 mask bits must be < 128"),
            ("abc/8", "Nonstandard IP address: abc"),
            ("300.0.0.1/8", "Invalid IP address: 300.0.0.1"),
        ] {
            assert_eq!(Block::parse(text), Err(reason.to_owned()), "{text}");
        }
    }
}
