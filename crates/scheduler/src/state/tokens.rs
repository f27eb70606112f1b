//! Client tokens of deletions, so that a request that is made again after its answer was lost succeeds again.
//!
//! Creations need none of this: what was made remembers its token.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use pontoon_core::{Scope, Timestamp};

/// How long a token is remembered; AWS does not publish its time. SDKs try again within a minute.
pub const REMEMBERED: Duration = Duration::from_secs(600);
/// How many tokens are remembered at most, so that memory has a bound; the oldest go first.
pub const REMEMBERED_MAX: usize = 100_000;

/// The tokens of deletions that were done, with what was deleted.
#[derive(Debug, Default)]
pub struct Tokens {
    done: BTreeMap<(Scope, String), (Timestamp, String)>,
    by_age: VecDeque<(Timestamp, Scope, String)>,
}

impl Tokens {
    /// Whether a deletion of `what` with this token was done.
    #[must_use]
    pub fn has(&self, now: Timestamp, scope: Scope, token: Option<&str>, what: &str) -> bool {
        let Some(token) = token else { return false };
        let done = self.done.get(&(scope, token.to_owned()));
        // Older ones are still there until the next comes.
        done.is_some_and(|(at, deleted)| deleted == what && at.after(REMEMBERED) > now)
    }

    /// Remembers a deletion. Returns the tokens that are forgotten for it.
    pub fn add(&mut self, now: Timestamp, scope: Scope, token: &str, what: String) -> Vec<(Scope, String)> {
        if self.done.insert((scope, token.to_owned()), (now, what)).is_none() {
            self.by_age.push_back((now, scope, token.to_owned()));
        }
        let mut forgotten = Vec::new();
        while let Some((oldest, ..)) = self.by_age.front()
            && (oldest.after(REMEMBERED) <= now || self.by_age.len() > REMEMBERED_MAX)
            && let Some((_, scope, token)) = self.by_age.pop_front()
        {
            self.done.remove(&(scope, token.clone()));
            forgotten.push((scope, token));
        }
        forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_known_for_what_was_deleted_with_it_and_for_a_while() {
        let (mut tokens, scope, begin) = (Tokens::default(), Scope::default(), Timestamp::from_secs(1000));
        assert_eq!(tokens.add(begin, scope, "t", "default/a".into()), []);
        assert!(tokens.has(begin, scope, Some("t"), "default/a"));
        assert!(!tokens.has(begin, scope, Some("t"), "default/b"));
        assert!(!tokens.has(begin, scope, Some("u"), "default/a"));
        assert!(!tokens.has(begin, scope, None, "default/a"));
        let later = begin.after(REMEMBERED);
        assert!(!tokens.has(later, scope, Some("t"), "default/a"));
        assert_eq!(tokens.add(later, scope, "u", "default/b".into()), [(scope, "t".to_owned())]);
    }
}
