//! Simulation and crash tests of the whole engine.
