//! DynamoDB under load: items that one writer each overwrites, a version that all of them count up, and transfers between two accounts.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::client::{Client, Lost};
use crate::{Load, Writer};

const WRITERS: u64 = 2;
const COUNTERS: usize = 2;
/// Keys that each writer overwrites in turn.
const KEYS: u64 = 40;
/// What lies in both accounts together.
const TOTAL: i64 = 1_000_000;

#[derive(Default)]
struct Ledger {
    /// The last acknowledged number under each key, and one that was begun after it.
    items: BTreeMap<String, (u64, Option<u64>)>,
    next: u64,
    /// Acknowledged increments, and those without an answer.
    increments: (u64, u64),
    /// Acknowledged transfers, and those without an answer.
    transfers: (i64, i64),
    puts: u64,
}

/// The table and what is known of its items.
#[derive(Default)]
pub struct Items {
    ledger: Mutex<Ledger>,
}

fn n(number: impl ToString) -> Value {
    json!({"N": number.to_string()})
}

fn key(name: &str) -> Value {
    json!({"k": {"S": name}})
}

fn number(item: &Value) -> Option<i64> {
    item["n"]["N"].as_str().map(|text| text.parse().unwrap())
}

fn get(client: &mut Client, name: &str) -> Result<Option<i64>, Lost> {
    let asked = json!({"TableName": "items", "Key": key(name), "ConsistentRead": true});
    Ok(number(&client.call("DynamoDB_20120810.GetItem", &asked)?.unwrap()["Item"]))
}

impl Load for Items {
    fn create(&self, client: &mut Client) {
        let table = json!({
            "TableName": "items", "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
        });
        client.ok("DynamoDB_20120810.CreateTable", table);
        for (name, number) in [("version", 0), ("from", TOTAL), ("to", 0)] {
            let put = json!({"TableName": "items", "Item": {"k": {"S": name}, "n": n(number)}});
            client.ok("DynamoDB_20120810.PutItem", put);
        }
    }

    fn writers(&self) -> Vec<Writer<'_>> {
        let puts = (0..WRITERS)
            .map(|writer| Box::new(move |client: &mut Client| self.put(client, writer)) as Writer<'_>);
        let counters =
            (0..COUNTERS).map(|_| Box::new(|client: &mut Client| self.increment(client)) as Writer<'_>);
        let transfer = Box::new(|client: &mut Client| self.transfer(client)) as Writer<'_>;
        puts.chain(counters).chain([transfer]).collect()
    }

    fn audit(&self, client: &mut Client) {
        let mut ledger = self.ledger.lock().unwrap();
        let mut found = scan(client);
        let mut take = |name: &str| found.remove(name);
        let names: Vec<String> = ledger.items.keys().cloned().collect();
        for name in names {
            let kept = take(&name).map_or(0, i64::cast_unsigned);
            ledger.resolve(&name, kept);
        }
        let (counted, lost) = ledger.increments;
        let version = take("version").map(i64::cast_unsigned).unwrap();
        assert!(
            (counted..=counted + lost).contains(&version),
            "the version is {version}; {counted} increments were acknowledged and {lost} lost"
        );
        ledger.increments = (version, 0);
        let (moved, lost) = ledger.transfers;
        let (from, to) = (take("from").unwrap(), take("to").unwrap());
        assert_eq!(from + to, TOTAL, "a transfer was done by half");
        assert!((moved..=moved + lost).contains(&to), "{to} is there; {moved} acknowledged, {lost} lost");
        ledger.transfers = (to, 0);
        assert!(found.is_empty(), "nobody put these: {found:?}");
    }

    fn report(&self) -> String {
        let ledger = self.ledger.lock().unwrap();
        let (puts, increments, transfers) = (ledger.puts, ledger.increments.0, ledger.transfers.0);
        format!("{puts} puts, {increments} conditional increments and {transfers} transactions acknowledged")
    }
}

/// The number of every item.
fn scan(client: &mut Client) -> BTreeMap<String, i64> {
    let mut asked = json!({"TableName": "items", "ConsistentRead": true, "Limit": 25});
    let mut found = BTreeMap::new();
    loop {
        let page = client.ok("DynamoDB_20120810.Scan", asked.clone());
        for item in page["Items"].as_array().unwrap() {
            found.insert(item["k"]["S"].as_str().unwrap().to_owned(), number(item).unwrap());
        }
        match page.get("LastEvaluatedKey") {
            Some(last) => asked["ExclusiveStartKey"] = last.clone(),
            None => return found,
        }
    }
}

impl Items {
    /// Overwrites an item with a larger number.
    fn put(&self, client: &mut Client, writer: u64) -> Result<(), Lost> {
        let (name, number) = {
            let mut ledger = self.ledger.lock().unwrap();
            ledger.next += 1;
            let number = ledger.next;
            let name = format!("{writer}-{}", number % KEYS);
            let (kept, begun) = *ledger.items.entry(name.clone()).or_default();
            if begun.is_some() {
                // The last crash left it unknown whether that one arrived.
                drop(ledger);
                let kept = get(client, &name)?.map_or(0, i64::cast_unsigned);
                self.ledger.lock().unwrap().resolve(&name, kept);
                return Ok(());
            }
            ledger.items.insert(name.clone(), (kept, Some(number)));
            (name, number)
        };
        let filler = "y".repeat((number % 89 * 53) as usize);
        let item = json!({"k": {"S": name}, "n": n(number), "filler": {"S": filler}});
        client.call("DynamoDB_20120810.PutItem", &json!({"TableName": "items", "Item": item}))?.unwrap();
        let mut ledger = self.ledger.lock().unwrap();
        ledger.items.insert(name, (number, None));
        ledger.puts += 1;
        Ok(())
    }

    /// Counts the version up by one, if nobody else has since it was read.
    fn increment(&self, client: &mut Client) -> Result<(), Lost> {
        let seen = get(client, "version")?.unwrap();
        let update = json!({
            "TableName": "items", "Key": key("version"), "UpdateExpression": "SET n = :new",
            "ConditionExpression": "n = :seen",
            "ExpressionAttributeValues": {":seen": n(seen), ":new": n(seen + 1)},
        });
        let answer = client.call("DynamoDB_20120810.UpdateItem", &update);
        let mut ledger = self.ledger.lock().unwrap();
        match answer {
            Err(lost) => {
                ledger.increments.1 += 1;
                return Err(lost);
            }
            Ok(Ok(_)) => ledger.increments.0 += 1,
            Ok(Err(error)) => assert!(error.contains("ConditionalCheckFailed"), "{error}"),
        }
        Ok(())
    }

    /// Moves one from the first account to the second.
    fn transfer(&self, client: &mut Client) -> Result<(), Lost> {
        let add = |name: &str, by: i64| {
            json!({"Update": {
                "TableName": "items", "Key": key(name), "UpdateExpression": "ADD n :by",
                "ExpressionAttributeValues": {":by": n(by)},
            }})
        };
        let transfer = json!({"TransactItems": [add("from", -1), add("to", 1)]});
        let answer = client.call("DynamoDB_20120810.TransactWriteItems", &transfer);
        let mut ledger = self.ledger.lock().unwrap();
        match answer {
            Err(lost) => {
                ledger.transfers.1 += 1;
                Err(lost)
            }
            Ok(answer) => {
                answer.unwrap();
                ledger.transfers.0 += 1;
                Ok(())
            }
        }
    }
}

impl Ledger {
    /// What an item holds is known again.
    fn resolve(&mut self, name: &str, kept: u64) {
        let (acknowledged, begun) = self.items[name];
        assert!(
            kept == acknowledged || Some(kept) == begun,
            "{name} holds {kept}; acknowledged was {acknowledged}, begun {begun:?}"
        );
        self.items.insert(name.to_owned(), (kept, None));
    }
}
