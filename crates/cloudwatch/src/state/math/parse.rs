//! Expressions as text, and their structure.

use std::collections::BTreeSet;

use super::functions::Function;

/// How deep an expression may nest: more than any real one, and little enough for the stack.
const DEPTH_MAX: usize = 64;

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// A number.
    Number(f64),
    /// A text in quotes, as `METRICS` takes.
    Text(String),
    /// The result of the query with this id, or a word that a function knows (`REPEAT`).
    Name(String),
    /// `[a, b]`
    Array(Vec<Self>),
    /// `-a`
    Negate(Box<Self>),
    /// `a + b`
    Binary(Operator, Box<Self>, Box<Self>),
    /// `SUM(a)`
    Call(Function, Vec<Self>),
}

/// An operator between two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `^`
    Power,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `AND`, `&&`
    And,
    /// `OR`, `||`
    Or,
}

impl Operator {
    /// How strongly it binds.
    const fn strength(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And => 2,
            Self::Equal
            | Self::NotEqual
            | Self::Less
            | Self::LessOrEqual
            | Self::Greater
            | Self::GreaterOrEqual => 3,
            Self::Add | Self::Subtract => 4,
            Self::Multiply | Self::Divide => 5,
            Self::Power => 6,
        }
    }

    /// What it makes of two numbers; truth is 1 and falsehood 0.
    #[must_use]
    pub fn apply(self, a: f64, b: f64) -> f64 {
        let truth = |holds: bool| if holds { 1.0 } else { 0.0 };
        match self {
            Self::Add => a + b,
            Self::Subtract => a - b,
            Self::Multiply => a * b,
            Self::Divide => a / b,
            Self::Power => a.powf(b),
            Self::Equal => truth(a == b),
            Self::NotEqual => truth(a != b),
            Self::Less => truth(a < b),
            Self::LessOrEqual => truth(a <= b),
            Self::Greater => truth(a > b),
            Self::GreaterOrEqual => truth(a >= b),
            Self::And => truth(a != 0.0 && b != 0.0),
            Self::Or => truth(a != 0.0 || b != 0.0),
        }
    }
}

impl Expr {
    /// Visits it and everything in it. Operators in a row make a deep tree to the left, which is walked without recursion.
    fn visit<'a>(&'a self, see: &mut impl FnMut(&'a Self)) {
        let mut expr = self;
        loop {
            see(expr);
            match expr {
                Self::Number(_) | Self::Text(_) | Self::Name(_) => return,
                Self::Array(parts) | Self::Call(_, parts) => {
                    parts.iter().for_each(|part| part.visit(see));
                    return;
                }
                Self::Negate(inner) => expr = inner,
                Self::Binary(_, a, b) => {
                    b.visit(see);
                    expr = a;
                }
            }
        }
    }

    /// The names that it refers to.
    #[must_use]
    pub fn names(&self) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        self.visit(&mut |expr| {
            if let Self::Name(name) = expr {
                names.insert(name.as_str());
            }
        });
        names
    }

    /// Whether it asks for all metrics of the request.
    #[must_use]
    pub fn asks_for_metrics(&self) -> bool {
        let mut asks = false;
        self.visit(&mut |expr| asks |= matches!(expr, Self::Call(Function::Metrics, _)));
        asks
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Number(f64),
    Text(String),
    Name(String),
    Operator(Operator),
    Open,
    Close,
    OpenList,
    CloseList,
    Comma,
}

/// Reads an expression.
///
/// # Errors
/// What is wrong with it, or which function in it is not supported.
pub fn parse(text: &str) -> Result<Expr, String> {
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: &tokens, at: 0 };
    let expr = parser.binary(0, 0)?;
    match parser.next() {
        None => Ok(expr),
        Some(token) => Err(unexpected(Some(&token))),
    }
}

fn unexpected(token: Option<&Token>) -> String {
    match token {
        None => "the expression ends too early".to_owned(),
        Some(Token::Name(name)) => format!("unexpected {name}"),
        Some(Token::Number(number)) => format!("unexpected number {number}"),
        Some(Token::Text(text)) => format!("unexpected text \"{text}\""),
        Some(Token::Operator(operator)) => format!("unexpected operator {operator:?}"),
        Some(Token::Open | Token::Close) => "unexpected parenthesis".to_owned(),
        Some(Token::OpenList | Token::CloseList) => "unexpected bracket".to_owned(),
        Some(Token::Comma) => "unexpected comma".to_owned(),
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, len) = match first {
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            '[' => (Token::OpenList, 1),
            ']' => (Token::CloseList, 1),
            ',' => (Token::Comma, 1),
            '\'' | '"' => {
                let inner = &rest[1..];
                let end = inner.find(first).ok_or("a text does not end")?;
                (Token::Text(inner[..end].to_owned()), end + 2)
            }
            '0'..='9' | '.' => number(rest)?,
            c if c.is_ascii_alphabetic() => {
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
                let name = &rest[..end];
                let token = match name {
                    "AND" => Token::Operator(Operator::And),
                    "OR" => Token::Operator(Operator::Or),
                    _ => Token::Name(name.to_owned()),
                };
                (token, end)
            }
            c => operator(rest).ok_or_else(|| format!("unexpected character {c:?}"))?,
        };
        tokens.push(token);
        rest = rest[len..].trim_start();
    }
    Ok(tokens)
}

fn number(text: &str) -> Result<(Token, usize), String> {
    let plain = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let mut end = plain;
    // An exponent, if digits follow.
    if let Some(exponent) = text[plain..].strip_prefix(['e', 'E']) {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        let count = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        if count > 0 {
            end = text.len() - digits.len() + count;
        }
    }
    let value: f64 = text[..end].parse().map_err(|_| format!("{} is not a number", &text[..end]))?;
    Ok((Token::Number(value), end))
}

fn operator(text: &str) -> Option<(Token, usize)> {
    const OPERATORS: [(&str, Operator); 13] = [
        ("==", Operator::Equal),
        ("!=", Operator::NotEqual),
        ("<=", Operator::LessOrEqual),
        (">=", Operator::GreaterOrEqual),
        ("&&", Operator::And),
        ("||", Operator::Or),
        ("<", Operator::Less),
        (">", Operator::Greater),
        ("+", Operator::Add),
        ("-", Operator::Subtract),
        ("*", Operator::Multiply),
        ("/", Operator::Divide),
        ("^", Operator::Power),
    ];
    let (sign, operator) = OPERATORS.iter().find(|(sign, _)| text.starts_with(sign))?;
    Some((Token::Operator(*operator), sign.len()))
}

struct Parser<'t> {
    tokens: &'t [Token],
    at: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn expect(&mut self, wanted: &Token) -> Result<(), String> {
        match self.next() {
            Some(token) if token == *wanted => Ok(()),
            other => Err(unexpected(other.as_ref())),
        }
    }

    /// Operators that bind more strongly than `above`, from the left.
    fn binary(&mut self, above: u8, depth: usize) -> Result<Expr, String> {
        if depth > DEPTH_MAX {
            return Err(format!("it nests more than {DEPTH_MAX} levels deep"));
        }
        let mut left = self.operand(depth)?;
        while let Some(Token::Operator(operator)) = self.peek().cloned() {
            if operator.strength() <= above {
                break;
            }
            self.at += 1;
            let right = self.binary(operator.strength(), depth + 1)?;
            left = Expr::Binary(operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn operand(&mut self, depth: usize) -> Result<Expr, String> {
        if depth > DEPTH_MAX {
            return Err(format!("it nests more than {DEPTH_MAX} levels deep"));
        }
        match self.next() {
            Some(Token::Number(number)) => Ok(Expr::Number(number)),
            Some(Token::Text(text)) => Ok(Expr::Text(text)),
            Some(Token::Operator(Operator::Subtract)) => Ok(Expr::Negate(Box::new(self.operand(depth + 1)?))),
            Some(Token::Open) => {
                let inner = self.binary(0, depth + 1)?;
                self.expect(&Token::Close)?;
                Ok(inner)
            }
            Some(Token::OpenList) => Ok(Expr::Array(self.list(&Token::CloseList, depth)?)),
            Some(Token::Name(name)) => {
                if self.peek() != Some(&Token::Open) {
                    return Ok(Expr::Name(name));
                }
                let function = Function::parse(&name)?;
                self.at += 1;
                Ok(Expr::Call(function, self.list(&Token::Close, depth)?))
            }
            other => Err(unexpected(other.as_ref())),
        }
    }

    fn list(&mut self, end: &Token, depth: usize) -> Result<Vec<Expr>, String> {
        let mut items = Vec::new();
        if self.peek() == Some(end) {
            self.at += 1;
            return Ok(items);
        }
        loop {
            items.push(self.binary(0, depth + 1)?);
            match self.next() {
                Some(Token::Comma) => {}
                Some(token) if token == *end => return Ok(items),
                other => return Err(unexpected(other.as_ref())),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_bind_as_in_arithmetic() {
        let print = |text| format!("{:?}", parse(text).unwrap());
        assert_eq!(print("a+b*c^d"), print("a+(b*(c^d))"));
        assert_eq!(print("a-b-c"), print("(a-b)-c"));
        assert_eq!(print("a>1 AND b<2 OR c"), print("((a>1)&&(b<2))||c"));
        assert_eq!(print("-a+1e3"), print("(-a)+1000"));
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for text in ["", "a+", "(a", "a b", "SUM(a", "[a", "a,b", "1.2.3", "'x", "é", "SUM(a,)", "a == = b"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse(&"(".repeat(2000)).is_err());
        assert!(parse(&"-".repeat(2000)).is_err());
        assert!(parse(&"a^".repeat(1000)).is_err());
    }

    #[test]
    fn unsupported_functions_are_named() {
        for name in ["SEARCH", "ANOMALY_DETECTION_BAND", "INSIGHT_RULE_METRIC", "NOSUCH"] {
            assert!(parse(&format!("{name}('x')")).unwrap_err().contains(name));
        }
    }
}
