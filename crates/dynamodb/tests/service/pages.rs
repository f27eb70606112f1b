//! Query and Scan: order, ranges, pages, segments, filters and counts.

use serde_json::{Value, json};

use crate::harness::Tables;

/// Ten items under each of the hash keys `a`, `b` and `c`, with range keys -4 to 5.
fn filled() -> Tables {
    let mut tables = Tables::with_ranged();
    for hash in ["a", "b", "c"] {
        for range in -4..6 {
            tables.put(
                json!({"k": {"S": hash}, "r": {"N": range.to_string()}, "even": {"BOOL": range % 2 == 0}}),
            );
        }
    }
    tables
}

fn ranges(output: &Value) -> Vec<i32> {
    let items = output["Items"].as_array().unwrap();
    items.iter().map(|item| item["r"]["N"].as_str().unwrap().parse().unwrap()).collect()
}

fn query(condition: &str, values: Value) -> Value {
    json!({"TableName": "tab", "KeyConditionExpression": condition, "ExpressionAttributeValues": values})
}

#[test]
fn a_query_reads_a_range_in_order() {
    let mut tables = filled();
    let hash = json!({"S": "b"});
    let low = json!({"N": "-2"});
    let high = json!({"N": "3"});
    let both = || json!({":k": hash, ":lo": low});
    for (condition, values, expected) in [
        ("k = :k", json!({":k": hash}), (-4..6).collect::<Vec<i32>>()),
        ("k = :k AND r = :lo", both(), vec![-2]),
        ("r < :lo AND k = :k", both(), vec![-4, -3]),
        ("k = :k AND r <= :lo", both(), vec![-4, -3, -2]),
        ("k = :k AND r > :lo", both(), (-1..6).collect()),
        ("k = :k AND r >= :lo", both(), (-2..6).collect()),
        ("k = :k AND r BETWEEN :lo AND :hi", json!({":k": hash, ":lo": low, ":hi": high}), (-2..4).collect()),
        ("k = :k", json!({":k": {"S": "none"}}), vec![]),
    ] {
        let mut forward = query(condition, values);
        let output = tables.ok("Query", forward.clone());
        assert_eq!(ranges(&output), expected, "{condition}");
        assert_eq!(output["Count"], expected.len(), "{condition}");
        assert_eq!(output.get("LastEvaluatedKey"), None);
        forward["ScanIndexForward"] = json!(false);
        let reversed: Vec<i32> = expected.into_iter().rev().collect();
        assert_eq!(ranges(&tables.ok("Query", forward)), reversed, "{condition} backwards");
    }
}

#[test]
fn a_prefix_of_a_sort_key_selects() {
    for (kind, values, prefix) in [
        ("S", ["ab", "abc", "ac", "b", "a\u{10ffff}"], "ab"),
        ("B", ["AAE=", "AAH/", "AAL/", "/w==", "AA=="], "AAE="),
    ] {
        let mut tables = Tables::new();
        tables.create("tab", json!([["k", "S"], ["r", kind]]));
        for value in values {
            tables.put(json!({"k": {"S": "a"}, "r": {kind: value}}));
        }
        let values = json!({":k": {"S": "a"}, ":p": {kind: prefix}});
        let output = tables.ok("Query", query("k = :k AND begins_with(r, :p)", values));
        assert_eq!(output["Count"], 2, "{output}");
    }
}

/// Follows `LastEvaluatedKey` to the end, and returns the pages.
fn follow(tables: &mut Tables, operation: &str, mut input: Value) -> Vec<Value> {
    let mut pages = Vec::new();
    loop {
        let page = tables.ok(operation, input.clone());
        let last = page.get("LastEvaluatedKey").cloned();
        pages.push(page);
        match last {
            Some(key) => input["ExclusiveStartKey"] = key,
            None => return pages,
        }
        assert!(pages.len() < 100, "pages end");
    }
}

#[test]
fn pages_follow_one_another() {
    let mut tables = filled();
    for forward in [true, false] {
        let mut input = query("k = :k", json!({":k": {"S": "b"}}));
        input["Limit"] = json!(4);
        input["ScanIndexForward"] = json!(forward);
        let pages = follow(&mut tables, "Query", input);
        let sizes: Vec<usize> = pages.iter().map(|page| ranges(page).len()).collect();
        assert_eq!(sizes, [4, 4, 2]);
        let mut all: Vec<i32> = pages.iter().flat_map(ranges).collect();
        if !forward {
            all.reverse();
        }
        assert_eq!(all, (-4..6).collect::<Vec<i32>>());
    }
    // A page that ends with the last item cannot know that it does.
    let mut input = query("k = :k", json!({":k": {"S": "b"}}));
    input["Limit"] = json!(10);
    let page = tables.ok("Query", input);
    assert_eq!(page["LastEvaluatedKey"], json!({"k": {"S": "b"}, "r": {"N": "5"}}));
}

#[test]
fn a_limit_counts_what_is_read_and_a_filter_what_is_kept() {
    let mut tables = filled();
    let mut input = query("k = :k", json!({":k": {"S": "a"}, ":true": {"BOOL": true}}));
    input["FilterExpression"] = json!("even = :true");
    input["Limit"] = json!(5);
    let page = tables.ok("Query", input.clone());
    assert_eq!((&page["Count"], &page["ScannedCount"]), (&json!(3), &json!(5)));
    assert_eq!(page["LastEvaluatedKey"]["r"], json!({"N": "0"}));
    input["Select"] = json!("COUNT");
    let counted = tables.ok("Query", input);
    assert_eq!((counted.get("Items"), &counted["Count"]), (None, &json!(3)));
}

#[test]
fn a_page_holds_one_megabyte() {
    let mut tables = Tables::with_ranged();
    let text = "x".repeat(100 * 1024);
    for range in 0..25 {
        tables.put(json!({"k": {"S": "a"}, "r": {"N": range.to_string()}, "v": {"S": text}}));
    }
    let query = query("k = :k", json!({":k": {"S": "a"}}));
    for (operation, input) in [("Query", query), ("Scan", json!({"TableName": "tab"}))] {
        let pages = follow(&mut tables, operation, input);
        let sizes: Vec<usize> = pages.iter().map(|page| ranges(page).len()).collect();
        assert_eq!(sizes, [11, 11, 3], "{operation}");
    }
}

#[test]
fn segments_part_a_scan() {
    let mut tables = Tables::with_simple();
    for number in 0..200 {
        tables.put(json!({"k": {"S": number.to_string()}}));
    }
    let keys = |pages: &[Value]| -> Vec<String> {
        let items = pages.iter().flat_map(|page| page["Items"].as_array().unwrap());
        items.map(|item| item["k"]["S"].as_str().unwrap().to_owned()).collect()
    };
    let whole = keys(&follow(&mut tables, "Scan", json!({"TableName": "tab"})));
    assert_eq!(whole.len(), 200);
    for total in [1, 3, 7] {
        let mut parts = Vec::new();
        for segment in 0..total {
            let input = json!({"TableName": "tab", "Segment": segment, "TotalSegments": total, "Limit": 9});
            let part = keys(&follow(&mut tables, "Scan", input));
            assert!(part.len() > 200 / total / 3, "segment {segment} of {total} has {}", part.len());
            parts.extend(part);
        }
        assert_eq!(parts, whole, "{total} segments, in order, are the whole");
    }
    assert_eq!(
        tables.fails("Scan", json!({"TableName": "tab", "Segment": 3, "TotalSegments": 3})).1,
        "The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: 3 is not less than \
         TotalSegments: 3"
    );
}

#[test]
fn reads_cost_what_they_read() {
    let mut tables = filled();
    let mut input = query("k = :k", json!({":k": {"S": "a"}}));
    input["ReturnConsumedCapacity"] = json!("TOTAL");
    assert_eq!(tables.ok("Query", input.clone())["ConsumedCapacity"]["CapacityUnits"], 0.5);
    input["ConsistentRead"] = json!(true);
    assert_eq!(tables.ok("Query", input)["ConsumedCapacity"]["CapacityUnits"], 1.0);
}
