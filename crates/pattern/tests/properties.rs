//! A rule set, a pattern on its own and a naive reading of the documentation agree on generated patterns and events.

use pontoon_pattern::{Event, Pattern, RuleSet};
use proptest::prelude::*;
use serde_json::{Value, json};

/// One choice of elements: for each array on the way (by its address in the event), the index taken.
type Elements = Vec<(usize, usize)>;

/// Every value of an event with its path and the elements in which it stands.
fn flatten(value: &Value, path: &str, elements: &Elements, out: &mut Vec<(String, Value, Elements)>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                flatten(value, &path, elements, out);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let mut inside = elements.clone();
                if item.is_object() || item.is_array() {
                    inside.push((std::ptr::from_ref(items) as usize, index));
                }
                flatten(item, path, &inside, out);
            }
        }
        leaf => out.push((path.to_owned(), leaf.clone(), elements.clone())),
    }
}

fn combine(a: &Elements, b: &Elements) -> Option<Elements> {
    let mut all = a.clone();
    for &(array, index) in b {
        match all.iter().find(|(other, _)| *other == array) {
            Some(&(_, other)) if other != index => return None,
            Some(_) => {}
            None => all.push((array, index)),
        }
    }
    Some(all)
}

fn glob(pattern: &[char], text: &[char]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some(('*', rest)) => (0..=text.len()).any(|skip| glob(rest, &text[skip..])),
        Some((c, rest)) => text.split_first().is_some_and(|(t, text)| t == c && glob(rest, text)),
    }
}

fn test(operator: &Value, value: &Value) -> bool {
    let Value::Object(expression) = operator else { return same(operator, value) };
    let (name, operand) = expression.iter().next().expect("generated expressions have a name");
    let text = value.as_str();
    match (name.as_str(), operand) {
        ("exists", wanted) => wanted == &json!(true),
        ("anything-but", Value::Object(nested)) => !nested.values().next().is_some_and(|operands| {
            let nested = nested.keys().next().expect("generated");
            as_list(operands).iter().any(|operand| test(&json!({ nested: operand }), value))
        }),
        ("anything-but", operands) => !as_list(operands).iter().any(|operand| same(operand, value)),
        ("prefix", Value::Object(nested)) => {
            let prefix = nested["equals-ignore-case"].as_str().expect("generated").to_lowercase();
            text.is_some_and(|text| text.to_lowercase().starts_with(&prefix))
        }
        ("suffix", Value::Object(nested)) => {
            let suffix = nested["equals-ignore-case"].as_str().expect("generated").to_lowercase();
            text.is_some_and(|text| text.to_lowercase().ends_with(&suffix))
        }
        ("prefix", operand) => {
            text.is_some_and(|text| text.starts_with(operand.as_str().expect("generated")))
        }
        ("suffix", operand) => text.is_some_and(|text| text.ends_with(operand.as_str().expect("generated"))),
        ("equals-ignore-case", operand) => text
            .is_some_and(|text| text.to_lowercase() == operand.as_str().expect("generated").to_lowercase()),
        ("wildcard", operand) => text.is_some_and(|text| {
            let pattern: Vec<char> = operand.as_str().expect("generated").chars().collect();
            glob(&pattern, &text.chars().collect::<Vec<_>>())
        }),
        ("numeric", operand) => value.as_f64().is_some_and(|value| {
            operand.as_array().expect("generated").chunks(2).all(|pair| {
                let bound = pair[1].as_f64().expect("generated");
                match pair[0].as_str().expect("generated") {
                    "=" => value == bound,
                    "<" => value < bound,
                    "<=" => value <= bound,
                    ">" => value > bound,
                    _ => value >= bound,
                }
            })
        }),
        _ => panic!("no such operator is generated: {operator}"),
    }
}

fn as_list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_else(|| vec![value.clone()])
}

fn same(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}

/// The conditions of a pattern without `$or`, ascending by path.
fn conditions(pattern: &Value, path: &str, out: &mut Vec<(String, Vec<Value>)>) {
    for (name, value) in pattern.as_object().expect("generated") {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        match value {
            Value::Array(operators) => out.push((path, operators.clone())),
            nested => conditions(nested, &path, out),
        }
    }
    out.sort_by(|a, b| a.0.cmp(&b.0));
}

fn holds(
    conditions: &[(String, Vec<Value>)],
    fields: &[(String, Value, Elements)],
    taken: &Elements,
) -> bool {
    let Some(((path, operators), rest)) = conditions.split_first() else { return true };
    let at_path: Vec<(&Value, Elements)> = fields
        .iter()
        .filter(|(other, ..)| other == path)
        .filter_map(|(_, value, elements)| Some((value, combine(taken, elements)?)))
        .collect();
    if at_path.is_empty() && operators.contains(&json!({"exists": false})) && holds(rest, fields, taken) {
        return true;
    }
    at_path.iter().any(|(value, elements)| {
        let satisfied =
            operators.iter().any(|operator| *operator != json!({"exists": false}) && test(operator, value));
        satisfied && holds(rest, fields, elements)
    })
}

fn naive(pattern: &Value, event: &Value) -> bool {
    if let Some(branches) = pattern.get("$or") {
        return branches.as_array().expect("generated").iter().any(|branch| {
            let mut whole = pattern.as_object().expect("generated").clone();
            whole.remove("$or");
            for (name, value) in branch.as_object().expect("generated") {
                whole.insert(name.clone(), value.clone());
            }
            naive(&Value::Object(whole), event)
        });
    }
    let (mut wanted, mut fields) = (Vec::new(), Vec::new());
    conditions(pattern, "", &mut wanted);
    flatten(event, "", &Vec::new(), &mut fields);
    holds(&wanted, &fields, &Vec::new())
}

fn word() -> impl Strategy<Value = String> {
    "[abAé]{0,4}"
}

fn number() -> impl Strategy<Value = Value> {
    prop_oneof![(-3i64..4).prop_map(Value::from), (-6i64..7).prop_map(|n| Value::from(n as f64 / 2.0))]
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => word().prop_map(Value::from),
        3 => number(),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ]
}

fn wildcard() -> impl Strategy<Value = String> {
    "[ab]{0,2}(\\*[ab]{1,2}){0,3}\\*?"
}

fn operator() -> impl Strategy<Value = Value> {
    let comparison = || prop_oneof![Just("<"), Just("<="), Just(">"), Just(">="), Just("=")];
    prop_oneof![
        6 => leaf(),
        1 => word().prop_map(|text| json!({"prefix": text})),
        1 => word().prop_map(|text| json!({"suffix": text})),
        1 => "[abAB]{0,3}".prop_map(|text| json!({"prefix": {"equals-ignore-case": text}})),
        1 => "[abAB]{0,3}".prop_map(|text| json!({"suffix": {"equals-ignore-case": text}})),
        1 => word().prop_map(|text| json!({"equals-ignore-case": text})),
        2 => wildcard().prop_map(|text| json!({"wildcard": text})),
        2 => (comparison(), number()).prop_map(|(comparison, bound)| json!({"numeric": [comparison, bound]})),
        1 => (-3i64..3, 1i64..4).prop_map(|(low, width)| json!({"numeric": [">", low, "<=", low + width]})),
        1 => any::<bool>().prop_map(|wanted| json!({"exists": wanted})),
        1 => word().prop_map(|text| json!({"anything-but": text})),
        1 => prop::collection::vec(word(), 1..4).prop_map(|texts| json!({"anything-but": texts})),
        1 => prop::collection::vec(number(), 1..4).prop_map(|numbers| json!({"anything-but": numbers})),
        1 => prop::collection::vec("[ab]{1,2}", 1..3).prop_map(|texts| json!({"anything-but": {"prefix": texts}})),
        1 => prop::collection::vec(wildcard(), 1..3).prop_map(|texts| json!({"anything-but": {"wildcard": texts}})),
    ]
}

fn condition() -> impl Strategy<Value = Value> {
    prop::collection::vec(operator(), 1..4).prop_map(Value::from)
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![Just("x".to_owned()), Just("y".to_owned()), Just("z".to_owned())]
}

fn plain_pattern() -> impl Strategy<Value = Value> {
    let fields = |value: BoxedStrategy<Value>| {
        prop::collection::btree_map(name(), value, 1..4)
            .prop_map(|fields| Value::Object(fields.into_iter().collect()))
            .boxed()
    };
    condition().boxed().prop_recursive(3, 12, 3, fields).prop_flat_map(move |value| {
        if value.is_object() { Just(value).boxed() } else { Just(json!({ "x": value })).boxed() }
    })
}

fn pattern() -> impl Strategy<Value = Value> {
    (plain_pattern(), prop::option::weighted(0.3, prop::collection::vec(plain_pattern(), 2..4))).prop_map(
        |(mut pattern, branches)| {
            if let Some(branches) = branches {
                pattern["$or"] = Value::from(branches);
            }
            pattern
        },
    )
}

fn event() -> impl Strategy<Value = Value> {
    let inside = leaf().boxed().prop_recursive(5, 40, 4, |inner| {
        prop_oneof![
            prop::collection::btree_map(name(), inner.clone(), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            prop::collection::vec(inner, 0..4).prop_map(Value::from),
        ]
    });
    prop::collection::btree_map(name(), inside, 0..4)
        .prop_map(|fields| Value::Object(fields.into_iter().collect()))
}

/// In the naive reading a branch replaces what stands beside `$or` under the same name, in the crate it replaces
/// path by path; both are the same where names do not clash.
fn names_clash(pattern: &Value) -> bool {
    pattern.get("$or").is_some_and(|branches| {
        branches.as_array().expect("generated").iter().any(|branch| {
            branch.as_object().expect("generated").keys().any(|name| pattern.get(name).is_some())
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rule_set_and_pattern_agree_with_the_naive_reading(
        patterns in prop::collection::vec(pattern(), 1..40),
        removed in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        events in prop::collection::vec(event(), 1..6),
    ) {
        let patterns: Vec<Value> = patterns.into_iter().filter(|pattern| !names_clash(pattern)).collect();
        prop_assume!(!patterns.is_empty());
        let compiled: Vec<Pattern> = patterns
            .iter()
            .map(|pattern| Pattern::parse(&pattern.to_string()).map_err(|error| format!("{error}: {pattern}")))
            .collect::<Result<_, _>>()
            .map_err(TestCaseError::fail)?;
        let mut rules = RuleSet::new();
        for (number, pattern) in compiled.iter().enumerate() {
            rules.insert(number, pattern);
        }
        let removed: Vec<usize> = removed.iter().map(|index| index.index(patterns.len())).collect();
        for number in &removed {
            rules.remove(number);
        }
        for value in &events {
            let text = value.to_string();
            let event = Event::parse(text.as_bytes()).map_err(|error| TestCaseError::fail(error.to_string()))?;
            let expected: Vec<usize> = (0..patterns.len()).filter(|&n| naive(&patterns[n], value)).collect();
            for (number, pattern) in compiled.iter().enumerate() {
                let matches = pattern.matches(&event);
                prop_assert_eq!(matches, expected.contains(&number), "{} on {}", patterns[number], text);
                let explanation = pattern.explain(&event);
                prop_assert_eq!(explanation.matched, matches);
                prop_assert_eq!(explanation.unmet().next().is_none(), matches, "{:?}", explanation);
            }
            let found: Vec<usize> = rules.matches(&event).into_iter().copied().collect();
            let expected: Vec<usize> = expected.into_iter().filter(|number| !removed.contains(number)).collect();
            prop_assert_eq!(&found, &expected, "{}", text);
            let of_text = rules.matches_json(text.as_bytes());
            let of_text: Vec<usize> = of_text.into_iter().flatten().copied().collect();
            prop_assert_eq!(of_text, expected, "{} from the text", text);
        }
    }

    #[test]
    fn what_is_said_of_patterns_holds_for_events(
        patterns in prop::collection::vec(pattern(), 2..12),
        events in prop::collection::vec(event(), 1..12),
    ) {
        let compiled: Vec<Pattern> =
            patterns.iter().map(|pattern| Pattern::parse(&pattern.to_string()).expect("generated")).collect();
        // Once as they are, for what covers; once with the envelope of EventBridge's events.
        for value in &events {
            let text = value.to_string();
            let event = Event::parse(text.as_bytes()).expect("generated");
            let matched: Vec<bool> = compiled.iter().map(|pattern| pattern.matches(&event)).collect();
            for (wide, narrow) in (0..compiled.len()).flat_map(|a| (0..compiled.len()).map(move |b| (a, b))) {
                if matched[narrow] && !matched[wide] {
                    let covers = compiled[wide].covers(&compiled[narrow]);
                    prop_assert!(!covers, "{} covers {} but on {text}", patterns[wide], patterns[narrow]);
                }
            }
        }
        let enveloped: Vec<(Value, Pattern)> = patterns
            .iter()
            .enumerate()
            .map(|(number, pattern)| {
                // Names of the pattern stand for names of the envelope.
                let text = pattern.to_string().replace("\"x\"", "\"source\"").replace("\"y\"", if number % 2 == 0 { "\"detail\"" } else { "\"resources\"" });
                (pattern.clone(), Pattern::parse(&text).expect("renamed"))
            })
            .collect();
        for value in &events {
            let source = value.get("x").and_then(Value::as_str).filter(|text| !text.is_empty()).unwrap_or("a");
            let text = json!({"version":"0","id":"1","detail-type":"t","source":source,"account":"123456789012",
                "time":"2026-01-01T00:00:00Z","region":"r","resources":["a","b"],"detail":{"x":value, "source":value}}).to_string();
            let event = Event::parse(text.as_bytes()).expect("generated");
            let matched: Vec<&(Value, Pattern)> =
                enveloped.iter().filter(|(_, pattern)| pattern.matches(&event)).collect();
            for (shown, pattern) in &matched {
                prop_assert_eq!(pattern.never_matches(), [], "{} on {}", shown, text);
                for (other_shown, other) in &matched {
                    prop_assert!(!pattern.excludes(other), "{shown} and {other_shown} on {text}");
                }
            }
        }
    }

    #[test]
    fn no_text_panics(text in ".{0,200}", json in "[\\[\\]{}\",:0-9a-z\\\\*.$ -]{0,200}") {
        for text in [text, json] {
            let event = Event::parse(text.as_bytes());
            if let (Ok(pattern), Ok(event)) = (Pattern::parse(&text), &event) {
                pattern.explain(event);
            }
        }
    }
}
