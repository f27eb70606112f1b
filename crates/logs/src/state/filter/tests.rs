//! Patterns, by the examples of the user guide in our own words, and by what must be refused.

use proptest::prelude::*;

use super::FilterPattern;

/// Which of the messages, by index, a pattern matches.
fn matched(pattern: &str, messages: &[&str]) -> Vec<usize> {
    let parsed = FilterPattern::parse(pattern).unwrap_or_else(|e| panic!("{pattern}: {}", e.message));
    (0..messages.len()).filter(|at| parsed.matches(messages[*at])).collect()
}

fn check(messages: &[&str], table: &[(&str, &[usize])]) {
    for (pattern, expected) in table {
        assert_eq!(matched(pattern, messages), *expected, "{pattern}");
    }
}

#[test]
fn terms_match_text() {
    let messages = [
        "[ERROR 400] BAD REQUEST",
        "[ERROR 401] UNAUTHORIZED REQUEST",
        "[ERROR 419] MISSING ARGUMENTS",
        "[INFO] REQUEST FAILED",
        "[WARN] error: \"quoted\" INTERNAL SERVER ERROR",
        "[SUCCESS 200] AUTHORIZED REQUEST",
        "grün 5% ERRORS",
    ];
    check(
        &messages,
        &[
            ("", &[0, 1, 2, 3, 4, 5, 6]),
            (" ", &[0, 1, 2, 3, 4, 5, 6]),
            ("\"\"", &[0, 1, 2, 3, 4, 5, 6]),
            ("ERROR", &[0, 1, 2, 4, 6]),
            ("error", &[4]),
            ("ERROR ARGUMENTS", &[2]),
            ("ARGUMENTS   ERROR", &[2]),
            ("?BAD ?ARGUMENTS", &[0, 2]),
            ("ERROR -ARGUMENTS -ERRORS", &[0, 1, 4]),
            ("-ERROR", &[3, 5]),
            ("\"ERROR\" - \"ARGUMENTS\" -ERRORS", &[0, 1, 4]),
            ("-\"[ERROR\"", &[3, 4, 5, 6]),
            ("\"INTERNAL SERVER ERROR\"", &[4]),
            ("\"\\\"quoted\\\"\"", &[4]),
            // With other terms, optional ones have no effect.
            ("?BAD REQUEST", &[0, 1, 3, 5]),
            ("?nowhere -ERROR", &[3, 5]),
            ("grün", &[6]),
            ("%AUTHORIZED%", &[1, 5]),
            ("%^.ERROR\\s4[01]0%", &[0]),
            ("%4[01][0-9]%", &[0, 1, 2]),
            ("?%BAD% ?%MISSING%", &[0, 2]),
            ("ERROR -%AUTHORI[A-Z]ED%", &[0, 2, 4, 6]),
            ("%\\d{3}\\]%", &[0, 1, 2, 5]),
            ("%5\\%%", &[6]),
        ],
    );
}

#[test]
fn conditions_match_json() {
    let messages = [
        r#"{"eventType":"UpdateTrail","sourceIPAddress":"111.111.111.111","arrayKey":["value","another value"],
            "objectList":[{"name":"a","id":1},{"name":"b","id":2}],"SomeObject":null,"cluster.name":"c"}"#,
        r#"{"eventType":"UpdateTrail2","sourceIPAddress":"123.123.1.1","errorCode":400,"errorMessage":"Validation","ThisFlag":true}"#,
        r#" {"latency":1.5e3,"ThisFlag":false,"user":{"id":1,"email":"John.Stiles@example.com"},"actions":["GET","PUT","DELETE"]} "#,
        "eventType UpdateTrail",
        "[1, 2]",
        "{broken",
    ];
    check(
        &messages,
        &[
            (r#"{ $.eventType = "UpdateTrail" }"#, &[0]),
            ("{$.eventType=UpdateTrail}", &[0]),
            ("{ $.eventType = UpdateTrail* }", &[0, 1]),
            ("{ $.eventType = \"*Trail\" }", &[0]),
            ("{ $.eventType = * }", &[0, 1]),
            ("{ $.eventType != UpdateTrail }", &[1]),
            ("{ $.sourceIPAddress != 123.123.* }", &[0]),
            ("{ $.arrayKey[0] = \"value\" }", &[0]),
            ("{ $.arrayKey[1] = \"another *\" }", &[0]),
            ("{ $.arrayKey[*] = value }", &[0]),
            ("{ $.arrayKey = value }", &[]),
            ("{ $.objectList[1].id = 2 }", &[0]),
            ("{ $.objectList[1].id = 1 }", &[]),
            ("{ $.objectList[*].id = 1 }", &[0]),
            ("{ $.user.* = 1 }", &[2]),
            ("{ $.['cluster.name'] = c }", &[0]),
            ("{ $['cluster.name'] = c }", &[0]),
            ("{ $.eventType = Update*l }", &[]),
            ("{ $.eventType = *Trail* }", &[0, 1]),
            ("{ $.sourceIPAddress = *.1* }", &[0, 1]),
            ("{ $.SomeObject IS NULL }", &[0]),
            ("{ $.SomeObject EXISTS }", &[0]),
            ("{ $.SomeOtherObject NOT EXISTS }", &[0, 1, 2, 4]),
            ("{ $.ThisFlag IS TRUE }", &[1]),
            ("{ $.ThisFlag IS FALSE }", &[2]),
            ("{ $.errorCode = 400 }", &[1]),
            ("{ $.errorCode = \"400\" }", &[1]),
            ("{ $.errorCode = 4* }", &[1]),
            ("{ $.errorCode = 4e2 }", &[1]),
            ("{ $.errorCode >= 400 }", &[1]),
            ("{ $.errorCode > 400 }", &[]),
            ("{ $.latency < 1500.5 }", &[2]),
            ("{ $.latency <= 1.5e3 && $.latency > -1 }", &[2]),
            ("{ $.eventType > 1 }", &[]),
            ("{ $.user.email = %@example\\.com$% }", &[2]),
            ("{ $.eventType = %Trail\\d?% && $.errorMessage = %^Val% }", &[1]),
            ("{ ($.user.id = 1) && ($.actions[2] = \"DELETE\") }", &[2]),
            ("{ $.eventType = UpdateTrail || $.user.id = 1 && $.user.id = 2 }", &[0]),
            ("{ ($.eventType = UpdateTrail || $.user.id = 1) && $.user.id = 1 }", &[2]),
            ("{ ((($.errorCode=400))) }", &[1]),
        ],
    );
}

#[test]
fn fields_match_text_divided_by_spaces() {
    let messages = [
        r#"127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534"#,
        r#"127.0.0.1 Prod frank [10/Oct/2000:13:35:22 -0700] "GET /style.css HTTP/1.0" 500 5324"#,
        r#"10.0.0.9 Dev ann [10/Oct/2000:13:50:35 -0700] "POST /x HTTP/1.0" 200 4355"#,
        "ERROR [open",
        "WARN \"open",
        "",
    ];
    check(
        &messages,
        &[
            ("[ip, user, username, timestamp, request, status, bytes]", &[0, 1, 2]),
            ("[ip, user, username, timestamp, request = *.html*, status = 4*, bytes]", &[0]),
            ("[..., request = *.html*, status = 4*,]", &[0]),
            ("[..., status = 404, bytes]", &[0]),
            ("[..., status = *, bytes = *4]", &[0, 1]),
            ("[..., bytes > 5000]", &[1]),
            ("[..., bytes >= 4355]", &[1, 2]),
            ("[ip != 127.*, ...]", &[2, 3, 4]),
            ("[ip, ..., bytes < 2000]", &[0]),
            ("[ip = %^10\\.%, ...]", &[2]),
            ("[..., status = 404 || status = 500, bytes]", &[0, 1]),
            ("[..., (status >= 400 && status < 500), bytes]", &[0]),
            ("[ip, user, username = frank, timestamp = \"10/Oct/2000:13:25*\", ...]", &[0]),
            ("[w1 = ERROR, w2]", &[3]),
            ("[w1 = ERROR || w1 = WARN, w2]", &[3, 4]),
            ("[w1!=ERROR&&w1!=WARN, w2]", &[]),
            ("[w2 = \"[open\", ...]", &[]),
            ("[w1, w2 = \"[open\"]", &[3]),
            ("[...]", &[0, 1, 2, 3, 4, 5]),
            ("[a, ..., b]", &[0, 1, 2, 3, 4]),
        ],
    );
}

#[test]
fn what_is_no_pattern_is_refused() {
    let syntax = "Invalid filter pattern";
    let open = "If a filter pattern starts with '{' it must end with '}'";
    for (pattern, message) in [
        ("{ $.a = 1", open),
        ("[a, b", "If a filter pattern starts with '[' it must end with ']'"),
        ("{}", syntax),
        ("{ $.a }", syntax),
        ("{ $ = 1 }", syntax),
        ("{ a = 1 }", syntax),
        ("{ $.a = }", syntax),
        ("{ $.a == 1 }", syntax),
        ("{ $.a = 1 $.b = 2 }", syntax),
        ("{ $.a = 1 && }", syntax),
        ("{ ($.a = 1 }", syntax),
        ("{ $.a > b }", syntax),
        ("{ $.a > \"1\" }", syntax),
        ("{ $.a IS }", syntax),
        ("{ $.a IS MAYBE }", syntax),
        ("{ $.a NOT }", syntax),
        ("{ $.a. = 1 }", syntax),
        ("{ $[0] = 1 }", syntax),
        ("{ $.a[ = 1 }", syntax),
        ("{ $.a = b@c }", syntax),
        ("{ $.a[x] = 1 }", syntax),
        ("{ $.a[99999999999999999999999] = 1 }", syntax),
        ("{ $.a = \"open }", syntax),
        ("{ $.a[*].b.* = 1 }", syntax),
        ("{ $.a.* = 1 && $.b.* = 1 && $.c.* = 1 && $.d.* = 1 }", syntax),
        (
            "{ $.a = %a% && $.b = %b% && $.c = %c% }",
            "A filter pattern can have at most 2 regular expressions",
        ),
        ("[a = 1 && b = 2]", syntax),
        ("[a = 1, ..., b, ...]", syntax),
        ("[a b]", syntax),
        ("[= 1]", syntax),
        ("foo:bar", "Invalid character(s) in term 'foo:bar'"),
        ("?", "Invalid character(s) in term ''"),
        ("a ? b", "Invalid character(s) in term ''"),
        ("\"open", syntax),
        ("\"a\"b", syntax),
        ("%open", syntax),
        ("%%", syntax),
        ("%a(b)%", "Invalid character(s) in regex pattern"),
        ("%something!%", "Invalid character(s) in regex pattern"),
        ("%ü%", "Invalid character(s) in regex pattern"),
        ("%[%", "Invalid regex in filter pattern"),
        ("%a{1000}{1000}{1000}%", "Invalid regex in filter pattern"),
    ] {
        match FilterPattern::parse(pattern) {
            Err(error) => assert_eq!(error.message, message, "{pattern}"),
            Ok(parsed) => panic!("{pattern} was read as {parsed:?}"),
        }
    }
    let nested = format!("{{ {}$.a = 1{} }}", "(".repeat(65), ")".repeat(65));
    assert!(FilterPattern::parse(&nested).is_err());
    assert!(FilterPattern::parse(&nested.replacen("(", "", 1).replacen(")", "", 1)).is_ok());
    assert!(FilterPattern::parse(&"a ".repeat(513)).is_err());
}

#[test]
fn matching_stays_linear_on_hostile_messages() {
    let open = "[ \" ".repeat(100_000);
    assert!(FilterPattern::parse("[a, ..., b]").unwrap().matches(&open));
    let many = "a".repeat(500_000);
    assert!(!FilterPattern::parse("[a = *a*a*b*]").unwrap().matches(&many));
    assert!(!FilterPattern::parse("%a*a*a*a*a*b%").unwrap().matches(&many));
    let deep = "[".repeat(500_000);
    assert!(!FilterPattern::parse("{ $.a NOT EXISTS }").unwrap().matches(&deep));
}

proptest! {
    #[test]
    fn no_text_panics(pattern in r#"[\[{]?[ $.,a-z0-9=<>!&|()%*?"'\\\[\]{}ü-]{0,40}[\]}]?"#, message in ".{0,40}") {
        if let Ok(pattern) = FilterPattern::parse(&pattern) {
            let _ = pattern.matches(&message);
        }
    }

    #[test]
    fn quoted_text_is_found_wherever_it_stands(before in ".{0,10}", text in "[^\"\\\\]{0,10}", behind in ".{0,10}") {
        let pattern = FilterPattern::parse(&format!("\"{text}\"")).unwrap();
        let message = format!("{before}{text}{behind}");
        prop_assert!(pattern.matches(&message));
    }
}
