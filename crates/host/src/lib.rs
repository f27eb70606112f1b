//! Assembles the engine: routes hops, timers, deliveries and traces.
