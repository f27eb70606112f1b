//! Metric math: expressions over metrics and other expressions.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html>. What is not supported is refused by its name.

mod eval;
mod functions;
mod parse;

pub use eval::{Env, Value, evaluate};
pub use parse::{Expr, parse};
