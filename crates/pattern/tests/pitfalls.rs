//! What other matchers are known to get wrong, one test each.

use pontoon_pattern::{Event, Pattern, RuleSet};

/// Holds an event against a pattern, on its own and in a set.
fn check(pattern: &str, event: &str, expected: bool) {
    let compiled = Pattern::parse(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
    let parsed = Event::parse(event.as_bytes()).unwrap_or_else(|error| panic!("{event}: {error}"));
    assert_eq!(compiled.matches(&parsed), expected, "{pattern} on {event}");
    let mut set = RuleSet::new();
    set.insert((), &compiled);
    assert_eq!(set.matches(&parsed).len(), usize::from(expected), "{pattern} on {event}, in a set");
    let of_text = set.matches_json(event.as_bytes()).map(|matched| matched.len());
    assert_eq!(of_text, Ok(usize::from(expected)), "{pattern} on {event}, from the text");
}

/// One condition on the field `x`, against texts of its value.
fn check_values(condition: &str, matching: &[&str], others: &[&str]) {
    for (values, expected) in [(matching, true), (others, false)] {
        for value in values {
            check(&format!(r#"{{"x":[{condition}]}}"#), &format!(r#"{{"x":{value}}}"#), expected);
        }
    }
}

#[test]
fn prefix_and_suffix_take_equals_ignore_case() {
    check_values(
        r#"{"prefix":{"equals-ignore-case":"EventB"}}"#,
        &[r#""EVENTBRIDGE""#, r#""eventb""#],
        &[r#""event""#, "1"],
    );
    check_values(
        r#"{"suffix":{"equals-ignore-case":".png"}}"#,
        &[r#""a.PNG""#, r#"".pNg""#],
        &[r#""png""#, "null"],
    );
    check_values(r#"{"prefix":{"equals-ignore-case":"äß"}}"#, &[r#""ÄSSer""#, r#""äß""#], &[r#""assa""#]);
}

#[test]
fn anything_but_takes_each_operator_and_numbers() {
    check_values(r#"{"anything-but":{"prefix":"init"}}"#, &[r#""done""#, "1", "null"], &[r#""initial""#]);
    check_values(
        r#"{"anything-but":{"suffix":[".txt",".rtf"]}}"#,
        &[r#""a.png""#],
        &[r#""a.txt""#, r#""b.rtf""#],
    );
    check_values(
        r#"{"anything-but":{"equals-ignore-case":["A","B"]}}"#,
        &[r#""c""#, r#""ab""#],
        &[r#""a""#, r#""B""#],
    );
    check_values(
        r#"{"anything-but":{"wildcard":"*/lib/*"}}"#,
        &[r#""/a/b""#],
        &[r#""/a/lib/b""#, r#""/lib/""#],
    );
    check_values(r#"{"anything-but":[100,200]}"#, &["150", r#""100""#, "true"], &["100", "1e2", "200.0"]);
    check_values(r#"{"anything-but":["a","b"]}"#, &[r#""c""#, "1"], &[r#""a""#]);
}

#[test]
fn anything_but_needs_one_value_of_an_array_to_be_other() {
    check(r#"{"x":[{"anything-but":["a"]}]}"#, r#"{"x":["a","b"]}"#, true);
    check(r#"{"x":[{"anything-but":["a"]}]}"#, r#"{"x":["a","a"]}"#, false);
    check(r#"{"x":[{"anything-but":["a"]}]}"#, r#"{"y":1}"#, false);
}

#[test]
fn a_wildcard_takes_the_empty_run_and_escaped_stars() {
    check_values(r#"{"wildcard":"a*c"}"#, &[r#""ac""#, r#""abc""#], &[r#""ab""#, r#""acd""#]);
    check_values(r#"{"wildcard":"*"}"#, &[r#""""#, r#""a""#], &["1"]);
    check_values(r#"{"wildcard":"a\\*c*"}"#, &[r#""a*c""#, r#""a*cd""#], &[r#""abc""#]);
}

#[test]
fn cidr_takes_both_families() {
    check_values(
        r#"{"cidr":"10.0.0.0/24"}"#,
        &[r#""10.0.0.255""#],
        &[r#""10.0.1.0""#, r#""text""#, r#""::1""#],
    );
    check_values(
        r#"{"cidr":"2001:db8::/32"}"#,
        &[r#""2001:db8::1""#, r#""2001:0DB8:ffff:0:0:0:0:1""#],
        &[r#""2001:db9::""#, r#""10.0.0.1""#],
    );
}

#[test]
fn exists_false_holds_for_absent_fields_at_any_depth() {
    let pattern = r#"{"a":{"b":{"c":[{"exists":false}]}}}"#;
    for event in ["{}", r#"{"a":1}"#, r#"{"a":{"b":{}}}"#, r#"{"a":{"b":[]}}"#] {
        check(pattern, event, true);
    }
    check(pattern, r#"{"a":{"b":{"c":null}}}"#, false);
    // A field that is an object is no leaf, so its own path has no value.
    check(r#"{"a":[{"exists":true}]}"#, r#"{"a":{"b":1}}"#, false);
}

#[test]
fn or_nests_and_stands_beside_conditions() {
    let pattern = r#"{"s":["q"],"$or":[{"a":[1]},{"b":{"$or":[{"c":[2]},{"d":[3]}]}}]}"#;
    check(pattern, r#"{"s":"q","a":1}"#, true);
    check(pattern, r#"{"s":"q","b":{"d":3}}"#, true);
    check(pattern, r#"{"s":"q","b":{"c":3}}"#, false);
    check(pattern, r#"{"s":"z","a":1}"#, false);
}

#[test]
fn conditions_on_one_array_hold_in_one_element() {
    let pattern = r#"{"items":{"sku":["a"],"stock":{"code":["w"],"left":[{"numeric":[">",0]}]}}}"#;
    let item = |sku: &str, stock: &str| format!(r#"{{"sku":"{sku}","stock":[{stock}]}}"#);
    let (full, empty) = (r#"{"code":"w","left":1}"#, r#"{"code":"w","left":0},{"code":"v","left":9}"#);
    check(pattern, &format!(r#"{{"items":[{},{}]}}"#, item("b", empty), item("a", full)), true);
    check(pattern, &format!(r#"{{"items":[{},{}]}}"#, item("b", full), item("a", empty)), false);
    check(pattern, &format!(r#"{{"items":[{}]}}"#, item("a", empty)), false);
}

#[test]
fn a_plain_value_is_found_in_an_array() {
    check(r#"{"resources":["arn:b"]}"#, r#"{"resources":["arn:a","arn:b"]}"#, true);
    check(r#"{"resources":[{"prefix":"arn:aws:s3"}]}"#, r#"{"resources":["arn:aws:s3:::b/k"]}"#, true);
    check(r#"{"resources":["arn:b"]}"#, r#"{"resources":[]}"#, false);
    check(r#"{"x":["a"]}"#, r#"{"x":[["b"],[["a"]]]}"#, true);
}

#[test]
fn numbers_compare_as_numbers_without_the_error_of_floats() {
    for pattern in ["5", "5.0", "5e0", "0.5E1"] {
        check_values(pattern, &["5", "5.00", "50e-1"], &[r#""5""#, "5.000001"]);
    }
    check_values(r#"{"numeric":["=",0.3]}"#, &["0.3", "3e-1"], &["0.30000000000000004"]);
    check_values(r#"{"numeric":[">",0,"<=",5]}"#, &["5", "1e-9"], &["0", "-0.0", "5.0000001", r#""3""#]);
    check_values("9007199254740993", &["9007199254740993"], &["9007199254740992", "9007199254740994"]);
}

#[test]
fn the_last_of_duplicate_keys_in_a_pattern_stands() {
    check(r#"{"x":["a"],"x":["b"]}"#, r#"{"x":"b"}"#, true);
    check(r#"{"x":["a"],"x":["b"]}"#, r#"{"x":"a"}"#, false);
}

#[test]
fn null_is_a_value_and_absence_is_not() {
    check(r#"{"x":[null]}"#, r#"{"x":null}"#, true);
    check(r#"{"x":[null]}"#, "{}", false);
    check(r#"{"x":[{"exists":false}]}"#, r#"{"x":null}"#, false);
    check(r#"{"x":[""]}"#, r#"{"x":null}"#, false);
}

#[test]
fn text_is_compared_by_characters_however_it_is_escaped() {
    check(r#"{"x":["café"]}"#, r#"{"x":"caf\u00e9"}"#, true);
    check(r#"{"caf\u00e9":["\ud83d\ude00"]}"#, r#"{"café":"😀"}"#, true);
    check(r#"{"x":[{"suffix":"é"}]}"#, r#"{"x":"cafe"}"#, false);
    // Composed and decomposed characters are different texts.
    check(r#"{"x":["é"]}"#, "{\"x\":\"e\\u0301\"}", false);
}

#[test]
fn a_name_with_dots_is_the_path_of_those_names() {
    check(r#"{"a.b":[1]}"#, r#"{"a":{"b":1}}"#, true);
    check(r#"{"a":{"b":[1]}}"#, r#"{"a.b":1}"#, true);
}

#[test]
fn an_operator_that_is_not_known_is_refused() {
    for condition in [
        r#"{"prefixes":"a"}"#,
        r#"{"Prefix":"a"}"#,
        r#"{"anything-but":{"contains":"a"}}"#,
        r#"{"prefix":{"ignore-case":"a"}}"#,
        r#"{"numeric":["~",1]}"#,
        r#"{}"#,
    ] {
        let pattern = format!(r#"{{"x":[{condition}]}}"#);
        assert!(Pattern::parse(&pattern).is_err(), "{pattern}");
    }
}
