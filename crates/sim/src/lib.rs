//! Simulation of the whole engine: every service, on a clock of its own and a store that fails as disks do.
//!
//! A [`Simulation`] makes random commands, lets time pass, injects faults and crashes, and holds what the engine does against a [`Model`] that
//! does the same in the plainest way. All of it follows from one seed, so that a failure can be repeated.
//!
//! Invariant: after a crash the engine's state is the model's at one of the commands since the last sync: acknowledged effects are all there, others
//! vanish from the end only.

pub mod delivery;
mod model;
mod queues;
mod simulation;
mod system;
mod world;

pub use model::Model;
pub use simulation::Simulation;
