//! Items that expire.

use serde_json::{Value, json};

use crate::harness::{START, Tables};

fn switch(tables: &mut Tables, enabled: bool) -> Value {
    let specification = json!({"AttributeName": "ttl", "Enabled": enabled});
    tables.ok("UpdateTimeToLive", json!({"TableName": "tab", "TimeToLiveSpecification": specification}))
}

fn item(key: &str, expires_in: i64) -> Value {
    let secs = START.secs_f64() as i64 + expires_in;
    json!({"k": {"S": key}, "ttl": {"N": secs.to_string()}})
}

fn is_there(tables: &mut Tables, key: &str) -> bool {
    tables.get(json!({"k": {"S": key}})) != Value::Null
}

#[test]
fn an_item_is_deleted_when_its_time_has_come() {
    let mut tables = Tables::with_simple();
    tables.put(item("before", 100));
    let switched = switch(&mut tables, true);
    assert_eq!(switched, json!({"TimeToLiveSpecification": {"AttributeName": "ttl", "Enabled": true}}));
    assert_eq!(
        tables.ok("DescribeTimeToLive", json!({"TableName": "tab"})),
        json!({"TimeToLiveDescription": {"AttributeName": "ttl", "TimeToLiveStatus": "ENABLED"}})
    );
    tables.put(item("after", 200));
    tables.put(item("moved", 50));
    tables.put(item("moved", 300));
    tables.put(json!({"k": {"S": "text"}, "ttl": {"S": "1700000001"}}));
    tables.put(item("ancient", -6 * 365 * 86_400));
    tables.pass(99);
    assert!(is_there(&mut tables, "before") && is_there(&mut tables, "moved"));
    tables.pass(2);
    assert!(!is_there(&mut tables, "before"));
    tables.restart();
    tables.pass(100);
    assert!(!is_there(&mut tables, "after") && is_there(&mut tables, "moved"));
    tables.pass(100);
    assert!(!is_there(&mut tables, "moved"));
    assert!(is_there(&mut tables, "text"), "a time is a number");
    assert!(is_there(&mut tables, "ancient"), "what expired more than five years ago stays");
    assert_eq!(tables.ok("DescribeTable", json!({"TableName": "tab"}))["Table"]["ItemCount"], 2);
}

#[test]
fn switched_off_nothing_expires() {
    let mut tables = Tables::with_simple();
    switch(&mut tables, true);
    tables.put(item("a", 100));
    switch(&mut tables, false);
    tables.pass(1000);
    assert!(is_there(&mut tables, "a"));
    assert_eq!(
        tables.ok("DescribeTimeToLive", json!({"TableName": "tab"})),
        json!({"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}})
    );
    let again =
        json!({"TableName": "tab", "TimeToLiveSpecification": {"AttributeName": "ttl", "Enabled": false}});
    assert_eq!(
        tables.fails("UpdateTimeToLive", again),
        ("ValidationException".into(), "TimeToLive is already disabled".into())
    );
}
