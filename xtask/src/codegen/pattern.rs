//! The models' regular expressions, which are Java's, in the syntax of the `regex` crate.

use std::fmt::Write as _;
use std::iter::Peekable;
use std::str::Chars;

/// Patterns with look-around, which the engine does not have, and patterns without that match the same texts.
const EQUIVALENT: &[(&str, &str)] = &[
    // Lambda's alias: not a number.
    (r"(?!^[0-9]+$)([a-zA-Z0-9-_]+)", r"[0-9]*[a-zA-Z-_][a-zA-Z0-9-_]*"),
    // Lambda's alias or version of a function URL: the same.
    (r"((?!^\d+$)^[0-9a-zA-Z-_]+$)", r"[0-9]*[a-zA-Z-_][a-zA-Z0-9-_]*"),
    // Lambda's bucket: no dot at the end.
    (r"[0-9A-Za-z\.\-_]*(?<!\.)", r"([0-9A-Za-z\.\-_]*[0-9A-Za-z\-_])?"),
    // A DocumentDB collection, for Lambda: does not begin with `system.`.
    (
        r"(^(?!(system\x2e)))(^[_a-zA-Z0-9])([^$]*)",
        r"[_a-rt-zA-Z0-9][^$]*|s|s[^y$][^$]*|sy|sy[^s$][^$]*|sys|sys[^t$][^$]*|syst|syst[^e$][^$]*|syste|syste[^m$][^$]*|system|system[^.$][^$]*",
    ),
    // EventBridge's source of an event, for Scheduler: not AWS's own, or a path.
    (
        r"^(?=[/\.\-_A-Za-z0-9]+)((?!aws\.).*)|(\$(\.[\w_-]+(\[(\d+|\*)\])*)*)$",
        r"[/\.\-_b-zA-Z0-9].*|a|a[^w].*|aw|aw[^s].*|aws|aws[^.].*|(\$(\.[\w_-]+(\[(\d+|\*)\])*)*)",
    ),
    // The same for Pipes, which looks for it anywhere: whatever comes before, what follows need not be AWS's own, so anything but nothing fits.
    (
        r".*(?=[/\.\-_A-Za-z0-9]+)((?!aws\.).*)|(\$(\.[\w/_-]+(\[(\d+|\*)\])*)*).*",
        r".*[/\.\-_A-Za-z0-9].*|\$.*",
    ),
    // A path parameter of Pipes: not blank.
    (r"(?!\s*$).+|(\$(\.[\w/_-]+(\[(\d+|\*)\])*)*)", r".*\S.*"),
    // EventBridge's path parameter: not blank.
    (r"^(?!\s*$).+", r".*\S.*"),
];

/// The pattern in the `regex` crate's syntax, matching the whole text.
///
/// # Errors
/// If it can neither be translated nor has an equivalent.
pub fn translate(model: &str) -> Result<String, String> {
    let equivalent = EQUIVALENT.iter().find(|(pattern, _)| *pattern == model);
    let java = equivalent.map_or(model, |(_, equivalent)| equivalent);
    let mut text = String::from(r"\A(?:");
    let mut chars = java.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '[' => text.push_str(&class(&mut chars).map_err(|what| format!("{what} in pattern {java}"))?),
            '\\' => {
                let escape = escape(&mut chars).ok_or(format!("dangling backslash in pattern {java}"))?;
                text.push_str(&outside_class(&escape));
            }
            // Java's dot stops at every line terminator, not at `\n` alone.
            '.' => text.push_str(r"[^\n\r\x{85}\x{2028}\x{2029}]"),
            _ => text.push(c),
        }
    }
    text.push_str(r")\z");
    regex::RegexBuilder::new(&text)
        .build()
        .map_err(|error| format!("pattern {java} cannot be run, give an equivalent: {error}"))?;
    Ok(text)
}

/// What a backslash and what follows it mean.
enum Escape {
    /// One character.
    Char(char),
    /// A class: the text to put inside brackets.
    Inside(&'static str),
    /// A class that is a complement: the text to put inside brackets after `^`.
    NotInside(&'static str),
    /// A Unicode property, as it stands.
    Property(String),
    /// Anything else, as it stands (`\b`, `\n`).
    Other(char),
}

fn escape(chars: &mut Peekable<Chars<'_>>) -> Option<Escape> {
    const SPACE: &str = r" \t\n\x0B\f\r";
    Some(match chars.next()? {
        // Java's `\w`, `\d` and `\s` are ASCII.
        'w' => Escape::Inside("a-zA-Z0-9_"),
        'd' => Escape::Inside("0-9"),
        's' => Escape::Inside(SPACE),
        'W' => Escape::NotInside("a-zA-Z0-9_"),
        'D' => Escape::NotInside("0-9"),
        'S' => Escape::NotInside(SPACE),
        'u' => Escape::Char(hex(chars, 4)?),
        'x' => Escape::Char(hex(chars, 2)?),
        'p' => {
            let name: String = std::iter::from_fn(|| chars.next_if(|c| *c != '}')).skip(1).collect();
            chars.next();
            match name.as_str() {
                "Print" => Escape::Inside(r"\x20-\x7E"),
                _ => Escape::Property(format!(r"\p{{{name}}}")),
            }
        }
        c if c.is_ascii_alphanumeric() => Escape::Other(c),
        c => Escape::Char(c),
    })
}

/// The character of so many hexadecimal digits. Surrogates have none: they stand for `U+10000`, the first character beyond the basic plane, and the
/// ranges that they delimit are put right by [`class`].
fn hex(chars: &mut Peekable<Chars<'_>>, digits: usize) -> Option<char> {
    let text: String = chars.by_ref().take(digits).collect();
    let code = u32::from_str_radix(&text, 16).ok()?;
    Some(match code {
        0xD800 | 0xDC00 => '\u{10000}',
        0xDBFF | 0xDFFF => '\u{10FFFF}',
        _ => char::from_u32(code)?,
    })
}

fn outside_class(escape: &Escape) -> String {
    match escape {
        Escape::Char(c) => regex::escape(&c.to_string()),
        Escape::Inside(set) => format!("[{set}]"),
        Escape::NotInside(set) => format!("[^{set}]"),
        Escape::Property(text) => text.clone(),
        // An ASCII word boundary, as words are ASCII.
        Escape::Other('b') => r"(?-u:\b)".to_owned(),
        Escape::Other(c) => format!(r"\{c}"),
    }
}

/// The rest of a bracketed class, whose `[` has been read.
fn class(chars: &mut Peekable<Chars<'_>>) -> Result<String, String> {
    // What Java reads in `\uD800\uDC00-\uDBFF\uDFFF` are two surrogate pairs with a dash between.
    let rest: String = chars.clone().collect();
    if let Some(tail) = rest.find(']')
        && let Some(pairs) = rest.find(r"\uD800\uDC00-\uDBFF\uDFFF").filter(|at| *at < tail)
    {
        let replaced = format!("{}\u{10000}-\u{10FFFF}{}", &rest[..pairs], &rest[pairs + 25..tail]);
        chars.nth(rest[..tail].chars().count());
        return class_body(&mut format!("{replaced}]").chars().peekable());
    }
    class_body(chars)
}

fn class_body(chars: &mut Peekable<Chars<'_>>) -> Result<String, String> {
    let mut text = String::from("[");
    if chars.next_if_eq(&'^').is_some() {
        text.push('^');
    }
    let mut after_set = false;
    loop {
        match chars.next().ok_or("an unclosed class")? {
            ']' => return Ok(text + "]"),
            '[' => return Err("a nested class".to_owned()),
            '&' if chars.peek() == Some(&'&') => return Err("an intersection".to_owned()),
            // A dash next to a set such as `\w` or at either end is itself.
            '-' if after_set || matches!(text.as_str(), "[" | "[^") || chars.peek() == Some(&']') => {
                text.push_str(r"\-");
                after_set = false;
            }
            '-' => {
                text.push('-');
                if let Some('\\') = chars.peek() {
                    continue;
                }
            }
            '\\' => match escape(chars).ok_or("a dangling backslash")? {
                Escape::Char(c) => {
                    let _ = write!(text, r"\x{{{:X}}}", u32::from(c));
                    after_set = false;
                }
                Escape::Inside(set) => {
                    text.push_str(set);
                    after_set = true;
                }
                Escape::NotInside(set) => {
                    let _ = write!(text, "[^{set}]");
                    after_set = true;
                }
                Escape::Property(property) => {
                    text.push_str(&property);
                    after_set = true;
                }
                Escape::Other(c) => {
                    text.push('\\');
                    text.push(c);
                    after_set = false;
                }
            },
            c => {
                text.push(c);
                // The end of a range cannot begin another: in `a-z-_` the second dash is itself.
                after_set = ends_range(&text);
            }
        }
    }
}

/// Whether the text of a class ends with a range.
fn ends_range(text: &str) -> bool {
    let mut back = text.chars().rev();
    back.next();
    back.next() == Some('-') && back.next() != Some('\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(java: &str, matching: &[&str], not_matching: &[&str]) {
        let regex = regex::Regex::new(&translate(java).unwrap()).unwrap();
        for text in matching {
            assert!(regex.is_match(text), "{java} must match {text:?}");
        }
        for text in not_matching {
            assert!(!regex.is_match(text), "{java} must not match {text:?}");
        }
    }

    #[test]
    fn java_classes_mean_the_same_after_translation() {
        check(r"[\.\-_A-Za-z0-9]+", &["a.b-c_9"], &["", "a b", "ä", "a\n"]);
        check(r"[\w+=,.@-]*", &["", "a+b-c@d"], &["é", "a b"]);
        check(r"[a-zA-Z0-9-_]+", &["a-b_c"], &["a.b"]);
        check(r"[^\s]+", &["é!"], &["a b", "a\t"]);
        check(r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*", &["é 9_-", "日本"], &["a\u{7}", "a;b"]);
        check(
            r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*",
            &["a\n", "\u{1F600}"],
            &["\u{1}", "\u{FFFF}"],
        );
        check(r"(\u002F)|(\u002F[\u0021-\u007E]+\u002F)", &["/", "/a/"], &["", "/a", "a/"]);
        check(r"[ -~]+", &["a b"], &["\n"]);
    }

    #[test]
    fn alternatives_are_anchored_as_a_whole() {
        check(r"ALL|[a-z]{2}(-gov)?-[a-z]+-\d{1}", &["ALL", "us-east-1"], &["ALLx", "xus-east-1"]);
        check(r".*", &["a"], &["a\r", "a\u{2028}b"]);
    }

    #[test]
    fn look_around_needs_an_equivalent() {
        check(r"(?!^[0-9]+$)([a-zA-Z0-9-_]+)", &["1a", "a", "1-1", "_"], &["", "1", "2024"]);
        check(r"[0-9A-Za-z\.\-_]*(?<!\.)", &["", "a.b"], &["a.", "."]);
        check(r"^(?!\s*$).+", &["a", " a "], &["", "  ", "a\n"]);
        assert!(translate(r"(?!a)b").is_err());
        assert!(translate(r"[a-z&&[^b]]").is_err());
    }
}
