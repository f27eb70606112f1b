//! The ways in which a request can name a function: by name, partial ARN or full ARN, with or without qualifier.

use std::fmt;

use pontoon_core::Scope;

use crate::error::Error;

/// `$LATEST`.
pub(crate) const LATEST: &str = "$LATEST";

/// A function, and possibly a version or alias, as a request names it. The model's pattern has been checked before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FunctionRef {
    /// Whose function it is.
    pub(crate) scope: Scope,
    /// The name.
    pub(crate) name: String,
    /// Version or alias, if one was given.
    pub(crate) qualifier: Option<String>,
}

impl FunctionRef {
    /// Reads `text` (`name`, `name:qualifier`, `ACCOUNT:function:name`, `arn:aws:lambda:…`), seen from `here`, with the qualifier that was given beside it.
    ///
    /// # Errors
    /// If the ARN is of another region, or the two qualifiers differ.
    pub(crate) fn parse(here: Scope, text: &str, qualifier: Option<&str>) -> Result<Self, Error> {
        let mut scope = here;
        let mut rest = text;
        if let Some((partition, after)) = rest.strip_prefix("arn:").and_then(|arn| arn.split_once(":lambda:"))
            && partition.starts_with("aws")
        {
            rest = after;
        }
        if let Some((first, after)) = rest.split_once(':')
            && is_region(first)
        {
            if first != here.region.as_str() {
                return Err(Error::NotFound(format!(
                    "Functions from '{first}' are not reachable in this region ('{}')",
                    here.region
                )));
            }
            rest = after;
        }
        if let Some((first, after)) = rest.split_once(':')
            && let Ok(account) = first.parse()
        {
            scope.account = account;
            rest = after;
        }
        let rest = rest.strip_prefix("function:").unwrap_or(rest);
        let (name, derived) = match rest.split_once(':') {
            Some((name, derived)) => (name, Some(derived)),
            None => (rest, None),
        };
        if let (Some(derived), Some(given)) = (derived, qualifier)
            && derived != given
        {
            return Err(Error::InvalidParameter(
                "The derived qualifier from the function name does not match the specified qualifier."
                    .to_owned(),
            ));
        }
        let qualifier = derived.or(qualifier).map(str::to_owned);
        Ok(Self { scope, name: name.to_owned(), qualifier })
    }

    /// The ARN with the qualifier, if one was given.
    pub(crate) fn arn(&self) -> String {
        qualified_arn(self.scope, &self.name, self.qualifier.as_deref())
    }

    /// The qualifier, `$LATEST` if none was given.
    pub(crate) fn qualifier_or_latest(&self) -> &str {
        self.qualifier.as_deref().unwrap_or(LATEST)
    }

    /// The ARN with its qualifier, `$LATEST` if none was given.
    pub(crate) fn arn_or_latest(&self) -> String {
        qualified_arn(self.scope, &self.name, Some(self.qualifier_or_latest()))
    }
}

impl fmt::Display for FunctionRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.arn())
    }
}

/// `us-east-1`, `us-gov-west-1`: letters, parts joined by dashes, a number at the end.
fn is_region(text: &str) -> bool {
    let mut parts = text.rsplit('-');
    let number = parts.next().is_some_and(|last| last.len() == 1 && last.bytes().all(|b| b.is_ascii_digit()));
    let mut letters = 0;
    number
        && parts.all(|part| {
            letters += 1;
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase())
        })
        && letters >= 2
}

/// `arn:aws:lambda:REGION:ACCOUNT:function:NAME`.
pub(crate) fn function_arn(scope: Scope, name: &str) -> String {
    scope.arn("lambda", format_args!("function:{name}"))
}

/// The same with a qualifier behind it, if there is one.
pub(crate) fn qualified_arn(scope: Scope, name: &str, qualifier: Option<&str>) -> String {
    match qualifier {
        Some(qualifier) => scope.arn("lambda", format_args!("function:{name}:{qualifier}")),
        None => function_arn(scope, name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_name_is_read() {
        let here = Scope::default();
        for (text, name, qualifier) in [
            ("f", "f", None),
            ("f:1", "f", Some("1")),
            ("function:f", "f", None),
            ("function", "function", None),
            ("000000000000:function:f", "f", None),
            ("000000000000:f:live", "f", Some("live")),
            ("us-east-1:000000000000:function:f", "f", None),
            ("arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST", "f", Some("$LATEST")),
            ("arn:aws:lambda:us-east-1:000000000000:function", "function", None),
        ] {
            let read = FunctionRef::parse(here, text, None).unwrap();
            assert_eq!(
                (read.name.as_str(), read.qualifier.as_deref(), read.scope),
                (name, qualifier, here),
                "{text}"
            );
        }
        let other = FunctionRef::parse(here, "111111111111:function:f", None).unwrap();
        assert_eq!(other.arn(), "arn:aws:lambda:us-east-1:111111111111:function:f");
    }

    #[test]
    fn another_region_and_another_qualifier_are_refused() {
        let here = Scope::default();
        let region = FunctionRef::parse(here, "arn:aws:lambda:ap-southeast-1:000000000000:function:f", None);
        assert_eq!(
            region,
            Err(Error::NotFound(
                "Functions from 'ap-southeast-1' are not reachable in this region ('us-east-1')".to_owned()
            ))
        );
        assert!(FunctionRef::parse(here, "f:1", Some("2")).is_err());
        assert!(FunctionRef::parse(here, "f:1", Some("1")).is_ok());
    }
}
