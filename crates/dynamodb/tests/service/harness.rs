//! The least of a host that the service needs: a store, a clock, and AWS JSON at the door.

use std::sync::Arc;

use pontoon_core::step::{Effects, Ground, Settings};
use pontoon_core::{
    ApiError, Batch, Caller, Datum, Ids, Output, PolicyMode, Reply, Scope, Service, Settled, Step, Store,
    Timestamp,
};
use pontoon_dynamodb::DynamoDb;
use pontoon_wire::protocol::json::{self, writer::JsonWriter};
use serde_json::{Value, json};

/// 2023-11-14T22:13:20Z
pub const START: Timestamp = Timestamp::from_secs(1_700_000_000);

/// The service, running.
pub struct Tables {
    service: DynamoDb,
    store: Arc<dyn Store>,
    ids: Ids,
    next_park: u64,
    /// Who calls: at first the account itself.
    pub caller: Caller,
    settings: Settings,
    /// What the service sees as the present.
    pub now: Timestamp,
    /// What was published so far.
    pub metrics: Vec<Datum>,
}

impl Tables {
    pub fn new() -> Tables {
        Tables {
            service: DynamoDb::default(),
            store: pontoon_store::memory(),
            ids: Ids::from_seed(7),
            next_park: 0,
            caller: Caller::of_account(Scope::default().account, "request", "http://127.0.0.1:4566"),
            settings: Settings { policies: PolicyMode::Enforce, endpoint: "http://127.0.0.1:4566".into() },
            now: START,
            metrics: Vec::new(),
        }
    }

    /// With the table `t`: hash key `k`, a string.
    pub fn with_simple() -> Tables {
        let mut tables = Tables::new();
        tables.create("tab", json!([["k", "S"]]));
        tables
    }

    /// With the table `t`: hash key `k`, a string, and range key `r`, a number.
    pub fn with_ranged() -> Tables {
        let mut tables = Tables::new();
        tables.create("tab", json!([["k", "S"], ["r", "N"]]));
        tables
    }

    /// A table on demand with the key attributes `[[name, type], ...]`.
    pub fn create(&mut self, name: &str, keys: Value) {
        self.ok("CreateTable", table(name, &keys));
    }

    /// Stores an item in the table `t`.
    pub fn put(&mut self, item: Value) {
        self.ok("PutItem", json!({"TableName": "tab", "Item": item}));
    }

    /// The item of the table `t` with that key, or null.
    pub fn get(&mut self, key: Value) -> Value {
        self.ok("GetItem", json!({"TableName": "tab", "Key": key}))["Item"].clone()
    }

    /// The output of an operation that must succeed.
    #[track_caller]
    pub fn ok(&mut self, operation: &str, input: Value) -> Value {
        match self.call(operation, &input) {
            Ok(output) => output,
            Err(error) => panic!("{operation} {input} failed: {error}"),
        }
    }

    /// The code and the message of an operation that must fail.
    #[track_caller]
    pub fn fails(&mut self, operation: &str, input: Value) -> (String, String) {
        let error = self.error(operation, input);
        let text = |key: &str| error[key].as_str().unwrap_or_default().to_owned();
        (text("code"), text("message"))
    }

    /// The error of an operation that must fail: code, message and further members.
    #[track_caller]
    pub fn error(&mut self, operation: &str, input: Value) -> Value {
        match self.call(operation, &input) {
            Ok(output) => panic!("{operation} {input} gave {output}"),
            Err(error) => error,
        }
    }

    /// Calls an operation, and checks that an error is one that the operation declares, or one that any has.
    pub fn call(&mut self, operation: &str, input: &Value) -> Result<Value, Value> {
        let schema =
            self.service.schemas()[0].operations.iter().find(|schema| schema.name == operation).unwrap();
        let settled = json::decode(schema, input.to_string().as_bytes())
            .map_err(|error| ApiError::client("SerializationException", error.message.into_owned()))
            .and_then(|(request, violations)| {
                if !violations.is_empty()
                    && let Some(error) = self.service.invalid(schema, &violations)
                {
                    return Err(error);
                }
                self.step(|service, step| service.call(step, request)).and_then(|reply| match reply {
                    Reply::Ready(output) => Ok(output),
                    Reply::Read(read) => read(&*self.store.snapshot()),
                    Reply::Parked(_) => panic!("no operation parks"),
                })
            });
        if let Err(error) = &settled {
            let declared = schema.errors.iter().any(|declared| declared.shape == error.code);
            let general = ["ValidationException", "SerializationException", "AccessDeniedException"]
                .contains(&error.code.as_ref());
            assert!(declared || general, "{operation} does not declare {error:?}");
        }
        shown(settled)
    }

    fn step<T>(
        &mut self,
        act: impl FnOnce(&mut DynamoDb, &mut Step<'_>) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let pending = Batch::new();
        let ground = Ground { store: &*self.store, pending: &pending, settings: &self.settings };
        let mut step =
            Step::new(self.now, Scope::default(), &self.caller, &mut self.ids, &mut self.next_park, &ground);
        let result = act(&mut self.service, &mut step);
        let (batch, Effects { hops, dispatches, metrics, .. }) = step.finish();
        assert!(hops.is_empty() && dispatches.is_empty(), "the service calls nobody");
        if result.is_ok() {
            self.metrics.extend(metrics.into_iter().map(|(_, datum)| datum));
            self.store.apply(batch).unwrap();
        }
        result
    }

    /// Lets time pass, and everything happen that is due meanwhile, each when it is due.
    pub fn pass(&mut self, seconds: u64) {
        let end = self.now.after(std::time::Duration::from_secs(seconds));
        while let Some(due) = self.service.next_due().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.step(|service, step| {
                service.run_due(step);
                Ok(())
            })
            .unwrap();
        }
        self.now = end;
    }

    /// Starts the service again on what the store holds.
    pub fn restart(&mut self) {
        self.service = DynamoDb::default();
        self.service.load(&*self.store).unwrap();
    }

    /// How many keys the store holds of items, tallies and expiries.
    pub fn keys_stored(&self) -> usize {
        let mut keys = 0;
        self.store
            .scan(
                pontoon_core::Space::Table,
                &pontoon_core::KeyRange::all(),
                pontoon_core::Direction::Ascending,
                &mut |_, _| {
                    keys += 1;
                    std::ops::ControlFlow::Continue(())
                },
            )
            .unwrap();
        keys
    }
}

/// The input that creates a table on demand with the key attributes `[[name, type], ...]`.
pub fn table(name: &str, keys: &Value) -> Value {
    let keys = keys.as_array().unwrap();
    let definitions: Vec<Value> =
        keys.iter().map(|key| json!({"AttributeName": key[0], "AttributeType": key[1]})).collect();
    let schema: Vec<Value> = keys
        .iter()
        .zip(["HASH", "RANGE"])
        .map(|(key, kind)| json!({"AttributeName": key[0], "KeyType": kind}))
        .collect();
    json!({
        "TableName": name, "AttributeDefinitions": definitions, "KeySchema": schema,
        "BillingMode": "PAY_PER_REQUEST",
    })
}

fn shown(settled: Settled) -> Result<Value, Value> {
    settled.map(|output| written(&*output)).map_err(|error| {
        let mut shown = error.detail.as_deref().map_or_else(|| json!({}), written);
        shown["code"] = json!(error.code);
        shown["message"] = json!(error.message);
        shown
    })
}

fn written(output: &dyn Output) -> Value {
    let mut body = Vec::new();
    output.encode(&mut JsonWriter::new(&mut body));
    serde_json::from_slice(&body).unwrap()
}
