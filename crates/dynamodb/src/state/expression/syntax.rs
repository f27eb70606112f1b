//! Condition, filter and key-condition expressions: from text to a tree.

use super::super::Invalid;
use super::condition::Comparator;
use super::parse::{DEPTH_MAX, RawPath, is_grammar_word};
use super::token::{TokenKind, Tokens};
use super::{Kind, OPERATORS_MAX};

/// An expression as written: conditions and operands alike, because only what follows a parenthesis
/// tells which of the two it holds.
#[derive(Debug)]
pub(super) enum Raw<'a> {
    Path(RawPath<'a>),
    Value(&'a str),
    Call(&'a str, Vec<Raw<'a>>),
    Compare(Comparator, Box<[Raw<'a>; 2]>),
    Between(Box<[Raw<'a>; 3]>),
    /// The first is looked for among the others.
    In(Vec<Raw<'a>>),
    Not(Box<Raw<'a>>),
    And(Box<[Raw<'a>; 2]>),
    Or(Box<[Raw<'a>; 2]>),
}

impl<'a> Raw<'a> {
    /// Whether it can stand on either side of an operator; a call can be a condition as well.
    fn is_operand(&self) -> bool {
        matches!(self, Raw::Path(_) | Raw::Value(_) | Raw::Call(..))
    }

    fn is_condition(&self) -> bool {
        !matches!(self, Raw::Path(_) | Raw::Value(_))
    }

    /// The operands or conditions that it is made of.
    pub fn children(&self) -> &[Raw<'a>] {
        match self {
            Raw::Path(_) | Raw::Value(_) => &[],
            Raw::Call(_, operands) | Raw::In(operands) => operands,
            Raw::Compare(_, operands) | Raw::And(operands) | Raw::Or(operands) => &operands[..],
            Raw::Between(operands) => &operands[..],
            Raw::Not(inner) => std::slice::from_ref(inner),
        }
    }
}

fn either<'a>(left: Option<Raw<'a>>, right: Raw<'a>) -> Raw<'a> {
    match left {
        Some(left) => Raw::Or(Box::new([left, right])),
        None => right,
    }
}

/// Reads one condition, filter or key-condition expression.
pub(super) struct Parser<'a> {
    tokens: Tokens<'a>,
    operators: usize,
    redundant: bool,
}

impl<'a> Parser<'a> {
    pub fn new(kind: Kind, text: &'a str) -> Parser<'a> {
        Parser { tokens: Tokens::new(kind, text), operators: 0, redundant: false }
    }

    /// The expression as written, and whether it has parentheses around nothing but parentheses.
    ///
    /// # Errors
    /// Syntax errors and too many operators, prefixed with the parameter's name.
    pub fn parse_all(mut self) -> Result<(Raw<'a>, bool), Invalid> {
        let (raw, _) = self.parse_expression(0)?;
        if self.tokens.peek().kind != TokenKind::End || !raw.is_condition() {
            return Err(self.tokens.unexpected());
        }
        Ok((raw, self.redundant))
    }

    /// An expression, and whether it is nothing but something in parentheses.
    ///
    /// This, [`Parser::parse_unit`] and [`Parser::parse_group`] call each other for every level of
    /// parentheses; what need not be in their frames is in functions of its own.
    fn parse_expression(&mut self, depth: usize) -> Result<(Raw<'a>, bool), Invalid> {
        let mut any: Option<Raw<'a>> = None;
        let (mut all, mut wrapped) = self.parse_unit(depth)?;
        while all.is_condition() {
            let is_and = self.tokens.at_keyword("AND");
            if !is_and && !self.tokens.at_keyword("OR") {
                break;
            }
            self.take_operator()?;
            let (right, _) = self.parse_unit(depth)?;
            let right = self.require_condition(right)?;
            if is_and {
                all = Raw::And(Box::new([all, right]));
            } else {
                any = Some(either(any, all));
                all = right;
            }
            wrapped = false;
        }
        Ok((either(any, all), wrapped))
    }

    fn require_condition(&self, raw: Raw<'a>) -> Result<Raw<'a>, Invalid> {
        if raw.is_condition() { Ok(raw) } else { Err(self.tokens.unexpected()) }
    }

    /// A condition without `AND` and `OR`, or, if no operator follows it, an operand.
    fn parse_unit(&mut self, depth: usize) -> Result<(Raw<'a>, bool), Invalid> {
        let mut negations = 0;
        while self.tokens.at_keyword("NOT") {
            self.take_operator()?;
            negations += 1;
        }
        let (left, wrapped) = if self.tokens.take_symbol("(") {
            self.parse_group(depth)?
        } else {
            (self.parse_plain_operand(depth)?, false)
        };
        let (unit, wrapped) =
            if left.is_operand() { self.parse_test(left, wrapped, depth)? } else { (left, wrapped) };
        if negations == 0 {
            return Ok((unit, wrapped));
        }
        let unit = self.require_condition(unit)?;
        Ok(((0..negations).fold(unit, |inner, _| Raw::Not(Box::new(inner))), false))
    }

    /// What is between parentheses, the first of which has been taken.
    fn parse_group(&mut self, depth: usize) -> Result<(Raw<'a>, bool), Invalid> {
        self.check_depth(depth)?;
        let (inner, wrapped) = self.parse_expression(depth + 1)?;
        self.close_group(inner, wrapped)
    }

    fn close_group(&mut self, inner: Raw<'a>, wrapped: bool) -> Result<(Raw<'a>, bool), Invalid> {
        self.tokens.expect_symbol(")")?;
        self.redundant |= wrapped;
        self.parse_path_suffix(inner)
    }

    /// The condition that begins with the operand, if an operator follows it.
    fn parse_test(&mut self, left: Raw<'a>, wrapped: bool, depth: usize) -> Result<(Raw<'a>, bool), Invalid> {
        let token = self.tokens.peek();
        let comparator =
            (token.kind == TokenKind::Symbol).then(|| Comparator::from_symbol(token.text)).flatten();
        if let Some(comparator) = comparator {
            self.take_operator()?;
            let right = self.parse_operand(depth)?;
            return Ok((Raw::Compare(comparator, Box::new([left, right])), false));
        }
        if self.tokens.at_keyword("BETWEEN") {
            self.take_operator()?;
            let low = self.parse_operand(depth)?;
            if !self.tokens.take_keyword("AND") {
                return Err(self.tokens.unexpected());
            }
            let high = self.parse_operand(depth)?;
            return Ok((Raw::Between(Box::new([left, low, high])), false));
        }
        if self.tokens.at_keyword("IN") {
            self.take_operator()?;
            self.tokens.expect_symbol("(")?;
            let mut operands = vec![left];
            self.parse_operands(depth, &mut operands)?;
            return Ok((Raw::In(operands), false));
        }
        Ok((left, wrapped))
    }

    /// An operand, perhaps in parentheses.
    fn parse_operand(&mut self, depth: usize) -> Result<Raw<'a>, Invalid> {
        Ok(self.parse_wrapped_operand(depth)?.0)
    }

    fn parse_wrapped_operand(&mut self, depth: usize) -> Result<(Raw<'a>, bool), Invalid> {
        if !self.tokens.take_symbol("(") {
            return Ok((self.parse_plain_operand(depth)?, false));
        }
        self.check_depth(depth)?;
        let (inner, wrapped) = self.parse_wrapped_operand(depth + 1)?;
        self.close_group(inner, wrapped)
    }

    /// What has just been closed; a path goes on behind its parenthesis: `(a.b).c`.
    fn parse_path_suffix(&mut self, inner: Raw<'a>) -> Result<(Raw<'a>, bool), Invalid> {
        let Raw::Path(mut path) = inner else {
            return Ok((inner, true));
        };
        let elements = path.0.len();
        path.parse_suffix(&mut self.tokens)?;
        let unchanged = path.0.len() == elements;
        Ok((Raw::Path(path), unchanged))
    }

    fn parse_plain_operand(&mut self, depth: usize) -> Result<Raw<'a>, Invalid> {
        let token = self.tokens.peek();
        match token.kind {
            TokenKind::ValueRef => {
                self.tokens.take();
                Ok(Raw::Value(token.text))
            }
            TokenKind::Word
                if self.tokens.peek_at(1).text == "(" && !is_grammar_word(self.tokens.kind, token) =>
            {
                self.check_depth(depth)?;
                self.tokens.take();
                self.tokens.take();
                let mut operands = Vec::new();
                self.parse_operands(depth + 1, &mut operands)?;
                Ok(Raw::Call(token.text, operands))
            }
            _ => Ok(Raw::Path(RawPath::parse(&mut self.tokens)?)),
        }
    }

    /// Operands separated by commas, up to and with the closing parenthesis.
    fn parse_operands(&mut self, depth: usize, operands: &mut Vec<Raw<'a>>) -> Result<(), Invalid> {
        loop {
            operands.push(self.parse_operand(depth)?);
            if !self.tokens.take_symbol(",") {
                return self.tokens.expect_symbol(")");
            }
        }
    }

    fn take_operator(&mut self) -> Result<(), Invalid> {
        self.tokens.take();
        self.operators += 1;
        if self.operators > OPERATORS_MAX {
            return Err(self.tokens.kind.invalid(format_args!(
                "The expression contains too many operators; operator count: {}",
                self.operators
            )));
        }
        Ok(())
    }

    /// DEVIATION: an expression nested too deeply to read is always said to have redundant parentheses.
    /// The service, which has read all of it, may have found another of its faults first.
    fn check_depth(&self, depth: usize) -> Result<(), Invalid> {
        if depth < DEPTH_MAX {
            return Ok(());
        }
        Err(self.tokens.kind.invalid("The expression has redundant parentheses;"))
    }
}
