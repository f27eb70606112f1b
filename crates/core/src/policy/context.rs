//! The request context: what each condition key and policy variable says about one access.
//!
//! Follows "AWS global condition context keys" of the IAM user guide.

use std::borrow::Cow;

use super::Access;
use crate::scope::Scope;
use crate::step::{Caller, Origin, Principal};
use crate::time::Timestamp;

/// What is known of a condition key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fact<'a> {
    /// We cannot tell what AWS would have: conditions on it never allow and never spare from a denial.
    Unknown,
    /// AWS would not have the key in this request either.
    Absent,
    /// Its value.
    One(Cow<'a, str>),
    /// The values of a key that can have several.
    Many(Vec<&'a str>),
}

impl<'a> Fact<'a> {
    fn of(text: &'a str) -> Self {
        Self::One(Cow::Borrowed(text))
    }

    fn present(text: Option<&'a str>) -> Self {
        text.map_or(Self::Absent, Self::of)
    }
}

/// One access by one caller at one instant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'a> {
    pub access: &'a Access<'a>,
    pub caller: &'a Caller,
    /// The resource's scope.
    pub scope: &'a Scope,
    pub now: Timestamp,
}

impl<'a> Context<'a> {
    /// What is known of a key, given in lower case.
    pub fn fact(&self, key: &str) -> Fact<'a> {
        let mut given = self.access.context.iter().filter(|(name, _)| name.eq_ignore_ascii_case(key));
        if let Some((_, first)) = given.next() {
            let mut values = vec![*first];
            values.extend(given.map(|(_, value)| *value));
            return if values.len() == 1 { Fact::of(first) } else { Fact::Many(values) };
        }
        match key.strip_prefix("aws:") {
            Some(global) => self.global(global),
            None => Fact::Unknown,
        }
    }

    /// The value of a policy variable, given in lower case; `None` if it has none.
    pub fn variable(&self, key: &str) -> Option<Cow<'a, str>> {
        match self.fact(key) {
            Fact::One(value) => Some(value),
            Fact::Unknown | Fact::Absent | Fact::Many(_) => None,
        }
    }

    fn global(&self, key: &str) -> Fact<'a> {
        let caller = self.caller;
        match key {
            "currenttime" => Fact::One(self.now.iso_secs().into()),
            "epochtime" => Fact::One(self.now.secs().to_string().into()),
            "securetransport" => Fact::of(if self.is_private() { "true" } else { "false" }),
            "requestedregion" => Fact::of(self.scope.region.as_str()),
            "resourceaccount" => Fact::of(self.scope.account.as_str()),
            "sourcearn" => Fact::present(caller.source_arn.as_deref()),
            "sourceaccount" => Fact::present(caller.source_arn.as_ref().map(|_| caller.account.as_str())),
            "sourceowner" => self.source_owner(),
            "viaawsservice" | "calledvia" | "calledviafirst" | "calledvialast" => self.called_via(key),
            // There are no organizations, networks of one's own, second factors or federated users here.
            "principalorgid"
            | "principalorgpaths"
            | "resourceorgid"
            | "resourceorgpaths"
            | "sourceorgid"
            | "sourceorgpaths"
            | "sourcevpc"
            | "sourcevpce"
            | "sourcevpcarn"
            | "vpcsourceip"
            | "multifactorauthpresent"
            | "multifactorauthage"
            | "federatedprovider"
            | "sourceidentity" => Fact::Absent,
            _ => self.of_principal(key),
        }
    }

    fn of_principal(&self, key: &str) -> Fact<'a> {
        let caller = self.caller;
        if let Some(tag) = key.strip_prefix("principaltag/") {
            return Fact::present(caller.identity.as_deref().and_then(|identity| identity.tag(tag)));
        }
        match (key, &caller.principal) {
            ("principalisawsservice", Principal::Service(_)) => Fact::of("true"),
            ("principalisawsservice", _) => Fact::of("false"),
            ("principalservicename", Principal::Service(name)) => Fact::of(name),
            ("principalservicenameslist", Principal::Service(name)) => Fact::Many(vec![name]),
            ("principalservicename" | "principalservicenameslist", _) => Fact::Absent,
            (
                "principalarn" | "principalaccount" | "principaltype" | "userid" | "username" | "sourceip"
                | "useragent" | "referer" | "tokenissuetime",
                Principal::Service(_),
            ) => Fact::Absent,
            ("principalaccount", _) => Fact::of(caller.account.as_str()),
            ("principalarn", Principal::User(arn) | Principal::Role { arn, .. }) => Fact::of(arn),
            ("principalarn", Principal::Account(account)) => {
                Fact::One(format!("arn:aws:iam::{account}:root").into())
            }
            ("principaltype", Principal::Account(_)) => Fact::of("Account"),
            ("principaltype", Principal::User(_)) => Fact::of("User"),
            ("principaltype", Principal::Role { .. }) => Fact::of("AssumedRole"),
            ("userid", Principal::Account(account)) => Fact::of(account.as_str()),
            ("username", Principal::User(arn)) => Fact::present(arn.rsplit_once('/').map(|(_, name)| name)),
            ("username", _) => Fact::Absent,
            ("sourceip", _) => {
                self.origin().map_or(Fact::Unknown, |origin| Fact::One(origin.source_ip.to_string().into()))
            }
            ("useragent", _) => {
                self.origin().map_or(Fact::Unknown, |origin| Fact::present(origin.user_agent.as_deref()))
            }
            ("tokenissuetime", Principal::Account(_) | Principal::User(_)) => Fact::Absent,
            _ => Fact::Unknown,
        }
    }

    /// Where the request came from, if it is the caller's own: what a service calls in somebody's name comes from AWS's addresses.
    fn origin(&self) -> Option<&'a Origin> {
        self.caller.origin.as_ref().filter(|_| self.caller.depth == 0)
    }

    /// Whether nobody on a network can have read the request: it came from a service, over TLS, or never left the machine.
    ///
    /// DEVIATION: plain HTTP over loopback counts as secure. Policies that insist on TLS are everywhere (CDK writes them), and a client of this machine
    /// that uses no TLS is the normal case here and gives nothing away.
    fn is_private(&self) -> bool {
        let endpoint = &*self.caller.endpoint;
        let host = endpoint.strip_prefix("http://").unwrap_or_default();
        matches!(self.caller.principal, Principal::Service(_))
            || endpoint.starts_with("https://")
            || ["127.", "[::1]", "localhost"].iter().any(|loopback| host.starts_with(loopback))
    }

    /// `aws:SourceOwner`, by which topics' default policy admits the owner's own callers. Of the services only CloudWatch still sends it ("Example cases for
    /// Amazon SNS access control" of the SNS guide): that is why alarms reach a topic with its default policy and rules do not.
    fn source_owner(&self) -> Fact<'a> {
        match self.caller.principal {
            Principal::Service("cloudwatch.amazonaws.com") => Fact::of(self.caller.account.as_str()),
            Principal::Service(_) => Fact::Absent,
            _ => Fact::of(self.caller.account.as_str()),
        }
    }

    /// Whether a service passes on its caller's own call. A call that came straight from outside certainly did not.
    fn called_via(&self, key: &str) -> Fact<'a> {
        match (key, &self.caller.principal) {
            (_, principal) if self.caller.depth > 0 && !matches!(principal, Principal::Service(_)) => {
                Fact::Unknown
            }
            ("viaawsservice", _) => Fact::of("false"),
            _ => Fact::Absent,
        }
    }
}
