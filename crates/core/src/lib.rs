//! Ids, ARNs, the clock, the step, limits, error kinds, and the store and service traits of Pontoon.
