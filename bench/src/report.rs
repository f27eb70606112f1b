//! What was measured, as a table or JSON.

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

/// Prints figures for people or, with `json`, for programs.
pub fn print(figures: &[Figure], json: bool) {
    if json {
        let listed: Vec<_> = figures
            .iter()
            .map(|figure| {
                serde_json::json!({
                    "name": figure.name,
                    "value": figure.value,
                    "unit": figure.unit,
                    "ratio": figure.ratio.map(|(ratio, _)| ratio),
                    "limit": figure.ratio.map(|(_, limit)| limit),
                    "note": figure.note,
                })
            })
            .collect();
        println!("{}", serde_json::Value::Array(listed));
        return;
    }
    let width = figures.iter().map(|figure| figure.name.chars().count()).max().unwrap_or(0);
    for Figure { name, value, unit, ratio, note } in figures {
        let ratio = ratio.map_or(String::new(), |(ratio, limit)| format!("{ratio:.2} x {limit}"));
        println!("{name:<width$}  {:>12} {unit:<6}  {ratio:<28}  {note}", number(*value));
    }
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
