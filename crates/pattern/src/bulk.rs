//! Passes over long objects and arrays that nobody asks for, 64 bytes at a time, and takes only what is JSON.
//!
//! Nothing goes from token to token. With few operations on words it is computed which bytes of a block are of a kind, and where what follows each kind of
//! token begins; that must be of a kind that may follow. Only what depends on the object or array around it is left to a loop over the brackets: in an
//! object a comma is followed by a name, in an array by none. A string behind a comma is a name when a colon follows it.
//!
//! Whatever is unusual is left to the scanner: this gives up rather than take what the scanner would not take.

use crate::block::{BLOCK, Block};

/// Levels that may be open at once.
pub(crate) const LEVELS_MAX: usize = 64;

/// The objects and arrays that are open.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Open {
    /// Which of them are objects, the innermost in the lowest bit.
    pub(crate) objects: u64,
    /// How many there are, at least one and at most [`LEVELS_MAX`].
    pub(crate) levels: usize,
}

/// Passes from behind a comma to behind the bracket that closes the outermost of what is open, or gives up. `leaf_end` reads a number or a word, and says where
/// it ends. `PLAIN` where the text has neither escapes nor control characters.
pub(crate) fn pass<const PLAIN: bool>(
    bytes: &[u8],
    at: usize,
    open: Open,
    leaf_end: impl Fn(usize) -> Option<usize>,
) -> Option<usize> {
    let mut bulk = Bulk { bytes, at, open, before: Before { comma: 1, ..Before::default() }, leaf_end };
    loop {
        let rest = bytes.get(bulk.at..)?;
        let Some(block) = rest.first_chunk() else {
            let mut last = [b' '; BLOCK];
            last[..rest.len()].copy_from_slice(rest);
            return bulk.block::<PLAIN>(&last)?;
        };
        if let Some(end) = bulk.block::<PLAIN>(block)? {
            return Some(end);
        }
        bulk.at += BLOCK;
    }
}

struct Bulk<'a, F> {
    bytes: &'a [u8],
    /// Where the block begins.
    at: usize,
    open: Open,
    before: Before,
    leaf_end: F,
}

/// What of the blocks before shows in the next one. What is no place in the text is a bit that stands before the lowest one.
#[derive(Debug, Default)]
struct Before {
    /// All bits, if a string goes on.
    in_string: u64,
    escape: u64,
    /// What follows these is still to come.
    brace: u64,
    bracket: u64,
    comma: u64,
    colon: u64,
    name: u64,
    item: u64,
    value: u64,
    /// A string that must be a name, or one that must be none, goes on.
    in_name: u64,
    in_value: u64,
    atom: u64,
    digit: u64,
    minus: u64,
    point: u64,
    in_fraction: u64,
    zero: u64,
    /// Where the last atom began, and up to where atoms were read one by one.
    atom_start: usize,
    read_to: usize,
}

/// The bytes of a block by what they are; all but strings and their quotes stand outside of strings.
#[derive(Clone, Copy)]
struct Kinds {
    /// From a quote up to before the one that ends the string.
    strings: u64,
    quotes: u64,
    blank: u64,
    opening: u64,
    closing: u64,
    /// Where there is a bracket: it is an object's.
    braces: u64,
    comma: u64,
    colon: u64,
    /// Numbers, words, and what is neither.
    atoms: u64,
    /// The bytes that follow bytes of atoms.
    behind_atoms: u64,
}

/// What there is of evidence against the text.
#[derive(Clone, Copy)]
struct Wrong {
    anywhere: u64,
    in_objects: u64,
    in_arrays: u64,
}

/// Each bit moved to the next byte.
#[inline(always)]
fn next(bits: u64, before: &mut u64) -> u64 {
    let moved = bits << 1 | *before;
    *before = bits >> 63;
    moved
}

/// The first bytes at or behind each of `bits` that are none of `run`: a carry runs through a row of ones.
#[inline(always)]
fn through(bits: u64, run: u64, before: &mut u64) -> u64 {
    let (sum, carry) = (bits | *before).overflowing_add(run);
    *before = u64::from(carry);
    sum & !run
}

/// Where what follows tokens begins, behind the blanks, given their last bytes.
#[inline(always)]
fn following(last: u64, blank: u64, before: &mut u64) -> u64 {
    let (sum, carry) = (last << 1 | *before).overflowing_add(blank);
    *before = last >> 63 | u64::from(carry);
    sum & !blank
}

/// From every other bit up to before the next one.
#[inline(always)]
fn between(bits: u64) -> u64 {
    [1, 2, 4, 8, 16, 32].into_iter().fold(bits, |bits, shift| bits ^ bits << shift)
}

/// The bits below one, which may be beyond the highest.
fn below(bit: usize) -> u64 {
    u32::try_from(bit).ok().and_then(|bit| 1_u64.checked_shl(bit)).map_or(!0, |bit| bit - 1)
}

impl<F: Fn(usize) -> Option<usize>> Bulk<'_, F> {
    /// Checks a block; the end, if it is in it.
    #[inline(always)]
    fn block<const PLAIN: bool>(&mut self, bytes: &[u8; BLOCK]) -> Option<Option<usize>> {
        let block = Block::new(bytes);
        let kinds = self.kinds::<PLAIN>(block)?;
        // Most events have no blanks, and what looks for some is left out where it is known that there are none.
        let mut wrong =
            if kinds.blank == 0 { self.order(Kinds { blank: 0, ..kinds }) } else { self.order(kinds) };
        wrong.anywhere |= self.atoms(block, kinds)?;
        self.brackets(kinds, wrong)
    }

    #[inline(always)]
    fn kinds<const PLAIN: bool>(&mut self, block: Block) -> Option<Kinds> {
        let (mut quotes, mut blank, mut refused) = (block.equal(b'"'), block.equal(b' '), [0, 0]);
        if !PLAIN && block.equal_or_at_most(b'\\', 0x1f) | self.before.escape != 0 {
            quotes &= !self.escaped(block.equal(b'\\'))?;
            blank |= block.equal(b'\t') | block.equal(b'\n') | block.equal(b'\r');
            refused = [block.at_most(0x1f), block.equal(b'\\')];
        }
        let strings = between(quotes) ^ self.before.in_string;
        self.before.in_string = 0_u64.wrapping_sub(strings >> 63);
        let outside = !(strings | quotes);
        // Control characters in strings, and escapes elsewhere.
        if refused[0] & strings | refused[1] & outside != 0 {
            return None;
        }
        let brackets = block.with(b' ');
        let (opening, closing) = (brackets.equal(b'{') & outside, brackets.equal(b'}') & outside);
        let (comma, colon) = (block.equal(b',') & outside, block.equal(b':') & outside);
        let blank = blank & outside;
        let atoms = outside & !(blank | opening | closing | comma | colon);
        Some(Kinds {
            strings,
            quotes,
            blank,
            opening,
            closing,
            braces: !block.at_most(b']'),
            comma,
            colon,
            atoms,
            behind_atoms: next(atoms, &mut self.before.atom),
        })
    }

    /// The bytes that backslashes escape, if all may be.
    fn escaped(&mut self, backslashes: u64) -> Option<u64> {
        const EVEN: u64 = 0x5555_5555_5555_5555;
        let backslashes = backslashes & !self.before.escape;
        let follow = backslashes << 1 | self.before.escape;
        // Rows of backslashes that begin at an odd place, with a carry behind their ends.
        let (rows, carry) = (backslashes & !EVEN & !follow).overflowing_add(backslashes);
        self.before.escape = u64::from(carry);
        let escaped = (EVEN ^ rows << 1) & follow;
        let mut unchecked = escaped;
        while unchecked != 0 {
            let at = self.at + unchecked.trailing_zeros() as usize;
            let is_good = match self.bytes.get(at)? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => true,
                b'u' => self.bytes.get(at + 1..at + 5)?.iter().all(u8::is_ascii_hexdigit),
                _ => false,
            };
            if !is_good {
                return None;
            }
            unchecked &= unchecked - 1;
        }
        Some(escaped)
    }

    /// Holds each token against the one before it.
    #[inline(always)]
    fn order(&mut self, kinds: Kinds) -> Wrong {
        let Kinds { strings, quotes, blank, opening, closing, braces, comma, colon, atoms, behind_atoms } =
            kinds;
        let before = &mut self.before;
        let (begun, ended) = (quotes & strings, quotes & !strings);
        let values = begun | atoms | opening;
        let after_brace = following(opening & braces, blank, &mut before.brace);
        let after_bracket = following(opening & !braces, blank, &mut before.bracket);
        let after_comma = following(comma, blank, &mut before.comma);
        let after_colon = following(colon, blank, &mut before.colon);
        let names = through(begun & after_brace, strings, &mut before.in_name) & ended;
        let plain = through(begun & (after_bracket | after_colon), strings, &mut before.in_value) & ended;
        let after_name = following(names, blank, &mut before.name);
        // Behind a comma: names in objects and items in arrays.
        let after_item = following(ended & !(names | plain), blank, &mut before.item);
        let last = plain | closing;
        let behind = last << 1 | behind_atoms & !atoms;
        let after_value = through(behind, blank, &mut before.value);
        before.value |= last >> 63;
        let ends = comma | closing;
        Wrong {
            anywhere: after_brace & !(begun | closing)
                | after_bracket & !(values | closing)
                | (after_comma | after_colon) & !values
                | after_name & !colon
                | after_item & !(ends | colon)
                | after_value & !ends,
            in_objects: after_item & !colon | after_comma & !begun,
            in_arrays: after_item & colon,
        }
    }

    /// Checks numbers and words.
    #[inline(always)]
    fn atoms(&mut self, block: Block, Kinds { atoms, behind_atoms, .. }: Kinds) -> Option<u64> {
        // A number that is too long fills a block.
        if atoms == !0 {
            return None;
        }
        let starts = atoms & !behind_atoms;
        let digits = block.minus(b'0').at_most(9) & atoms;
        let (mut wrong, mut firsts) = (0, starts);
        let more = atoms & !digits;
        if more | self.before.minus | self.before.point | self.before.in_fraction != 0 {
            let (minus, point) = (block.equal(b'-') & more, block.equal(b'.') & more);
            let read = self.read(more & !(minus | point), starts)?;
            let (minus, point) = (minus & !read, point & !read);
            let before = &mut self.before;
            let after_minus = next(minus, &mut before.minus);
            let after_point = next(point, &mut before.point);
            let after_digit = digits << 1 | before.digit;
            let after_fraction = through(after_point, digits, &mut before.in_fraction);
            wrong = minus & !starts
                | (after_minus | after_point) & !digits
                | point & (!after_digit | after_fraction);
            firsts |= after_minus;
        }
        let zeros = block.equal(b'0') & firsts;
        wrong |= next(zeros, &mut self.before.zero) & digits;
        self.before.digit = digits >> 63;
        if starts != 0 {
            self.before.atom_start = self.at + starts.ilog2() as usize;
        }
        Some(wrong)
    }

    /// Reads the atoms one by one that hold any of these bytes: words, and numbers with exponents. The bytes of atoms that were read.
    #[inline(always)]
    fn read(&mut self, mut unread: u64, starts: u64) -> Option<u64> {
        let mut read = below(self.before.read_to.saturating_sub(self.at));
        unread &= !read;
        while unread != 0 {
            let first = unread.trailing_zeros() as usize;
            let start = match starts & below(first + 1) {
                0 => self.before.atom_start,
                starts => self.at + starts.ilog2() as usize,
            };
            let end = (self.leaf_end)(start)?;
            if !matches!(self.bytes.get(end)?, b',' | b']' | b'}' | b' ' | b'\t' | b'\n' | b'\r') {
                return None;
            }
            self.before.read_to = end;
            read |= below(end - self.at) & !below(start.saturating_sub(self.at));
            unread &= !below(end - self.at);
        }
        Some(read)
    }

    /// Follows the brackets, and judges what stands between them by what is open there.
    #[inline(always)]
    fn brackets(&mut self, kinds: Kinds, wrong: Wrong) -> Option<Option<usize>> {
        let Open { mut objects, mut levels } = self.open;
        let (mut unread, mut judged, mut found) = (kinds.opening | kinds.closing, 0, wrong.anywhere);
        let wrong_in = |objects: u64| if objects & 1 == 1 { wrong.in_objects } else { wrong.in_arrays };
        while unread != 0 {
            let up_to = unread ^ (unread - 1);
            let bracket = unread & up_to;
            unread ^= bracket;
            found |= wrong_in(objects) & up_to & !judged;
            judged = up_to;
            let is_object = u64::from(kinds.braces & bracket != 0);
            if kinds.opening & bracket != 0 {
                if levels == LEVELS_MAX {
                    return None;
                }
                objects = objects << 1 | is_object;
                levels += 1;
                continue;
            }
            if objects & 1 != is_object {
                return None;
            }
            levels -= 1;
            if levels == 0 {
                let end = self.at + up_to.count_ones() as usize;
                return (found & up_to == 0).then_some(Some(end));
            }
            objects >>= 1;
        }
        found |= wrong_in(objects) & !judged;
        self.open = Open { objects, levels };
        (found == 0).then_some(None)
    }
}

#[cfg(test)]
mod tests {
    use super::{Open, pass};
    use proptest::prelude::*;
    use serde_json::Value;

    /// Reads a number or a word as [`super::pass`] wants it read.
    fn leaf_end(text: &str, start: usize) -> Option<usize> {
        let rest = text.get(start..)?;
        let length = rest.find([',', ']', '}', ' ', '\n', '\t', '\r']).unwrap_or(rest.len());
        let leaf = serde_json::from_str::<Value>(&rest[..length]).ok()?;
        (!leaf.is_string() && !leaf.is_array() && !leaf.is_object()).then_some(start + length)
    }

    /// Where an array ends that begins with `behind` bytes more than a block, if it is taken; and what is behind it.
    fn taken(text: &str, behind: usize) -> Option<(usize, String)> {
        let text = format!("[{}1,{text}] , \"", " ".repeat(behind));
        let open = Open { objects: 0, levels: 1 };
        let start = behind + 3;
        let end = pass::<false>(text.as_bytes(), start, open, |at| leaf_end(&text, at));
        let is_plain = text.bytes().all(|byte| byte >= b' ' && byte != b'\\');
        if is_plain {
            let plain = pass::<true>(text.as_bytes(), start, open, |at| leaf_end(&text, at));
            assert_eq!(plain, end, "{text}");
        }
        end.map(|end| (end, text))
    }

    /// What is taken is JSON and ends where that ends, and nothing else that is JSON is left.
    fn check(text: &str, behind: usize) {
        let is_json = |text: &str| serde_json::from_str::<Value>(text).is_ok();
        match taken(text, behind) {
            Some((end, whole)) => assert!(is_json(&whole[..end]), "{whole} up to {end}"),
            None => assert!(!is_json(&format!("[1,{text}]")), "{text} behind {behind}"),
        }
    }

    #[test]
    fn what_is_usual_is_taken_wherever_blocks_begin() {
        let numbers = (0..40).map(|n| format!("{n}.5,-{n},[true,null,-0.25e-3,{n}E+1]"));
        let numbers = numbers.collect::<Vec<_>>().join(", ");
        let long = "x".repeat(200);
        for text in [
            r#"{"a":{"b":[],"c":{}},"d":[{},[],"e"],"f":"g"},"h""#,
            r#"{ "a" : [ "b" , { "c" : 0 } ] , "d" : { } , "e" : [ ] }"#,
            "{\n\t\"a\": \"b\",\r\n\t\"c\": [\n1,\n2 ]\n}\n",
            r#""\\\"","\\\\","a\\\"b","\u00e9\n","ä€😀","","{\"k\":[1,2]}","]","}",",",":""#,
            &numbers,
            &format!(r#""{long}\n{long}",{{"{long}":"{long}","k":1}}"#),
        ] {
            for behind in 0..130 {
                assert!(taken(text, behind).is_some(), "{text} behind {behind}");
                check(text, behind);
            }
        }
    }

    #[test]
    fn what_is_not_json_is_not_taken_wherever_blocks_begin() {
        let brackets = format!("{}1{}", "[".repeat(70), "]".repeat(70));
        let digits = "1".repeat(1001);
        for text in [
            "1 2",
            "1,",
            ",1",
            "1,,2",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{\"a\":1,2}",
            "{\"a\":1,\"b\"}",
            "{1:2}",
            "{\"a\",1}",
            "{\"a\":1 \"b\":2}",
            "{\"a\":\"b\":1}",
            "[\"a\":1]",
            "[1,\"a\":1]",
            "\"a\":1",
            "[1}",
            "{\"a\":1]",
            "{\"a\":[1},2]",
            "[1]2",
            "[1][2]",
            "\"a\"\"b\"",
            "\"a\"1",
            "1\"a\"",
            "{}{}",
            "[]1",
            "{,}",
            "[,]",
            "{:1}",
            ":",
            "01",
            "-01",
            "00",
            "-",
            "1.",
            ".5",
            "-.5",
            "1.2.3",
            "1..2",
            "1-2",
            "--1",
            "1e",
            "1e+",
            "e1",
            "1e5e5",
            "1.5.e5",
            "+1",
            "tru",
            "truex",
            "true1",
            "xtrue",
            "nulll",
            "1x",
            "é",
            "\\",
            "\u{1}",
            "\u{b}",
            "\"\u{1}\"",
            "\"\n\"",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\"\\u12\"",
            "{\"a\":{\"b\":1,\"c\":[2,3,{\"d\":4,5}]}}",
            &brackets,
            &digits,
        ] {
            for behind in 0..130 {
                assert!(taken(text, behind).is_none(), "{text:?} behind {behind}");
            }
        }
    }

    fn token() -> impl Strategy<Value = String> {
        prop_oneof![
            4 => "\"[a\\[{:, ]{0,3}\"",
            1 => "\"(a|\\\\|\\\\\"|\\\\u00e[9x]|\\\\[nx]){0,4}\"",
            3 => "-?[0-9]{1,3}",
            2 => "[-+.0-9eE]{1,5}",
            1 => "true|false|null|[a-z]{1,5}",
            8 => "[\\[\\]{}:,]",
            1 => "[ \n]{1,3}",
        ]
    }

    /// JSON, some of whose tokens may be others.
    fn nearly_json() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            "\"[a{, ]{0,6}\"",
            "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,3})?([eE][-+]?[0-9])?",
            "true|false|null",
            "\\[\\]|\\{\\}"
        ];
        let value = leaf.prop_recursive(5, 60, 5, |inner| {
            let field = ("\"[ab]{0,9}\" ?: ?", inner.clone()).prop_map(|(name, value)| name + &value);
            prop_oneof![
                prop::collection::vec(inner, 1..6).prop_map(|items| format!("[{}]", items.join(","))),
                prop::collection::vec(field, 1..6).prop_map(|fields| format!("{{{}}}", fields.join(", "))),
            ]
        });
        (value, prop::collection::vec((any::<prop::sample::Index>(), 0..3usize, token()), 0..3)).prop_map(
            |(mut text, changes)| {
                for (at, length, token) in changes {
                    let at = at.index(text.len() + 1);
                    let end = (at + length).min(text.len());
                    text.replace_range(at..end, &token);
                }
                text
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_taken_is_json(text in nearly_json(), behind in 0..70usize) {
            check(&text, behind);
        }

        #[test]
        fn tokens_in_a_row_are_taken_only_where_they_are_json(
            tokens in prop::collection::vec(token(), 0..30),
            behind in 0..70usize,
        ) {
            check(&tokens.concat(), behind);
        }
    }
}
