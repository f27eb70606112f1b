//! The log: every batch in the order of application, in files to which only is appended.
//!
//! A file (segment) is named after the sequence number of its first batch and begins with a header; then come records, one for each batch, and then zeros
//! as far as there is room for more: a sync of what replaces them writes nothing of the file system's own, which takes a third off it.
//!
//! ```text
//! header   "PONTLOG" and the version 1 · first sequence number u64 · salt u32 · checksum u32
//! record   mark u32 · payload's length u32 · sequence number u64 · synced u64 · checksum u32 · payload
//! write    space u8 (its top bit set for a removal) · key's length u32 · key · for a put: value's length u32 · value
//! ```
//!
//! All numbers are little-endian. Checksums are CRC-32 and begin with the segment's salt, a random number, so that what clients send cannot be
//! taken for a record.
//!
//! Invariant: a record's `synced` is a sequence number up to which the log was durable before the record was written. So when a broken record is
//! found, a whole one behind it tells a torn tail (nothing of it was ever durable: it is cut) from damage to what was durable (it is refused).
//! Invariant: a segment is begun only after the one before it has been synced, so only the last one can be torn.

use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use pontoon_core::store::{Batch, Seq, Space, StoreError};

use crate::directory::{failed, sync_directory};

const HEADER_NAME: [u8; 8] = *b"PONTLOG\x01";
const HEADER_BYTES: usize = 24;
const RECORD_MARK: [u8; 4] = *b"PNTR";
const RECORD_HEADER_BYTES: usize = 28;
/// Set in a write's space when the write is a removal.
const REMOVAL: u8 = 0x80;
const EXTENSION: &str = "log";
/// How much room for records is made at a time, bytes: as much as there was, within these.
const ROOM_BYTES: std::ops::RangeInclusive<u64> = 64 << 10..=1 << 20;

/// The salt of a segment, with which its checksums begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Salt(u32);

impl Salt {
    /// A new one.
    pub(crate) fn random() -> Self {
        // The standard library's hasher is the one source of the system's randomness that needs no dependency.
        let random = RandomState::new().build_hasher().finish();
        Self((random >> 32) as u32)
    }

    fn checksum(self, parts: &[&[u8]]) -> [u8; 4] {
        let mut hasher = crc32fast::Hasher::new_with_initial(self.0);
        for part in parts {
            hasher.update(part);
        }
        hasher.finalize().to_le_bytes()
    }
}

/// The last segment, to which batches are appended.
pub(crate) struct Log {
    dir: PathBuf,
    path: PathBuf,
    file: File,
    /// Where the next record begins.
    bytes: u64,
    /// How long the file is: behind the records it has zeros.
    file_bytes: u64,
    salt: Salt,
}

impl Log {
    /// Creates the directory and an empty log in it.
    pub(crate) fn create(dir: &Path) -> Result<Self, StoreError> {
        fs::create_dir(dir).map_err(|e| failed("create", dir, &e))?;
        Self::begin(dir, Seq(1), Salt::random())
    }

    /// Opens the log in a directory, and hands every batch behind `tree` (the last one that the tree holds) to `replay`, in order. Returns the
    /// last batch's number too. A torn tail is cut, and everything that was handed out is durable.
    ///
    /// # Errors
    /// If the machine fails, or if something that was durable is damaged or missing.
    pub(crate) fn open(
        dir: &Path,
        tree: Seq,
        replay: &mut dyn FnMut(Batch),
    ) -> Result<(Self, Seq), StoreError> {
        let mut segments = segments(dir)?;
        remove_unbegun(dir, &mut segments)?;
        let first = segments.first().ok_or_else(|| damaged(dir, "it has no segment"))?;
        if first.0.0 > tree.0 + 1 {
            return Err(damaged(&first.1, "the segment before it is missing"));
        }
        let mut last = Seq(first.0.0 - 1);
        let mut open = None;
        for (number, (begins, path)) in segments.iter().enumerate() {
            if begins.0 != last.0 + 1 {
                return Err(damaged(path, &format!("it should begin with batch {}", last.0 + 1)));
            }
            let contents = fs::read(path).map_err(|e| failed("read", path, &e))?;
            let salt =
                read_header(&contents, *begins).ok_or_else(|| damaged(path, "its header is broken"))?;
            let mut segment = Segment { contents: &contents, salt, at: HEADER_BYTES, last };
            while let Some(batch) = segment.next().map_err(|e| damaged(path, &e))? {
                if segment.last > tree {
                    replay(batch);
                }
            }
            let is_last = number + 1 == segments.len();
            let mut file_bytes = contents.len() as u64;
            if contents[segment.at..].iter().any(|byte| *byte != 0) {
                if let Some(why) = segment.why_not_torn(is_last) {
                    return Err(damaged(path, &why));
                }
                file_bytes = segment.at as u64;
            }
            last = segment.last;
            open = Some((path, salt, segment.at as u64, file_bytes));
        }
        let Some((path, salt, bytes, file_bytes)) = open else { unreachable!("there is a first segment") };
        if last < tree {
            return Err(damaged(
                path,
                &format!("it ends with batch {}, but batch {} is known", last.0, tree.0),
            ));
        }
        let resume = || -> io::Result<File> {
            let mut file = OpenOptions::new().write(true).open(path)?;
            file.set_len(file_bytes)?;
            // A process that was killed between a write and its sync leaves whole batches that only the system's memory holds.
            file.sync_all()?;
            file.seek(SeekFrom::Start(bytes))?;
            Ok(file)
        };
        let file = resume().map_err(|e| failed("resume", path, &e))?;
        // Nor need what names the last segment, or no longer names an older one, be on disk.
        sync_directory(dir)?;
        Ok((Self { dir: dir.to_owned(), path: path.clone(), file, bytes, file_bytes, salt }, last))
    }

    /// Begins a segment durably. Everything appended before must have been synced.
    fn begin(dir: &Path, first: Seq, salt: Salt) -> Result<Self, StoreError> {
        let path = dir.join(format!("{:020}.{EXTENSION}", first.0));
        let create = || -> io::Result<File> {
            let mut file = OpenOptions::new().write(true).create_new(true).open(&path)?;
            file.write_all(&header(first, salt))?;
            file.sync_all()?;
            Ok(file)
        };
        let file = create().map_err(|e| failed("create", &path, &e))?;
        sync_directory(dir)?;
        let bytes = HEADER_BYTES as u64;
        Ok(Self { dir: dir.to_owned(), path, file, bytes, file_bytes: bytes, salt })
    }

    /// Begins the next segment, and gives back the room in this one.
    pub(crate) fn rotate(&mut self, first: Seq, salt: Salt) -> Result<(), StoreError> {
        // Whether this reaches the disk does not matter: what it takes away is zeros.
        self.file.set_len(self.bytes).map_err(|e| failed("shorten", &self.path, &e))?;
        *self = Self::begin(&self.dir, first, salt)?;
        Ok(())
    }

    /// Removes the segments before the last one, whose batches all are in the tree.
    pub(crate) fn remove_older_segments(dir: &Path) -> Result<(), StoreError> {
        let mut segments = segments(dir)?;
        segments.pop();
        for (_, path) in segments {
            // Oldest first, so that a crash on the way leaves no gap.
            fs::remove_file(&path).map_err(|e| failed("remove", &path, &e))?;
        }
        sync_directory(dir)
    }

    /// Writes records and makes them durable.
    pub(crate) fn append(&mut self, records: &[u8]) -> Result<(), StoreError> {
        self.write(records).map_err(|e| failed("write", &self.path, &e))
    }

    fn write(&mut self, records: &[u8]) -> io::Result<()> {
        self.file.write_all(records)?;
        let end = self.bytes + records.len() as u64;
        if end > self.file_bytes {
            let room = end.clamp(*ROOM_BYTES.start(), *ROOM_BYTES.end());
            self.file.write_all(&vec![0; room as usize])?;
            self.file.seek(SeekFrom::Start(end))?;
            self.file_bytes = end + room;
        }
        self.file.sync_data()?;
        self.bytes = end;
        Ok(())
    }

    /// How long the segment is, without the zeros at its end.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What the checksums of records for this segment begin with.
    pub(crate) fn salt(&self) -> Salt {
        self.salt
    }
}

fn header(first: Seq, salt: Salt) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(&HEADER_NAME);
    header[8..16].copy_from_slice(&first.0.to_le_bytes());
    header[16..20].copy_from_slice(&salt.0.to_le_bytes());
    let checksum = salt.checksum(&[&header[..20]]);
    header[20..].copy_from_slice(&checksum);
    header
}

/// The salt, if the segment begins with the header that it should have.
fn read_header(contents: &[u8], first: Seq) -> Option<Salt> {
    let salt = Salt(u32::from_le_bytes(contents.get(16..20)?.try_into().ok()?));
    contents.starts_with(&header(first, salt)).then_some(salt)
}

/// The segments in order of their first batch.
fn segments(dir: &Path) -> Result<Vec<(Seq, PathBuf)>, StoreError> {
    let mut segments = Vec::new();
    for entry in fs::read_dir(dir).map_err(|e| failed("read", dir, &e))? {
        let path = entry.map_err(|e| failed("read", dir, &e))?.path();
        if path.extension().is_none_or(|extension| extension != EXTENSION) {
            continue;
        }
        let first = path.file_stem().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
        let first = first.ok_or_else(|| damaged(&path, "its name is not a batch's number"))?;
        segments.push((Seq(first), path));
    }
    segments.sort();
    Ok(segments)
}

/// Drops a last segment whose header never became whole: nothing was appended to it.
fn remove_unbegun(dir: &Path, segments: &mut Vec<(Seq, PathBuf)>) -> Result<(), StoreError> {
    let Some((first, path)) = segments.last() else { return Ok(()) };
    let bytes = fs::metadata(path).map_err(|e| failed("read", path, &e))?.len();
    if bytes > HEADER_BYTES as u64 {
        return Ok(());
    }
    let contents = fs::read(path).map_err(|e| failed("read", path, &e))?;
    if read_header(&contents, *first).is_none() {
        fs::remove_file(path).map_err(|e| failed("remove", path, &e))?;
        segments.pop();
        sync_directory(dir)?;
    }
    Ok(())
}

fn damaged(path: &Path, why: &str) -> StoreError {
    StoreError::new(format!(
        "{} is damaged: {why}. Acknowledged data is missing: restore the data directory from a copy, or start with another one",
        path.display()
    ))
}

/// Adds a batch's record to what is to be appended.
///
/// # Errors
/// If the batch is 4 GiB or larger.
pub(crate) fn encode(
    records: &mut Vec<u8>,
    salt: Salt,
    seq: Seq,
    synced: Seq,
    batch: &Batch,
) -> Result<(), StoreError> {
    let start = records.len();
    records.resize(start + RECORD_HEADER_BYTES, 0);
    for (space, key, value) in batch.iter() {
        records.push(space as u8 | if value.is_none() { REMOVAL } else { 0 });
        for part in [Some(key), value.map(Bytes::as_ref)].into_iter().flatten() {
            // A part that is too long makes the record too long, which is checked below.
            records.extend_from_slice(&(part.len() as u32).to_le_bytes());
            records.extend_from_slice(part);
        }
    }
    let (header, payload) = records[start..].split_at_mut(RECORD_HEADER_BYTES);
    let Ok(payload_bytes) = u32::try_from(payload.len()) else {
        let bytes = payload.len();
        records.truncate(start);
        return Err(StoreError::new(format!("a batch of {bytes} bytes is too large to be written")));
    };
    header[..4].copy_from_slice(&RECORD_MARK);
    header[4..8].copy_from_slice(&payload_bytes.to_le_bytes());
    header[8..16].copy_from_slice(&seq.0.to_le_bytes());
    header[16..24].copy_from_slice(&synced.0.to_le_bytes());
    let checksum = salt.checksum(&[&header[..24], payload]);
    header[24..].copy_from_slice(&checksum);
    Ok(())
}

/// A record whose checksum holds.
struct Record<'a> {
    seq: Seq,
    synced: Seq,
    payload: &'a [u8],
}

/// Reads a segment from record to record.
struct Segment<'a> {
    contents: &'a [u8],
    salt: Salt,
    /// Where the next record begins.
    at: usize,
    /// The last batch that was read.
    last: Seq,
}

impl<'a> Segment<'a> {
    /// The next batch, or none at the end or in front of a broken record.
    fn next(&mut self) -> Result<Option<Batch>, String> {
        let Some(record) = self.record(self.at) else { return Ok(None) };
        let expected = Seq(self.last.0 + 1);
        if record.seq != expected {
            return Err(format!("batch {} is where batch {} should be", record.seq.0, expected.0));
        }
        let batch = decode(record.payload)
            .ok_or_else(|| format!("batch {} has a good checksum but cannot be read", expected.0))?;
        self.at += RECORD_HEADER_BYTES + record.payload.len();
        self.last = record.seq;
        Ok(Some(batch))
    }

    /// The record at a place, if a whole one is there.
    fn record(&self, at: usize) -> Option<Record<'a>> {
        let rest = self.contents.get(at..)?;
        let (header, rest) = rest.split_at_checked(RECORD_HEADER_BYTES)?;
        if header[..4] != RECORD_MARK {
            return None;
        }
        let number = |from: usize| header[from..from + 8].try_into().map(u64::from_le_bytes).ok();
        let payload_bytes = u32::from_le_bytes(header[4..8].try_into().ok()?) as usize;
        let payload = rest.get(..payload_bytes)?;
        (header[24..] == self.salt.checksum(&[&header[..24], payload])).then_some(Record {
            seq: Seq(number(8)?),
            synced: Seq(number(16)?),
            payload,
        })
    }

    /// Why the broken record here cannot be the torn end of what was being written when the process or the machine stopped.
    fn why_not_torn(&self, is_last_segment: bool) -> Option<String> {
        let broken = self.last.0 + 1;
        if !is_last_segment {
            return Some(format!("batch {broken} is broken, although the next segment was begun after it"));
        }
        let mut at = self.at + 1;
        while at + RECORD_HEADER_BYTES <= self.contents.len() {
            // Few places carry the mark, and fewer by accident a fitting length, so this reads little more than once.
            if self.contents[at..].starts_with(&RECORD_MARK)
                && let Some(record) = self.record(at)
            {
                if record.synced.0 >= broken {
                    return Some(format!(
                        "batch {broken} is broken, although it was durable before batch {}",
                        record.seq.0
                    ));
                }
                at += RECORD_HEADER_BYTES + record.payload.len();
            } else {
                at += 1;
            }
        }
        None
    }
}

fn decode(mut payload: &[u8]) -> Option<Batch> {
    let mut batch = Batch::new();
    while let Some((kind, rest)) = payload.split_first() {
        payload = rest;
        let space = *Space::ALL.get(usize::from(kind & !REMOVAL))?;
        let key = take_part(&mut payload)?;
        if kind & REMOVAL == 0 {
            batch.put(space, key, Bytes::copy_from_slice(take_part(&mut payload)?));
        } else {
            batch.delete(space, key);
        }
    }
    Some(batch)
}

fn take_part<'a>(payload: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = payload.split_first_chunk::<4>()?;
    let (part, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    *payload = rest;
    Some(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A batch that can be told from every other, and is longer the higher its number.
    fn batch(number: u64) -> Batch {
        let mut batch = Batch::new();
        batch.put(Space::Queue, number.to_be_bytes(), vec![number as u8; 10 + number as usize]);
        batch.put(Space::Table, number.to_be_bytes(), RECORD_MARK.to_vec());
        batch.delete(Space::Log, (number - 1).to_be_bytes());
        batch
    }

    /// Appends batches, syncing after each.
    fn append(log: &mut Log, numbers: std::ops::RangeInclusive<u64>) {
        for number in numbers {
            let mut records = Vec::new();
            encode(&mut records, log.salt(), Seq(number), Seq(number - 1), &batch(number)).unwrap();
            log.append(&records).unwrap();
        }
    }

    /// Opens the log above a tree that ends with batch `tree`, and says up to which the batches behind it came back, or why none did.
    fn reopen(dir: &Path, tree: u64) -> Result<u64, String> {
        let mut next = tree + 1;
        let opened = Log::open(dir, Seq(tree), &mut |replayed| {
            assert_eq!(replayed, batch(next));
            next += 1;
        });
        let (_, last) = opened.map_err(|error| error.message)?;
        assert_eq!(last, Seq(next - 1));
        Ok(last.0)
    }

    /// A new log, in a directory that goes with the first.
    fn create() -> (tempfile::TempDir, PathBuf, Log) {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("log");
        let log = Log::create(&dir).unwrap();
        (parent, dir, log)
    }

    /// A log's directory with one segment of these contents.
    fn with_segment(name: &Path, contents: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name.file_name().unwrap());
        fs::write(&path, contents).unwrap();
        (dir, path)
    }

    fn only_segment(dir: &Path) -> PathBuf {
        let mut segments = segments(dir).unwrap();
        assert_eq!(segments.len(), 1);
        segments.remove(0).1
    }

    #[test]
    fn what_was_appended_comes_back_behind_what_the_tree_holds() {
        let (_parent, dir, mut log) = create();
        assert_eq!(reopen(&dir, 0), Ok(0));
        append(&mut log, 1..=5);
        assert_eq!(reopen(&dir, 0), Ok(5));
        assert_eq!(reopen(&dir, 3), Ok(5));
        assert_eq!(reopen(&dir, 5), Ok(5));
        log.rotate(Seq(6), Salt::random()).unwrap();
        append(&mut log, 6..=8);
        assert_eq!(reopen(&dir, 0), Ok(8));
        Log::remove_older_segments(&dir).unwrap();
        assert_eq!(reopen(&dir, 5), Ok(8));
        let missing = reopen(&dir, 4).unwrap_err();
        assert!(missing.contains("the segment before it is missing"), "{missing}");
        let behind = reopen(&dir, 9).unwrap_err();
        assert!(behind.contains("it ends with batch 8, but batch 9 is known"), "{behind}");
    }

    fn set_length(path: &Path, bytes: u64) {
        OpenOptions::new().write(true).open(path).unwrap().set_len(bytes).unwrap();
    }

    #[test]
    fn a_segment_that_ends_anywhere_is_cut_behind_its_last_whole_batch_and_goes_on() {
        let (_parent, whole, mut log) = create();
        let mut ends = vec![log.bytes() as usize];
        for number in 1..=3 {
            append(&mut log, number..=number);
            ends.push(log.bytes() as usize);
        }
        let segment = only_segment(&whole);
        let contents = fs::read(&segment).unwrap();
        for length in ends[0]..ends[3] {
            let (dir, path) = with_segment(&segment, &contents[..length]);
            let survivors = ends.iter().filter(|end| **end <= length).count() as u64 - 1;
            assert_eq!(reopen(dir.path(), 0), Ok(survivors), "of {length} bytes");
            assert_eq!(fs::metadata(&path).unwrap().len(), ends[survivors as usize] as u64);
            let (mut log, _) = Log::open(dir.path(), Seq(0), &mut |_| ()).unwrap();
            append(&mut log, survivors + 1..=survivors + 2);
            assert_eq!(reopen(dir.path(), 0), Ok(survivors + 2));
        }
    }

    #[test]
    fn room_is_made_ahead_and_taken_up_again() {
        let (_parent, dir, mut log) = create();
        append(&mut log, 1..=2);
        let segment = only_segment(&dir);
        let length = || fs::metadata(&segment).unwrap().len();
        let room = length();
        assert!(room > *ROOM_BYTES.start() && room > log.bytes(), "{room}");
        let (mut log, last) = Log::open(&dir, Seq(0), &mut |_| ()).unwrap();
        assert_eq!((last, length()), (Seq(2), room), "zeros are no torn batch");
        append(&mut log, 3..=100);
        assert_eq!((reopen(&dir, 0), length()), (Ok(100), room));
        append(&mut log, 101..=500);
        assert!(log.bytes() > room && length() > log.bytes());
        let full = log.bytes();
        log.rotate(Seq(501), Salt::random()).unwrap();
        assert_eq!(length(), full, "the room is given back");
        append(&mut log, 501..=502);
        assert_eq!(reopen(&dir, 0), Ok(502));
        set_length(&segment, full + room);
        assert_eq!(reopen(&dir, 0), Ok(502), "a segment before the last may end with zeros too");
    }

    /// As when a group's write reached some bytes in the room, and then the process was killed.
    #[test]
    fn a_batch_that_tears_anywhere_in_the_room_is_cut_and_the_log_goes_on() {
        let (_parent, whole, mut log) = create();
        let mut ends = vec![log.bytes() as usize];
        for number in 1..=3 {
            append(&mut log, number..=number);
            ends.push(log.bytes() as usize);
        }
        let segment = only_segment(&whole);
        let contents = fs::read(&segment).unwrap();
        for written in ends[0]..ends[3] {
            let mut torn = contents.clone();
            torn[written..].fill(0);
            // Zeros at a batch's end are its own as well as the room's: with them it is whole.
            let survivors = ends.iter().filter(|end| torn[..**end] == contents[..**end]).count() - 1;
            let (dir, _) = with_segment(&segment, &torn);
            let (mut log, last) = Log::open(dir.path(), Seq(0), &mut |_| ()).unwrap();
            let place = (log.bytes() as usize, last);
            assert_eq!(place, (ends[survivors], Seq(survivors as u64)), "of {written} bytes");
            // Syncs cost time, and where the next batch goes is known from the above.
            if written % 10 == 0 {
                append(&mut log, last.0 + 1..=last.0 + 2);
                assert_eq!(reopen(dir.path(), 0), Ok(last.0 + 2));
            }
        }
    }

    #[test]
    fn a_batch_that_is_all_zeros_but_for_its_record_is_none_of_the_room() {
        let (_parent, dir, mut log) = create();
        let mut zeros = Batch::new();
        zeros.put(Space::ALL[0], [0; 64], vec![0; 4096]);
        let mut records = Vec::new();
        encode(&mut records, log.salt(), Seq(1), Seq(0), &zeros).unwrap();
        log.append(&records).unwrap();
        let end = log.bytes();
        // The file had not grown yet beyond the record's last byte that is none: the rest are zeros as well.
        for length in [end, end - 4096] {
            set_length(&only_segment(&dir), length);
            let mut replayed = Vec::new();
            let opened = Log::open(&dir, Seq(0), &mut |batch| replayed.push(batch));
            let expected = if length == end { vec![zeros.clone()] } else { Vec::new() };
            assert_eq!((opened.unwrap().1, replayed), (Seq(expected.len() as u64), expected));
        }
    }

    #[test]
    fn a_write_that_fails_is_told_and_what_was_written_before_it_stays() {
        let (_parent, dir, mut log) = create();
        append(&mut log, 1..=2);
        let bytes = log.bytes();
        // As a disk that has become read-only does.
        log.file = File::open(only_segment(&dir)).unwrap();
        let mut records = Vec::new();
        encode(&mut records, log.salt(), Seq(3), Seq(2), &batch(3)).unwrap();
        let told = log.append(&records).unwrap_err().message;
        assert!(told.starts_with("cannot write ") && told.contains(".log"), "{told}");
        assert_eq!((log.bytes(), reopen(&dir, 0)), (bytes, Ok(2)));
        let told = log.rotate(Seq(3), Salt::random()).unwrap_err().message;
        assert!(told.starts_with("cannot shorten "), "{told}");
        assert_eq!(reopen(&dir, 0), Ok(2), "no segment is begun behind one that failed");
    }

    #[test]
    fn a_batch_that_was_durable_and_is_damaged_is_refused_wherever_the_damage_is() {
        let (_parent, whole, mut log) = create();
        append(&mut log, 1..=2);
        let damageable = log.bytes() as usize;
        append(&mut log, 3..=3);
        let segment = only_segment(&whole);
        let contents = fs::read(&segment).unwrap();
        for at in 0..damageable {
            let mut contents = contents.clone();
            contents[at] ^= 0x40;
            let (dir, path) = with_segment(&segment, &contents);
            let refusal = reopen(dir.path(), 0).unwrap_err();
            assert!(refusal.contains("is damaged: ") && refusal.contains("from a copy"), "{at}: {refusal}");
            assert_eq!(fs::read(&path).unwrap(), contents, "what is refused is left as it is");
        }
    }

    /// Power fails while a group is being synced: each sector of it has reached the disk or not, and the file has grown so far or not.
    #[test]
    fn an_unsynced_group_of_which_the_disk_wrote_any_sectors_leaves_a_prefix() {
        const SECTOR_BYTES: usize = 512;
        let mut survivors = Vec::new();
        for seed in 0..300 {
            let mut random = fastrand::Rng::with_seed(seed);
            let (_parent, dir, mut log) = create();
            let synced = random.u64(1..4);
            append(&mut log, 1..=synced);
            let synced_bytes = log.bytes() as usize;
            let mut records = Vec::new();
            for number in synced + 1..=synced + 40 {
                encode(&mut records, log.salt(), Seq(number), Seq(synced), &batch(number)).unwrap();
            }
            log.append(&records).unwrap();
            let path = only_segment(&dir);
            let mut contents = fs::read(&path).unwrap();
            let (end, room) = (log.bytes() as usize, contents.len());
            contents.truncate(random.usize(synced_bytes..=end));
            let length = contents.len();
            for sector in (0..length).step_by(SECTOR_BYTES) {
                if random.u8(..8) == 0 {
                    let end = (sector + SECTOR_BYTES).min(length);
                    contents[sector.max(synced_bytes).min(end)..end].fill(0);
                }
            }
            // Or it had grown before.
            contents.resize(if random.bool() { length } else { room }, 0);
            fs::write(&path, &contents).unwrap();
            let last = reopen(&dir, 0).unwrap();
            assert!(last >= synced, "seed {seed}: {last} of {synced} synced");
            survivors.push(last - synced);
        }
        assert!(survivors.contains(&0) && survivors.iter().any(|count| *count > 20), "{survivors:?}");
    }

    #[test]
    fn a_segment_that_a_crash_kept_from_being_begun_is_dropped_and_one_before_it_must_be_whole() {
        for written in [&b""[..], b"PONTLOG", &[0; HEADER_BYTES]] {
            let (_parent, dir, mut log) = create();
            append(&mut log, 1..=3);
            fs::write(dir.join("00000000000000000004.log"), written).unwrap();
            assert_eq!(reopen(&dir, 0), Ok(3));
            only_segment(&dir);
        }
        let (_parent, dir, mut log) = create();
        append(&mut log, 1..=3);
        let length = log.bytes();
        let first = only_segment(&dir);
        log.rotate(Seq(4), Salt::random()).unwrap();
        set_length(&first, length - 1);
        let refusal = reopen(&dir, 0).unwrap_err();
        assert!(refusal.contains("batch 3 is broken, although the next segment was begun"), "{refusal}");
    }

    #[test]
    fn hostile_payloads_decode_to_nothing_or_to_a_batch_but_never_panic() {
        let mut records = Vec::new();
        encode(&mut records, Salt(7), Seq(1), Seq(0), &batch(1)).unwrap();
        let payload = &records[RECORD_HEADER_BYTES..];
        assert_eq!(decode(payload), Some(batch(1)));
        for length in 0..payload.len() {
            // Cut between two writes it is a shorter batch.
            assert_ne!(decode(&payload[..length]), Some(batch(1)));
        }
        assert_eq!(decode(&[Space::ALL.len() as u8, 0, 0, 0, 0]), None);
        assert_eq!(decode(&[0, 0xff, 0xff, 0xff, 0xff]), None);
    }
}
