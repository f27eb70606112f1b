//! Update expressions: grammar and checks.
//!
//! The service checks the whole expression for reserved words, unknown functions, repeated sections,
//! undefined names, undefined values, paths that overlap or conflict, operands of `ADD` and `DELETE`, and
//! operands of functions, in this order.

use std::sync::Arc;

use super::super::Invalid;
use super::super::path::{Path, check_disjoint};
use super::super::value::{Type, Value};
use super::parse::{
    DEPTH_MAX, RawPath, is_grammar_word, operand_count, operand_type, path_required, reserved_word,
    unknown_function,
};
use super::token::{TokenKind, Tokens};
use super::{Kind, OPERATORS_MAX, Placeholders};

/// What an update does to an item: actions on places that do not overlap.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Update {
    actions: Vec<(Path, Action)>,
    is_legacy: bool,
}

/// What is done at a path.
#[derive(Clone, PartialEq, Debug)]
pub enum Action {
    /// `SET path = …`
    Set(Term),
    /// `REMOVE path`
    Remove,
    /// `ADD path :value`
    Add(Arc<Value>),
    /// `DELETE path :value`
    Delete(Arc<Value>),
    /// What the legacy action `ADD` does to a list: append. No expression does this.
    Append(Arc<Value>),
}

/// What a value is computed from.
#[derive(Clone, PartialEq, Debug)]
pub enum Term {
    /// The value at a path of the item as it was.
    Path(Path),
    /// A value of the request.
    Value(Arc<Value>),
    /// `if_not_exists(path, …)`
    IfNotExists(Path, Box<Term>),
    /// `list_append(…, …)`
    ListAppend(Box<Term>, Box<Term>),
    /// `… + …`
    Plus(Box<Term>, Box<Term>),
    /// `… - …`
    Minus(Box<Term>, Box<Term>),
}

impl Update {
    /// The update that the legacy `AttributeUpdates` ask for, which differs in one message.
    pub fn legacy(actions: Vec<(Path, Action)>) -> Update {
        Update { actions, is_legacy: true }
    }

    /// Whether the update came as `AttributeUpdates`.
    pub(super) fn is_legacy(&self) -> bool {
        self.is_legacy
    }

    /// The actions, in the order written.
    pub fn actions(&self) -> &[(Path, Action)] {
        &self.actions
    }

    /// The paths acted on, in the order written.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.actions.iter().map(|(path, _)| path)
    }

    /// Reads an `UpdateExpression`.
    ///
    /// # Errors
    /// The first fault in the service's order of checks, prefixed with the parameter's name.
    pub fn parse(text: &str, placeholders: &mut Placeholders) -> Result<Update, Invalid> {
        let kind = Kind::Update;
        kind.check_length(text)?;
        let mut parser = Parser { tokens: Tokens::new(kind, text), operators: 0 };
        let clauses = parser.parse_all()?;
        check(clauses, placeholders).map_err(|fault| kind.invalid(fault))
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Section {
    Set,
    Remove,
    Add,
    Delete,
}

impl Section {
    const ALL: [Section; 4] = [Section::Set, Section::Remove, Section::Add, Section::Delete];

    fn name(self) -> &'static str {
        match self {
            Section::Set => "SET",
            Section::Remove => "REMOVE",
            Section::Add => "ADD",
            Section::Delete => "DELETE",
        }
    }
}

/// One comma-separated part of a section, as written.
struct Clause<'a> {
    section: Section,
    /// Whether it is the first of its section's list.
    opens: bool,
    path: RawPath<'a>,
    operand: Option<RawTerm<'a>>,
}

enum RawTerm<'a> {
    Path(RawPath<'a>),
    Value(&'a str),
    /// A function, or `+` or `-`.
    Call(&'a str, Vec<RawTerm<'a>>),
}

struct Parser<'a> {
    tokens: Tokens<'a>,
    operators: usize,
}

impl<'a> Parser<'a> {
    fn parse_all(&mut self) -> Result<Vec<Clause<'a>>, Invalid> {
        let mut clauses = Vec::new();
        while self.tokens.peek().kind != TokenKind::End {
            let section = Section::ALL.into_iter().find(|section| self.tokens.take_keyword(section.name()));
            let Some(section) = section else {
                return Err(self.tokens.unexpected());
            };
            let mut opens = true;
            loop {
                let path = RawPath::parse(&mut self.tokens)?;
                let operand = self.parse_clause_operand(section)?;
                clauses.push(Clause { section, opens, path, operand });
                opens = false;
                if !self.tokens.take_symbol(",") {
                    break;
                }
            }
        }
        Ok(clauses)
    }

    fn parse_clause_operand(&mut self, section: Section) -> Result<Option<RawTerm<'a>>, Invalid> {
        match section {
            Section::Remove => Ok(None),
            Section::Set => {
                self.tokens.expect_symbol("=")?;
                self.parse_sum(0).map(Some)
            }
            Section::Add | Section::Delete => {
                if self.tokens.peek().kind != TokenKind::ValueRef {
                    return Err(self.tokens.unexpected());
                }
                Ok(Some(RawTerm::Value(self.tokens.take().text)))
            }
        }
    }

    /// An operand, or two with `+` or `-` between; the whole perhaps in parentheses.
    fn parse_sum(&mut self, depth: usize) -> Result<RawTerm<'a>, Invalid> {
        if self.tokens.take_symbol("(") {
            self.check_depth(depth)?;
            let inner = self.parse_sum(depth + 1)?;
            self.tokens.expect_symbol(")")?;
            return self.parse_sum_after(inner, depth);
        }
        let left = self.parse_operand(depth)?;
        self.parse_sum_after(left, depth)
    }

    fn parse_sum_after(&mut self, left: RawTerm<'a>, depth: usize) -> Result<RawTerm<'a>, Invalid> {
        let token = self.tokens.peek();
        let is_sum = matches!(left, RawTerm::Call("+" | "-", _));
        if is_sum || token.kind != TokenKind::Symbol || !matches!(token.text, "+" | "-") {
            return Ok(left);
        }
        self.tokens.take();
        self.count_operator()?;
        let right = self.parse_operand(depth)?;
        Ok(RawTerm::Call(token.text, vec![left, right]))
    }

    fn parse_operand(&mut self, depth: usize) -> Result<RawTerm<'a>, Invalid> {
        if self.tokens.take_symbol("(") {
            self.check_depth(depth)?;
            let inner = self.parse_operand(depth + 1)?;
            self.tokens.expect_symbol(")")?;
            return Ok(inner);
        }
        let token = self.tokens.peek();
        match token.kind {
            TokenKind::ValueRef => {
                self.tokens.take();
                Ok(RawTerm::Value(token.text))
            }
            TokenKind::Word
                if self.tokens.peek_at(1).text == "(" && !is_grammar_word(Kind::Update, token) =>
            {
                self.check_depth(depth)?;
                self.tokens.take();
                self.tokens.take();
                let mut operands = vec![self.parse_operand(depth + 1)?];
                while self.tokens.take_symbol(",") {
                    operands.push(self.parse_operand(depth + 1)?);
                }
                self.tokens.expect_symbol(")")?;
                Ok(RawTerm::Call(token.text, operands))
            }
            _ => Ok(RawTerm::Path(RawPath::parse(&mut self.tokens)?)),
        }
    }

    fn count_operator(&mut self) -> Result<(), Invalid> {
        self.operators += 1;
        if self.operators <= OPERATORS_MAX {
            return Ok(());
        }
        Err(Kind::Update.invalid(format_args!(
            "The expression contains too many operators; operator count: {}",
            self.operators
        )))
    }

    /// DEVIATION: the service reads parentheses and calls of any depth that 4 KB can hold; beyond this depth
    /// they are taken for a syntax error.
    fn check_depth(&self, depth: usize) -> Result<(), Invalid> {
        if depth < DEPTH_MAX { Ok(()) } else { Err(self.tokens.unexpected()) }
    }
}

/// All the checks, in order.
fn check(clauses: Vec<Clause<'_>>, placeholders: &mut Placeholders) -> Result<Update, Invalid> {
    for clause in &clauses {
        let operand = clause.operand.as_ref().and_then(RawTerm::reserved);
        if let Some(name) = clause.path.reserved().or(operand) {
            return Err(reserved_word(name));
        }
    }
    clauses.iter().filter_map(|clause| clause.operand.as_ref()).try_for_each(RawTerm::check_functions)?;
    for section in Section::ALL {
        if clauses.iter().filter(|clause| clause.opens && clause.section == section).count() > 1 {
            return Err(Invalid::new(format!(
                "The \"{}\" section can only be used once in an update expression;",
                section.name()
            )));
        }
    }
    let mut resolved = Vec::with_capacity(clauses.len());
    for clause in clauses {
        let path = clause.path.resolve(placeholders)?;
        let operand = clause.operand.map(|operand| operand.resolve_names(placeholders)).transpose()?;
        resolved.push((clause.section, path, operand));
    }
    let mut operands = Vec::with_capacity(resolved.len());
    for (section, path, operand) in resolved {
        let operand = operand.map(|operand| operand.resolve_values(placeholders)).transpose()?;
        operands.push((section, path, operand));
    }
    check_disjoint(operands.iter().map(|(_, path, _)| path))?;
    operands.iter().try_for_each(|(section, _, operand)| check_set_operand(*section, operand.as_ref()))?;
    let actions = operands
        .into_iter()
        .map(|(section, path, operand)| Ok((path, action(section, operand)?)))
        .collect::<Result<_, Invalid>>()?;
    Ok(Update { actions, is_legacy: false })
}

/// Refuses values that cannot be added or deleted.
fn check_set_operand(section: Section, operand: Option<&Checked>) -> Result<(), Invalid> {
    let (Section::Add | Section::Delete, Some(Checked::Value(value))) = (section, operand) else {
        return Ok(());
    };
    let kind = value.kind();
    if kind.is_set() || (section == Section::Add && kind == Type::N) {
        return Ok(());
    }
    let operator = section.name();
    Err(Invalid::new(format!(
        "Incorrect operand type for operator or function; operator: {operator}, operand type: {}, \
         typeSet: ALLOWED_FOR_{operator}_OPERAND",
        kind.long_name()
    )))
}

fn action(section: Section, operand: Option<Checked>) -> Result<Action, Invalid> {
    Ok(match (section, operand) {
        (Section::Set, Some(operand)) => Action::Set(operand.into_term()?),
        (Section::Add, Some(Checked::Value(value))) => Action::Add(value),
        (Section::Delete, Some(Checked::Value(value))) => Action::Delete(value),
        _ => Action::Remove,
    })
}

/// A term whose names are replaced and whose values perhaps are.
enum Named<'a> {
    Path(Path),
    Value(&'a str),
    Call(&'static str, Vec<Named<'a>>),
}

/// A term whose placeholders are replaced.
enum Checked {
    Path(Path),
    Value(Arc<Value>),
    Call(&'static str, Vec<Checked>),
}

const FUNCTIONS: [&str; 4] = ["if_not_exists", "list_append", "+", "-"];

impl<'a> RawTerm<'a> {
    fn reserved(&self) -> Option<&'a str> {
        match self {
            RawTerm::Path(path) => path.reserved(),
            RawTerm::Value(_) => None,
            RawTerm::Call(_, operands) => operands.iter().find_map(RawTerm::reserved),
        }
    }

    fn check_functions(&self) -> Result<(), Invalid> {
        let RawTerm::Call(name, operands) = self else {
            return Ok(());
        };
        operands.iter().try_for_each(RawTerm::check_functions)?;
        if FUNCTIONS.contains(name) { Ok(()) } else { Err(unknown_function(name)) }
    }

    fn resolve_names(self, placeholders: &mut Placeholders) -> Result<Named<'a>, Invalid> {
        Ok(match self {
            RawTerm::Path(path) => Named::Path(path.resolve(placeholders)?),
            RawTerm::Value(placeholder) => Named::Value(placeholder),
            RawTerm::Call(name, operands) => {
                let function = FUNCTIONS.into_iter().find(|known| known == &name);
                let resolved = operands.into_iter().map(|operand| operand.resolve_names(placeholders));
                Named::Call(
                    function.unwrap_or_else(|| unreachable!("unknown functions have been refused")),
                    resolved.collect::<Result<_, _>>()?,
                )
            }
        })
    }
}

impl Named<'_> {
    fn resolve_values(self, placeholders: &mut Placeholders) -> Result<Checked, Invalid> {
        Ok(match self {
            Named::Path(path) => Checked::Path(path),
            Named::Value(placeholder) => Checked::Value(Arc::clone(placeholders.value(placeholder)?)),
            Named::Call(name, operands) => {
                let resolved = operands.into_iter().map(|operand| operand.resolve_values(placeholders));
                Checked::Call(name, resolved.collect::<Result<_, _>>()?)
            }
        })
    }
}

impl Checked {
    /// The term, its functions' operands checked, innermost first.
    fn into_term(self) -> Result<Term, Invalid> {
        let (name, operands) = match self {
            Checked::Path(path) => return Ok(Term::Path(path)),
            Checked::Value(value) => return Ok(Term::Value(value)),
            Checked::Call(name, operands) => (name, operands),
        };
        let count = operands.len();
        let terms = operands.into_iter().map(Checked::into_term).collect::<Result<Vec<_>, _>>()?;
        let Ok([left, right]) = <[Term; 2]>::try_from(terms) else {
            return Err(operand_count(name, count));
        };
        if name == "if_not_exists" {
            return match left {
                Term::Path(path) => Ok(Term::IfNotExists(path, Box::new(right))),
                _ => Err(path_required(name)),
            };
        }
        let wanted = if name == "list_append" { Type::L } else { Type::N };
        for operand in [&left, &right] {
            if let Term::Value(value) = operand
                && value.kind() != wanted
            {
                return Err(operand_type(name, value.kind()));
            }
        }
        let (left, right) = (Box::new(left), Box::new(right));
        Ok(match name {
            "list_append" => Term::ListAppend(left, right),
            "+" => Term::Plus(left, right),
            _ => Term::Minus(left, right),
        })
    }
}
