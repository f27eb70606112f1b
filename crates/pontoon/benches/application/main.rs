//! What the crate costs: envelopes, validation, handling and publishing, the last against a bare SDK client in the same run.
//!
//! `cargo bench -p pontoon` measures; in the test suite each measurement runs a few times only, so that it cannot rot. Every measurement
//! checks its result, so that a wrong answer is not a fast one.

mod envelope;
mod handle;
mod measure;
mod publish;

use measure::Size;

fn main() {
    let size = if std::env::args().any(|argument| argument == "--bench") { Size::Full } else { Size::Small };
    envelope::run(size);
    handle::run(size);
    publish::run(size);
}
