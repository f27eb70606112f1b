//! Output for people: aligned columns, colour only on a terminal.

use std::fmt;
use std::io::{ErrorKind, IsTerminal, Write};

/// Prints a line, as `println!` does; where that would panic because nobody reads on (`pontoon trace | head`), the process ends.
macro_rules! say {
    () => { $crate::show::line(::std::format_args!("")) };
    ($($what:tt)*) => { $crate::show::line(::std::format_args!($($what)*)) };
}
pub(crate) use say;

/// What [`say!`] does.
pub fn line(what: fmt::Arguments<'_>) {
    if let Err(error) = writeln!(std::io::stdout(), "{what}") {
        // Whoever stopped reading has seen enough; any other error is one.
        std::process::exit(if error.kind() == ErrorKind::BrokenPipe { 0 } else { 74 });
    }
}

/// How a word is painted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// Less important.
    Dim,
    /// It went well.
    Good,
    /// It needs a look.
    Warning,
    /// It went wrong.
    Bad,
    /// A heading.
    Bold,
}

/// Paints `text` if standard output is a terminal that wants colour (`NO_COLOR` is honoured).
pub fn paint(paint: Paint, text: &str) -> String {
    let code = match paint {
        Paint::Dim => "2",
        Paint::Good => "32",
        Paint::Warning => "33",
        Paint::Bad => "31",
        Paint::Bold => "1",
    };
    let wanted = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    if wanted { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

/// Prints rows in aligned columns; the last column is left ragged.
pub fn table(rows: &[Vec<String>]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    for row in rows {
        let last = row.len().saturating_sub(1);
        let cells: Vec<String> = row
            .iter()
            .enumerate()
            .map(|(column, cell)| {
                if column == last { cell.clone() } else { format!("{cell:<width$}", width = widths[column]) }
            })
            .collect();
        say!("{}", cells.join("  "));
    }
}

/// The name at the end of an ARN, without account and region; anything else as it is.
pub fn short_arn(text: &str) -> String {
    match pontoon_core::Arn::parse(text) {
        Some(arn) => {
            let name = arn.resource.strip_prefix("function:").unwrap_or(arn.resource);
            let name = name.strip_prefix("event-source-mapping:").map_or_else(
                || name.to_owned(),
                // The first eight characters of its UUID tell mappings apart.
                |id| format!("mapping {}", id.get(..8).unwrap_or(id)),
            );
            format!("{} {name}", arn.service)
        }
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_are_shortened_to_service_and_name() {
        assert_eq!(short_arn("arn:aws:sqs:us-east-1:000000000000:orders"), "sqs orders");
        assert_eq!(short_arn("arn:aws:lambda:us-east-1:000000000000:function:f"), "lambda f");
        assert_eq!(short_arn("arn:aws:events:us-east-1:000000000000:rule/bus/r"), "events rule/bus/r");
        let mapping =
            "arn:aws:lambda:us-east-1:000000000000:event-source-mapping:fc996709-9ee0-4bc5-94b4-ddc0d9fd4f0e";
        assert_eq!(short_arn(mapping), "lambda mapping fc996709");
        assert_eq!(short_arn("consumer"), "consumer");
    }
}
