//! Accounts, regions and ARNs: whose a resource is, and its name.

use std::fmt;
use std::str::FromStr;

/// A twelve-digit AWS account id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Account([u8; 12]);

impl Account {
    /// The account that callers without a twelve-digit access key act in, unless the operator names another.
    pub const DEFAULT: Self = Self(*b"000000000000");

    /// The twelve digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("000000000000")
    }
}

impl FromStr for Account {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let digits: [u8; 12] = text.as_bytes().try_into().map_err(|_| ())?;
        digits.iter().all(u8::is_ascii_digit).then_some(Self(digits)).ok_or(())
    }
}

/// A region name such as `us-east-1`: 1 to 23 characters of `a-z`, `0-9` and `-`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region {
    bytes: [u8; 23],
    len: u8,
}

impl Region {
    /// The region that requests without one act in, unless the operator names another.
    pub const DEFAULT: Self = {
        let mut bytes = [0; 23];
        let name = b"us-east-1";
        let mut i = 0;
        while i < name.len() {
            bytes[i] = name[i];
            i += 1;
        }
        Self { bytes, len: 9 }
    };

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or("us-east-1")
    }
}

impl FromStr for Region {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let valid = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-';
        if text.is_empty() || text.len() > 23 || !text.as_bytes().iter().all(valid) {
            return Err(());
        }
        let mut bytes = [0; 23];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Ok(Self { bytes, len: text.len() as u8 })
    }
}

macro_rules! display_as_str {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )*};
}
display_as_str!(Account, Region);

/// An account and a region: the home of every piece of state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    /// The owning account.
    pub account: Account,
    /// The region, also for services that are global (they keep their state under [`Region::DEFAULT`]).
    pub region: Region,
}

impl Scope {
    /// `arn:aws:{service}:{region}:{account}:{resource}` in this scope.
    #[must_use]
    pub fn arn(&self, service: &str, resource: impl fmt::Display) -> String {
        format!("arn:aws:{service}:{}:{}:{resource}", self.region, self.account)
    }

    /// The start of every store key of this scope: account, region and a zero byte, so that no scope's keys are a prefix of another's.
    #[must_use]
    pub fn key(&self) -> Vec<u8> {
        let mut key = Vec::with_capacity(64);
        key.extend_from_slice(&self.account.0);
        key.extend_from_slice(self.region.as_str().as_bytes());
        key.push(0);
        key
    }

    /// Splits a store key that begins with [`Scope::key`] into the scope and the rest; `None` if it does not.
    #[must_use]
    pub fn split_key(key: &[u8]) -> Option<(Self, &[u8])> {
        let account = std::str::from_utf8(key.get(..12)?).ok()?.parse().ok()?;
        let end = 12 + key[12..].iter().position(|b| *b == 0)?;
        let region = std::str::from_utf8(&key[12..end]).ok()?.parse().ok()?;
        Some((Self { account, region }, &key[end + 1..]))
    }
}

impl Default for Scope {
    fn default() -> Self {
        Self { account: Account::DEFAULT, region: Region::DEFAULT }
    }
}

/// The parts of an ARN, borrowed from its text: `arn:partition:service:region:account:resource`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arn<'a> {
    /// `aws`, `aws-cn`, …
    pub partition: &'a str,
    /// `sqs`, `events`, …
    pub service: &'a str,
    /// Empty for global services.
    pub region: &'a str,
    /// Empty where the resource type has none (S3).
    pub account: &'a str,
    /// Everything after the fifth colon; never empty.
    pub resource: &'a str,
}

impl<'a> Arn<'a> {
    /// Splits an ARN; `None` if it has fewer than six parts, does not begin with `arn:` or names no resource.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        if parts.next()? != "arn" {
            return None;
        }
        let arn = Self {
            partition: parts.next()?,
            service: parts.next()?,
            region: parts.next()?,
            account: parts.next()?,
            resource: parts.next()?,
        };
        (!arn.partition.is_empty() && !arn.service.is_empty() && !arn.resource.is_empty()).then_some(arn)
    }

    /// The function that the ARN names, and its version or alias if it names one; `None` if it names no function.
    #[must_use]
    pub fn function(&self) -> Option<(&'a str, Option<&'a str>)> {
        let name = self.resource.strip_prefix("function:").filter(|_| self.service == "lambda")?;
        Some(name.split_once(':').map_or((name, None), |(name, qualifier)| (name, Some(qualifier))))
    }

    /// The log group that the ARN names, with or without the `:*` behind it; `None` if it names none.
    #[must_use]
    pub fn log_group(&self) -> Option<&'a str> {
        let name = self.resource.strip_prefix("log-group:").filter(|_| self.service == "logs")?;
        Some(name.strip_suffix(":*").unwrap_or(name))
    }

    /// The scope that the ARN names; `None` if its account or region is absent or malformed.
    #[must_use]
    pub fn scope(&self) -> Option<Scope> {
        Some(Scope { account: self.account.parse().ok()?, region: self.region.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_key_splits_into_what_it_was_made_of() {
        let scope = Scope { account: "123456789012".parse().unwrap(), region: "eu-west-1".parse().unwrap() };
        let mut key = scope.key();
        key.extend_from_slice(b"rest\0of it");
        assert_eq!(Scope::split_key(&key), Some((scope, &b"rest\0of it"[..])));
        assert_eq!(Scope::split_key(b"12345"), None);
        assert_eq!(Scope::split_key(b"123456789012eu"), None);
    }

    #[test]
    fn arns_split_at_the_first_five_colons_only() {
        let arn = Arn::parse("arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/f:*").unwrap();
        assert_eq!((arn.service, arn.resource), ("logs", "log-group:/aws/lambda/f:*"));
        assert_eq!(arn.scope(), Some(Scope::default()));
        assert_eq!((arn.log_group(), arn.function()), (Some("/aws/lambda/f"), None));
        let named = |text| Arn::parse(text).unwrap().function();
        assert_eq!(named("arn:aws:lambda:us-east-1:000000000000:function:f"), Some(("f", None)));
        assert_eq!(named("arn:aws:lambda:us-east-1:000000000000:function:f:live"), Some(("f", Some("live"))));
        assert_eq!(Arn::parse("arn:aws:s3:::b").unwrap().scope(), None);
        assert!(Arn::parse("arn:aws:sqs:us-east-1:000000000000:").is_none());
        assert!(Arn::parse("nope").is_none());
    }
}
