//! XML in and out.

pub mod reader;
pub mod writer;

use pontoon_core::shape::Output;

use writer::{Naming, XmlWriter};

/// Appends a structure's members without an element around them.
pub(super) fn write_members(out: &mut Vec<u8>, structure: &dyn Output, naming: Naming) {
    let mut element = Vec::new();
    structure.encode(&mut XmlWriter::new(&mut element, "x", naming));
    if let Some(members) = element.strip_prefix(b"<x>").and_then(|rest| rest.strip_suffix(b"</x>")) {
        out.extend_from_slice(members);
    }
}
