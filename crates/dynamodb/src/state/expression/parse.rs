//! What the grammars share: document paths, and operands that may be calls.

use super::super::Invalid;
use super::super::path::{Element, Path, check_depth};
use super::reserved::is_reserved;
use super::token::{Token, TokenKind, Tokens, is_keyword};
use super::{Kind, Placeholders};

/// How deep parentheses and calls may be nested before the parser gives up, so that hostile input cannot
/// exhaust the stack.
///
/// The service has no such limit of its own. Within 4 KB and 300 operators an expression that it accepts
/// rarely comes near: each level needs an operator, or its parentheses are redundant.
pub(super) const DEPTH_MAX: usize = 200;

const INDEX_MAX: u32 = i32::MAX as u32;

/// One step of a path as written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum RawElement<'a> {
    Name(&'a str),
    Ref(&'a str),
    Index(&'a str),
}

/// A path as written, not empty, and beginning with a name or a reference to one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct RawPath<'a>(pub Vec<RawElement<'a>>);

impl<'a> RawPath<'a> {
    /// Reads a path.
    pub fn parse(tokens: &mut Tokens<'a>) -> Result<RawPath<'a>, Invalid> {
        let mut path = RawPath(vec![parse_name(tokens)?]);
        path.parse_suffix(tokens)?;
        Ok(path)
    }

    /// Reads the elements that follow, if any.
    pub fn parse_suffix(&mut self, tokens: &mut Tokens<'a>) -> Result<(), Invalid> {
        loop {
            if tokens.take_symbol(".") {
                self.0.push(parse_name(tokens)?);
            } else if tokens.take_symbol("[") {
                if tokens.peek().kind != TokenKind::Digits {
                    return Err(tokens.unexpected());
                }
                self.0.push(RawElement::Index(tokens.take().text));
                tokens.expect_symbol("]")?;
            } else {
                return Ok(());
            }
        }
    }

    /// The first name that is a reserved word.
    pub fn reserved(&self) -> Option<&'a str> {
        self.0.iter().find_map(|element| match element {
            RawElement::Name(name) if is_reserved(name) => Some(*name),
            _ => None,
        })
    }

    /// The path with its placeholders replaced.
    pub fn resolve(&self, placeholders: &mut Placeholders) -> Result<Path, Invalid> {
        let mut elements = self.0.iter().map(|element| element.resolve(placeholders));
        let Some(Element::Name(head)) = elements.next().transpose()? else {
            unreachable!("the parser lets a path begin with a name only");
        };
        let path = Path::new(head, elements.collect::<Result<_, _>>()?);
        check_depth(&path)?;
        Ok(path)
    }
}

impl RawElement<'_> {
    fn resolve(&self, placeholders: &mut Placeholders) -> Result<Element, Invalid> {
        Ok(match self {
            RawElement::Name(name) => Element::Name((*name).to_owned()),
            RawElement::Ref(placeholder) => Element::Name(placeholders.name(placeholder)?.to_owned()),
            RawElement::Index(digits) => {
                let index = digits.parse().ok().filter(|index| *index <= INDEX_MAX);
                Element::Index(index.ok_or_else(|| {
                    Invalid::new(format!("List index is not within the allowable range; index: [{digits}]"))
                })?)
            }
        })
    }
}

fn parse_name<'a>(tokens: &mut Tokens<'a>) -> Result<RawElement<'a>, Invalid> {
    let token = tokens.peek();
    let element = match token.kind {
        TokenKind::Word if !is_grammar_word(tokens.kind, token) => RawElement::Name(token.text),
        TokenKind::NameRef => RawElement::Ref(token.text),
        _ => return Err(tokens.unexpected()),
    };
    tokens.take();
    Ok(element)
}

/// Whether the grammar itself uses the word, so that it cannot be a name at all.
pub(super) fn is_grammar_word(kind: Kind, token: Token<'_>) -> bool {
    let words: &[&str] = match kind {
        Kind::Condition | Kind::Filter | Kind::KeyCondition => &["AND", "OR", "NOT", "BETWEEN", "IN"],
        Kind::Update => &["SET", "REMOVE", "ADD", "DELETE"],
        Kind::Projection => &[],
    };
    words.iter().any(|word| is_keyword(token, word))
}

/// The message about a name that needs a placeholder.
pub(super) fn reserved_word(name: &str) -> Invalid {
    Invalid::new(format!("Attribute name is a reserved keyword; reserved keyword: {name}"))
}

/// The message about a function that does not exist.
pub(super) fn unknown_function(name: &str) -> Invalid {
    Invalid::new(format!("Invalid function name; function: {name}"))
}

/// The message about a call with too few or too many operands.
pub(super) fn operand_count(function: &str, count: usize) -> Invalid {
    Invalid::new(format!(
        "Incorrect number of operands for operator or function; operator or function: {function}, \
         number of operands: {count}"
    ))
}

/// The message about an operand of a type that the operator or function does not take.
pub(super) fn operand_type(function: &str, kind: impl std::fmt::Display) -> Invalid {
    Invalid::new(format!(
        "Incorrect operand type for operator or function; operator or function: {function}, operand type: {kind}"
    ))
}

/// The message about an operand that must be a path and is not.
pub(super) fn path_required(function: &str) -> Invalid {
    Invalid::new(format!("Operator or function requires a document path; operator or function: {function}"))
}
