//! Attribute values, items, and how many bytes they count for.

use std::collections::BTreeMap;
use std::fmt;

use super::Invalid;
use super::number::Number;

/// Bytes an item may have, names and values together (Service quotas, "Item size").
pub const ITEM_BYTES_MAX: usize = 400 * 1024;
/// How deep lists and maps may be nested in an item.
pub const NESTING_MAX: usize = 32;
/// Bytes an attribute name may have.
pub const NAME_BYTES_MAX: usize = 65_535;

/// The service's message for a value that is nested too deeply.
pub const NESTED_TOO_DEEPLY: &str = "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit";

/// A map of attributes by name. Ordered by name, so that everything derived from it is repeatable.
pub type Map = BTreeMap<String, Value>;

/// A row of a table: its attributes by name.
pub type Item = Map;

/// The value of an attribute.
///
/// Sets are sorted and free of duplicates, which makes equality structural.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// String (UTF-8).
    S(String),
    /// Number.
    N(Number),
    /// Binary.
    B(Vec<u8>),
    /// Boolean.
    Bool(bool),
    /// Null.
    Null,
    /// Map.
    M(Map),
    /// List.
    L(Vec<Value>),
    /// Set of strings.
    Ss(Vec<String>),
    /// Set of numbers.
    Ns(Vec<Number>),
    /// Set of binaries.
    Bs(Vec<Vec<u8>>),
}

/// The type of a value, under the name that the wire and `attribute_type` use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Type {
    /// `S`
    S,
    /// `N`
    N,
    /// `B`
    B,
    /// `BOOL`
    Bool,
    /// `NULL`
    Null,
    /// `M`
    M,
    /// `L`
    L,
    /// `SS`
    Ss,
    /// `NS`
    Ns,
    /// `BS`
    Bs,
}

impl Type {
    /// The type that a name stands for.
    pub fn from_name(name: &str) -> Option<Type> {
        Some(match name {
            "S" => Type::S,
            "N" => Type::N,
            "B" => Type::B,
            "BOOL" => Type::Bool,
            "NULL" => Type::Null,
            "M" => Type::M,
            "L" => Type::L,
            "SS" => Type::Ss,
            "NS" => Type::Ns,
            "BS" => Type::Bs,
            _ => return None,
        })
    }

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Type::S => "S",
            Type::N => "N",
            Type::B => "B",
            Type::Bool => "BOOL",
            Type::Null => "NULL",
            Type::M => "M",
            Type::L => "L",
            Type::Ss => "SS",
            Type::Ns => "NS",
            Type::Bs => "BS",
        }
    }

    /// The name that messages about `ADD` and `DELETE` use.
    pub fn long_name(self) -> &'static str {
        match self {
            Type::S => "STRING",
            Type::N => "NUMBER",
            Type::B => "BINARY",
            Type::Bool => "BOOLEAN",
            Type::Null => "NULL",
            Type::M => "MAP",
            Type::L => "LIST",
            Type::Ss => "STRING_SET",
            Type::Ns => "NUMBER_SET",
            Type::Bs => "BINARY_SET",
        }
    }

    /// Whether values of the type are sets.
    pub fn is_set(self) -> bool {
        matches!(self, Type::Ss | Type::Ns | Type::Bs)
    }

    /// Whether values of the type have an order, and may be keys.
    pub fn is_ordered(self) -> bool {
        matches!(self, Type::S | Type::N | Type::B)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Value {
    /// The value's type.
    pub fn kind(&self) -> Type {
        match self {
            Value::S(_) => Type::S,
            Value::N(_) => Type::N,
            Value::B(_) => Type::B,
            Value::Bool(_) => Type::Bool,
            Value::Null => Type::Null,
            Value::M(_) => Type::M,
            Value::L(_) => Type::L,
            Value::Ss(_) => Type::Ss,
            Value::Ns(_) => Type::Ns,
            Value::Bs(_) => Type::Bs,
        }
    }

    /// A set of strings.
    ///
    /// # Errors
    /// An empty set, an empty member, or a member that occurs twice.
    pub fn string_set(mut members: Vec<String>) -> Result<Value, Invalid> {
        if members.is_empty() {
            return Err(Invalid::parameters("An string set  may not be empty"));
        }
        if members.iter().any(String::is_empty) {
            return Err(Invalid::parameters("An string set may not have a empty string as a member"));
        }
        if has_duplicates(&members) {
            return Err(Invalid::parameters(format!(
                "Input collection [{}] contains duplicates.",
                members.join(", ")
            )));
        }
        members.sort_unstable();
        Ok(Value::Ss(members))
    }

    /// A set of numbers, as written.
    ///
    /// # Errors
    /// An empty set, a member that is no number, or one that occurs twice, however it is written.
    pub fn number_set(members: &[String]) -> Result<Value, Invalid> {
        if members.is_empty() {
            return Err(Invalid::parameters("An number set  may not be empty"));
        }
        let mut numbers = members.iter().map(|text| Number::parse(text)).collect::<Result<Vec<_>, _>>()?;
        numbers.sort_unstable();
        if numbers.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Invalid::new("Input collection contains duplicates"));
        }
        Ok(Value::Ns(numbers))
    }

    /// A set of binaries. `written` renders a member as the client wrote it, for the message.
    ///
    /// # Errors
    /// An empty set, an empty member, or a member that occurs twice.
    pub fn binary_set(
        mut members: Vec<Vec<u8>>,
        written: impl Fn(&[u8]) -> String,
    ) -> Result<Value, Invalid> {
        if members.is_empty() {
            return Err(Invalid::parameters("Binary sets should not be empty"));
        }
        if members.iter().any(Vec::is_empty) {
            return Err(Invalid::parameters("Binary sets may not contain null or empty values"));
        }
        if has_duplicates(&members) {
            let list: Vec<String> = members.iter().map(|member| written(member)).collect();
            return Err(Invalid::parameters(format!(
                "Input collection [{}]of type BS contains duplicates.",
                list.join(", ")
            )));
        }
        members.sort_unstable();
        Ok(Value::Bs(members))
    }

    /// The bytes the value counts for in an item's size.
    ///
    /// Lists and maps cost three bytes and one for each element, besides what is in them
    /// (developer guide, "DynamoDB item sizes and formats").
    pub fn size_bytes(&self) -> usize {
        match self {
            Value::S(text) => text.len(),
            Value::N(number) => number.size_bytes(),
            Value::B(bytes) => bytes.len(),
            Value::Bool(_) | Value::Null => 1,
            Value::M(map) => 3 + map.len() + item_size_bytes(map),
            Value::L(list) => 3 + list.iter().map(|value| 1 + value.size_bytes()).sum::<usize>(),
            Value::Ss(members) => members.iter().map(String::len).sum(),
            Value::Ns(members) => members.iter().map(Number::size_bytes).sum(),
            Value::Bs(members) => members.iter().map(Vec::len).sum(),
        }
    }

    /// How many lists and maps deep the value is; zero for anything else.
    pub fn depth(&self) -> usize {
        match self {
            Value::M(map) => 1 + map.values().map(Value::depth).max().unwrap_or(0),
            Value::L(list) => 1 + list.iter().map(Value::depth).max().unwrap_or(0),
            _ => 0,
        }
    }
}

/// The size of an item in bytes, as the 400 KB limit and consumed capacity count it.
pub fn item_size_bytes(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + value.size_bytes()).sum()
}

/// Refuses an item with a value that is nested deeper than the service allows.
///
/// # Errors
/// [`NESTED_TOO_DEEPLY`].
pub fn check_nesting(item: &Item) -> Result<(), Invalid> {
    match item.values().all(|value| value.depth() <= NESTING_MAX) {
        true => Ok(()),
        false => Err(Invalid::new(NESTED_TOO_DEEPLY)),
    }
}

fn has_duplicates<T: Ord>(members: &[T]) -> bool {
    let mut sorted: Vec<&T> = members.iter().collect();
    sorted.sort_unstable();
    sorted.windows(2).any(|pair| pair[0] == pair[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_refuse_what_the_service_refuses() {
        let strings = |members: &[&str]| Value::string_set(members.iter().map(|m| (*m).into()).collect());
        let numbers =
            |members: &[&str]| Value::number_set(&members.iter().map(|m| (*m).into()).collect::<Vec<_>>());
        for (got, message) in [
            (strings(&[]), "One or more parameter values were invalid: An string set  may not be empty"),
            (
                strings(&["a", ""]),
                "One or more parameter values were invalid: An string set may not have a empty string as a member",
            ),
            (
                strings(&["b", "a", "b"]),
                "One or more parameter values were invalid: Input collection [b, a, b] contains duplicates.",
            ),
            (numbers(&[]), "One or more parameter values were invalid: An number set  may not be empty"),
            (numbers(&["1", "b"]), "The parameter cannot be converted to a numeric value: b"),
            (numbers(&["1", "1.0"]), "Input collection contains duplicates"),
            (
                Value::binary_set(vec![], |_| String::new()),
                "One or more parameter values were invalid: Binary sets should not be empty",
            ),
            (
                Value::binary_set(vec![b"b".to_vec(), b"b".to_vec()], |_| "Yg==".into()),
                "One or more parameter values were invalid: Input collection [Yg==, Yg==]of type BS contains duplicates.",
            ),
        ] {
            assert_eq!(got.unwrap_err().to_string(), message);
        }
        assert_eq!(strings(&["b", "a"]).unwrap(), strings(&["a", "b"]).unwrap());
    }

    #[test]
    fn sizes_count_names_values_and_nesting() {
        let item = Item::from([
            ("id".into(), Value::S("Fred".into())),
            ("flag".into(), Value::Bool(true)),
            ("list".into(), Value::L(vec![Value::Null, Value::N(Number::from(12))])),
            ("map".into(), Value::M(Map::from([("k".into(), Value::B(vec![0; 5]))]))),
            ("set".into(), Value::string_set(vec!["ab".into(), "c".into()]).unwrap()),
        ]);
        assert_eq!(item_size_bytes(&item), (2 + 4) + (4 + 1) + (4 + 3 + 2 + 3) + (3 + 3 + 1 + 6) + (3 + 3));
    }

    #[test]
    fn values_may_be_nested_32_deep() {
        let nested = |levels: usize| {
            (0..levels).fold(Value::S("leaf".into()), |inner, _| Value::M(Map::from([("n".into(), inner)])))
        };
        assert!(check_nesting(&Item::from([("d".into(), nested(32))])).is_ok());
        let error = check_nesting(&Item::from([("d".into(), nested(33))])).unwrap_err();
        assert_eq!(error.to_string(), NESTED_TOO_DEEPLY);
    }
}
