//! The links by which GetFunction gives packages out: they hold for ten minutes, as AWS's do, and for whoever has them.

use std::collections::VecDeque;
use std::time::Duration;

use pontoon_core::Timestamp;

/// How long a link holds.
///
/// <https://docs.aws.amazon.com/lambda/latest/api/API_FunctionCodeLocation.html>
const LASTS: Duration = Duration::from_secs(600);
/// How many links there are at once; a further one ends the oldest.
const LINKS_MAX: usize = 1000;

/// The links that hold, oldest first. They are not kept through a restart.
#[derive(Debug, Default)]
pub(crate) struct Downloads {
    links: VecDeque<Link>,
}

#[derive(Debug)]
struct Link {
    token: String,
    ends: Timestamp,
    key: Vec<u8>,
}

impl Downloads {
    /// Makes `token` a link to the package that is stored under `key`.
    pub(crate) fn add(&mut self, now: Timestamp, token: String, key: Vec<u8>) {
        while self.links.len() >= LINKS_MAX || self.links.front().is_some_and(|link| link.ends <= now) {
            self.links.pop_front();
        }
        self.links.push_back(Link { token, ends: now.after(LASTS), key });
    }

    /// Where the package of a link is stored, if it still holds.
    pub(crate) fn find(&self, now: Timestamp, token: &str) -> Option<&[u8]> {
        let link = self.links.iter().find(|link| link.token == token && link.ends > now)?;
        Some(&link.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_hold_for_ten_minutes_and_are_bounded() {
        let mut downloads = Downloads::default();
        let at = Timestamp::from_secs;
        downloads.add(at(0), "first".to_owned(), vec![1]);
        assert_eq!(downloads.find(at(599), "first"), Some(&[1][..]));
        assert_eq!(downloads.find(at(600), "first"), None);
        assert_eq!(downloads.find(at(0), "other"), None);
        for n in 0..LINKS_MAX {
            downloads.add(at(1), n.to_string(), vec![2]);
        }
        assert_eq!(downloads.links.len(), LINKS_MAX);
        assert_eq!(downloads.find(at(1), "first"), None);
        downloads.add(at(700), "late".to_owned(), vec![3]);
        assert_eq!(downloads.links.len(), 1);
    }
}
