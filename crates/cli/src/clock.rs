//! `pontoon clock`: freezes, advances and resumes the clock of a server started with `--virtual-clock`.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::client::{Client, Target};

use crate::show::say;

/// `pontoon clock`.
#[derive(Debug, Args)]
pub struct Clock {
    /// What to do; shows the time if left out.
    #[command(subcommand)]
    pub change: Option<Change>,
    #[command(flatten)]
    pub target: Target,
}

/// What to do with the clock.
#[derive(Debug, Subcommand)]
pub enum Change {
    /// Stop it where it is.
    Freeze,
    /// Set it forward, and return when everything that fell due has settled.
    Advance {
        /// How far: `90s`, `15m`, `2h30m`, `4d`, `250ms`.
        #[arg(value_parser = duration)]
        by: Duration,
    },
    /// Let it run on.
    Resume,
}

/// Reads a duration such as `2h30m`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text} is not a duration such as 90s, 15m, 2h30m, 4d or 250ms");
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, after) = rest.split_at(digits);
        let unit_end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let millis = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(wrong()),
        };
        total += Duration::from_millis(number.checked_mul(millis).ok_or_else(wrong)?);
        rest = after;
    }
    if text.is_empty() { Err(wrong()) } else { Ok(total) }
}

/// Changes or shows the clock.
///
/// # Errors
/// If the server does not answer, or its clock is the machine's.
pub async fn run(clock: Clock) -> Result<(), String> {
    let client = Client::new(&clock.target);
    let answer = match clock.change {
        None => client.get("clock").await?,
        Some(Change::Freeze) => client.post("clock/freeze").await?,
        Some(Change::Resume) => client.post("clock/resume").await?,
        Some(Change::Advance { by }) => {
            client.post(&format!("clock/advance?millis={}", by.as_millis())).await?
        }
    };
    if clock.target.json {
        say!("{answer}");
        return Ok(());
    }
    let frozen = answer.get("frozen").and_then(Value::as_bool) == Some(true);
    let now = answer.get("now").and_then(Value::as_str).unwrap_or_default();
    let kind = answer.get("kind").and_then(Value::as_str).unwrap_or_default();
    say!("{now}  {kind} clock, {}", if frozen { "frozen" } else { "running" });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_in_their_usual_spelling() {
        assert_eq!(duration("15m"), Ok(Duration::from_secs(900)));
        assert_eq!(duration("2h30m"), Ok(Duration::from_secs(9000)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        for wrong in ["", "15", "m", "1y", "-1s", "99999999999999999999d"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
