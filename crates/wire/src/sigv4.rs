//! Signature Version 4: who signed a request, and whether they did.

pub mod scope;
