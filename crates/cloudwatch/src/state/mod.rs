//! The nouns of CloudWatch and how they change: pure, no wire types, no store.

pub mod aggregate;
pub mod alarm;
pub mod evaluation;
pub mod math;
pub mod metric;
pub mod period;
pub mod reason;
pub mod series;
pub mod statistic;
pub mod unit;
