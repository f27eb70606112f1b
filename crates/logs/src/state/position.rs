//! Places in a log: where an event stands, the gap before it, and the tokens and ids that clients see of them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Where an event stands in its log group: events are ordered by timestamp, then by when they came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The event's timestamp, milliseconds.
    pub timestamp: u64,
    /// Counts the events of the log group in the order in which they came.
    pub sequence: u64,
}

/// Which way a page of one stream's events goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Towards later events.
    Forward,
    /// Towards earlier events.
    Backward,
}

impl Position {
    /// The place before everything of this timestamp.
    #[must_use]
    pub const fn at(timestamp: u64) -> Self {
        Self { timestamp, sequence: 0 }
    }

    /// The place right behind this one.
    #[must_use]
    pub const fn next(self) -> Self {
        match self.sequence.checked_add(1) {
            Some(sequence) => Self { sequence, ..self },
            None => Self::at(self.timestamp.saturating_add(1)),
        }
    }

    /// Sixteen bytes whose order is that of the positions.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        (u128::from(self.timestamp) << 64 | u128::from(self.sequence)).to_be_bytes()
    }

    /// The position of these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        let value = u128::from_be_bytes(bytes);
        Self { timestamp: (value >> 64) as u64, sequence: value as u64 }
    }

    /// 56 digits, as AWS's event ids have; unique among the events of `owner` (a log group's or stream's number) and ordered as they are.
    #[must_use]
    pub fn digits(self, owner: u64) -> String {
        format!("3{:015}{:020}{owner:020}", self.timestamp.min(TIMESTAMP_MAX), self.sequence)
    }

    fn from_digits(digits: &str, owner: u64) -> Option<Self> {
        if digits.len() != 56 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let position =
            Self { timestamp: digits[1..16].parse().ok()?, sequence: digits[16..36].parse().ok()? };
        (position.digits(owner) == digits).then_some(position)
    }

    /// A page token of `GetLogEvents`: `f/…/s` or `b/…/s` with the gap before this position.
    #[must_use]
    pub fn page_token(self, way: Way, stream: u64) -> String {
        let letter = if way == Way::Forward { 'f' } else { 'b' };
        format!("{letter}/{}/s", self.digits(stream))
    }

    /// Reads a page token of `GetLogEvents`; `None` if it is not one of this stream.
    #[must_use]
    pub fn from_page_token(token: &str, stream: u64) -> Option<(Way, Self)> {
        let (letter, rest) = token.split_once('/')?;
        let way = match letter {
            "f" => Way::Forward,
            "b" => Way::Backward,
            _ => return None,
        };
        Some((way, Self::from_digits(rest.strip_suffix("/s")?, stream)?))
    }

    /// A page token of `FilterLogEvents`: the next event to look at, and the log group.
    #[must_use]
    pub fn search_token(self, group: u64) -> String {
        let mut bytes = self.to_bytes().to_vec();
        bytes.extend_from_slice(&group.to_be_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a page token of `FilterLogEvents`; `None` if it is not one of this log group.
    #[must_use]
    pub fn from_search_token(token: &str, group: u64) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (position, owner) = bytes.split_first_chunk::<16>()?;
        (owner == group.to_be_bytes()).then_some(Self::from_bytes(*position))
    }
}

/// The largest timestamp that fits an id's fifteen digits: the year 33658.
pub const TIMESTAMP_MAX: u64 = 999_999_999_999_999;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_read_back_and_belong_to_their_stream() {
        let position = Position { timestamp: 1_700_000_000_123, sequence: u64::MAX };
        let token = position.page_token(Way::Backward, u64::MAX);
        assert_eq!(token.len(), 2 + 56 + 2);
        assert_eq!(Position::from_page_token(&token, u64::MAX), Some((Way::Backward, position)));
        assert_eq!(Position::from_page_token(&token, 7), None);
        for foreign in ["", "f", "f//s", "x/1/s", "f/é/s", "invalid"] {
            assert_eq!(Position::from_page_token(foreign, 7), None, "{foreign}");
        }
        let token = position.search_token(3);
        assert_eq!(Position::from_search_token(&token, 3), Some(position));
        assert_eq!(Position::from_search_token(&token, 4), None);
        assert_eq!(Position::from_search_token("not a token", 4), None);
    }

    #[test]
    fn bytes_are_ordered_as_positions_are() {
        let (early, late) = (Position { timestamp: 1, sequence: 9 }, Position { timestamp: 2, sequence: 0 });
        assert!(early < late && early.to_bytes() < late.to_bytes());
        assert!(early.next() > early && early.next() < late);
        assert_eq!(Position::from_bytes(early.to_bytes()), early);
    }
}
