//! How items are stored: compact, self-contained, and with room to grow.
//!
//! A version byte, then the attributes: their number, then each name and value. Lengths and counts are
//! LEB128. A value is a tag and its content; new kinds of values are new tags, and a new layout is a new
//! version byte.

use crate::state::number::Number;
use crate::state::value::{Item, Map, Value};

const VERSION: u8 = 1;
/// Deeper than an item can be, so that a damaged record cannot exhaust the stack.
const DEPTH_MAX: usize = 80;

mod tag {
    pub const S: u8 = 1;
    pub const N: u8 = 2;
    pub const B: u8 = 3;
    pub const FALSE: u8 = 4;
    pub const TRUE: u8 = 5;
    pub const NULL: u8 = 6;
    pub const M: u8 = 7;
    pub const L: u8 = 8;
    pub const SS: u8 = 9;
    pub const NS: u8 = 10;
    pub const BS: u8 = 11;
}

/// The bytes of an item.
pub fn encode(item: &Item) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    out.push(VERSION);
    put_map(item, &mut out);
    out
}

fn put_map(map: &Map, out: &mut Vec<u8>) {
    put_count(map.len(), out);
    for (name, value) in map {
        put_bytes(name.as_bytes(), out);
        put_value(value, out);
    }
}

fn put_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::S(text) => {
            out.push(tag::S);
            put_bytes(text.as_bytes(), out);
        }
        Value::N(number) => {
            out.push(tag::N);
            put_number(*number, out);
        }
        Value::B(bytes) => {
            out.push(tag::B);
            put_bytes(bytes, out);
        }
        Value::Bool(false) => out.push(tag::FALSE),
        Value::Bool(true) => out.push(tag::TRUE),
        Value::Null => out.push(tag::NULL),
        Value::M(map) => {
            out.push(tag::M);
            put_map(map, out);
        }
        Value::L(list) => {
            out.push(tag::L);
            put_count(list.len(), out);
            list.iter().for_each(|value| put_value(value, out));
        }
        Value::Ss(members) => {
            out.push(tag::SS);
            put_count(members.len(), out);
            members.iter().for_each(|member| put_bytes(member.as_bytes(), out));
        }
        Value::Ns(members) => {
            out.push(tag::NS);
            put_count(members.len(), out);
            members.iter().for_each(|member| put_number(*member, out));
        }
        Value::Bs(members) => {
            out.push(tag::BS);
            put_count(members.len(), out);
            members.iter().for_each(|member| put_bytes(member, out));
        }
    }
}

fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    put_count(bytes.len(), out);
    out.extend_from_slice(bytes);
}

fn put_count(count: usize, out: &mut Vec<u8>) {
    put_varint(count as u128, out);
}

/// The exponent's distance from the smallest one, doubled, the sign in the lowest bit; then the coefficient.
fn put_number(number: Number, out: &mut Vec<u8>) {
    let (negative, exponent, coefficient) = number.to_parts();
    let exponent = (i32::from(exponent) - i32::from(i16::MIN)).unsigned_abs();
    put_varint(u128::from(exponent) * 2 + u128::from(negative), out);
    put_varint(coefficient, out);
}

fn put_varint(mut value: u128, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// The item that the bytes stand for; `None` if they are damaged or of a version from the future.
pub fn decode(bytes: &[u8]) -> Option<Item> {
    let (version, rest) = bytes.split_first()?;
    if *version != VERSION {
        return None;
    }
    let mut from = Cursor { rest };
    let item = from.map(0)?;
    from.rest.is_empty().then_some(item)
}

struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn map(&mut self, depth: usize) -> Option<Map> {
        let count = self.count()?;
        let mut map = Map::new();
        for _ in 0..count {
            let name = self.text()?;
            map.insert(name, self.value(depth)?);
        }
        (map.len() == count).then_some(map)
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        let inner = (depth < DEPTH_MAX).then_some(depth + 1)?;
        Some(match self.byte()? {
            tag::S => Value::S(self.text()?),
            tag::N => Value::N(self.number()?),
            tag::B => Value::B(self.bytes()?.to_vec()),
            tag::FALSE => Value::Bool(false),
            tag::TRUE => Value::Bool(true),
            tag::NULL => Value::Null,
            tag::M => Value::M(self.map(inner)?),
            tag::L => Value::L(self.list(|from| from.value(inner))?),
            tag::SS => Value::Ss(self.list(Cursor::text)?),
            tag::NS => Value::Ns(self.list(Cursor::number)?),
            tag::BS => Value::Bs(self.list(|from| from.bytes().map(<[u8]>::to_vec))?),
            _ => return None,
        })
    }

    fn list<T>(&mut self, mut read: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.count()?;
        (0..count).map(|_| read(self)).collect()
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let count = self.count()?;
        let (bytes, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(bytes)
    }

    fn text(&mut self) -> Option<String> {
        self.bytes().and_then(|bytes| std::str::from_utf8(bytes).ok()).map(str::to_owned)
    }

    /// A number of elements, of which none takes less than a byte.
    fn count(&mut self) -> Option<usize> {
        usize::try_from(self.varint()?).ok().filter(|count| *count <= self.rest.len())
    }

    fn number(&mut self) -> Option<Number> {
        let packed = self.varint()?;
        let exponent = i32::try_from(packed >> 1).ok()? + i32::from(i16::MIN);
        let exponent = i16::try_from(exponent).ok()?;
        Number::from_parts(packed & 1 == 1, exponent, self.varint()?)
    }

    fn varint(&mut self) -> Option<u128> {
        let mut value = 0u128;
        for shift in (0..u128::BITS).step_by(7) {
            let byte = self.byte()?;
            value |= u128::from(byte & 0x7f).checked_shl(shift)?;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn any_number() -> impl Strategy<Value = Number> {
        (any::<i64>(), -100i32..100)
            .prop_map(|(digits, exponent)| Number::parse(&format!("{digits}e{exponent}")).unwrap())
    }

    pub(crate) fn any_value() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            "\\PC{0,12}".prop_map(Value::S),
            any_number().prop_map(Value::N),
            prop::collection::vec(any::<u8>(), 0..12).prop_map(Value::B),
            any::<bool>().prop_map(Value::Bool),
            Just(Value::Null),
            prop::collection::btree_set("\\PC{1,5}", 1..4)
                .prop_map(|set| Value::Ss(set.into_iter().collect())),
            prop::collection::btree_set(any_number(), 1..4)
                .prop_map(|set| Value::Ns(set.into_iter().collect())),
            prop::collection::btree_set(prop::collection::vec(any::<u8>(), 1..4), 1..4)
                .prop_map(|set| Value::Bs(set.into_iter().collect())),
        ];
        scalar.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::L),
                prop::collection::btree_map("[a-z]{1,4}", inner, 0..4).prop_map(Value::M),
            ]
        })
    }

    #[test]
    fn the_encoding_is_stable() {
        let item = Item::from([
            ("id".into(), Value::S("a".into())),
            ("n".into(), Value::N(Number::parse("-1.5").unwrap())),
            ("ok".into(), Value::Bool(true)),
        ]);
        let exponent = (32768 - 1) * 2 + 1;
        let packed =
            [(exponent & 0x7f) as u8 | 0x80, (exponent >> 7 & 0x7f) as u8 | 0x80, (exponent >> 14) as u8];
        let mut expected = vec![1, 3, 2, b'i', b'd', 1, 1, b'a', 1, b'n', 2];
        expected.extend(packed);
        expected.extend([15, 2, b'o', b'k', 5]);
        assert_eq!(encode(&item), expected);
    }

    proptest! {
        #[test]
        fn items_come_back_as_they_were(item in prop::collection::btree_map("\\PC{0,6}", any_value(), 0..6)) {
            prop_assert_eq!(decode(&encode(&item)), Some(item));
        }

        #[test]
        fn damaged_records_are_told_from_whole_ones(
            item in prop::collection::btree_map("[a-z]{1,3}", any_value(), 1..4), cut in any::<prop::sample::Index>(),
            noise in prop::collection::vec(any::<u8>(), 0..64),
        ) {
            let whole = encode(&item);
            prop_assert_eq!(decode(&whole[..cut.index(whole.len())]), None);
            let _ = decode(&noise);
        }
    }
}
