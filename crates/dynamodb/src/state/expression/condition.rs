//! Condition, filter and key-condition expressions: the checks that follow reading.
//!
//! The service checks a whole expression for redundant parentheses, then for unknown functions, functions
//! in the wrong place, and reserved words; then condition by condition, from the left, for placeholders,
//! numbers of operands, operands that must differ, and operand types.

use std::sync::Arc;

use super::super::Invalid;
use super::super::path::Path;
use super::super::value::{Type, Value};
use super::parse::{operand_count, operand_type, path_required, reserved_word, unknown_function};
use super::syntax::{Parser, Raw};
use super::{IN_OPERANDS_MAX, Kind, Placeholders};

/// `=`, `<>`, `<`, `<=`, `>`, `>=`
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Comparator {
    /// `=`
    Eq,
    /// `<>`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
}

impl Comparator {
    /// The operator written so.
    pub(super) fn from_symbol(symbol: &str) -> Option<Comparator> {
        Some(match symbol {
            "=" => Comparator::Eq,
            "<>" => Comparator::Ne,
            "<" => Comparator::Lt,
            "<=" => Comparator::Le,
            ">" => Comparator::Gt,
            ">=" => Comparator::Ge,
            _ => return None,
        })
    }

    /// The operator as written.
    pub fn symbol(self) -> &'static str {
        match self {
            Comparator::Eq => "=",
            Comparator::Ne => "<>",
            Comparator::Lt => "<",
            Comparator::Le => "<=",
            Comparator::Gt => ">",
            Comparator::Ge => ">=",
        }
    }

    /// The operator that says the same with its operands exchanged.
    pub fn mirrored(self) -> Comparator {
        match self {
            Comparator::Lt => Comparator::Gt,
            Comparator::Le => Comparator::Ge,
            Comparator::Gt => Comparator::Lt,
            Comparator::Ge => Comparator::Le,
            same => same,
        }
    }
}

/// What a condition looks at.
#[derive(Clone, PartialEq, Debug)]
pub enum Operand {
    /// The value at a path of the item.
    Path(Path),
    /// A value of the request.
    Value(Arc<Value>),
    /// `size(…)` of an operand.
    Size(Box<Operand>),
}

/// A condition on an item.
#[derive(Clone, PartialEq, Debug)]
pub enum Condition {
    /// Both hold.
    And(Box<Condition>, Box<Condition>),
    /// One holds.
    Or(Box<Condition>, Box<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
    /// A comparison.
    Compare(Comparator, Operand, Operand),
    /// The first lies between the others, bounds included.
    Between(Operand, Operand, Operand),
    /// The first equals one of the others.
    In(Operand, Vec<Operand>),
    /// There is a value at the path.
    AttributeExists(Path),
    /// There is none.
    AttributeNotExists(Path),
    /// The value is of the type.
    AttributeType(Operand, Type),
    /// The first, a string or binary, begins with the second.
    BeginsWith(Operand, Operand),
    /// The first, a string, binary, set or list, contains the second.
    Contains(Operand, Operand),
}

impl Condition {
    /// Reads an expression.
    ///
    /// # Errors
    /// The first fault in the service's order of checks, prefixed with the parameter's name.
    pub fn parse(kind: Kind, text: &str, placeholders: &mut Placeholders) -> Result<Condition, Invalid> {
        kind.check_length(text)?;
        let (raw, is_redundant) = Parser::new(kind, text).parse_all()?;
        let checked = || {
            if is_redundant {
                return Err(Invalid::new("The expression has redundant parentheses;"));
            }
            check_functions(&raw)?;
            check_places(&raw)?;
            check_reserved(&raw)?;
            build(raw, placeholders)
        };
        checked().map_err(|fault: Invalid| kind.invalid(fault))
    }

    /// The paths that the condition reads, from the left.
    pub fn paths<'a>(&'a self, visit: &mut impl FnMut(&'a Path)) {
        let mut operand = |operand: &'a Operand| {
            let mut inner = operand;
            while let Operand::Size(within) = inner {
                inner = within;
            }
            if let Operand::Path(path) = inner {
                visit(path);
            }
        };
        match self {
            Condition::And(left, right) | Condition::Or(left, right) => {
                left.paths(visit);
                right.paths(visit);
            }
            Condition::Not(inner) => inner.paths(visit),
            Condition::Compare(_, left, right)
            | Condition::BeginsWith(left, right)
            | Condition::Contains(left, right) => [left, right].into_iter().for_each(operand),
            Condition::Between(value, low, high) => [value, low, high].into_iter().for_each(operand),
            Condition::In(value, list) => std::iter::once(value).chain(list).for_each(operand),
            Condition::AttributeExists(path) | Condition::AttributeNotExists(path) => visit(path),
            Condition::AttributeType(value, _) => operand(value),
        }
    }
}

const FUNCTIONS: [(&str, usize); 6] = [
    ("attribute_exists", 1),
    ("attribute_not_exists", 1),
    ("attribute_type", 2),
    ("begins_with", 2),
    ("contains", 2),
    ("size", 1),
];

/// Refuses functions that do not exist, innermost first.
fn check_functions(raw: &Raw<'_>) -> Result<(), Invalid> {
    raw.children().iter().try_for_each(check_functions)?;
    match raw {
        Raw::Call(name, _) if !FUNCTIONS.iter().any(|(known, _)| known == name) => {
            Err(unknown_function(name))
        }
        _ => Ok(()),
    }
}

/// Refuses conditions where an operand is needed and `size` where a condition is, innermost first.
fn check_places(raw: &Raw<'_>) -> Result<(), Invalid> {
    check_places_below(raw)?;
    match raw {
        Raw::Call("size", _) => Err(misplaced("size")),
        _ => Ok(()),
    }
}

fn check_places_below(raw: &Raw<'_>) -> Result<(), Invalid> {
    raw.children().iter().try_for_each(check_places_below)?;
    let holds_conditions = matches!(raw, Raw::Not(_) | Raw::And(_) | Raw::Or(_));
    for child in raw.children() {
        if let Raw::Call(name, _) = child
            && (*name == "size") == holds_conditions
        {
            return Err(misplaced(name));
        }
    }
    Ok(())
}

fn misplaced(function: &str) -> Invalid {
    Invalid::new(format!(
        "The function is not allowed to be used this way in an expression; function: {function}"
    ))
}

fn check_reserved(raw: &Raw<'_>) -> Result<(), Invalid> {
    if let Raw::Path(path) = raw
        && let Some(name) = path.reserved()
    {
        return Err(reserved_word(name));
    }
    raw.children().iter().try_for_each(check_reserved)
}

/// An operand with its placeholders replaced.
enum Resolved<'a> {
    Path(Path),
    Value(Arc<Value>),
    Call(&'a str, Vec<Resolved<'a>>),
}

impl Resolved<'_> {
    /// The type that is known before any item is: a value's, or what a function returns.
    fn static_type(&self) -> Option<Type> {
        match self {
            Resolved::Path(_) => None,
            Resolved::Value(value) => Some(value.kind()),
            Resolved::Call("size", _) => Some(Type::N),
            Resolved::Call(..) => Some(Type::Bool),
        }
    }

    fn into_operand(self) -> Operand {
        match self {
            Resolved::Path(path) => Operand::Path(path),
            Resolved::Value(value) => Operand::Value(value),
            Resolved::Call(_, operands) => {
                let inner = operands.into_iter().next();
                // Only `size`, with its one operand, passes the checks on places and counts.
                Operand::Size(Box::new(
                    inner.unwrap_or_else(|| unreachable!("size has an operand")).into_operand(),
                ))
            }
        }
    }
}

fn build(raw: Raw<'_>, placeholders: &mut Placeholders) -> Result<Condition, Invalid> {
    let mut both = |operands: [Raw<'_>; 2]| {
        let [left, right] = operands;
        let left = build(left, placeholders)?;
        Ok::<_, Invalid>((Box::new(left), Box::new(build(right, placeholders)?)))
    };
    match raw {
        Raw::And(operands) => both(*operands).map(|(left, right)| Condition::And(left, right)),
        Raw::Or(operands) => both(*operands).map(|(left, right)| Condition::Or(left, right)),
        Raw::Not(inner) => Ok(Condition::Not(Box::new(build(*inner, placeholders)?))),
        Raw::Compare(comparator, operands) => build_comparison(comparator, *operands, placeholders),
        Raw::Between(operands) => build_between(*operands, placeholders),
        Raw::In(operands) => build_in(operands, placeholders),
        Raw::Call(name, operands) => build_call(name, operands, placeholders),
        Raw::Path(_) | Raw::Value(_) => unreachable!("the parser lets only conditions stand here"),
    }
}

fn resolve<'a>(raw: Raw<'a>, placeholders: &mut Placeholders) -> Result<Resolved<'a>, Invalid> {
    Ok(match raw {
        Raw::Path(path) => Resolved::Path(path.resolve(placeholders)?),
        Raw::Value(placeholder) => Resolved::Value(Arc::clone(placeholders.value(placeholder)?)),
        Raw::Call(name, operands) => Resolved::Call(name, resolve_all(operands, placeholders)?),
        _ => unreachable!("the parser lets only operands stand here"),
    })
}

fn resolve_all<'a>(
    raws: Vec<Raw<'a>>,
    placeholders: &mut Placeholders,
) -> Result<Vec<Resolved<'a>>, Invalid> {
    raws.into_iter().map(|raw| resolve(raw, placeholders)).collect()
}

fn build_comparison(
    comparator: Comparator,
    operands: [Raw<'_>; 2],
    placeholders: &mut Placeholders,
) -> Result<Condition, Invalid> {
    let operands = resolve_all(operands.into(), placeholders)?;
    check_calls(&operands)?;
    check_distinct(comparator.symbol(), &operands)?;
    operands.iter().try_for_each(check_call_types)?;
    if !matches!(comparator, Comparator::Eq | Comparator::Ne) {
        check_ordered(comparator.symbol(), &operands)?;
    }
    let [left, right] = exactly(operands);
    Ok(Condition::Compare(comparator, left, right))
}

fn build_between(operands: [Raw<'_>; 3], placeholders: &mut Placeholders) -> Result<Condition, Invalid> {
    let operands = resolve_all(operands.into(), placeholders)?;
    check_calls(&operands)?;
    operands.iter().try_for_each(check_call_types)?;
    check_ordered("BETWEEN", &operands)?;
    if let [_, Resolved::Value(low), Resolved::Value(high)] = &operands[..] {
        let complain = |demand: &str| {
            Invalid::new(format!(
                "The BETWEEN operator requires {demand}; lower bound operand: AttributeValue: {}, \
                 upper bound operand: AttributeValue: {}",
                shown(low),
                shown(high)
            ))
        };
        if low.kind() != high.kind() {
            return Err(complain("same data type for lower and upper bounds"));
        }
        if super::evaluate::compare(Comparator::Gt, low, high) {
            return Err(complain("upper bound to be greater than or equal to lower bound"));
        }
    }
    let [value, low, high] = exactly(operands);
    Ok(Condition::Between(value, low, high))
}

/// A scalar as messages about `BETWEEN` show it: `{S:abc}`.
fn shown(value: &Value) -> String {
    match value {
        Value::S(text) => format!("{{S:{text}}}"),
        Value::N(number) => format!("{{N:{number}}}"),
        Value::B(bytes) => format!("{{B:{} bytes}}", bytes.len()),
        other => format!("{{{}}}", other.kind()),
    }
}

fn build_in(operands: Vec<Raw<'_>>, placeholders: &mut Placeholders) -> Result<Condition, Invalid> {
    let mut operands = resolve_all(operands, placeholders)?;
    check_calls(&operands)?;
    let count = operands.len() - 1;
    if count > IN_OPERANDS_MAX {
        return Err(Invalid::new(format!(
            "The IN operator is provided with too many operands; number of operands: {count}"
        )));
    }
    check_distinct("IN", &operands)?;
    operands.iter().try_for_each(check_call_types)?;
    let list = operands.split_off(1).into_iter().map(Resolved::into_operand).collect();
    let [value] = exactly(operands);
    Ok(Condition::In(value, list))
}

fn build_call(
    name: &str,
    operands: Vec<Raw<'_>>,
    placeholders: &mut Placeholders,
) -> Result<Condition, Invalid> {
    let call = Resolved::Call(name, resolve_all(operands, placeholders)?);
    check_calls(std::slice::from_ref(&call))?;
    let Resolved::Call(_, operands) = &call else { unreachable!("built as a call above") };
    check_distinct(name, operands)?;
    check_call_types(&call)?;
    let Resolved::Call(_, operands) = call else { unreachable!("built as a call above") };
    Ok(match name {
        "attribute_exists" | "attribute_not_exists" => {
            let [Operand::Path(path)] = exactly(operands) else { unreachable!("checked to be a path") };
            match name {
                "attribute_exists" => Condition::AttributeExists(path),
                _ => Condition::AttributeNotExists(path),
            }
        }
        "attribute_type" => {
            let [value, kind] = exactly(operands);
            let kind = match &kind {
                Operand::Value(name) => match &**name {
                    Value::S(name) => Type::from_name(name),
                    _ => None,
                },
                _ => None,
            };
            Condition::AttributeType(value, kind.unwrap_or_else(|| unreachable!("checked to name a type")))
        }
        "begins_with" => {
            let [value, start] = exactly(operands);
            Condition::BeginsWith(value, start)
        }
        _ => {
            let [value, part] = exactly(operands);
            Condition::Contains(value, part)
        }
    })
}

/// The operands, whose number has been checked.
fn exactly<const N: usize>(operands: Vec<Resolved<'_>>) -> [Operand; N] {
    let operands: Vec<Operand> = operands.into_iter().map(Resolved::into_operand).collect();
    operands.try_into().unwrap_or_else(|_| unreachable!("the number of operands has been checked"))
}

/// Refuses calls with a wrong number of operands, innermost first.
fn check_calls(operands: &[Resolved<'_>]) -> Result<(), Invalid> {
    for operand in operands {
        if let Resolved::Call(name, inner) = operand {
            check_calls(inner)?;
            if FUNCTIONS.iter().any(|(known, count)| known == name && *count != inner.len()) {
                return Err(operand_count(name, inner.len()));
            }
        }
    }
    Ok(())
}

/// Refuses an operator whose first operand is a path that occurs among the others as well.
fn check_distinct(operator: &str, operands: &[Resolved<'_>]) -> Result<(), Invalid> {
    let Some((Resolved::Path(first), rest)) = operands.split_first() else {
        return Ok(());
    };
    if rest.iter().any(|operand| matches!(operand, Resolved::Path(path) if path == first)) {
        return Err(Invalid::new(format!(
            "The first operand must be distinct from the remaining operands for this operator or function; \
             operator: {operator}, first operand: {first}"
        )));
    }
    Ok(())
}

/// Refuses constants that have no order.
fn check_ordered(operator: &str, operands: &[Resolved<'_>]) -> Result<(), Invalid> {
    let unordered = operands.iter().filter_map(Resolved::static_type).find(|kind| !kind.is_ordered());
    unordered.map_or(Ok(()), |kind| Err(operand_type(operator, kind)))
}

/// Refuses calls with operands of types that the function does not take, innermost first.
fn check_call_types(operand: &Resolved<'_>) -> Result<(), Invalid> {
    let Resolved::Call(name, operands) = operand else {
        return Ok(());
    };
    operands.iter().try_for_each(check_call_types)?;
    match *name {
        "attribute_exists" | "attribute_not_exists" if !matches!(operands[0], Resolved::Path(_)) => {
            Err(path_required(name))
        }
        "begins_with" => {
            let mut types = operands.iter().filter_map(Resolved::static_type);
            let wrong = types.find(|kind| !matches!(kind, Type::S | Type::B));
            wrong.map_or(Ok(()), |kind| Err(operand_type(name, kind)))
        }
        "attribute_type" => check_type_name(&operands[1]),
        "size" => match operands[0].static_type() {
            Some(kind @ (Type::N | Type::Bool | Type::Null)) => Err(operand_type(name, kind)),
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

fn check_type_name(operand: &Resolved<'_>) -> Result<(), Invalid> {
    match operand {
        Resolved::Value(value) => match &**value {
            Value::S(name) if Type::from_name(name).is_some() => Ok(()),
            Value::S(name) => Err(Invalid::new(format!(
                "Invalid attribute type name found; type: {name}, valid types: {{B,NULL,SS,BOOL,L,BS,N,NS,S,M}}"
            ))),
            other => Err(operand_type("attribute_type", other.kind())),
        },
        other => match other.static_type() {
            Some(kind) => Err(operand_type("attribute_type", kind)),
            None => Err(operand_type("attribute_type", "{NS,SS,L,BS,N,M,B,BOOL,NULL,S}")),
        },
    }
}
