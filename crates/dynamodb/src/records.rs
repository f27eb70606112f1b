//! What is stored, and under which keys.
//!
//! In [`Space::Config`], behind `dynamodb` and a zero byte:
//! - `t`, the scope's key, the table's name: the [`Table`], JSON;
//! - `d`, a table's number: the table was deleted and what it held is being removed.
//!
//! In [`Space::Table`], behind eight bytes of the table's number:
//! - `0`: the [`Tally`];
//! - `1`, the item's key: the item (see [`item`]);
//! - `2`, eight bytes of expiry, the item's key: nothing; the item expires then.
//!
//! Number zero is no table's. Behind it:
//! - `3`, the scope's key, a client request token: the [`Token`];
//! - `4`, eight bytes of expiry, the scope's key, the token: nothing; the token is forgotten then.

use pontoon_core::{Scope, ServiceId, Space, StoreRead, Timestamp};

use crate::state::table::{Table, Tally};

pub mod item;

const TALLY: u8 = 0;
const ITEM: u8 = 1;
const EXPIRY: u8 = 2;
const TOKEN: u8 = 3;
const TOKEN_EXPIRY: u8 = 4;

fn config_key(kind: u8, rest: &[u8]) -> Vec<u8> {
    let mut key = ServiceId::DynamoDb.name().as_bytes().to_vec();
    key.extend_from_slice(&[0, kind]);
    key.extend_from_slice(rest);
    key
}

/// Where all tables' configurations begin.
pub fn tables_prefix() -> Vec<u8> {
    config_key(b't', &[])
}

/// Where a table's configuration is.
pub fn table_key(scope: Scope, name: &str) -> Vec<u8> {
    let mut rest = scope.key();
    rest.extend_from_slice(name.as_bytes());
    config_key(b't', &rest)
}

/// A table's configuration as stored.
pub fn encode_table(table: &Table) -> Vec<u8> {
    match serde_json::to_vec(table) {
        Ok(bytes) => bytes,
        // Strings, numbers and maps keyed by strings always have a JSON form.
        Err(error) => panic!("a table's configuration could not be written as JSON: {error}"),
    }
}

/// Where the deleted tables whose items are still there are listed.
pub fn drops_prefix() -> Vec<u8> {
    config_key(b'd', &[])
}

/// Where it stands that a deleted table's items are still there.
pub fn drop_key(number: u64) -> Vec<u8> {
    config_key(b'd', &number.to_be_bytes())
}

/// What all that a table holds begins with.
pub fn contents_prefix(number: u64) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

fn table_space_key(number: u64, kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut key = Vec::with_capacity(9 + parts.iter().map(|part| part.len()).sum::<usize>());
    key.extend_from_slice(&number.to_be_bytes());
    key.push(kind);
    parts.iter().for_each(|part| key.extend_from_slice(part));
    key
}

/// Where a table's tally is.
pub fn tally_key(number: u64) -> Vec<u8> {
    table_space_key(number, TALLY, &[])
}

/// A tally as stored.
pub fn encode_tally(tally: Tally) -> Vec<u8> {
    let mut bytes = tally.items.to_be_bytes().to_vec();
    bytes.extend_from_slice(&tally.bytes.to_be_bytes());
    bytes
}

/// The tally that the bytes stand for; `None` if they are damaged.
pub fn decode_tally(bytes: &[u8]) -> Option<Tally> {
    let (items, rest) = bytes.split_first_chunk()?;
    let (total, _) = rest.split_first_chunk()?;
    Some(Tally { items: u64::from_be_bytes(*items), bytes: u64::from_be_bytes(*total) })
}

/// Where all items of a table begin.
pub fn items_prefix(number: u64) -> Vec<u8> {
    table_space_key(number, ITEM, &[])
}

/// Where the item with that encoded key is.
pub fn item_key(number: u64, key: &[u8]) -> Vec<u8> {
    table_space_key(number, ITEM, &[key])
}

/// The item's encoded key, from where the item is.
pub fn key_of_item(stored: &[u8]) -> &[u8] {
    stored.get(9..).unwrap_or_default()
}

/// Bytes that sort as the numbers do.
fn ordered(secs: i64) -> [u8; 8] {
    ((secs as u64) ^ (1 << 63)).to_be_bytes()
}

/// Where a table's expiries begin, earliest first.
pub fn expiries_prefix(number: u64) -> Vec<u8> {
    table_space_key(number, EXPIRY, &[])
}

/// Where it stands that an item expires at that second.
pub fn expiry_key(number: u64, secs: i64, key: &[u8]) -> Vec<u8> {
    table_space_key(number, EXPIRY, &[&ordered(secs), key])
}

/// When, and which item, from where it stands.
pub fn split_expiry_key(stored: &[u8]) -> Option<(i64, &[u8])> {
    let (secs, key) = stored.get(9..)?.split_first_chunk()?;
    Some(((u64::from_be_bytes(*secs) ^ (1 << 63)) as i64, key))
}

/// A transaction that was applied under a client request token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Token {
    /// When it is forgotten.
    pub expires: Timestamp,
    /// SHA-256 of the request, the token aside.
    pub request: [u8; 32],
    /// What the transaction would have to read for a repetition's consumed capacity: the sizes of the items it
    /// touched, in bytes, in the request's order.
    pub sizes: Vec<u32>,
}

/// Where a token is.
pub fn token_key(scope: Scope, token: &str) -> Vec<u8> {
    table_space_key(0, TOKEN, &[&scope.key(), token.as_bytes()])
}

/// Where tokens' expiries begin, earliest first.
pub fn token_expiries_prefix() -> Vec<u8> {
    table_space_key(0, TOKEN_EXPIRY, &[])
}

/// Where it stands that a token is forgotten then.
pub fn token_expiry_key(expires: Timestamp, scope: Scope, token: &str) -> Vec<u8> {
    table_space_key(0, TOKEN_EXPIRY, &[&ordered(expires.millis()), &scope.key(), token.as_bytes()])
}

/// When a token is forgotten and where it is, from where the expiry stands.
pub fn split_token_expiry_key(stored: &[u8]) -> Option<(Timestamp, Vec<u8>)> {
    let (millis, rest) = split_expiry_key(stored)?;
    Some((Timestamp::from_millis(millis), table_space_key(0, TOKEN, &[rest])))
}

/// A token as stored: expiry, digest, sizes.
pub fn encode_token(token: &Token) -> Vec<u8> {
    let mut bytes = token.expires.millis().to_be_bytes().to_vec();
    bytes.extend_from_slice(&token.request);
    token.sizes.iter().for_each(|size| bytes.extend_from_slice(&size.to_be_bytes()));
    bytes
}

/// The token that the bytes stand for; `None` if they are damaged.
pub fn decode_token(bytes: &[u8]) -> Option<Token> {
    let (millis, rest) = bytes.split_first_chunk()?;
    let (request, sizes) = rest.split_first_chunk()?;
    let (sizes, []) = sizes.as_chunks::<4>() else { return None };
    Some(Token {
        expires: Timestamp::from_millis(i64::from_be_bytes(*millis)),
        request: *request,
        sizes: sizes.iter().map(|size| u32::from_be_bytes(*size)).collect(),
    })
}

/// Stops everything: what the store holds is not what was written.
pub fn damaged(what: &str) -> ! {
    panic!("the store is damaged: {what} cannot be read as it was written")
}

/// The first key of a range, if there is one.
///
/// # Errors
/// If the store fails.
pub fn first_key(store: &dyn StoreRead, prefix: &[u8]) -> Result<Option<Vec<u8>>, pontoon_core::StoreError> {
    let mut first = None;
    let range = pontoon_core::KeyRange::prefix(prefix);
    store.scan(Space::Table, &range, pontoon_core::Direction::Ascending, &mut |key, _| {
        first = Some(key.to_vec());
        std::ops::ControlFlow::Break(())
    })?;
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expiries_sort_by_time_and_come_apart_again() {
        let keys: Vec<Vec<u8>> =
            [i64::MIN, -5, 0, 7, i64::MAX].into_iter().map(|secs| expiry_key(3, secs, b"k")).collect();
        assert!(keys.is_sorted());
        assert_eq!(split_expiry_key(&keys[1]), Some((-5, &b"k"[..])));
        assert!(keys.iter().all(|key| key.starts_with(&expiries_prefix(3))));
    }

    #[test]
    fn tokens_and_tallies_come_back_as_they_were() {
        let token = Token { expires: Timestamp::from_secs(9), request: [7; 32], sizes: vec![1, 400_000] };
        assert_eq!(decode_token(&encode_token(&token)), Some(token));
        assert_eq!(decode_token(&[0; 41]), None);
        let tally = Tally { items: 3, bytes: 99 };
        assert_eq!(decode_tally(&encode_tally(tally)), Some(tally));
        let scope = Scope::default();
        let stored = token_expiry_key(Timestamp::from_secs(9), scope, "tok");
        assert_eq!(split_token_expiry_key(&stored), Some((Timestamp::from_secs(9), token_key(scope, "tok"))));
    }
}
