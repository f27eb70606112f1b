//! What a start needs to know of messages at rest, page by page, so that it need not read their contents.
//!
//! A page tells of messages with consecutive numbers that nobody has touched since they were sent. As soon as one of them is read to be received or
//! removed, the page is dropped, and a start reads the contents of what is left of it instead. Backlogs leave in about the order in which they came, so
//! few pages are dropped before their time.

use std::collections::BTreeMap;

use bytes::Bytes;
use pontoon_core::{HashMap, Timestamp};

use super::message::Header;

/// A page to be written: the number of its first message, and the form in the store.
pub type Page = (u64, Bytes);

/// The pages of a queue.
#[derive(Debug)]
pub struct Index {
    /// How many messages a full page tells of.
    page_messages: u64,
    /// How many messages each written page tells of, by the number of its first.
    pages: BTreeMap<u64, u64>,
    unfinished: Unfinished,
}

/// The page that is being filled. It is not in the store yet: a start reads the contents of its messages.
#[derive(Debug, Default)]
struct Unfinished {
    first: u64,
    count: u64,
    bytes: Vec<u8>,
    sent_at: i64,
    groups: HashMap<Box<str>, u64>,
}

impl Index {
    /// No pages yet.
    #[must_use]
    pub fn new(page_messages: u64) -> Self {
        Self { page_messages, pages: BTreeMap::new(), unfinished: Unfinished::default() }
    }

    /// Notes that a message is at rest, and gives back the page that it fills.
    pub fn push(&mut self, number: u64, header: &Header<'_>) -> Option<Page> {
        if number != self.unfinished.first + self.unfinished.count || self.unfinished.count == 0 {
            self.unfinished = Unfinished { first: number, ..Unfinished::default() };
        }
        self.unfinished.push(header);
        if self.unfinished.count < self.page_messages {
            return None;
        }
        let Unfinished { first, count, bytes, .. } = std::mem::take(&mut self.unfinished);
        self.pages.insert(first, count);
        Some((first, bytes.into()))
    }

    /// Notes that the store has this page.
    pub fn restore(&mut self, first: u64, count: u64) {
        self.pages.insert(first, count);
    }

    /// Drops the page that tells of a message, as that is not at rest any more; gives the number of the page's first message if the store has it.
    pub fn drop_page_of(&mut self, number: u64) -> Option<u64> {
        let Unfinished { first, count, .. } = &self.unfinished;
        if (*first..first + count).contains(&number) {
            self.unfinished = Unfinished::default();
            return None;
        }
        let first = self.page_of(number)?;
        self.pages.remove(&first);
        Some(first)
    }

    /// Whether a page that the store has tells of a message.
    #[must_use]
    pub fn tells_of(&self, number: u64) -> bool {
        self.page_of(number).is_some()
    }

    fn page_of(&self, number: u64) -> Option<u64> {
        let (first, count) = self.pages.range(..=number).next_back()?;
        (number - first < *count).then_some(*first)
    }

    /// Drops everything; gives the numbers of the first messages of the pages that the store has.
    pub fn clear(&mut self) -> impl Iterator<Item = u64> {
        self.unfinished = Unfinished::default();
        std::mem::take(&mut self.pages).into_keys()
    }
}

impl Unfinished {
    /// A message as numbers of seven bits a byte: milliseconds since the one before was sent, milliseconds until it is visible, the receives that a dead
    /// letter carries, and its group: 0 for none, 1 for one that this page has not named yet, whose name follows, and else two more than its place
    /// among those that it has named.
    fn push(&mut self, header: &Header<'_>) {
        let sent_at = header.sent_at.millis();
        put(&mut self.bytes, zigzag(sent_at.wrapping_sub(self.sent_at)));
        put(&mut self.bytes, zigzag(header.visible_at.millis().wrapping_sub(sent_at)));
        put(&mut self.bytes, u64::from(header.carried_receives));
        match header.group.map(|group| (group, self.groups.get(group))) {
            None => put(&mut self.bytes, 0),
            Some((_, Some(place))) => put(&mut self.bytes, place + 2),
            Some((group, None)) => {
                put(&mut self.bytes, 1);
                put(&mut self.bytes, group.len() as u64);
                self.bytes.extend_from_slice(group.as_bytes());
                self.groups.insert(group.into(), self.groups.len() as u64);
            }
        }
        self.sent_at = sent_at;
        self.count += 1;
    }
}

/// Reads a page; `None` if it is not one.
#[must_use]
pub fn read_page(mut from: &[u8]) -> Option<Vec<Header<'_>>> {
    let (mut headers, mut groups) = (Vec::new(), Vec::<&str>::new());
    let mut sent_at = 0_i64;
    while !from.is_empty() {
        sent_at = sent_at.wrapping_add(unzigzag(take(&mut from)?));
        let visible_at = sent_at.wrapping_add(unzigzag(take(&mut from)?));
        let carried_receives = u32::try_from(take(&mut from)?).ok()?;
        let group = match take(&mut from)? {
            0 => None,
            1 => {
                let length = usize::try_from(take(&mut from)?).ok()?;
                let (name, rest) = from.split_at_checked(length)?;
                from = rest;
                groups.push(std::str::from_utf8(name).ok()?);
                groups.last().copied()
            }
            place => Some(*groups.get(usize::try_from(place - 2).ok()?)?),
        };
        headers.push(Header {
            sent_at: Timestamp::from_millis(sent_at),
            visible_at: Timestamp::from_millis(visible_at),
            group,
            carried_receives,
        });
    }
    Some(headers)
}

fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

fn put(to: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        to.push(number as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

fn take(from: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..u64::BITS).step_by(7) {
        let (byte, rest) = from.split_first()?;
        *from = rest;
        number |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PAGE: u64 = 256;

    fn header(sent_at: i64, delay: i64, group: Option<&str>, carried_receives: u32) -> Header<'_> {
        let [sent_at, visible_at] = [sent_at, sent_at.wrapping_add(delay)].map(Timestamp::from_millis);
        Header { sent_at, visible_at, group, carried_receives }
    }

    proptest! {
        #[test]
        fn a_page_reads_back_as_it_was_written_and_cut_it_does_not(
            told in prop::collection::vec((any::<i64>(), any::<i64>(), prop::option::of("[a-cü]{1,2}"), any::<u32>()), PAGE as usize),
            from in any::<u32>(),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut index = Index::new(PAGE);
            let headers: Vec<_> = told.iter().map(|(at, delay, group, carried)| header(*at, *delay, group.as_deref(), *carried)).collect();
            let mut pages = (u64::from(from)..).zip(&headers).filter_map(|(number, header)| index.push(number, header));
            let (first, bytes) = pages.next().unwrap();
            prop_assert_eq!(first, u64::from(from));
            prop_assert_eq!(read_page(&bytes), Some(headers.clone()));
            prop_assert_ne!(read_page(&bytes[..cut.index(bytes.len())]), Some(headers));
        }

        #[test]
        fn bytes_that_are_no_page_do_not_hurt(bytes in any::<Vec<u8>>()) {
            let _ = read_page(&bytes);
        }
    }

    #[test]
    fn a_page_tells_of_consecutive_messages_and_is_dropped_with_the_first_that_is_touched() {
        let mut index = Index::new(PAGE);
        let push =
            |index: &mut Index, number| index.push(number, &header(1, 0, None, 0)).map(|(first, _)| first);
        assert!((5..100).all(|number| push(&mut index, number).is_none()));
        assert!((101..100 + PAGE).all(|number| push(&mut index, number).is_none()), "100 is not there");
        assert_eq!(push(&mut index, 100 + PAGE), Some(101));
        assert_eq!(push(&mut index, 101 + PAGE), None);
        for elsewhere in [100, 101 + PAGE, 102 + PAGE] {
            assert_eq!(index.drop_page_of(elsewhere), None);
        }
        assert_eq!(index.drop_page_of(100 + PAGE), Some(101));
        assert_eq!(index.drop_page_of(101), None);
        index.restore(7, 3);
        assert_eq!((index.drop_page_of(10), index.clear().collect::<Vec<_>>()), (None, vec![7]));
    }

    #[test]
    fn a_page_is_not_written_with_a_message_that_was_touched_before_it_was_full() {
        let mut index = Index::new(PAGE);
        assert!((1..PAGE).all(|number| index.push(number, &header(1, 0, None, 0)).is_none()));
        assert_eq!(index.drop_page_of(3), None);
        assert_eq!(index.push(PAGE, &header(1, 0, None, 0)), None);
    }
}
