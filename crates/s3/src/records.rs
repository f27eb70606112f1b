//! What is persisted, and under which keys.
//!
//! [`Space::Config`], all loaded at start: `s3`, zero, bucket name: a bucket, JSON.
//!
//! [`Space::Blob`], read when asked for; each key begins with `s3` and a zero byte:
//! - `o`, bucket name, zero, key: an object without its bytes, JSON. Bucket names hold no zero byte, so the objects of a bucket stand together, in the
//!   order of their keys.
//! - `u`, bucket name, zero, upload id: an upload in parts, JSON.
//! - `p`, upload id (36 characters), part number (two bytes, big-endian): a part without its bytes, JSON.
//! - `b`, piece id (32 hex digits), chunk number (four bytes, big-endian): up to [`CHUNK_BYTES`] of a piece.
//!
//! Memory does not grow with the number or size of objects at rest.

use bytes::{Bytes, BytesMut};
use pontoon_core::policy::Document;
use pontoon_core::{KeyRange, LoadError, ServiceId, Space, Step, StoreRead, Timestamp, records};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::state::Bucket;
use crate::state::object::{Object, Part, Piece, Upload};

const PREFIX: &[u8] = b"s3\0";
/// Bytes of a value; large pieces are cut, so that a range of them can be read alone.
const CHUNK_BYTES: usize = 1 << 20;
/// Records fetched at a time when all of a kind are to be deleted.
const DELETED_AT_ONCE: usize = 1000;

#[derive(Serialize, Deserialize)]
struct BucketRecord {
    owner: String,
    region: String,
    created_ms: i64,
    tags: Vec<(String, String)>,
    policy: Option<String>,
    #[serde(default)]
    tells_bus: bool,
}

/// Writes a bucket.
pub fn put_bucket(step: &mut Step<'_>, name: &str, bucket: &Bucket) {
    let record = BucketRecord {
        owner: bucket.owner.to_string(),
        region: bucket.region.to_string(),
        created_ms: bucket.created.millis(),
        tags: bucket.tags.clone(),
        policy: bucket.policy.as_ref().map(|(json, _)| json.clone()),
        tells_bus: bucket.tells_bus,
    };
    step.put(Space::Config, [PREFIX, name.as_bytes()].concat(), encode(&record));
}

/// Removes an empty bucket, with the uploads that were begun in it.
pub fn delete_bucket(step: &mut Step<'_>, name: &str) {
    let range = KeyRange::prefix(&key(b'u', name, b""));
    loop {
        let uploads = step.range(Space::Blob, &range, DELETED_AT_ONCE);
        for (upload, _) in &uploads {
            let id = String::from_utf8_lossy(&upload[upload.len().saturating_sub(36)..]).into_owned();
            for (_, part) in parts(step, &id) {
                delete_piece(step, &part.piece);
            }
            delete_upload(step, name, &id);
        }
        if uploads.len() < DELETED_AT_ONCE {
            break;
        }
    }
    step.delete(Space::Config, [PREFIX, name.as_bytes()].concat());
}

/// All buckets, by name.
///
/// # Errors
/// If a record cannot be read.
pub fn load(store: &dyn StoreRead) -> Result<Vec<(String, Bucket)>, LoadError> {
    let mut buckets = Vec::new();
    records::load(store, ServiceId::S3, |key, value| {
        buckets.push(load_one(key, value)?);
        Ok(())
    })?;
    Ok(buckets)
}

fn load_one(name: &[u8], value: &[u8]) -> Result<(String, Bucket), String> {
    let name = String::from_utf8(name.to_vec()).map_err(|_| "the name is not text")?;
    let record: BucketRecord = records::of_json(value)?;
    let policy = record.policy.map(|json| Document::parse(&json).map(|document| (json, document)));
    let bucket = Bucket {
        owner: record.owner.parse().map_err(|()| "no account")?,
        region: record.region.parse().map_err(|()| "no region")?,
        created: Timestamp::from_millis(record.created_ms),
        tags: record.tags,
        policy: policy.transpose()?,
        tells_bus: record.tells_bus,
    };
    Ok((name, bucket))
}

/// An object.
pub fn object(step: &Step<'_>, bucket: &str, object_key: &str) -> Option<Object> {
    step.get(Space::Blob, &key(b'o', bucket, object_key.as_bytes())).map(|value| decode(&value))
}

/// Writes an object; its pieces are in the store already.
pub fn put_object(step: &mut Step<'_>, bucket: &str, object_key: &str, object: &Object) {
    step.put(Space::Blob, key(b'o', bucket, object_key.as_bytes()), encode(object));
}

/// Removes an object and its bytes.
pub fn delete_object(step: &mut Step<'_>, bucket: &str, object_key: &str, object: &Object) {
    for piece in &object.pieces {
        delete_piece(step, piece);
    }
    step.delete(Space::Blob, key(b'o', bucket, object_key.as_bytes()));
}

/// Up to `limit` objects whose keys begin with `prefix` and are not below `from`, in order.
pub fn objects(
    step: &Step<'_>,
    bucket: &str,
    prefix: &str,
    from: &str,
    limit: usize,
) -> Vec<(String, Object)> {
    let start = key(b'o', bucket, prefix.max(from).as_bytes());
    let mut range = KeyRange::prefix(&key(b'o', bucket, prefix.as_bytes()));
    range.start = std::ops::Bound::Included(start);
    if range.is_empty() {
        return Vec::new();
    }
    let before_key = PREFIX.len() + 1 + bucket.len() + 1;
    let found = step.range(Space::Blob, &range, limit);
    let text = |key: &[u8]| String::from_utf8_lossy(&key[before_key..]).into_owned();
    found.into_iter().map(|(key, value)| (text(&key), decode(&value))).collect()
}

/// An upload in parts.
pub fn upload(step: &Step<'_>, bucket: &str, id: &str) -> Option<Upload> {
    step.get(Space::Blob, &key(b'u', bucket, id.as_bytes())).map(|value| decode(&value))
}

/// Writes an upload.
pub fn put_upload(step: &mut Step<'_>, bucket: &str, id: &str, upload: &Upload) {
    step.put(Space::Blob, key(b'u', bucket, id.as_bytes()), encode(upload));
}

/// Removes an upload and the records of its parts, but not their bytes.
pub fn delete_upload(step: &mut Step<'_>, bucket: &str, id: &str) {
    for (number, _) in parts(step, id) {
        step.delete(Space::Blob, part_key(id, number));
    }
    step.delete(Space::Blob, key(b'u', bucket, id.as_bytes()));
}

/// A part of an upload.
pub fn part(step: &Step<'_>, upload: &str, number: u16) -> Option<Part> {
    step.get(Space::Blob, &part_key(upload, number)).map(|value| decode(&value))
}

/// Writes a part.
pub fn put_part(step: &mut Step<'_>, upload: &str, number: u16, part: &Part) {
    step.put(Space::Blob, part_key(upload, number), encode(part));
}

/// All parts of an upload, by number; numbers end at 10,000, so that the list is bounded.
pub fn parts(step: &Step<'_>, upload: &str) -> Vec<(u16, Part)> {
    let prefix = part_prefix(upload);
    let found = step.range(Space::Blob, &KeyRange::prefix(&prefix), usize::from(u16::MAX));
    let number = |key: &[u8]| u16::from_be_bytes([key[key.len() - 2], key[key.len() - 1]]);
    found.into_iter().map(|(key, value)| (number(&key), decode(&value))).collect()
}

/// Writes bytes as a new piece.
pub fn put_piece(step: &mut Step<'_>, bytes: &Bytes) -> Piece {
    let piece = Piece { id: step.ids.hex(32), bytes: bytes.len() as u64 };
    for (number, start) in (0..bytes.len()).step_by(CHUNK_BYTES).enumerate() {
        let chunk = bytes.slice(start..bytes.len().min(start + CHUNK_BYTES));
        step.put(Space::Blob, chunk_key(&piece, number), chunk);
    }
    piece
}

/// Removes a piece.
pub fn delete_piece(step: &mut Step<'_>, piece: &Piece) {
    for number in 0..chunks(piece) {
        step.delete(Space::Blob, chunk_key(piece, number));
    }
}

/// The bytes of these pieces from `first` to `last`, both included and both within them. `get` reads a key.
///
/// # Errors
/// Those of `get`.
///
/// # Panics
/// If a chunk is missing: pieces are removed only together with what names them.
pub fn read<E>(
    pieces: &[Piece],
    (first, last): (u64, u64),
    mut get: impl FnMut(&[u8]) -> Result<Option<Bytes>, E>,
) -> Result<Bytes, E> {
    let mut found = Vec::new();
    let mut before = 0;
    for piece in pieces {
        for number in 0..chunks(piece) {
            let chunk_start = before + (number * CHUNK_BYTES) as u64;
            let chunk_end = (chunk_start + CHUNK_BYTES as u64).min(before + piece.bytes);
            if chunk_end <= first || chunk_start > last {
                continue;
            }
            let Some(chunk) = get(&chunk_key(piece, number))? else {
                panic!("piece {} has lost its chunk {number}", piece.id)
            };
            let from = first.saturating_sub(chunk_start) as usize;
            let to = chunk.len().min((last + 1 - chunk_start) as usize);
            found.push(chunk.slice(from..to));
        }
        before += piece.bytes;
    }
    if let [whole] = &mut found[..] {
        return Ok(std::mem::take(whole));
    }
    let mut bytes = BytesMut::with_capacity(found.iter().map(Bytes::len).sum());
    found.iter().for_each(|chunk| bytes.extend_from_slice(chunk));
    Ok(bytes.freeze())
}

fn chunks(piece: &Piece) -> usize {
    usize::try_from(piece.bytes.div_ceil(CHUNK_BYTES as u64)).unwrap_or(usize::MAX)
}

fn key(kind: u8, bucket: &str, rest: &[u8]) -> Vec<u8> {
    [PREFIX, &[kind], bucket.as_bytes(), &[0], rest].concat()
}

fn part_prefix(upload: &str) -> Vec<u8> {
    [PREFIX, b"p", upload.as_bytes()].concat()
}

fn part_key(upload: &str, number: u16) -> Vec<u8> {
    [&part_prefix(upload)[..], &number.to_be_bytes()].concat()
}

fn chunk_key(piece: &Piece, number: usize) -> Vec<u8> {
    let number = u32::try_from(number).unwrap_or(u32::MAX);
    [PREFIX, b"b", piece.id.as_bytes(), &number.to_be_bytes()].concat()
}

fn encode(record: &impl Serialize) -> Bytes {
    match serde_json::to_vec(record) {
        Ok(json) => json.into(),
        Err(error) => panic!("records hold nothing that JSON cannot: {error}"),
    }
}

fn decode<T: DeserializeOwned>(value: &[u8]) -> T {
    match serde_json::from_slice(value) {
        Ok(record) => record,
        Err(error) => panic!("the store gave back a record of S3 that was not written so: {error}"),
    }
}
