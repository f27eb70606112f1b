//! `wildcard`: text with `*` for any run of characters, the empty one included.

/// Stars and repetitions up to which AWS takes a wildcard. Its own bound is not published; it refuses
/// `*:*:*:*:*:event-bus/*`, which counts twelve here, and takes `/Users/*/dir/dir/dir/dir/dir/doc.txt`, which
/// counts eight (recordings `content_wildcard_complex_EXC` and `content_wildcard_repeating`).
const COMPLEXITY_MAX: usize = 11;

const TOO_COMPLEX: &str = "Rule is too complex - try using fewer wildcard characters or fewer repeating character \
                           sequences after a wildcard character";

/// A compiled wildcard: the literal runs between its stars.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Wildcard {
    source: Box<str>,
    runs: Box<[Box<str>]>,
}

/// Why a wildcard was refused; AWS names the place in the text for one kind of fault and not for the other.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum WildcardFault {
    Syntax(String),
    Complexity(&'static str),
}

impl Wildcard {
    /// Reads `*`, `\*` and `\\`; positions in faults count bytes of the text in its quotes, as AWS counts them.
    pub(crate) fn parse(source: &str) -> Result<Self, WildcardFault> {
        let mut runs = vec![String::new()];
        let mut chars = source.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            let next = chars.peek().map(|&(_, next)| next);
            match c {
                '*' if next == Some('*') => {
                    return Err(WildcardFault::Syntax(format!(
                        "Consecutive wildcard characters at pos {}",
                        at + 1
                    )));
                }
                '*' => runs.push(String::new()),
                '\\' => match next {
                    Some(escaped @ ('*' | '\\')) => {
                        chars.next();
                        push(&mut runs, escaped);
                    }
                    _ => {
                        return Err(WildcardFault::Syntax(format!(
                            "Invalid escape character at pos {}",
                            at + 1
                        )));
                    }
                },
                c => push(&mut runs, c),
            }
        }
        let wildcard =
            Self { source: source.into(), runs: runs.into_iter().map(String::into_boxed_str).collect() };
        Ok(wildcard)
    }

    /// # Errors
    /// When too many stars and repetitions could be undecided at once while a value is read.
    pub(crate) fn check_complexity(&self) -> Result<(), WildcardFault> {
        let stars = self.runs.len() - 1;
        let after_stars = &self.runs[1..];
        let undecided: usize = after_stars.iter().map(|run| repetitions(run.as_bytes())).sum();
        let last_is_star = self.runs.last().is_some_and(|run| run.is_empty());
        let complexity = 2 * stars - usize::from(stars > 0 && last_is_star) + undecided;
        if complexity > COMPLEXITY_MAX { Err(WildcardFault::Complexity(TOO_COMPLEX)) } else { Ok(()) }
    }

    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// The literal runs: the first is where the value must begin, the last is where it must end, and those between
    /// come in order. One run means that there is no star.
    pub(crate) fn runs(&self) -> &[Box<str>] {
        &self.runs
    }

    pub(crate) fn matches(&self, value: &str) -> bool {
        let [first, middle @ .., last] = &self.runs[..] else { return &*self.runs[0] == value };
        let Some(rest) = value.strip_prefix(&**first) else { return false };
        let Some(mut rest) = rest.strip_suffix(&**last) else { return false };
        // Taking each run where it occurs first leaves the most room for those that follow.
        middle.iter().all(|run| match rest.find(&**run) {
            Some(at) => {
                rest = &rest[at + run.len()..];
                true
            }
            None => false,
        })
    }
}

fn push(runs: &mut [String], c: char) {
    if let Some(run) = runs.last_mut() {
        run.push(c);
    }
}

/// How many beginnings of `run` can be under way at once inside it: one, and one more for each that is also the
/// ending of a longer beginning (the chain of Knuth, Morris and Pratt's failure function).
fn repetitions(run: &[u8]) -> usize {
    let mut failure = vec![0usize; run.len()];
    let mut depth = vec![0usize; run.len() + 1];
    let mut deepest = 0;
    for end in 1..=run.len() {
        if end > 1 {
            let mut border = failure[end - 2];
            while border > 0 && run[border] != run[end - 1] {
                border = failure[border - 1];
            }
            failure[end - 1] = border + usize::from(run[border] == run[end - 1]);
        }
        depth[end] = 1 + depth[failure[end - 1]];
        // The whole run is the star that follows it, which is counted there.
        if end < run.len() {
            deepest = deepest.max(depth[end]);
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::{Wildcard, WildcardFault};

    #[test]
    fn stars_match_any_run_and_escapes_match_themselves() {
        for (source, value, expected) in [
            ("a*", "a", true),
            ("a*c", "ac", true),
            ("a*b*c", "aXbYbc", true),
            ("a*a", "a", false),
            ("*ab*ab", "abab", true),
            ("*ab*ab", "aab", false),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            (r"a\*c", "a*c", true),
            (r"a\*c", "abc", false),
            (r"a\\*", r"a\bc", true),
            ("*é*", "caféx", true),
        ] {
            assert_eq!(Wildcard::parse(source).unwrap().matches(value), expected, "{source} on {value}");
        }
    }

    #[test]
    fn faults_name_the_position_in_the_quoted_text() {
        let fault = |source| Wildcard::parse(source).unwrap_err();
        assert_eq!(fault("a**"), WildcardFault::Syntax("Consecutive wildcard characters at pos 2".into()));
        assert_eq!(fault(r"a\c"), WildcardFault::Syntax("Invalid escape character at pos 2".into()));
        assert_eq!(fault(r"é\"), WildcardFault::Syntax("Invalid escape character at pos 3".into()));
    }

    #[test]
    fn complexity_is_bounded_as_recorded() {
        let taken = |source| Wildcard::parse(source).unwrap().check_complexity().is_ok();
        assert!(taken("/Users/*/dir/dir/dir/dir/dir/doc.txt"));
        assert!(taken("arn:aws:events:us-east-1:*:event-bus/*"));
        assert!(!taken("*:*:*:*:*:event-bus/*"));
        assert!(!taken("*aaaaaaaaaaaaaaaaaaaaaaaa"));
    }
}
