//! `Fn::Cidr`: a block of addresses cut into smaller ones.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::error::{Error, Result};

/// The most blocks that one call may ask for (AWS's page of the function).
const COUNT_MAX: u32 = 256;

/// The first `count` blocks with `host_bits` bits of hosts each in `block`.
///
/// # Errors
/// Arguments that are not a block, a count from 1 to 256 and a number of bits, or that ask for more
/// than the block holds.
pub fn split(block: &str, count: &str, host_bits: &str) -> Result<Vec<String>> {
    let invalid = |what: &str, value: &str| Error::function(format_args!("Fn::Cidr: invalid {what} {value}"));
    let count: u32 = count
        .parse()
        .ok()
        .filter(|count| (1..=COUNT_MAX).contains(count))
        .ok_or_else(|| invalid("count (1 to 256)", count))?;
    let (address, prefix) = block.split_once('/').ok_or_else(|| invalid("IP block", block))?;
    let address: IpAddr = address.parse().map_err(|_| invalid("IP block", block))?;
    let (width, base) = match address {
        IpAddr::V4(address) => (32_u32, u128::from(u32::from(address))),
        IpAddr::V6(address) => (128, u128::from(address)),
    };
    let prefix: u32 =
        prefix.parse().ok().filter(|prefix| *prefix <= width).ok_or_else(|| invalid("IP block", block))?;
    let bits: u32 = host_bits
        .parse()
        .ok()
        .filter(|bits| (1..=width).contains(bits))
        .ok_or_else(|| invalid("cidrBits", host_bits))?;
    let free_bits = width - prefix;
    let fits =
        bits <= free_bits && (free_bits - bits >= 32 || u64::from(count) <= 1_u64 << (free_bits - bits));
    if !fits {
        return Err(Error::function(format_args!(
            "Fn::Cidr: {block} does not hold {count} blocks of {bits} host bits"
        )));
    }
    let network = if free_bits >= 128 { 0 } else { base >> free_bits << free_bits };
    Ok((0..u128::from(count))
        .map(|index| {
            // `bits` is below 128 whenever more than one block fits.
            let start = network + index.checked_shl(bits).unwrap_or(0);
            match address {
                IpAddr::V4(_) => {
                    let start = u32::try_from(start).unwrap_or(u32::MAX);
                    format!("{}/{}", Ipv4Addr::from(start), width - bits)
                }
                IpAddr::V6(_) => format!("{}/{}", Ipv6Addr::from(start), width - bits),
            }
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_cut_in_order() {
        assert_eq!(
            split("192.168.0.0/24", "3", "5").unwrap(),
            ["192.168.0.0/27", "192.168.0.32/27", "192.168.0.64/27"]
        );
        assert_eq!(split("10.0.3.7/16", "2", "8").unwrap(), ["10.0.0.0/24", "10.0.1.0/24"]);
        assert_eq!(split("2001:db8::/56", "2", "64").unwrap(), ["2001:db8::/64", "2001:db8:0:1::/64"]);
        assert_eq!(split("::/0", "1", "128").unwrap(), ["::/0"]);
        assert_eq!(split("0.0.0.0/0", "1", "32").unwrap(), ["0.0.0.0/0"]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (block, count, bits) in [
            ("10.0.0.0/24", "2", "8"),
            ("10.0.0.0/24", "0", "4"),
            ("10.0.0.0/24", "257", "0"),
            ("x", "1", "1"),
            ("10.0.0.0/33", "1", "1"),
            ("10.0.0.0/24", "1", "-1"),
        ] {
            assert!(split(block, count, bits).is_err(), "{block} {count} {bits}");
        }
    }
}
