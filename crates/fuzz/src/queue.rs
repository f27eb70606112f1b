//! What SQS reads: attributes that hold documents of their own, receipt handles, and its records in the store.

use std::collections::BTreeMap;

use pontoon_sqs::state::attributes::Attributes;
use pontoon_sqs::state::index::read_page;
use pontoon_sqs::state::message::{Content, Header};
use pontoon_sqs::state::move_task::MoveTask;
use pontoon_sqs::state::receipt::Receipt;

/// The attributes that hold JSON.
const DOCUMENTS: [&str; 3] = ["Policy", "RedrivePolicy", "RedriveAllowPolicy"];

/// The value of a queue's attribute, of each that holds a document and of one that holds a number: what is taken is shown as it was given, and taken
/// again.
pub fn queue_attributes(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for name in DOCUMENTS.into_iter().chain(["VisibilityTimeout"]) {
        for fifo in [false, true] {
            let given = BTreeMap::from([(name.to_owned(), text.to_owned())]);
            let Ok(taken) = Attributes::of_type(fifo).with(&given) else { continue };
            let shown = taken.texts().into_iter().find(|(shown, _)| *shown == name);
            if let Some((_, shown)) = shown.filter(|_| DOCUMENTS.contains(&name)) {
                assert_eq!(shown, text, "a document is shown as it was given");
            }
            let again = taken.with(&given).map(|again| again.texts());
            assert_eq!(
                again.ok(),
                Some(taken.texts()),
                "what is taken once is taken again, and changes nothing"
            );
        }
    }
}

/// A message's content, a page of the index, a receipt handle and the handle of a move task: what reads is written back, and reads the same.
pub fn queue_records(data: &[u8]) {
    let header = Header::decode(data);
    if let Some(content) = Content::decode(data) {
        let written = content.encode();
        assert_eq!(Content::decode(&written).as_ref(), Some(&content), "a content reads back");
        if let Some(header) = header {
            let read = (header.sent_at, header.visible_at, header.group, header.carried_receives);
            let of =
                (content.sent_at, content.visible_at, content.group.as_deref(), content.carried_receives);
            assert_eq!(read, of, "a header is that of its content");
        }
    }
    if let Some(headers) = read_page(data) {
        assert!(headers.len() <= data.len() / 4, "each message of a page takes four bytes at least");
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(receipt) = Receipt::decode(text) {
        assert_eq!(receipt.encode(), text, "a handle has one form");
    }
    let _task = MoveTask::read_handle(text);
}
