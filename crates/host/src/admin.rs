//! Pontoon's own API, under `/_pontoon/`: health, reset, the clock, traces, logs.

use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};
use pontoon_core::{Inspect, Scope, Space, TraceId, TraceRecord};
use pontoon_wire::{PlainRequest, PlainResponse};
use serde_json::{Value, json};

use crate::host::{Host, HostClock, NotVirtual};

/// How long a follower's request waits for something new.
const FOLLOW_WAIT: Duration = Duration::from_secs(20);
/// How far the clock can be advanced at once: ten years, in milliseconds.
const ADVANCE_MILLIS_MAX: u64 = 10 * 366 * 86_400_000;

/// How many messages of a queue are shown at once.
const PEEK_MAX: usize = 1_000;

/// What is allowed beside AWS's APIs.
#[derive(Debug, Clone, Copy)]
pub struct Admin {
    /// Whether `POST /_pontoon/reset` empties everything.
    pub reset: bool,
    /// Whether the store forgets at exit.
    pub memory: bool,
}

impl Admin {
    /// Answers a request.
    pub async fn answer(&self, host: &Arc<Host>, home: Scope, request: PlainRequest) -> PlainResponse {
        let path = request.uri.path().trim_start_matches("/_pontoon/").trim_end_matches('/').to_owned();
        let query = request.uri.query().unwrap_or_default().to_owned();
        let post = request.method == Method::POST;
        if !post && request.method != Method::GET {
            return error(StatusCode::METHOD_NOT_ALLOWED, "GET reads, POST changes");
        }
        let segments: Vec<&str> = path.split('/').collect();
        match (post, segments.as_slice()) {
            (false, ["health"]) => ok(&self.health(host, home)),
            (true, ["reset"]) => self.reset(host),
            (false, ["clock"]) => ok(&clock(host)),
            (true, ["clock", "freeze"]) => clock_set(host, true).await,
            (true, ["clock", "resume"]) => clock_set(host, false).await,
            (true, ["clock", "advance"]) => advance(host, &query).await,
            (false, ["traces"]) => follow(host, &query).await,
            (false, ["logs"]) => logs(host, &query).await,
            (false, ["traces", id]) => trace(host, home, id),
            (false, ["wiring"]) => ok(&wiring(host, home)),
            (false, ["packages", token]) => package(host, home, token),
            (false, ["queues"]) => queues(host, home),
            (false, ["queues", name]) => queue(host, home, name, &query),
            _ => error(StatusCode::NOT_FOUND, "no such path; see docs/api.md"),
        }
    }

    fn health(&self, host: &Arc<Host>, home: Scope) -> Value {
        let services: Vec<Value> = pontoon_api::SERVICES
            .iter()
            .map(|schema| json!({ "name": schema.title, "operations": schema.operations.len() }))
            .collect();
        let counts = host.look(|engine| engine.inspect_all(home, &Inspect::Counts));
        let resources: serde_json::Map<String, Value> =
            counts.into_iter().map(|(service, counts)| (service.to_owned(), counts)).collect();
        json!({
            "status": "running",
            "version": env!("CARGO_PKG_VERSION"),
            "uptimeSeconds": host.uptime().as_secs(),
            "account": home.account.as_str(),
            "region": home.region.as_str(),
            "storage": if self.memory { "memory" } else { "disk" },
            "policies": format!("{:?}", host.settings().policies).to_lowercase(),
            "clock": clock(host),
            "services": services,
            "resources": resources,
        })
    }

    fn reset(&self, host: &Arc<Host>) -> PlainResponse {
        if !self.reset {
            return error(
                StatusCode::FORBIDDEN,
                "start the server with --memory or --allow-reset to reset it",
            );
        }
        match host.reset() {
            Ok(()) => ok(&json!({ "status": "empty" })),
            Err(failed) => error(StatusCode::INTERNAL_SERVER_ERROR, &failed.message),
        }
    }
}

/// A function's package, by a link that GetFunction gave.
fn package(host: &Arc<Host>, home: Scope, token: &str) -> PlainResponse {
    let now = host.now();
    let archive = host.look(|engine| {
        let key = engine.inspect(home, &Inspect::Package { token, now })?;
        let key: Vec<u8> = serde_json::from_value(key).ok()?;
        engine.store().get(Space::Blob, &key).ok()?
    });
    match archive {
        Some(archive) => PlainResponse::new(StatusCode::OK, "application/zip", archive),
        None => error(StatusCode::FORBIDDEN, "no link of GetFunction's, or none any more"),
    }
}

fn ok(value: &Value) -> PlainResponse {
    PlainResponse::new(StatusCode::OK, "application/json", value.to_string())
}

fn error(status: StatusCode, message: &str) -> PlainResponse {
    PlainResponse::new(status, "application/json", json!({ "error": message }).to_string())
}

/// The value of a query parameter; these are numbers and ids, so nothing is percent-encoded.
fn parameter<'q>(query: &'q str, name: &str) -> Option<&'q str> {
    query
        .split('&')
        .find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name).map(|(_, value)| value))
}

fn clock(host: &Arc<Host>) -> Value {
    let (kind, frozen) = match host.clock() {
        HostClock::System(_) => ("system", false),
        HostClock::Virtual(clock) => ("virtual", clock.is_frozen()),
    };
    json!({ "kind": kind, "now": host.now().iso_millis(), "frozen": frozen })
}

fn not_virtual() -> PlainResponse {
    error(StatusCode::CONFLICT, "the clock is the machine's; start the server with --virtual-clock")
}

async fn clock_set(host: &Arc<Host>, frozen: bool) -> PlainResponse {
    match host.set_frozen(frozen).await {
        Ok(_) => ok(&clock(host)),
        Err(NotVirtual) => not_virtual(),
    }
}

async fn advance(host: &Arc<Host>, query: &str) -> PlainResponse {
    let millis = parameter(query, "millis").and_then(|millis| millis.parse::<u64>().ok());
    let Some(millis) = millis.filter(|millis| *millis <= ADVANCE_MILLIS_MAX) else {
        return error(StatusCode::BAD_REQUEST, "?millis= takes a number of milliseconds, at most ten years");
    };
    match host.advance(Duration::from_millis(millis)).await {
        Ok(_) => ok(&clock(host)),
        Err(NotVirtual) => not_virtual(),
    }
}

/// Records after `?after=CURSOR`, waiting for some with `?wait=true`; without `after`, the latest traces.
async fn follow(host: &Arc<Host>, query: &str) -> PlainResponse {
    let Some(after) = parameter(query, "after").map(|after| after.parse::<u64>()) else {
        return latest(host, query);
    };
    let Ok(after) = after else {
        return error(StatusCode::BAD_REQUEST, "?after= takes the cursor of an answer");
    };
    let wait = parameter(query, "wait") == Some("true");
    let deadline = tokio::time::Instant::now() + FOLLOW_WAIT;
    loop {
        let traced = host.traced();
        let (records, cursor) = host.look(|engine| engine.traces().since(after));
        if !records.is_empty() || !wait || tokio::time::timeout_at(deadline, traced).await.is_err() {
            return ok(&json!({ "records": records, "cursor": cursor }));
        }
    }
}

/// What functions printed after `?after=CURSOR` (from the oldest line held if absent), waiting for some with `?wait=true`.
async fn logs(host: &Arc<Host>, query: &str) -> PlainResponse {
    let Ok(after) = parameter(query, "after").unwrap_or("0").parse::<u64>() else {
        return error(StatusCode::BAD_REQUEST, "?after= takes the cursor of an answer");
    };
    let wait = parameter(query, "wait") == Some("true");
    let deadline = tokio::time::Instant::now() + FOLLOW_WAIT;
    let feed = host.dispatcher().logs();
    loop {
        let grown = feed.grown();
        let (lines, cursor) = feed.since(after);
        if !lines.is_empty() || !wait || tokio::time::timeout_at(deadline, grown).await.is_err() {
            return ok(&json!({ "lines": lines, "cursor": cursor }));
        }
    }
}

fn latest(host: &Arc<Host>, query: &str) -> PlainResponse {
    let limit = parameter(query, "limit").and_then(|limit| limit.parse().ok()).unwrap_or(20_usize).min(1000);
    let traces: Vec<Value> = host.look(|engine| {
        let latest = engine.traces().latest(limit);
        latest
            .map(|(begin, id)| {
                let first = engine.traces().read(engine.store(), id).ok().flatten();
                let what = first.as_ref().and_then(|records| records.first());
                json!({
                    "trace": pontoon_core::ids::format_uuid(id.0),
                    "begin": begin.iso_millis(),
                    "first": what,
                    "records": first.as_ref().map_or(0, Vec::len),
                })
            })
            .collect()
    });
    ok(&json!({ "traces": traces, "cursor": host.look(|engine| engine.traces().since(u64::MAX).1) }))
}

fn trace(host: &Arc<Host>, home: Scope, id: &str) -> PlainResponse {
    let Some(bytes) = pontoon_core::ids::parse_uuid(id) else {
        return error(StatusCode::BAD_REQUEST, "a trace's id is its event's or message's: a UUID");
    };
    let found = host.look(|engine| {
        let records = engine.traces().read(engine.store(), TraceId(bytes))?;
        let question = Inspect::ExplainEvent { id: TraceId(bytes), store: engine.store() };
        Ok::<_, pontoon_core::LoadError>(records.map(|records| (records, engine.inspect(home, &question))))
    });
    match found {
        Ok(Some((records, rules))) => ok(&shape(id, &records, rules)),
        Ok(None) => error(StatusCode::NOT_FOUND, "no trace of that id is kept"),
        Err(failed) => error(StatusCode::INTERNAL_SERVER_ERROR, &failed.message),
    }
}

/// What decides where events go and what becomes of them: the parts of all services, which have no names in common, in one.
#[must_use]
pub fn wiring(host: &Arc<Host>, home: Scope) -> Value {
    let parts = host.look(|engine| engine.inspect_all(home, &Inspect::Wiring));
    let mut all = json!({ "account": home.account.as_str(), "region": home.region.as_str() });
    for (_, part) in parts {
        if let (Some(all), Value::Object(part)) = (all.as_object_mut(), part) {
            all.extend(part);
        }
    }
    all
}

fn queues(host: &Arc<Host>, home: Scope) -> PlainResponse {
    let now = host.now();
    match host.look(|engine| engine.inspect(home, &Inspect::Queues { now, store: engine.store() })) {
        Some(queues) => ok(&queues),
        None => error(StatusCode::NOT_FOUND, "no service has queues"),
    }
}

/// A queue and its first `?max=N` messages (ten, a thousand at most), which is no receive.
fn queue(host: &Arc<Host>, home: Scope, name: &str, query: &str) -> PlainResponse {
    let Ok(max) = parameter(query, "max").unwrap_or("10").parse::<usize>() else {
        return error(StatusCode::BAD_REQUEST, "?max= takes a number of messages");
    };
    let (now, max) = (host.now(), max.min(PEEK_MAX));
    let found =
        host.look(|engine| engine.inspect(home, &Inspect::Queue { name, max, now, store: engine.store() }));
    match found {
        Some(queue) => ok(&queue),
        None => error(StatusCode::NOT_FOUND, "there is no queue of that name"),
    }
}

fn shape(id: &str, records: &[TraceRecord], rules: Option<Value>) -> Value {
    json!({ "trace": id, "records": records, "explain": rules })
}
