//! How entities of IAM are named: paths, ARNs, unique ids, tags.

use std::fmt;

use pontoon_core::{Account, Arn, Ids, tags};
use serde::{Deserialize, Serialize};

/// Most tags that a role, user or policy has.
pub const TAGS_MAX: usize = 50;

/// The kinds of entity, which decide what ARNs and unique ids look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A role.
    Role,
    /// A user.
    User,
    /// A customer managed policy.
    Policy,
}

impl Kind {
    /// What the entity is called in ARNs.
    #[must_use]
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Role => "role",
            Self::User => "user",
            Self::Policy => "policy",
        }
    }

    /// A new unique id: a prefix that tells the kind, and 17 characters (the user guide's "IAM identifiers").
    pub fn unique_id(self, ids: &mut Ids) -> String {
        let prefix = match self {
            Self::Role => "AROA",
            Self::User => "AIDA",
            Self::Policy => "ANPA",
        };
        format!("{prefix}{}", ids.upper_alphanumeric(17))
    }
}

/// An entity's path and name. Names are unique whatever their case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Name {
    /// Begins and ends with `/`.
    pub path: String,
    /// As it was first written.
    pub name: String,
}

impl Name {
    /// A name on a path, `/` by default.
    #[must_use]
    pub fn new(path: Option<String>, name: String) -> Self {
        Self { path: path.unwrap_or_else(|| "/".into()), name }
    }

    /// `arn:aws:iam::ACCOUNT:KIND/PATH/NAME`.
    #[must_use]
    pub fn arn(&self, kind: Kind, account: Account) -> String {
        arn(kind, account, format_args!("{}{}", &self.path[1..], self.name))
    }
}

/// The ARN of an entity; `rest` is its path without the leading slash, and its name.
#[must_use]
pub fn arn(kind: Kind, account: Account, rest: impl fmt::Display) -> String {
    format!("arn:aws:iam::{account}:{}/{rest}", kind.noun())
}

/// What an entity is kept under: its name in lower case.
#[must_use]
pub fn key(name: &str) -> String {
    name.to_ascii_lowercase()
}

/// The account and the name (without its path) that an ARN of this kind names.
#[must_use]
pub fn of_arn(kind: Kind, text: &str) -> Option<(Account, &str)> {
    let arn = Arn::parse(text).filter(|arn| arn.service == "iam" && arn.region.is_empty())?;
    let rest = arn.resource.strip_prefix(kind.noun())?.strip_prefix('/')?;
    let name = rest.rsplit_once('/').map_or(rest, |(_, name)| name);
    Some((arn.account.parse().ok()?, name))
}

/// A tag. Keys are unique whatever their case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    /// 1 to 128 characters.
    pub key: String,
    /// Up to 256 characters.
    pub value: String,
}

/// What is wrong with a list of tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagsError {
    /// A key that is AWS's.
    Reserved,
    /// The same key twice.
    Duplicate,
    /// More than [`TAGS_MAX`].
    TooMany,
}

/// Sets tags among others: those of the same key are replaced where they stand.
///
/// # Errors
/// If a key is AWS's to set, two of the new ones have the same key, or there would be too many; then none is set.
pub fn set_tags(tags: &[Tag], new: &[Tag]) -> Result<Vec<Tag>, TagsError> {
    if new.iter().any(|tag| tags::is_reserved(&tag.key)) {
        return Err(TagsError::Reserved);
    }
    let mut all = tags.to_vec();
    for (at, tag) in new.iter().enumerate() {
        if new[..at].iter().any(|other| other.key.eq_ignore_ascii_case(&tag.key)) {
            return Err(TagsError::Duplicate);
        }
        match all.iter_mut().find(|old| old.key.eq_ignore_ascii_case(&tag.key)) {
            Some(old) => *old = tag.clone(),
            None => all.push(tag.clone()),
        }
    }
    if all.len() > TAGS_MAX { Err(TagsError::TooMany) } else { Ok(all) }
}

/// Removes the tags of these keys.
pub fn remove_tags(tags: &mut Vec<Tag>, keys: &[String]) {
    tags.retain(|tag| !keys.iter().any(|key| key.eq_ignore_ascii_case(&tag.key)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(key: &str, value: &str) -> Tag {
        Tag { key: key.into(), value: value.into() }
    }

    #[test]
    fn arns_carry_the_path_and_give_the_name_back() {
        let account: Account = "123456789012".parse().unwrap();
        let name = Name::new(Some("/a/b/".into()), "worker".into());
        let arn = name.arn(Kind::Role, account);
        assert_eq!(arn, "arn:aws:iam::123456789012:role/a/b/worker");
        assert_eq!(of_arn(Kind::Role, &arn), Some((account, "worker")));
        assert_eq!(of_arn(Kind::Policy, &arn), None);
        assert_eq!(of_arn(Kind::Role, "arn:aws:iam::aws:role/x"), None);
        assert_eq!(Name::new(None, "w".into()).arn(Kind::User, account), "arn:aws:iam::123456789012:user/w");
    }

    #[test]
    fn tags_are_replaced_whatever_the_case_of_their_keys() {
        let tags = set_tags(&[tag("A", "1"), tag("b", "2")], &[tag("a", "3"), tag("c", "4")]).unwrap();
        assert_eq!(tags, [tag("a", "3"), tag("b", "2"), tag("c", "4")]);
        assert_eq!(set_tags(&[], &[tag("a", "1"), tag("A", "2")]), Err(TagsError::Duplicate));
        assert_eq!(set_tags(&[], &[tag("aws:a", "1")]), Err(TagsError::Reserved));
        let many: Vec<Tag> = (0..=TAGS_MAX).map(|n| tag(&n.to_string(), "")).collect();
        assert_eq!(set_tags(&many[1..], &many[..1]), Err(TagsError::TooMany));
        let mut left = tags;
        remove_tags(&mut left, &["B".into(), "none".into()]);
        assert_eq!(left, [tag("a", "3"), tag("c", "4")]);
    }
}
