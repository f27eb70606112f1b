//! What all batches share: the rules for their entries, and the shape of a failed one.

use pontoon_api::sqs::BatchResultErrorEntry;

use crate::Error;

/// How many entries a batch may have.
const ENTRIES_MAX: usize = 10;

/// Checks the number of entries and their ids; `entry` is the entries' type, which AWS names in the error for an empty batch.
pub fn check<'a>(ids: impl ExactSizeIterator<Item = &'a str>, entry: &'static str) -> Result<(), Error> {
    match ids.len() {
        0 => return Err(Error::EmptyBatchRequest(entry)),
        count if count > ENTRIES_MAX => return Err(Error::TooManyEntriesInBatchRequest(count)),
        _ => {}
    }
    let mut seen: Vec<&str> = Vec::with_capacity(ENTRIES_MAX);
    for id in ids {
        let valid = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if id.is_empty() || id.len() > 80 || !id.chars().all(valid) {
            return Err(Error::InvalidBatchEntryId);
        }
        if seen.contains(&id) {
            return Err(Error::BatchEntryIdsNotDistinct(id.to_owned()));
        }
        seen.push(id);
    }
    Ok(())
}

/// A failed entry.
pub fn failed(id: String, error: &Error) -> BatchResultErrorEntry {
    BatchResultErrorEntry {
        id,
        sender_fault: true,
        code: error.entry_code().to_owned(),
        message: Some(error.message()),
    }
}
