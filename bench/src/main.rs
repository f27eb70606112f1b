//! The load generator and end-to-end benchmarks.

fn main() {}
