//! The stores behind the engine: memory, embedded, faulty.
