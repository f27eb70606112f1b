//! From a pattern's text to its conditions, refusing in AWS's order and words.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::PatternError;
use crate::ip::{Block, Digits};
use crate::json::{Reader, Token};
use crate::number::{self, NumberKey};
use crate::operator::{AnythingBut, Operator, Test};
use crate::path::Path;
use crate::pattern::{Condition, Conjunction};
use crate::wildcard::{Wildcard, WildcardFault};

/// Conjunctions that the `$or` of one pattern may multiply to (EventBridge's user guide, "Or" matching).
pub const COMBINATIONS_MAX: usize = 1000;

/// Bytes of text that a pattern may have. EventBridge's API admits 4,096; SNS filter policies go up to this.
pub const PATTERN_BYTES_MAX: usize = 256 * 1024;

/// Bytes of all the paths of a pattern together, so that deep nesting cannot multiply its size.
const PATH_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Names that may not be fields inside `$or`: the operators, and those that AWS holds back for later.
const RESERVED_IN_OR: [&str; 23] = [
    "exactly",
    "equals-ignore-case",
    "prefix",
    "suffix",
    "anything-but",
    "exists",
    "wildcard",
    "numeric",
    "cidr",
    "=",
    "<",
    "<=",
    ">",
    ">=",
    "regex",
    "not-wildcard",
    "not-equals-ignore-case",
    "date-after",
    "date-on-or-after",
    "date-before",
    "date-on-or-before",
    "in-date-range",
    "ip-address-in-range",
];

const ONE_KEY_ONLY: &str = "Only one key allowed in match expression";
const TOO_MANY_ELEMENTS: &str = "Too many elements in numeric expression";
const CASE_NOT_STRING: &str = "equals-ignore-case match pattern must be a string";
const WILDCARD_NOT_STRING: &str = "wildcard match pattern must be a string";
const AFFIX_NOT_STRING: &str = "prefix/suffix match pattern must be a string";

/// The conditions of one combination of `$or` branches. The last one written for a path stands.
type Combination = BTreeMap<Arc<str>, Arc<Condition>>;

/// Whose patterns are read: the services share a matcher, but one of them knows fewer operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dialect {
    /// EventBridge's event patterns.
    #[default]
    EventBridge,
    /// SNS's filter policies: without `wildcard`, `prefix` and `suffix` with strings only, and `anything-but` with plain values or one prefix
    /// ("Amazon SNS subscription filter policies"; the refusals are recorded).
    Sns,
}

/// Compiles a pattern to the conjunctions of which an event must satisfy one.
pub(crate) fn compile(text: &str, dialect: Dialect) -> Result<Vec<Conjunction>, PatternError> {
    if text.len() > PATTERN_BYTES_MAX {
        return Err(PatternError::without_place(format!("Pattern is longer than {PATTERN_BYTES_MAX} bytes")));
    }
    let mut compiler = Compiler {
        reader: Reader::new(text),
        dialect,
        path: String::new(),
        depth: 0,
        path_bytes: 0,
        combinations: Vec::new(),
    };
    if compiler.reader.next_token()? != Token::ObjectStart {
        return compiler.reader.fail("Filter is not an object");
    }
    // What follows the object is not read, as AWS does not read it.
    compiler.object(false)?;
    let combinations = compiler.combinations;
    for condition in combinations.iter().flat_map(BTreeMap::values) {
        check_complexity(condition)?;
    }
    Ok(combinations.into_iter().map(|combination| combination.into_values().collect()).collect())
}

/// AWS weighs wildcards after the pattern is read, and names no place for them.
fn check_complexity(condition: &Condition) -> Result<(), PatternError> {
    for operator in condition.operators() {
        let wildcards = match &operator.0 {
            Test::Wildcard(wildcard) => std::slice::from_ref(wildcard),
            Test::AnythingBut(AnythingBut::Wildcards(wildcards)) => wildcards,
            _ => continue,
        };
        for wildcard in wildcards {
            if let Err(WildcardFault::Complexity(reason)) = wildcard.check_complexity() {
                return Err(PatternError::without_place(reason));
            }
        }
    }
    Ok(())
}

struct Compiler<'a> {
    reader: Reader<'a>,
    dialect: Dialect,
    /// The names from the top to where the reader is, joined by dots.
    path: String,
    depth: usize,
    path_bytes: usize,
    combinations: Vec<Combination>,
}

impl Compiler<'_> {
    fn object(&mut self, inside_or: bool) -> Result<(), PatternError> {
        let mut has_fields = false;
        while self.reader.next_token()? != Token::ObjectEnd {
            has_fields = true;
            let name = self.reader.name().to_string();
            if name == "$or" {
                self.alternatives()?;
                continue;
            }
            if inside_or && (RESERVED_IN_OR.contains(&name.as_str()) || name == "ip-address-not-in-range") {
                let reason = format!("{name} is Ruler reserved fieldName which cannot be used inside $or.");
                return self.reader.fail(reason);
            }
            let parent = self.path.len();
            if self.depth > 0 {
                self.path.push('.');
            }
            self.path.push_str(&name);
            self.depth += 1;
            match self.reader.next_token()? {
                Token::ObjectStart => self.object(inside_or)?,
                Token::ArrayStart => self.condition()?,
                _ => return self.reader.fail(format!("\"{name}\" must be an object or an array")),
            }
            self.path.truncate(parent);
            self.depth -= 1;
        }
        if has_fields { Ok(()) } else { self.reader.fail("Empty objects are not allowed") }
    }

    /// `$or`: each branch continues from what was written before it, so that a path written on both sides keeps
    /// the later of the two.
    fn alternatives(&mut self) -> Result<(), PatternError> {
        let before = std::mem::take(&mut self.combinations);
        if self.reader.next_token()? != Token::ArrayStart {
            return self.reader.fail("It must be an Array followed with $or.");
        }
        let mut all = Vec::new();
        let mut branches = 0;
        loop {
            match self.reader.next_token()? {
                Token::ArrayEnd => break,
                Token::ObjectStart => {}
                _ => return self.reader.fail("Only JSON object is allowed in array of $or relationship."),
            }
            branches += 1;
            self.combinations = if before.is_empty() { vec![Combination::new()] } else { before.clone() };
            self.object(true)?;
            all.append(&mut self.combinations);
            if all.len() > COMBINATIONS_MAX {
                let reason = format!("Event pattern contains more than {COMBINATIONS_MAX} rule combinations");
                return Err(PatternError::without_place(reason));
            }
        }
        if branches < 2 {
            return self.reader.fail("There must have at least 2 Objects in $or relationship.");
        }
        self.combinations = all;
        Ok(())
    }

    fn condition(&mut self) -> Result<(), PatternError> {
        let mut operators = Vec::new();
        loop {
            let test = match self.reader.next_token()? {
                Token::ArrayEnd => break,
                Token::ObjectStart => expression(&mut self.reader, self.dialect)?,
                Token::String => exact_text(&self.reader.string()?),
                Token::Number(text) => exact_number(text),
                token @ (Token::True | Token::False | Token::Null) => Test::Literal(token.text().into()),
                _ => return self.reader.fail("Match value must be String, number, true, false, or null"),
            };
            operators.push(Operator(test));
        }
        if operators.is_empty() {
            return self.reader.fail("Empty arrays are not allowed");
        }
        self.path_bytes += self.path.len();
        if self.path_bytes > PATH_BYTES_MAX {
            return self.reader.fail("Field names are too long");
        }
        let condition = Arc::new(Condition { path: Path::new(&self.path), operators: operators.into() });
        if self.combinations.is_empty() {
            self.combinations.push(Combination::new());
        }
        let path: Arc<str> = Arc::from(self.path.as_str());
        for combination in &mut self.combinations {
            combination.insert(Arc::clone(&path), Arc::clone(&condition));
        }
        Ok(())
    }
}

/// A plain string, which is compared as an address where it is one.
pub(crate) fn exact_text(text: &str) -> Test {
    match Digits::of_address(text) {
        Some(address) => Test::Address { text: text.into(), block: Box::new(Block::single(address)) },
        None => Test::Text(text.into()),
    }
}

fn exact_number(text: &str) -> Test {
    match number::key(text) {
        Some(key) => Test::Number { text: text.into(), key },
        None => Test::Literal(text.into()),
    }
}

/// `{"operator": …}`, of which the brace is read.
fn expression(reader: &mut Reader<'_>, dialect: Dialect) -> Result<Test, PatternError> {
    if reader.next_token()? != Token::Name {
        return reader.fail("Match expression name not found");
    }
    let name = reader.name().to_string();
    let test = match name.as_str() {
        "exactly" => Test::Text(string(reader, "exact match pattern must be a string")?.into()),
        "prefix" => affix(reader, dialect, "prefix")?,
        "suffix" => affix(reader, dialect, "suffix")?,
        "equals-ignore-case" => Test::EqualsIgnoreCase(string(reader, CASE_NOT_STRING)?.into()),
        "wildcard" if dialect == Dialect::EventBridge => {
            let source = string(reader, WILDCARD_NOT_STRING)?;
            Test::Wildcard(wildcard(reader, &source)?)
        }
        "numeric" => {
            let range = numeric(reader)?;
            return close(reader, TOO_MANY_ELEMENTS, range);
        }
        "anything-but" => return anything_but(reader, dialect),
        "exists" => match reader.next_token()? {
            Token::True => Test::Exists(true),
            Token::False => Test::Exists(false),
            _ => return reader.fail("exists match pattern must be either true or false."),
        },
        "cidr" => {
            // The operator that AWS names here is the wrong one, and recorded (content_ip_address_type_EXC).
            let text = string(reader, "prefix match pattern must be a string")?;
            let block = Block::parse(&text).map_err(PatternError::without_place)?;
            Test::Cidr { text: text.into(), block: Box::new(block) }
        }
        _ => return reader.fail(format!("Unrecognized match type {name}")),
    };
    close(reader, ONE_KEY_ONLY, test)
}

fn close<T>(reader: &mut Reader<'_>, otherwise: &str, value: T) -> Result<T, PatternError> {
    if reader.next_token()? == Token::ObjectEnd { Ok(value) } else { reader.fail(otherwise) }
}

fn string(reader: &mut Reader<'_>, otherwise: &str) -> Result<String, PatternError> {
    if reader.next_token()? == Token::String {
        Ok(reader.string()?.into_owned())
    } else {
        reader.fail(otherwise)
    }
}

fn wildcard(reader: &Reader<'_>, source: &str) -> Result<Wildcard, PatternError> {
    Wildcard::parse(source).or_else(|fault| match fault {
        WildcardFault::Syntax(reason) => reader.fail(reason),
        WildcardFault::Complexity(reason) => Err(PatternError::without_place(reason)),
    })
}

/// The operand of `prefix` or `suffix`: a string, or one to be compared without regard to case.
fn affix(reader: &mut Reader<'_>, dialect: Dialect, operator: &'static str) -> Result<Test, PatternError> {
    let is_prefix = operator == "prefix";
    match reader.next_token()? {
        Token::String => {
            let text = reader.string()?.into();
            Ok(if is_prefix { Test::Prefix(text) } else { Test::Suffix(text) })
        }
        Token::ObjectStart if dialect == Dialect::EventBridge => {
            if reader.next_token()? != Token::Name {
                let capitalized = if is_prefix { "Prefix" } else { "Suffix" };
                return reader.fail(format!("{capitalized} expression name not found"));
            }
            if reader.name() != "equals-ignore-case" {
                return reader.fail(format!("Unsupported {operator} pattern: {}", reader.name()));
            }
            let text = string(reader, CASE_NOT_STRING)?.into();
            close(
                reader,
                ONE_KEY_ONLY,
                if is_prefix { Test::PrefixIgnoreCase(text) } else { Test::SuffixIgnoreCase(text) },
            )
        }
        _ => reader.fail(format!("{operator} match pattern must be a string")),
    }
}

/// `[">", 0, "<=", 5]`: one comparison, or a lower and then an upper bound.
fn numeric(reader: &mut Reader<'_>) -> Result<Test, PatternError> {
    if reader.next_token()? != Token::ArrayStart {
        return reader.fail("Value of numeric must be an array.");
    }
    let token = reader.next_token()?;
    if token != Token::String {
        return reader.fail(format!("Invalid member in numeric match: {}", token.text()));
    }
    let comparison = reader.string()?.into_owned();
    // Whatever is not a comparison is refused once the value that follows it has been read.
    let token = reader.next_token()?;
    let bound = match comparison.as_str() {
        "=" | "<" | "<=" | ">" | ">=" => match token {
            Token::Number(text) => text,
            _ => {
                let name = if comparison == "=" { "equals" } else { comparison.as_str() };
                return reader.fail(format!("Value of {name} must be numeric"));
            }
        },
        _ => return reader.fail(format!("Unrecognized numeric range operator: {comparison}")),
    };
    let text = format!("\"{comparison}\",{bound}");
    let token = reader.next_token()?;
    if token == Token::ArrayEnd {
        let key = comparable(reader, bound)?;
        let (lowest, highest) = match comparison.as_str() {
            "=" => return Ok(Test::Number { text: bound.into(), key }),
            "<" => (0, key - 1),
            "<=" => (0, key),
            ">" => (key + 1, NumberKey::MAX),
            _ => (key, NumberKey::MAX),
        };
        return Ok(Test::Range { text: text.into(), lowest, highest });
    }
    if !comparison.starts_with('>') {
        return reader.fail(TOO_MANY_ELEMENTS);
    }
    let open_bottom = comparison == ">";
    between(reader, token, bound, open_bottom, text)
}

/// The upper bound of a range, of which `token` is the first token.
fn between(
    reader: &mut Reader<'_>,
    token: Token<'_>,
    bottom: &str,
    open_bottom: bool,
    text: String,
) -> Result<Test, PatternError> {
    if token != Token::String {
        return reader.fail(format!("Bad value in numeric range: {}", token.text()));
    }
    let comparison = reader.string()?.into_owned();
    if comparison != "<" && comparison != "<=" {
        return reader.fail(format!("Bad numeric range operator: {comparison}"));
    }
    let Token::Number(top) = reader.next_token()? else {
        return reader.fail(format!("Value of {comparison} must be numeric"));
    };
    if reader.next_token()? != Token::ArrayEnd {
        return reader.fail("Too many terms in numeric range expression");
    }
    let text = format!("{text},\"{comparison}\",{top}");
    let (bottom, top) = (comparable(reader, bottom)?, comparable(reader, top)?);
    if bottom >= top {
        return reader.fail("Bottom must be less than top");
    }
    let lowest = bottom + NumberKey::from(open_bottom);
    let highest = top - NumberKey::from(comparison == "<");
    Ok(Test::Range { text: text.into(), lowest, highest })
}

fn comparable(reader: &Reader<'_>, text: &str) -> Result<NumberKey, PatternError> {
    number::key(text).map_or_else(|| reader.fail(uncomparable(text)), Ok)
}

fn uncomparable(text: &str) -> String {
    format!("Cannot compare number : {text}")
}

fn anything_but(reader: &mut Reader<'_>, dialect: Dialect) -> Result<Test, PatternError> {
    let mut token = reader.next_token()?;
    let mut nested = None;
    if token == Token::ObjectStart {
        if reader.next_token()? != Token::Name {
            return reader.fail("Anything-But expression name not found");
        }
        nested = Some(match (&**reader.name(), dialect) {
            ("prefix", _) => Nested::Prefix,
            ("suffix", Dialect::EventBridge) => Nested::Suffix,
            ("equals-ignore-case", Dialect::EventBridge) => Nested::EqualsIgnoreCase,
            ("wildcard", Dialect::EventBridge) => Nested::Wildcard,
            (name, _) => return reader.fail(format!("Unsupported anything-but pattern: {name}")),
        });
        token = reader.next_token()?;
        if dialect == Dialect::Sns && token != Token::String {
            return reader.fail("prefix match pattern must be a string");
        }
    }
    if !matches!(token, Token::ArrayStart | Token::String | Token::Number(_)) {
        return reader.fail("Value of anything-but must be an array or single string/number value.");
    }
    let excluded = match nested {
        Some(nested) => nested.operand(reader, token)?,
        None => plain_values(reader, token)?,
    };
    if nested.is_some() && reader.next_token()? != Token::ObjectEnd {
        return reader.fail(TOO_MANY_ELEMENTS);
    }
    close(reader, TOO_MANY_ELEMENTS, Test::AnythingBut(excluded))
}

/// The values of `anything-but` without a nested operator: strings or numbers, not both.
fn plain_values(reader: &mut Reader<'_>, token: Token<'_>) -> Result<AnythingBut, PatternError> {
    match token {
        Token::String => return Ok(AnythingBut::Texts([reader.string()?.into()].into())),
        Token::Number(text) => {
            let key = number::key(text).ok_or_else(|| PatternError::without_place(uncomparable(text)))?;
            return Ok(AnythingBut::Numbers([(key, text.into())].into()));
        }
        _ => {}
    }
    let (mut texts, mut numbers) = (Vec::<Box<str>>::new(), Vec::<(NumberKey, Box<str>)>::new());
    let mut read = |reader: &mut Reader<'_>| -> Result<(), PatternError> {
        loop {
            match reader.next_token()? {
                Token::ArrayEnd => return Ok(()),
                Token::String => texts.push(reader.string()?.into()),
                Token::Number(text) => match number::key(text) {
                    Some(key) => numbers.push((key, text.into())),
                    None => return Err(PatternError::without_place(uncomparable(text))),
                },
                _ => return reader.fail("Inside anything but list, start|null|boolean is not supported."),
            }
        }
    };
    read(reader).map_err(|error| error.with_further_place(&reader.place()))?;
    if texts.is_empty() == numbers.is_empty() {
        return reader.fail(
            "Inside anything but list, either all values are number or string, mixed type is not supported",
        );
    }
    if texts.is_empty() {
        numbers.sort_unstable();
        numbers.dedup_by_key(|(key, _)| *key);
        return Ok(AnythingBut::Numbers(numbers.into()));
    }
    texts.sort_unstable();
    texts.dedup();
    Ok(AnythingBut::Texts(texts.into()))
}

/// The operator inside `anything-but`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nested {
    Prefix,
    Suffix,
    EqualsIgnoreCase,
    Wildcard,
}

impl Nested {
    fn operand(self, reader: &mut Reader<'_>, token: Token<'_>) -> Result<AnythingBut, PatternError> {
        let mut texts = Vec::new();
        if token == Token::ArrayStart {
            let mut read = |reader: &mut Reader<'_>| -> Result<(), PatternError> {
                loop {
                    match reader.next_token()? {
                        Token::ArrayEnd => return Ok(()),
                        token => texts.push(self.text(reader, token)?),
                    }
                }
            };
            read(reader).map_err(|error| error.with_further_place(&reader.place()))?;
            // AWS takes the empty list and then cannot evaluate the rule; excluding nothing would match all.
            if texts.is_empty() {
                return reader.fail("Empty arrays are not allowed");
            }
        } else {
            texts.push(self.text(reader, token)?);
        }
        Ok(match self {
            Nested::Prefix => AnythingBut::Prefixes(texts.into()),
            Nested::Suffix => AnythingBut::Suffixes(texts.into()),
            Nested::EqualsIgnoreCase => AnythingBut::EqualsIgnoreCase(texts.into()),
            Nested::Wildcard => {
                let wildcards: Result<Vec<_>, _> = texts.iter().map(|text| wildcard(reader, text)).collect();
                AnythingBut::Wildcards(wildcards?.into())
            }
        })
    }

    fn text(self, reader: &mut Reader<'_>, token: Token<'_>) -> Result<Box<str>, PatternError> {
        if token != Token::String {
            return reader.fail(match self {
                Nested::Prefix | Nested::Suffix => AFFIX_NOT_STRING,
                Nested::Wildcard => WILDCARD_NOT_STRING,
                Nested::EqualsIgnoreCase => {
                    "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported."
                }
            });
        }
        let text = reader.string()?;
        if text.is_empty() && matches!(self, Nested::Prefix | Nested::Suffix) {
            return reader.fail("Null prefix/suffix not allowed");
        }
        Ok(text.into())
    }
}
