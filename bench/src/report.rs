//! What was measured, line by line as it comes: a table for people, or JSON for programs.

use std::io::Write as _;

/// How wide the names' column is.
const NAME_CHARS: usize = 60;

/// One measured figure.
#[derive(Debug, Clone)]
pub struct Figure {
    /// What.
    pub name: String,
    /// How much.
    pub value: f64,
    /// Of what: `/s`, `ms`, `MiB`, …
    pub unit: &'static str,
    /// Ratio to its limit in the same run, and the limit's name.
    pub ratio: Option<(f64, &'static str)>,
    /// Further words: percentiles, the aim.
    pub note: String,
}

/// Prints each figure when it is known, so that a failure later in the run loses none.
#[derive(Debug, Clone, Copy)]
pub struct Report {
    /// Whether a line is a JSON object.
    pub json: bool,
}

impl Report {
    /// Prints a figure.
    ///
    /// # Errors
    /// If nobody takes what is printed.
    pub fn add(self, figure: Figure) -> Result<(), String> {
        let line = if self.json { in_json(&figure) } else { in_table(&figure) };
        let mut out = std::io::stdout().lock();
        writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|e| format!("cannot print: {e}"))
    }

    /// Prints a figure, if there is one.
    ///
    /// # Errors
    /// As [`Report::add`].
    pub fn add_if_known(self, figure: Option<Figure>) -> Result<(), String> {
        figure.map_or(Ok(()), |figure| self.add(figure))
    }
}

fn in_json(figure: &Figure) -> String {
    let figure = serde_json::json!({
        "name": figure.name,
        "value": figure.value,
        "unit": figure.unit,
        "ratio": figure.ratio.map(|(ratio, _)| ratio),
        "limit": figure.ratio.map(|(_, limit)| limit),
        "note": figure.note,
    });
    figure.to_string()
}

fn in_table(Figure { name, value, unit, ratio, note }: &Figure) -> String {
    let ratio = ratio.map_or(String::new(), |(ratio, limit)| format!("{ratio:.2} x {limit}"));
    format!("{name:<NAME_CHARS$}  {:>12} {unit:<6}  {ratio:<28}  {note}", number(*value))
}

/// Three significant digits at least, thousands apart.
fn number(value: f64) -> String {
    if value >= 1000.0 {
        let digits = format!("{value:.0}");
        let mut text = String::new();
        for (i, digit) in digits.chars().enumerate() {
            if i > 0 && (digits.len() - i).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        text
    } else {
        format!("{value:.2}")
    }
}
