//! Dead letters.

mod burial;

pub use burial::Burial;
