//! Tables of expressions: what they are refused with, and what they do.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::Invalid;
use super::super::key::{KeyAttribute, KeySchema};
use super::super::number::Number;
use super::super::value::{Item, Map, Type, Value};
use super::*;

fn text(value: &str) -> Value {
    Value::S(value.into())
}

fn number(value: &str) -> Value {
    Value::N(Number::parse(value).unwrap())
}

fn strings(members: &[&str]) -> Value {
    Value::string_set(members.iter().map(|member| (*member).into()).collect()).unwrap()
}

fn numbers(members: &[&str]) -> Value {
    Value::number_set(&members.iter().map(|member| (*member).into()).collect::<Vec<_>>()).unwrap()
}

fn list(elements: Vec<Value>) -> Value {
    Value::L(elements)
}

fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::M(entries.map(|(name, value)| (name.to_owned(), value)).into())
}

fn item<const N: usize>(entries: [(&str, Value); N]) -> Item {
    entries.map(|(name, value)| (name.to_owned(), value)).into()
}

fn placeholders(names: &[(&str, &str)], values: &[(&str, Value)]) -> Placeholders {
    let names: BTreeMap<String, String> = names.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
    let values: BTreeMap<String, Result<Value, Invalid>> =
        values.iter().map(|(k, v)| ((*k).into(), Ok(v.clone()))).collect();
    Placeholders::new((!names.is_empty()).then_some(names), (!values.is_empty()).then_some(values)).unwrap()
}

/// One value of each type, under the letters that the tables use.
fn one_of_each() -> Vec<(&'static str, Value)> {
    vec![
        (":a", text("a")),
        (":b", number("1")),
        (":c", Value::B(b"a".to_vec())),
        (":d", Value::Bool(false)),
        (":e", Value::Null),
        (":f", strings(&["a"])),
        (":g", numbers(&["1"])),
        (":h", Value::binary_set(vec![b"a".to_vec()], |_| String::new()).unwrap()),
        (":i", Value::M(Map::new())),
        (":j", list(vec![])),
    ]
}

fn condition_fault(expression: &str, names: &[(&str, &str)], values: &[(&str, Value)]) -> String {
    match Condition::parse(Kind::Filter, expression, &mut placeholders(names, values)) {
        Ok(condition) => panic!("{expression} was accepted: {condition:?}"),
        Err(fault) => fault.to_string(),
    }
}

fn update_fault(expression: &str, names: &[(&str, &str)], values: &[(&str, Value)]) -> String {
    match Update::parse(expression, &mut placeholders(names, values)) {
        Ok(update) => panic!("{expression} was accepted: {update:?}"),
        Err(fault) => fault.to_string(),
    }
}

fn check_condition_fault(expression: &str, names: &[(&str, &str)], values: &[(&str, Value)], fault: &str) {
    let expected = format!("Invalid FilterExpression: {fault}");
    assert_eq!(condition_fault(expression, names, values), expected, "{expression}");
}

fn check_update_fault(expression: &str, names: &[(&str, &str)], values: &[(&str, Value)], fault: &str) {
    let expected = format!("Invalid UpdateExpression: {fault}");
    assert_eq!(update_fault(expression, names, values), expected, "{expression}");
}

#[test]
fn placeholders_are_checked_before_any_expression() {
    let names = |names: &[(&str, &str)]| {
        Placeholders::new(Some(names.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect()), None)
    };
    let values = |values: &[(&str, Result<Value, Invalid>)]| {
        Placeholders::new(None, Some(values.iter().map(|(k, v)| ((*k).into(), v.clone())).collect()))
    };
    for (got, message) in [
        (names(&[]), "ExpressionAttributeNames must not be empty"),
        (names(&[("a", "a")]), "ExpressionAttributeNames contains invalid key: Syntax error; key: \"a\""),
        (names(&[("#", "a")]), "ExpressionAttributeNames contains invalid key: Syntax error; key: \"#\""),
        (
            names(&[("#a-b", "a")]),
            "ExpressionAttributeNames contains invalid key: Syntax error; key: \"#a-b\"",
        ),
        (values(&[]), "ExpressionAttributeValues must not be empty"),
        (
            values(&[(":b", Err(Invalid::new("bad"))), ("b", Ok(text("a")))]),
            "ExpressionAttributeValues contains invalid key: Syntax error; key: \"b\"",
        ),
        (
            values(&[(":b", Err(Invalid::parameters("An number set  may not be empty")))]),
            "ExpressionAttributeValues contains invalid value: One or more parameter values were invalid: An number set  may not be empty for key :b",
        ),
    ] {
        assert_eq!(got.unwrap_err().to_string(), message);
    }
}

#[test]
fn placeholders_that_nothing_used_are_refused() {
    let mut given = placeholders(&[("#a", "a"), ("#b", "b")], &[(":a", text("a")), (":b", text("b"))]);
    assert_eq!(
        given.check_all_used().unwrap_err().to_string(),
        "Value provided in ExpressionAttributeNames unused in expressions: keys: {#a, #b}"
    );
    Condition::parse(Kind::Condition, "#a = :a and #b.#a < :a", &mut given).unwrap();
    assert_eq!(
        given.check_all_used().unwrap_err().to_string(),
        "Value provided in ExpressionAttributeValues unused in expressions: keys: {:b}"
    );
    Update::parse("remove x set y = :b", &mut given).unwrap();
    given.check_all_used().unwrap();
}

#[test]
fn conditions_that_cannot_be_read_are_syntax_errors() {
    for (expression, token, near) in [
        ("a = = b", "=", "= = b"),
        ("things are not gonna be ok", "are", "things are not"),
        ("a > 4", "4", "> 4"),
        ("_hidden = :v", "_", "_hidden"),
        ("attribute_exists(Pictures-RearView)", "-", "Pictures-RearView"),
        ("attribute_exists(\"Pictures.RearView\")", "\"", "(\"Pictures"),
        ("attribute_exists(Pictures..RearView)", ".", "..RearView"),
        ("attribute_exists(asdf[a])", "a", "[a]"),
        ("attribute_not_exists(", "<EOF>", "("),
        ("a in b, c", "b", "in b,"),
        ("a in (b,c,)", ")", ",)"),
        ("a > between", "between", "> between"),
        ("(a)between(b.(c.d))and(c)", "(", ".(c"),
        ("(a)between(b.c.d)and((c)", "<EOF>", ")"),
        ("a > :things.stuff", ".", ":things.stuff"),
        ("b[:a] > a", ":a", "[:a]"),
        ("ü > a", "ü", "ü >"),
        ("size(a).b > a", ".", ").b"),
        ("(size(a))[0] > a", "[", ")[0"),
        ("a = :a and b", "<EOF>", "b"),
        ("a and b = :a", "and", "a and b"),
        ("(a)", "<EOF>", ")"),
        ("not a", "<EOF>", "a"),
        ("a = (b = c)", "=", "b = c"),
        ("#$.b > a", "#", "#$"),
        ("a = :a)", ")", ":a)"),
        ("not", "<EOF>", "not"),
    ] {
        check_condition_fault(
            expression,
            &[],
            &[],
            &format!("Syntax error; token: \"{token}\", near: \"{near}\""),
        );
    }
    check_condition_fault(" ", &[], &[], "The expression can not be empty;");
    check_condition_fault(
        &format!("a{} = :a", " ".repeat(4096)),
        &[],
        &[],
        "Expression size has exceeded the maximum allowed size; expression size: 4102",
    );
}

#[test]
fn whole_expression_checks_come_first_and_in_order() {
    let redundant = "The expression has redundant parentheses;";
    let function = |name| format!("Invalid function name; function: {name}");
    let place =
        |name| format!("The function is not allowed to be used this way in an expression; function: {name}");
    let reserved = |name| format!("Attribute name is a reserved keyword; reserved keyword: {name}");
    for (expression, fault) in [
        ("a=a and a > ((views))", redundant.to_owned()),
        ("(a)between(((b.c)).d)and(c)", redundant.to_owned()),
        ("a > whatever((:things), ((a)))", redundant.to_owned()),
        ("a=a AND ((a=a AND a=a)) AND a=a", redundant.to_owned()),
        ("a=a OR ((a=a OR (a=a OR a=a)))", redundant.to_owned()),
        ("((attribute_not_exists(pk)))", redundant.to_owned()),
        ("a=a and whatever((:things)) > a", function("whatever")),
        ("attRIbute_exIsts((views), #a)", function("attRIbute_exIsts")),
        ("a=a and attribute_exists((views), (#a)) > b", place("attribute_exists")),
        ("begins_with(things, a) > b", place("begins_with")),
        ("size(contains(a, b)) > a", place("contains")),
        ("size(things)", place("size")),
        ("not size(things)", place("size")),
        ("a = :a and size(things)", place("size")),
        ("a between b and attribute_exists(things)", place("attribute_exists")),
        ("a in (b, attribute_exists(things))", place("attribute_exists")),
        ("attribute_exists(views, #a)", reserved("views")),
        (":a < abOrT", reserved("abOrT")),
        ("a.b.status = :a", reserved("status")),
    ] {
        check_condition_fault(expression, &[], &[], &fault);
    }
}

#[test]
fn conditions_are_then_checked_one_by_one() {
    let name = |n| {
        format!("An expression attribute name used in the document path is not defined; attribute name: {n}")
    };
    let value =
        |v| format!("An expression attribute value used in expression is not defined; attribute value: {v}");
    let count = |f, n| {
        format!(
            "Incorrect number of operands for operator or function; operator or function: {f}, number of operands: {n}"
        )
    };
    let path = |f| format!("Operator or function requires a document path; operator or function: {f}");
    let distinct = |op, first| {
        format!(
            "The first operand must be distinct from the remaining operands for this operator or function; operator: {op}, first operand: {first}"
        )
    };
    for (expression, fault) in [
        ("attribute_exists(#Pictures.RearView, :a) and a=a", name("#Pictures")),
        ("begins_with(Pictures.#RearView)", name("#RearView")),
        ("(#P between :lo and :hi) and (#PC in (:cat1, :cat2))", name("#P")),
        ("#4g > a", name("#4g")),
        ("(a)between(b.c[45].#d)and(:a)", name("#d")),
        ("begins_with(:hello, #a, #b)", value(":hello")),
        (":_ > a", value(":_")),
        ("attribute_exists(things, a) and a=a", count("attribute_exists", 2)),
        ("attribute_type(things)", count("attribute_type", 1)),
        ("begins_with(things, size(a), b)", count("begins_with", 3)),
        ("size(things, a) > b", count("size", 2)),
        ("attribute_exists(:s) and a=a", path("attribute_exists")),
        ("attribute_not_exists(size(:s))", path("attribute_not_exists")),
        ("a = a AND a = b AND :views > a", distinct("=", "[a]")),
        ("((a=a) OR (a=a))", distinct("=", "[a]")),
        ("contains(ab.bc[1].a, ab.bc[1].a)", distinct("contains", "[ab, bc, [1], a]")),
        ("a in (b, c, a)", distinct("IN", "[a]")),
        (
            "a[4294967295] = :s",
            "List index is not within the allowable range; index: [4294967295]".to_owned(),
        ),
        (
            "attribute_type(a, :s)",
            "Invalid attribute type name found; type: s, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}"
                .to_owned(),
        ),
    ] {
        check_condition_fault(expression, &[], &[(":s", text("s"))], &fault);
    }
    let deep = format!("a{} = :s", ".b".repeat(32));
    check_condition_fault(
        &deep,
        &[],
        &[(":s", text("s"))],
        "The document path has too many nesting levels; nesting levels: 33",
    );
}

#[test]
fn operands_of_types_that_do_not_fit_are_refused() {
    let wrong = |f, t| {
        format!(
            "Incorrect operand type for operator or function; operator or function: {f}, operand type: {t}"
        )
    };
    let mut cases = vec![
        (
            "attribute_type(ab.bc[1].a, SS)".to_owned(),
            wrong("attribute_type", "{NS,SS,L,BS,N,M,B,BOOL,NULL,S}"),
        ),
        ("attribute_type(a, size(a)) and a=:a".to_owned(), wrong("attribute_type", "N")),
        ("begins_with(a, size(a)) and a=:a".to_owned(), wrong("begins_with", "N")),
        ("size(size(a)) > :a".to_owned(), wrong("size", "N")),
        ("size(:d) > a".to_owned(), wrong("size", "BOOL")),
        ("attribute_not_exists(size(:b))".to_owned(), wrong("size", "N")),
        ("a < :d".to_owned(), wrong("<", "BOOL")),
        (":i >= a".to_owned(), wrong(">=", "M")),
        ("a between :d and :d".to_owned(), wrong("BETWEEN", "BOOL")),
    ];
    for (placeholder, value) in one_of_each() {
        if !matches!(value.kind(), Type::S | Type::B) {
            cases.push((format!("begins_with(a, {placeholder})"), wrong("begins_with", value.kind().name())));
            cases.push((format!("begins_with({placeholder}, a)"), wrong("begins_with", value.kind().name())));
        }
        if value.kind() != Type::S {
            cases.push((
                format!("attribute_type(a, {placeholder})"),
                wrong("attribute_type", value.kind().name()),
            ));
        }
    }
    for (expression, fault) in cases {
        check_condition_fault(&expression, &[], &one_of_each(), &fault);
    }
    check_condition_fault(
        "a between :b and :a",
        &[],
        &one_of_each(),
        "The BETWEEN operator requires same data type for lower and upper bounds; lower bound operand: AttributeValue: {N:1}, upper bound operand: AttributeValue: {S:a}",
    );
    check_condition_fault(
        "a between :x and :a",
        &[],
        &[(":x", text("b")), (":a", text("a"))],
        "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound operand: AttributeValue: {S:b}, upper bound operand: AttributeValue: {S:a}",
    );
}

#[test]
fn expressions_are_bounded_in_operators_operands_and_depth() {
    let nested = |depth: usize| format!("a<b {}{}", "or (a<b ".repeat(depth), ")".repeat(depth));
    let mut none = placeholders(&[], &[]);
    Condition::parse(Kind::Filter, &nested(149), &mut none).unwrap();
    check_condition_fault(
        &nested(454),
        &[],
        &[],
        "The expression contains too many operators; operator count: 301",
    );
    let nots = format!("{}a<b", "not ".repeat(1000));
    check_condition_fault(&nots, &[], &[], "The expression contains too many operators; operator count: 301");
    let parentheses = format!("{}a<b{}", "(".repeat(2046), ")".repeat(2046));
    check_condition_fault(&parentheses, &[], &[], "The expression has redundant parentheses;");
    for hostile in ["(".repeat(4096), "f(".repeat(2048), "not(".repeat(1024), "a[".repeat(2048)] {
        assert!(Condition::parse(Kind::Filter, &hostile, &mut none).is_err());
        assert!(Update::parse(&format!("set a={hostile}")[..4096], &mut none).is_err());
        assert!(Projection::parse(&hostile, &mut none).is_err());
    }
    let operands: Vec<&str> = vec!["b"; 101];
    check_condition_fault(
        &format!("a in ({})", operands.join(",")),
        &[],
        &[],
        "The IN operator is provided with too many operands; number of operands: 101",
    );
}

#[test]
fn conditions_hold_as_the_guide_says() {
    let subject = item([
        ("s", text("hello")),
        ("n", number("5")),
        ("b", Value::B(vec![1, 2, 3])),
        ("t", Value::Bool(true)),
        ("nil", Value::Null),
        ("ss", strings(&["a", "b"])),
        ("ns", numbers(&["1", "2"])),
        ("l", list(vec![text("x"), number("1"), map([("k", text("v"))])])),
        ("m", map([("a", map([("b", number("10"))]))])),
    ]);
    let values = [
        (":hello", text("hello")),
        (":he", text("he")),
        (":ell", text("ell")),
        (":five", number("5.0")),
        (":six", number("6")),
        (":a", text("a")),
        (":ab", strings(&["b", "a"])),
        (":bytes", Value::B(vec![2, 3])),
        (":S", text("S")),
        (":L", text("L")),
        (":one", number("1")),
        (":v", map([("k", text("v"))])),
    ];
    for (expression, expected) in [
        ("s = :hello", true),
        ("s <> :hello", false),
        ("s = :five", false),
        ("s <> :five", true),
        ("gone = :a", false),
        ("gone <> :a", true),
        ("n = :five", true),
        ("n < :six and n <= :five and n > :one and n >= :five", true),
        ("n < :hello", false),
        ("n > :hello", false),
        (":six > n", true),
        ("s between :a and :hello", true),
        ("n between :one and :five", true),
        ("n in (:one, :six)", false),
        ("n in (:one, :five)", true),
        ("ss = :ab", true),
        ("attribute_exists(m.a.b)", true),
        ("attribute_exists(m.a.c)", false),
        ("attribute_not_exists(l[3])", true),
        ("attribute_exists(nil)", true),
        ("attribute_type(s, :S)", true),
        ("attribute_type(l, :S)", false),
        ("attribute_type(l, :L)", true),
        ("begins_with(s, :he)", true),
        ("begins_with(s, :ell)", false),
        ("begins_with(n, :he)", false),
        ("contains(s, :ell)", true),
        ("contains(ss, :a)", true),
        ("contains(ns, :one)", true),
        ("contains(ns, :a)", false),
        ("contains(l, :one)", true),
        ("contains(l, :v)", true),
        ("contains(b, :bytes)", true),
        ("size(s) = :five", true),
        ("size(l) < :five and size(m) = :one and size(b) > :one", true),
        ("size(n) = :one", false),
        ("size(gone) = :one", false),
        ("not s = :hello", false),
        ("not s = :a and n = :five", true),
        ("not (s = :a and n = :five)", true),
        ("s = :a or n = :five and t = :a", false),
        ("(s = :hello or n = :six) and n = :five", true),
        ("s = :hello OR n = :six AnD n = :six", true),
        ("(l)[2].k = (m.a).b", false),
        ("m.a.b > n", true),
    ] {
        let condition =
            Condition::parse(Kind::Condition, expression, &mut placeholders(&[], &values)).unwrap();
        assert_eq!(condition.holds(&subject), expected, "{expression}");
    }
}

fn key_schema(range: Option<Type>) -> KeySchema {
    KeySchema {
        hash: KeyAttribute { name: "pk".into(), kind: Type::S },
        range: range.map(|kind| KeyAttribute { name: "sk".into(), kind }),
    }
}

fn key_condition(expression: &str, schema: &KeySchema) -> Result<KeyCondition, String> {
    let values = [(":s", text("s")), (":t", text("t")), (":n", number("1"))];
    let tests = KeyCondition::parse(expression, &mut placeholders(&[], &values));
    let counted = tests.and_then(|tests| KeyCondition::check_count(&tests).map(|()| tests));
    counted.and_then(|tests| KeyCondition::for_schema(tests, schema)).map_err(|fault| fault.to_string())
}

#[test]
fn key_conditions_are_refused_in_the_services_words() {
    let operator = |op| format!("Invalid operator used in KeyConditionExpression: {op}");
    let condition = |what| format!("Invalid condition in KeyConditionExpression: {what}");
    for (expression, fault) in [
        ("pk > b and size(b) > c or pk > c", operator("OR")),
        ("pk in (b, size(c), d)", operator("IN")),
        ("attribute_exists(pk)", operator("attribute_exists")),
        ("contains(a.d, b)", operator("contains")),
        ("not pk > b", operator("NOT")),
        ("pk <> b", operator("<>")),
        (
            ":s between size(b) and size(a) and b > :s",
            condition("BETWEEN operator must have the key attribute as its first operand"),
        ),
        (
            "begins_with(:s, b) and a > :s",
            condition("begins_with operator must have the key attribute as its first operand"),
        ),
        ("size(b) > a AND a.b > b", "KeyConditionExpressions cannot contain nested operations".to_owned()),
        ("a > size(b.d)", "KeyConditionExpressions cannot contain nested operations".to_owned()),
        ("b > a.b", condition("Multiple attribute names used in one condition")),
        ("begins_with(a, b)", condition("Multiple attribute names used in one condition")),
        (
            "b.d > a AND c.d > e.f",
            "KeyConditionExpressions cannot have conditions on nested attributes".to_owned(),
        ),
        (":s > :t AND a < :t", condition("No key attribute specified")),
        (
            "b > :s AND b < :s and c = :s",
            "KeyConditionExpressions must only contain one condition per key".to_owned(),
        ),
        (":s = a and b = :s and :s = c", "Conditions can be of length 1 or 2 only".to_owned()),
        (
            "((pk = :s)) AND sk = :s",
            "Invalid KeyConditionExpression: The expression has redundant parentheses;".to_owned(),
        ),
        ("sk = :s", "Query condition missed key schema element: pk".to_owned()),
        ("extra = :s", "Query condition missed key schema element: pk".to_owned()),
        ("pk = :s and extra = :s", "Query condition missed key schema element: sk".to_owned()),
        ("pk > :s", "Query key condition not supported".to_owned()),
        ("begins_with(pk, :s)", "Query key condition not supported".to_owned()),
        (
            "pk = :n",
            "One or more parameter values were invalid: Condition parameter type does not match schema type"
                .to_owned(),
        ),
    ] {
        assert_eq!(key_condition(expression, &key_schema(Some(Type::S))).unwrap_err(), fault, "{expression}");
    }
    assert_eq!(
        key_condition("pk = :s and sk = :s", &key_schema(None)).unwrap_err(),
        "Query key condition not supported"
    );
}

#[test]
fn key_conditions_name_a_partition_and_a_run_of_it() {
    let schema = key_schema(Some(Type::S));
    for (expression, passing) in [
        ("pk = :s", vec!["a", "s", "st", "t", "u"]),
        (":s = pk and sk = :s", vec!["s"]),
        ("(pk = :s) AND (:s < sk)", vec!["st", "t", "u"]),
        ("(pk = :s AND (:s <= sk))", vec!["s", "st", "t", "u"]),
        ("sk < :s and pk = :s", vec!["a"]),
        ("pk = :s and sk between :s and :t", vec!["s", "st", "t"]),
        ("pk = :s and begins_with(sk, :s)", vec!["s", "st"]),
    ] {
        let condition = key_condition(expression, &schema).unwrap();
        assert_eq!(*condition.hash, text("s"));
        let passed: Vec<&str> = ["a", "s", "st", "t", "u"]
            .into_iter()
            .filter(|sk| condition.range.as_ref().is_none_or(|range| range.passes(&text(sk))))
            .collect();
        assert_eq!(passed, passing, "{expression}");
    }
}

#[test]
fn updates_that_cannot_be_read_are_syntax_errors() {
    for expression in [
        "whatever",
        "set a",
        "add a",
        "delete a",
        "set a=set",
        "remove a = b",
        "add a = b",
        "delete a b",
        "delete a if_not_exist(b)",
        "remove a b",
        "set a b",
        "set :a = b",
        "remove :a",
        "set a = b / c",
        "set a = b * c",
        "set a[1] = \"eight\"",
        "set a[1] = 1",
        "SET a = if_not_exist(a, 100)",
        "SET if_not_exist(a, b) = a",
        "set (a = (b + c))",
        "set a = (b.c).d + e",
        "set a = b + c + d",
        "set a = :a,",
        "set",
    ] {
        let fault = update_fault(expression, &[], &one_of_each());
        assert!(
            fault.starts_with("Invalid UpdateExpression: Syntax error; token: \""),
            "{expression}: {fault}"
        );
    }
    check_update_fault(
        "INVALID SYNTAX HERE",
        &[],
        &[],
        "Syntax error; token: \"INVALID\", near: \"INVALID SYNTAX\"",
    );
    check_update_fault("SET book-price = :a", &[], &[], "Syntax error; token: \"-\", near: \"book-price\"");
    check_update_fault("ADD hits : incr", &[], &[], "Syntax error; token: \":\", near: \"hits : incr\"");
    check_update_fault("set a = :a,", &[], &[], "Syntax error; token: \"<EOF>\", near: \",\"");
    let long = format!("SET {}a = :val", " ".repeat(4096));
    check_update_fault(&long, &[], &[], "Expression size has exceeded the maximum allowed size;");
}

#[test]
fn updates_are_checked_in_order() {
    let overlap = |kind, one, two| {
        format!(
            "Two document paths {kind} with each other; must remove or rewrite one of these paths; path one: {one}, path two: {two}"
        )
    };
    let names = [("#c", "c"), ("#d", "[3]")];
    for (expression, fault) in [
        (" set #x = :c set abOrt = true ", "Attribute name is a reserved keyword; reserved keyword: abOrt".to_owned()),
        (" remove Absolute ", "Attribute name is a reserved keyword; reserved keyword: Absolute".to_owned()),
        ("set #x = if_not_exist(:c) set c = d", "Invalid function name; function: if_not_exist".to_owned()),
        ("set a = #x set c = :d", "The \"SET\" section can only be used once in an update expression;".to_owned()),
        (
            "remove #x set a = b remove e",
            "The \"REMOVE\" section can only be used once in an update expression;".to_owned(),
        ),
        (
            "SET #x = if_not_exists(:c)",
            "An expression attribute name used in the document path is not defined; attribute name: #x".to_owned(),
        ),
        (
            "SET #c = if_not_exists(:zz)",
            "An expression attribute value used in expression is not defined; attribute value: :zz".to_owned(),
        ),
        (
            "set d[1] = a, d.b = a, c[1].a = a, #c = if_not_exists(a)",
            overlap("overlap", "[c, [1], a]", "[c]"),
        ),
        ("set #c[3].#d = a, #c[3] = a", overlap("overlap", "[c, [3], [3]]", "[c, [3]]")),
        ("set #c[3].#d = a, #c.#d[3] = if_not_exists(a)", overlap("conflict", "[c, [3], [3]]", "[c, [3], [3]]")),
        ("remove a.#c set a[1] = #d", overlap("conflict", "[a, c]", "[a, [1]]")),
        (
            "set a = if_not_exists(c)",
            "Incorrect number of operands for operator or function; operator or function: if_not_exists, number of operands: 1"
                .to_owned(),
        ),
        (
            "set a = if_not_exists(:a, c)",
            "Operator or function requires a document path; operator or function: if_not_exists".to_owned(),
        ),
        (
            "set a = if_not_exists(if_not_exists(a, b), c)",
            "Operator or function requires a document path; operator or function: if_not_exists".to_owned(),
        ),
    ] {
        check_update_fault(expression, &names, &one_of_each(), &fault);
    }
}

#[test]
fn updates_refuse_operands_of_wrong_types() {
    let operand = |f, t| {
        format!(
            "Incorrect operand type for operator or function; operator or function: {f}, operand type: {t}"
        )
    };
    for (placeholder, value) in one_of_each() {
        let kind = value.kind();
        if kind != Type::L {
            let expression = format!("set a = list_append({placeholder}, a)");
            check_update_fault(&expression, &[], &one_of_each(), &operand("list_append", kind));
        }
        for operator in ["+", "-"] {
            if kind != Type::N {
                let expression = format!("set a = a {operator} {placeholder}");
                check_update_fault(&expression, &[], &one_of_each(), &operand(operator, kind));
            }
        }
        for (section, allowed) in [("ADD", kind == Type::N || kind.is_set()), ("DELETE", kind.is_set())] {
            let expression = format!("set b = if_not_exists(a) {section} a.b {placeholder}");
            let fault = match allowed {
                true => "Incorrect number of operands for operator or function; operator or function: if_not_exists, number of operands: 1"
                    .to_owned(),
                false => format!(
                    "Incorrect operand type for operator or function; operator: {section}, operand type: {}, typeSet: ALLOWED_FOR_{section}_OPERAND",
                    kind.long_name()
                ),
            };
            check_update_fault(&expression, &[], &one_of_each(), &fault);
        }
    }
}

#[test]
fn updates_do_what_they_say() {
    let subject = item([
        ("n", number("5")),
        ("l", list(vec![text("a"), text("b"), text("c")])),
        ("m", map([("k", text("v")), ("keep", text("kept")), ("l", list(vec![number("0")]))])),
        ("ss", strings(&["a", "b"])),
    ]);
    let values = [
        (":n", number("2")),
        (":s", text("new")),
        (":l", list(vec![text("x")])),
        (":ss", strings(&["b", "z"])),
        (":both", strings(&["a", "b"])),
    ];
    let cases: Vec<(&str, &str, Option<Value>)> = vec![
        ("set n = n + :n", "n", Some(number("7"))),
        ("set n = n - :n", "n", Some(number("3"))),
        ("set z = :n - n", "z", Some(number("-3"))),
        ("set z = n, n = :n", "z", Some(number("5"))),
        ("set z = if_not_exists(z, :n) + :n", "z", Some(number("4"))),
        ("set n = if_not_exists(n, :s)", "n", Some(number("5"))),
        ("set z = (if_not_exists(z, :n))", "z", Some(number("2"))),
        ("set l = list_append(l, :l)", "l", Some(list(vec![text("a"), text("b"), text("c"), text("x")]))),
        ("set z = list_append(:l, if_not_exists(z, :l))", "z", Some(list(vec![text("x"), text("x")]))),
        ("set l[1] = :s", "l", Some(list(vec![text("a"), text("new"), text("c")]))),
        ("set l[9] = :s", "l", Some(list(vec![text("a"), text("b"), text("c"), text("new")]))),
        (
            "set l[9] = :s, l[7] = :n, l[0] = :n",
            "l",
            Some(list(vec![number("2"), text("b"), text("c"), number("2"), text("new")])),
        ),
        ("remove l[0], l[2]", "l", Some(list(vec![text("b")]))),
        ("remove l[0] set l[2] = :s", "l", Some(list(vec![text("b"), text("new")]))),
        ("remove l[5] set l[8] = :s", "l", Some(list(vec![text("a"), text("b"), text("c"), text("new")]))),
        (
            "set m.k = :s, m.l[0] = :n remove m.keep",
            "m",
            Some(map([("k", text("new")), ("l", list(vec![number("2")]))])),
        ),
        ("remove m", "m", None),
        ("remove absent", "absent", None),
        ("add n :n", "n", Some(number("7"))),
        ("add z :n", "z", Some(number("2"))),
        (
            "add m.hits :n",
            "m",
            Some(map([
                ("k", text("v")),
                ("keep", text("kept")),
                ("l", list(vec![number("0")])),
                ("hits", number("2")),
            ])),
        ),
        ("add ss :ss", "ss", Some(strings(&["a", "b", "z"]))),
        ("add z :ss", "z", Some(strings(&["b", "z"]))),
        ("delete ss :ss", "ss", Some(strings(&["a"]))),
        ("delete ss :both", "ss", None),
        ("delete z :ss", "z", None),
        ("ADD n :n,z :n DELETE ss :ss REMOVE m SET q = :s", "q", Some(text("new"))),
    ];
    for (expression, attribute, expected) in cases {
        let update = Update::parse(expression, &mut placeholders(&[], &values)).unwrap();
        let updated = update.apply(&subject).unwrap_or_else(|fault| panic!("{expression}: {fault}"));
        assert_eq!(updated.get(attribute), expected.as_ref(), "{expression}");
    }
}

#[test]
fn updates_fail_where_the_item_does_not_fit() {
    let subject = item([
        ("a", text("key")),
        ("b", text("x")),
        ("c", map([("1", text("a"))])),
        ("d", list(vec![text("a"), text("b")])),
        ("n", number("9e125")),
        ("ns", numbers(&["1"])),
    ]);
    let values = [(":ss", strings(&["a"])), (":n", number("9e125")), (":l", list(vec![]))];
    let place = "The document path provided in the update expression is invalid for update";
    let wrong = "An operand in the update expression has an incorrect data type";
    let absent = "The provided expression refers to an attribute that does not exist in the item";
    let mut cases = vec![
        ("set x = y", absent),
        ("set x = list_append(b, y)", wrong),
        ("set x = list_append(y, d)", absent),
        ("set x = b + :n", wrong),
        ("set x = list_append(ns, if_not_exists(f, :l))", wrong),
        ("add ns :n", wrong),
        ("delete ns :ss", wrong),
        ("delete c :ss", wrong),
        ("add c :ss", wrong),
        (
            "set n = n + :n",
            "Number overflow. Attempting to store a number with magnitude larger than supported range",
        ),
        (
            "add n :n",
            "Number overflow. Attempting to store a number with magnitude larger than supported range",
        ),
    ];
    let nowhere = ["b.a", "b[1]", "y.a", "y[1]", "c[1]", "d.#1"];
    let expressions: Vec<String> = nowhere
        .iter()
        .flat_map(|path| {
            [
                format!("set {path} = :ss"),
                format!("remove {path}"),
                format!("delete {path} :ss"),
                format!("add {path} :ss"),
            ]
        })
        .collect();
    cases.extend(expressions.iter().map(|expression| (expression.as_str(), place)));
    for (expression, message) in cases {
        let update = Update::parse(expression, &mut placeholders(&[("#1", "1")], &values)).unwrap();
        assert_eq!(update.apply(&subject).unwrap_err().to_string(), message, "{expression}");
    }
}

#[test]
fn an_update_cannot_be_made_to_compute_more_than_an_item_holds() {
    let subject = item([("a", list(vec![text(&"x".repeat(300_000))]))]);
    let copies: Vec<String> = (0..300).map(|i| format!("b{i}=a")).collect();
    for expression in [
        format!("set {}", copies.join(",")),
        "set b = list_append(list_append(a, a), list_append(a, a))".to_owned(),
    ] {
        let update = Update::parse(&expression, &mut placeholders(&[], &[])).unwrap();
        assert_eq!(update.apply(&subject).unwrap_err().to_string(), UPDATE_TOO_LARGE);
    }
}

#[test]
fn projections_hand_out_the_parts_named() {
    let subject = item([
        ("pk", text("1")),
        ("a", map([("b", text("bb")), ("c", map([("d", number("1"))]))])),
        ("l", list(vec![text("l0"), text("l1"), text("l2")])),
    ]);
    for (expression, expected) in [
        ("pk", item([("pk", text("1"))])),
        ("pk, gone", item([("pk", text("1"))])),
        ("l[2], l[0]", item([("l", list(vec![text("l0"), text("l2")]))])),
        ("l[7], a.c.d", item([("a", map([("c", map([("d", number("1"))]))]))])),
        ("a.b, a.c", item([("a", map([("b", text("bb")), ("c", map([("d", number("1"))]))]))])),
        ("pk.x, a[0], l.y", Item::new()),
    ] {
        let projection = Projection::parse(expression, &mut placeholders(&[], &[])).unwrap();
        assert_eq!(projection.apply(&subject), expected, "{expression}");
    }
    for (expression, fault) in [
        ("", "The expression can not be empty;"),
        ("!!! invalid", "Syntax error; token: \"!\", near: \"!!\""),
        ("a,", "Syntax error; token: \"<EOF>\", near: \",\""),
        ("a b", "Syntax error; token: \"b\", near: \"a b\""),
        ("a, name", "Attribute name is a reserved keyword; reserved keyword: name"),
        (
            "a, #x",
            "An expression attribute name used in the document path is not defined; attribute name: #x",
        ),
        (
            "a, a.b",
            "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a, b]",
        ),
        (
            "a.b, a[1]",
            "Two document paths conflict with each other; must remove or rewrite one of these paths; path one: [a, b], path two: [a, [1]]",
        ),
    ] {
        let got = Projection::parse(expression, &mut placeholders(&[], &[])).unwrap_err();
        assert_eq!(got.to_string(), format!("Invalid ProjectionExpression: {fault}"), "{expression}");
    }
}

fn fragments() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "a",
        "b.c",
        "d[0]",
        "#n",
        ":v",
        ":w",
        "(",
        ")",
        ",",
        "=",
        "<>",
        "<",
        ">=",
        "and",
        "or",
        "not",
        "between",
        "in",
        "set",
        "remove",
        "add",
        "delete",
        "+",
        "-",
        "size(",
        "begins_with(",
        "if_not_exists(",
        "list_append(",
        "attribute_exists(",
        "[",
        "]",
        ".",
        "#",
        ":",
        "1",
        "é",
        "\"",
        " ",
        "name",
    ]);
    prop::collection::vec(words, 0..40).prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn no_text_makes_a_parser_panic(fragment in fragments(), noise in "\\PC{0,60}") {
        let subject = item([("a", number("1")), ("b", map([("c", strings(&["x"]))])), ("d", list(vec![text("y")]))]);
        for expression in [fragment, noise] {
            let mut given = placeholders(&[("#n", "nn")], &[(":v", number("1")), (":w", strings(&["a"]))]);
            if let Ok(condition) = Condition::parse(Kind::Condition, &expression, &mut given) {
                condition.holds(&subject);
            }
            if let Ok(update) = Update::parse(&expression, &mut given) {
                let _ = update.apply(&subject);
            }
            if let Ok(projection) = Projection::parse(&expression, &mut given) {
                projection.apply(&subject);
            }
            let _ = KeyCondition::parse(&expression, &mut given);
        }
    }

    #[test]
    fn writing_the_same_condition_with_more_parentheses_changes_nothing(
        a in 0i64..3, b in 0i64..3, c in 0i64..3,
    ) {
        let values = [(":a", number(&a.to_string())), (":b", number(&b.to_string())), (":c", number(&c.to_string()))];
        let subject = item([("x", number("1"))]);
        let holds = |expression: &str| {
            Condition::parse(Kind::Condition, expression, &mut placeholders(&[], &values)).unwrap().holds(&subject)
        };
        let plain = holds("x = :a or x < :b and not x > :c");
        prop_assert_eq!(plain, holds("(x = :a) or ((x < :b) and (not (x > :c)))"));
        prop_assert_eq!(plain, 1 == a || (1 < b && 1 <= c));
    }
}
