//! Primary keys: the schema, what it demands of items and keys, and the bytes that order them in the store.

use super::Invalid;
use super::value::{Item, Type, Value};

/// Bytes a partition key's value may have.
pub const HASH_BYTES_MAX: usize = 2048;
/// Bytes a sort key's value may have.
pub const RANGE_BYTES_MAX: usize = 1024;

/// Bytes at the front of an encoded key that spread partitions over a parallel scan's segments.
const SPREAD_BYTES: usize = 4;

/// One attribute of a primary key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyAttribute {
    /// The attribute's name.
    pub name: String,
    /// `S`, `N` or `B`.
    pub kind: Type,
}

/// A table's primary key: a partition key and perhaps a sort key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeySchema {
    /// The partition key.
    pub hash: KeyAttribute,
    /// The sort key, if the table has one.
    pub range: Option<KeyAttribute>,
}

impl KeySchema {
    /// The key's attributes, the partition key first.
    pub fn attributes(&self) -> impl Iterator<Item = &KeyAttribute> {
        std::iter::once(&self.hash).chain(&self.range)
    }

    /// Whether the attribute is part of the key.
    pub fn contains(&self, name: &str) -> bool {
        self.attributes().any(|attribute| attribute.name == name)
    }

    /// The encoded key of an item to be put.
    ///
    /// # Errors
    /// An attribute that is missing, of another type, empty or too long.
    pub fn encode_item(&self, item: &Item) -> Result<Vec<u8>, Invalid> {
        for attribute in self.attributes() {
            let Some(value) = item.get(&attribute.name) else {
                return Err(Invalid::parameters(format_args!(
                    "Missing the key {} in the item",
                    attribute.name
                )));
            };
            if value.kind() != attribute.kind {
                return Err(Invalid::parameters(format_args!(
                    "Type mismatch for key {} expected: {} actual: {}",
                    attribute.name,
                    attribute.kind,
                    value.kind()
                )));
            }
        }
        self.encode(item)
    }

    /// The encoded key from a request's key, which must hold the key's attributes and nothing else.
    ///
    /// # Errors
    /// A key that does not match the schema, or a value that is empty or too long.
    pub fn encode_key(&self, key: &Item) -> Result<Vec<u8>, Invalid> {
        let matches = |attribute: &KeyAttribute| {
            key.get(&attribute.name).is_some_and(|value| value.kind() == attribute.kind)
        };
        if key.len() != self.attributes().count() || !self.attributes().all(matches) {
            return Err(Invalid::new("The provided key element does not match the schema"));
        }
        self.encode(key)
    }

    /// Refuses key attributes that are an empty string or binary, whatever else is wrong with the key.
    ///
    /// # Errors
    /// The message that names the attribute.
    pub fn check_not_empty(&self, item: &Item) -> Result<(), Invalid> {
        let is_empty = |value: &Value| match value {
            Value::S(text) => text.is_empty(),
            Value::B(bytes) => bytes.is_empty(),
            _ => false,
        };
        for attribute in self.attributes() {
            if let Some(value) = item.get(&attribute.name).filter(|value| is_empty(value)) {
                check_size(&attribute.name, value, true)?;
            }
        }
        Ok(())
    }

    /// The key's attributes out of an item, to be handed out as a key.
    pub fn key_of(&self, item: &Item) -> Item {
        self.attributes()
            .filter_map(|attribute| Some((attribute.name.clone(), item.get(&attribute.name)?.clone())))
            .collect()
    }

    fn encode(&self, attributes: &Item) -> Result<Vec<u8>, Invalid> {
        let mut out = Vec::with_capacity(64);
        if let Some(value) = attributes.get(&self.hash.name) {
            check_size(&self.hash.name, value, true)?;
            encode_hash(value, &mut out);
        }
        if let Some(range) = &self.range
            && let Some(value) = attributes.get(&range.name)
        {
            check_size(&range.name, value, false)?;
            encode_range(value, &mut out);
        }
        Ok(out)
    }
}

/// Refuses values of `S` and `B` keys that are empty or longer than the service allows.
///
/// # Errors
/// The service's message, missing space included.
pub fn check_size(name: &str, value: &Value, is_hash: bool) -> Result<(), Invalid> {
    let (len, kind) = match value {
        Value::S(text) => (text.len(), "string"),
        Value::B(bytes) => (bytes.len(), "binary"),
        _ => return Ok(()),
    };
    if len == 0 {
        return Err(Invalid::new(format!(
            "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an \
             empty {kind} value. Key: {name}"
        )));
    }
    if is_hash && len > HASH_BYTES_MAX {
        return Err(Invalid::parameters(format_args!(
            "Size of hashkey has exceeded the maximum size limit of{HASH_BYTES_MAX} bytes"
        )));
    }
    if !is_hash && len > RANGE_BYTES_MAX {
        return Err(Invalid::parameters(format_args!(
            "Aggregated size of all range keys has exceeded the size limit of {RANGE_BYTES_MAX} bytes"
        )));
    }
    Ok(())
}

/// Appends a partition key's value: a hash that spreads partitions evenly, then the value with its
/// length. Items of one partition share these bytes and no other partition's key begins with them.
pub fn encode_hash(value: &Value, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[0; SPREAD_BYTES + 2]);
    encode_range(value, out);
    let body = start + SPREAD_BYTES + 2;
    // Values are at most 2048 bytes where keys are checked; longer ones, which no item can have,
    // only need a place in the order.
    let len = u16::try_from(out.len() - body).unwrap_or(u16::MAX);
    let spread = spread_of(&out[body..]);
    out[start..start + SPREAD_BYTES].copy_from_slice(&spread.to_be_bytes());
    out[start + SPREAD_BYTES..body].copy_from_slice(&len.to_be_bytes());
}

/// Appends a sort key's value so that bytes sort as DynamoDB sorts: numbers by value, strings and
/// binaries by their bytes.
pub fn encode_range(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::S(text) => out.extend_from_slice(text.as_bytes()),
        Value::B(bytes) => out.extend_from_slice(bytes),
        Value::N(number) => number.encode_ordered(out),
        // Callers check types against the schema, which knows S, N and B only.
        _ => {}
    }
}

/// Where in the space of [`u32`] the partition of an encoded key lies.
pub fn spread_of_key(key: &[u8]) -> u32 {
    key.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

/// The first spread that belongs to a segment of a parallel scan, or 2^32 behind the last one.
pub fn segment_start(segment: u32, total: u32) -> u64 {
    (u64::from(segment) << 32).div_ceil(u64::from(total.max(1)))
}

/// FNV-1a, finished with a multiplicative mix so that near values are far apart. Part of the stored
/// format: it must not change.
fn spread_of(bytes: &[u8]) -> u32 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in bytes {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    ((hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::number::Number;
    use proptest::prelude::*;

    fn schema() -> KeySchema {
        KeySchema {
            hash: KeyAttribute { name: "pk".into(), kind: Type::S },
            range: Some(KeyAttribute { name: "sk".into(), kind: Type::N }),
        }
    }

    fn item(pk: Value, sk: Value) -> Item {
        Item::from([("pk".into(), pk), ("sk".into(), sk)])
    }

    #[test]
    fn keys_that_do_not_fit_are_refused_in_the_services_words() {
        let text = |s: &str| Value::S(s.into());
        let one = Value::N(Number::from(1));
        let cases = [
            (
                schema().encode_item(&Item::from([("pk".into(), text("a"))])),
                "One or more parameter values were invalid: Missing the key sk in the item",
            ),
            (
                schema().encode_item(&item(one.clone(), one.clone())),
                "One or more parameter values were invalid: Type mismatch for key pk expected: S actual: N",
            ),
            (
                schema().encode_item(&item(text(""), one.clone())),
                "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: pk",
            ),
            (
                schema().encode_item(&item(text(&"a".repeat(2049)), one.clone())),
                "One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of2048 bytes",
            ),
            (
                schema().encode_key(&Item::from([("pk".into(), text("a"))])),
                "The provided key element does not match the schema",
            ),
            (
                schema().encode_key(&item(text("a"), text("b"))),
                "The provided key element does not match the schema",
            ),
        ];
        for (got, message) in cases {
            assert_eq!(got.unwrap_err().to_string(), message);
        }
        assert!(schema().encode_item(&item(text(&"a".repeat(2048)), one)).is_ok());
    }

    #[test]
    fn segments_cover_the_space_without_overlap() {
        for total in [1, 2, 3, 7, 1_000_000] {
            assert_eq!(segment_start(0, total), 0);
            assert_eq!(segment_start(total, total), 1 << 32);
            assert!(segment_start(total - 1, total) < 1 << 32);
        }
    }

    proptest! {
        #[test]
        fn one_partition_is_one_run_of_keys_sorted_by_the_sort_key(
            pks in proptest::collection::vec("[a-c\u{0}]{1,3}", 2),
            sks in proptest::collection::vec(-1000i64..1000, 2),
        ) {
            let keys: Vec<Vec<u8>> = (0..2)
                .map(|i| {
                    let sk = Number::parse(&sks[i].to_string()).unwrap();
                    schema().encode_item(&item(Value::S(pks[i].clone()), Value::N(sk))).unwrap()
                })
                .collect();
            let mut prefix = Vec::new();
            encode_hash(&Value::S(pks[0].clone()), &mut prefix);
            prop_assert!(keys[0].starts_with(&prefix));
            prop_assert_eq!(keys[1].starts_with(&prefix), pks[0] == pks[1]);
            if pks[0] == pks[1] {
                prop_assert_eq!(keys[0].cmp(&keys[1]), sks[0].cmp(&sks[1]));
            }
        }
    }
}
