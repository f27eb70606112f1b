//! The units that CloudWatch knows, and their numbers in the store.

/// A unit. CloudWatch keeps what was published with different units apart, and never converts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Unit(u8);

/// Names by number; alphabetical, which is the order in which CloudWatch lists the units of a metric. Numbers are stored: only append.
const NAMES: [&str; 27] = [
    "Bits",
    "Bits/Second",
    "Bytes",
    "Bytes/Second",
    "Count",
    "Count/Second",
    "Gigabits",
    "Gigabits/Second",
    "Gigabytes",
    "Gigabytes/Second",
    "Kilobits",
    "Kilobits/Second",
    "Kilobytes",
    "Kilobytes/Second",
    "Megabits",
    "Megabits/Second",
    "Megabytes",
    "Megabytes/Second",
    "Microseconds",
    "Milliseconds",
    "None",
    "Percent",
    "Seconds",
    "Terabits",
    "Terabits/Second",
    "Terabytes",
    "Terabytes/Second",
];

impl Unit {
    /// What data published without a unit has.
    pub const NONE: Self = Self(20);

    /// The unit of this name, exactly as spelt by CloudWatch.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        NAMES.iter().position(|known| *known == name).map(|at| Self(at as u8))
    }

    /// The unit stored under this number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        (usize::from(number) < NAMES.len()).then_some(Self(number))
    }

    /// Its number in the store.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// CloudWatch's spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        NAMES[usize::from(self.0)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_found_by_its_name_and_number() {
        for name in NAMES {
            let unit = Unit::parse(name).unwrap();
            assert_eq!(unit.as_str(), name);
            assert_eq!(Unit::from_number(unit.number()), Some(unit));
        }
        assert_eq!(Unit::NONE.as_str(), "None");
        assert_eq!(Unit::parse("seconds"), None);
        assert_eq!(Unit::from_number(27), None);
        assert!(NAMES.is_sorted());
    }
}
