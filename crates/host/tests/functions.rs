//! The function executor against real processes.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use pontoon_core::work::{Code, FunctionCall, FunctionResult, FunctionSpec};
use pontoon_core::{Batch, Clock, Scope, Space, Store, Timestamp};
use pontoon_host::functions::{FunctionCredentials, FunctionPool, PoolClosed, PoolConfig};
use serde_json::{Value, json};
use tempfile::TempDir;

struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp::parse_iso("2026-01-31T12:00:00Z").unwrap()
    }
}

struct Bench {
    dir: TempDir,
    pool: FunctionPool,
    store: Arc<dyn Store>,
}

impl Bench {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut PoolConfig)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = pontoon_store::memory();
        let mut config = PoolConfig::new(
            dir.path().join("pool"),
            "http://127.0.0.1:4566".to_owned(),
            Arc::new(Noon),
            Arc::clone(&store),
        );
        change(&mut config);
        Self { pool: FunctionPool::open(config).unwrap(), store, dir }
    }

    /// A function that runs the double, with `change` made to its specification.
    fn double(&self, change: impl FnOnce(&mut FunctionSpec)) -> Arc<FunctionSpec> {
        let code = self.dir.path().join("double");
        fs::create_dir_all(&code).unwrap();
        if !code.join("bootstrap").exists() {
            std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_runtime-double"), code.join("bootstrap")).unwrap();
        }
        let mut spec = specification("provided.al2023", &code);
        change(&mut spec);
        Arc::new(spec)
    }

    async fn invoke(&self, spec: &Arc<FunctionSpec>, event: &Value) -> FunctionResult {
        self.pool.invoke(&invocation(spec, event), &credentials()).await.unwrap()
    }
}

fn credentials() -> FunctionCredentials {
    FunctionCredentials {
        access_key_id: "key".to_owned(),
        secret_access_key: "secret".to_owned(),
        session_token: "token".to_owned(),
    }
}

fn specification(runtime: &str, code: &Path) -> FunctionSpec {
    FunctionSpec {
        scope: Scope { region: "eu-west-1".parse().unwrap(), ..Scope::default() },
        arn: "arn:aws:lambda:eu-west-1:000000000000:function:f".to_owned(),
        name: "f".to_owned(),
        version: "$LATEST".to_owned(),
        runtime: runtime.to_owned(),
        handler: "index.handler".to_owned(),
        code: Code::Directory { path: code.display().to_string(), revision: 1 },
        environment: BTreeMap::new(),
        timeout: Duration::from_secs(20),
        memory_mb: 128,
        log_group: "/aws/lambda/f".to_owned(),
        revision: "1".to_owned(),
        role: "arn:aws:iam::000000000000:role/r".to_owned(),
    }
}

fn invocation(spec: &Arc<FunctionSpec>, event: &Value) -> FunctionCall {
    FunctionCall {
        spec: Arc::clone(spec),
        invoked_arn: format!("{}:live", spec.arn),
        payload: Bytes::from(event.to_string()),
        request_id: "11111111-2222-4333-8444-555555555555".to_owned(),
        trace_header: "Root=1-2-3".to_owned(),
        client_context: None,
        traces: None,
    }
}

fn payload(result: &FunctionResult) -> Value {
    serde_json::from_slice(&result.payload).unwrap()
}

fn log(result: &FunctionResult) -> Vec<&str> {
    result.log.iter().map(|line| line.text.as_str()).collect()
}

fn process_exists(pid: u64) -> bool {
    // A zombie that nobody has waited for yet does not count.
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| stat.rsplit(')').next().is_some_and(|rest| !rest.starts_with(" Z")))
}

/// Waits for the end of a process that has been killed.
async fn until_gone(pid: u64) {
    let began = Instant::now();
    while process_exists(pid) {
        assert!(began.elapsed() < Duration::from_secs(20), "the process is still there");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_invocation_gives_payload_log_and_report() {
    let bench = Bench::new();
    let spec = bench.double(|_| {});
    let result = bench.invoke(&spec, &json!({ "a": [1, 2] })).await;
    assert_eq!(payload(&result), json!({ "a": [1, 2] }));
    assert_eq!(result.function_error, None);
    assert!(result.log_stream.starts_with("2026/01/31/[$LATEST]"), "{}", result.log_stream);
    let lines = log(&result);
    let id = "11111111-2222-4333-8444-555555555555";
    assert!(lines[0].starts_with("INIT_START Runtime Version: provided:al2023.v1\tRuntime Version ARN: arn:aws:lambda:eu-west-1::runtime:"));
    assert_eq!(
        lines[1..4],
        [
            &format!("START RequestId: {id} Version: $LATEST\n"),
            "event {\"a\":[1,2]}\n",
            &format!("END RequestId: {id}\n"),
        ]
    );
    assert!(lines[4].starts_with(&format!("REPORT RequestId: {id}\tDuration: ")), "{}", lines[4]);
    assert!(lines[4].contains("\tInit Duration: ") && lines[4].ends_with(" ms\t\n"), "{}", lines[4]);
    assert!(result.log.iter().all(|line| line.at == Noon.now()));
    assert!(result.duration_ms > 0.0 && result.init_ms.is_some() && result.max_memory_mb >= 1);
}

#[tokio::test]
async fn a_process_is_reused_until_its_specification_changes() {
    let bench = Bench::new();
    let spec = bench.double(|_| {});
    let first = payload(&bench.invoke(&spec, &json!("count")).await);
    let second = bench.invoke(&spec, &json!("count")).await;
    assert_eq!(payload(&second), json!([first[0], 2]));
    assert_eq!(second.init_ms, None);
    assert!(log(&second)[0].starts_with("START"));
    let changed = bench.double(|spec| spec.revision = "2".to_owned());
    let third = payload(&bench.invoke(&changed, &json!("count")).await);
    assert_eq!(third[1], 1);
    assert_ne!(third[0], first[0]);
}

#[tokio::test]
async fn an_archive_is_unpacked_from_the_store() {
    let bench = Bench::new();
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("bootstrap", zip::write::SimpleFileOptions::default().unix_permissions(0o755)).unwrap();
    zip.write_all(&fs::read(env!("CARGO_BIN_EXE_runtime-double")).unwrap()).unwrap();
    let mut batch = Batch::new();
    batch.put(Space::Blob, *b"code", zip.finish().unwrap().into_inner());
    bench.store.apply(batch).unwrap();
    let zipped = |key: &[u8]| {
        let code = Code::Zip { key: key.to_vec(), sha256: format!("{key:?}") };
        bench.double(|spec| spec.code = code)
    };
    assert_eq!(payload(&bench.invoke(&zipped(b"code"), &json!("count")).await)[1], 1);
    let missing = bench.invoke(&zipped(b"gone"), &json!("count")).await;
    let message = payload(&missing)["errorMessage"].as_str().unwrap().to_owned();
    assert!(message.ends_with("the archive is not in the store"), "{message}");
}

#[tokio::test]
async fn a_pool_may_be_given_a_relative_directory() {
    let dir = tempfile::tempdir_in(".").unwrap();
    let name = std::path::Path::new(dir.path().file_name().unwrap()).join("pool");
    let bench = Bench::with(|config| config.dir = name);
    let code = [("index.js", "exports.handler = async () => 1;")];
    let Some(result) = interpreted(&bench, "nodejs20.x", "index.handler", &code, &json!({})).await else {
        return;
    };
    assert_eq!(payload(&result), json!(1));
}

#[tokio::test]
async fn concurrent_invocations_run_in_processes_of_their_own() {
    let bench = Bench::new();
    let spec = bench.double(|_| {});
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let event = json!(format!("meet {}", listener.local_addr().unwrap()));
    // Both must be connected before either may answer.
    let meeting = std::thread::spawn(move || {
        let mut peers: Vec<_> = (0..2).map(|_| listener.accept().unwrap().0).collect();
        for peer in &mut peers {
            peer.read_exact(&mut [0]).unwrap();
            peer.write_all(b"!").unwrap();
        }
    });
    let (one, two) = tokio::join!(bench.invoke(&spec, &event), bench.invoke(&spec, &event));
    meeting.join().unwrap();
    assert_eq!((payload(&one), payload(&two)), (json!(true), json!(true)));
    assert_ne!(one.log_stream, two.log_stream);
}

#[tokio::test]
async fn a_timeout_kills_the_process_and_says_so() {
    let bench = Bench::new();
    let spec = bench.double(|spec| spec.timeout = Duration::from_secs(1));
    let warm = payload(&bench.invoke(&spec, &json!("count")).await);
    let result = bench.invoke(&spec, &json!("hang")).await;
    let id = "11111111-2222-4333-8444-555555555555";
    assert_eq!(
        payload(&result),
        json!({ "errorType": "Sandbox.Timedout", "errorMessage": format!("RequestId: {id} Error: Task timed out after 1.00 seconds") })
    );
    let lines = log(&result);
    assert!(
        lines.contains(
            &format!("2026-01-31T12:00:00.000Z {id} Task timed out after 1.00 seconds\n\n").as_str()
        )
    );
    assert!(lines.last().unwrap().contains("\tDuration: 1000.00 ms\tBilled Duration: 1000 ms\t"));
    assert!(lines.last().unwrap().ends_with("\tStatus: timeout\n"));
    assert!(!process_exists(warm[0].as_u64().unwrap()));
    assert_eq!(payload(&bench.invoke(&spec, &json!("count")).await)[1], 1);
}

#[tokio::test]
async fn a_timeout_kills_what_the_function_started_too() {
    let bench = Bench::new();
    let spec = bench.double(|spec| spec.timeout = Duration::from_secs(1));
    let result = bench.invoke(&spec, &json!("spawn-and-hang")).await;
    let child = log(&result)
        .into_iter()
        .find_map(|line| line.strip_prefix("child "))
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    until_gone(child).await;
}

#[test]
#[cfg(target_os = "linux")]
fn a_launched_function_dies_with_what_started_it() {
    use std::os::unix::process::ExitStatusExt;
    let api = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = api.local_addr().unwrap().to_string();
    // The kernel goes by the thread, so a thread can stand for a server that is killed.
    let (started, wait) = std::sync::mpsc::channel::<()>();
    let starter = std::thread::spawn(move || {
        let double = env!("CARGO_BIN_EXE_runtime-double");
        let child = std::process::Command::new(double)
            .args(["--become-function", &std::process::id().to_string(), double])
            .env("AWS_LAMBDA_RUNTIME_API", address)
            .spawn()
            .unwrap();
        wait.recv().unwrap();
        child
    });
    // It has become the double, which asks for work.
    let mut first = [0; 4];
    let mut asking = api.accept().unwrap().0;
    asking.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"GET ");
    started.send(()).unwrap();
    let mut child = starter.join().unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(9));
    let orphan = std::process::Command::new(env!("CARGO_BIN_EXE_runtime-double"))
        .args(["--become-function", "1", "/nowhere"])
        .output()
        .unwrap();
    assert_eq!(orphan.status.code(), Some(126));
}

#[tokio::test]
async fn ends_of_the_process_are_reported_as_exit_errors() {
    let bench = Bench::new();
    let spec = bench.double(|_| {});
    for (event, text) in [
        ("exit 1", "Runtime exited with error: exit status 1"),
        ("exit 0", "Runtime exited without providing a reason"),
        ("abort", "Runtime exited with error: signal: aborted"),
    ] {
        let result = bench.invoke(&spec, &json!(event)).await;
        let error = payload(&result);
        assert_eq!(error["errorType"], "Runtime.ExitError", "{event}");
        assert!(error["errorMessage"].as_str().unwrap().contains(&format!(" Error: {text}")), "{error}");
        assert!(log(&result).last().unwrap().ends_with("\tStatus: error\tError Type: Runtime.ExitError\n"));
    }
}

#[tokio::test]
async fn an_answer_counts_even_if_the_process_ends_right_after_it() {
    let bench = Bench::new();
    let spec = bench.double(|_| {});
    for _ in 0..3 {
        let result = bench.invoke(&spec, &json!("answer-and-exit")).await;
        assert_eq!((payload(&result), result.function_error), (json!(true), None));
    }
}

#[tokio::test]
async fn an_error_is_passed_on_and_the_process_goes_on() {
    let bench = Bench::new();
    let spec = bench.double(|_| {});
    let result = bench.invoke(&spec, &json!("error")).await;
    assert_eq!(payload(&result), json!({ "errorType": "Boom", "errorMessage": "as asked" }));
    assert_eq!(result.function_error, Some("Unhandled"));
    assert_eq!(payload(&bench.invoke(&spec, &json!("count")).await)[1], 2);
}

#[tokio::test]
async fn a_failed_initialization_is_tried_once_more_within_the_invocation() {
    let bench = Bench::new();
    let marker = bench.dir.path().join("failed").display().to_string();
    let spec = bench.double(|spec| {
        spec.environment.insert("DOUBLE_INIT".to_owned(), format!("fail-once {marker}"));
    });
    let result = bench.invoke(&spec, &json!("count")).await;
    assert_eq!(payload(&result)[1], 1);
    let lines = log(&result);
    assert!(lines[1].starts_with("INIT_REPORT Init Duration: "));
    assert!(
        lines[1].ends_with(" ms\tPhase: init\tStatus: error\tError Type: Runtime.ExitError\n"),
        "{}",
        lines[1]
    );
    assert!(!lines.last().unwrap().contains("Init Duration"));
}

#[tokio::test]
async fn an_initialization_that_fails_for_good_is_the_result() {
    let bench = Bench::new();
    let exits = bench.double(|spec| {
        spec.environment.insert("DOUBLE_INIT".to_owned(), "exit 3".to_owned());
    });
    let result = bench.invoke(&exits, &json!({})).await;
    assert!(
        payload(&result)["errorMessage"]
            .as_str()
            .unwrap()
            .ends_with("Runtime exited with error: exit status 3")
    );
    let lines = log(&result);
    assert_eq!(lines.iter().filter(|line| **line == "exiting\n").count(), 2);
    assert!(lines.iter().any(|line| line.contains("\tPhase: invoke\tStatus: error\t")));
    let reports = bench.double(|spec| {
        spec.environment.insert("DOUBLE_INIT".to_owned(), "report".to_owned());
        spec.revision = "2".to_owned();
    });
    let result = bench.invoke(&reports, &json!({})).await;
    assert_eq!(payload(&result), json!({ "errorType": "NoLuck", "errorMessage": "cannot start" }));
}

#[tokio::test]
async fn megabytes_of_output_and_of_response_are_bounded() {
    let bench = Bench::new();
    let spec = bench.double(|_| {});
    let result = bench.invoke(&spec, &json!("print 20000000")).await;
    assert_eq!(payload(&result), json!(true));
    let bytes: usize = result.log.iter().map(|line| line.text.len()).sum();
    assert!(bytes < 9 * 1024 * 1024, "{bytes}");
    assert!(log(&result).iter().any(|line| line.ends_with(" more bytes of output were dropped\n")));

    let fits = bench.invoke(&spec, &json!("large 6291554")).await;
    assert_eq!((fits.payload.len(), fits.function_error), (6_291_556, None));
    let large = bench.invoke(&spec, &json!("large 6291555")).await;
    assert_eq!(
        payload(&large),
        json!({
            "errorType": "Function.ResponseSizeTooLarge",
            "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes)."
        })
    );
}

#[tokio::test]
async fn a_streamed_response_is_gathered_and_its_trailing_error_counts() {
    let bench = Bench::new();
    let spec = bench.double(|_| {});
    assert_eq!(payload(&bench.invoke(&spec, &json!("stream")).await), json!([1, 2]));
    let failed = bench.invoke(&spec, &json!("stream Midway")).await;
    assert_eq!(payload(&failed), json!({ "errorMessage": "midway" }));
    assert!(failed.function_error.is_some());
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_process_that_takes_too_much_memory_is_killed() {
    let bench = Bench::new();
    let spec = bench.double(|_| {});
    let result = bench.invoke(&spec, &json!("allocate 300000000")).await;
    assert_eq!(payload(&result)["errorType"], "Runtime.OutOfMemory");
    assert!(result.max_memory_mb > 128);
}

#[tokio::test]
async fn nothing_of_pontoons_environment_is_inherited() {
    let bench = Bench::new();
    let spec = bench.double(|spec| {
        spec.environment = [("OWN", "1"), ("AWS_REGION", "mars"), ("TZ", "Europe/Berlin")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
    });
    let seen = payload(&bench.invoke(&spec, &json!("environment")).await);
    for (name, value) in [
        ("OWN", "1"),
        ("AWS_REGION", "eu-west-1"),
        ("TZ", "Europe/Berlin"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:4566"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        ("AWS_SESSION_TOKEN", "token"),
        ("_HANDLER", "index.handler"),
    ] {
        assert_eq!(seen[name], value, "{name}");
    }
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    assert_eq!(seen["CARGO_MANIFEST_DIR"], Value::Null);
    assert_eq!(seen["HOME"], Value::Null);
}

#[tokio::test]
async fn the_whole_process_group_goes_with_the_pool() {
    let bench = Bench::new();
    let spec = bench.double(|_| {});
    let idle = payload(&bench.invoke(&spec, &json!("count")).await)[0].as_u64().unwrap();
    let pool = bench.pool.clone();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let event = json!(format!("meet {}", listener.local_addr().unwrap()));
    let busy = tokio::spawn({
        let (pool, spec) = (pool.clone(), Arc::clone(&spec));
        async move { pool.invoke(&invocation(&spec, &event), &credentials()).await }
    });
    let mut peer = tokio::task::spawn_blocking(move || {
        let mut peer = listener.accept().unwrap().0;
        peer.read_exact(&mut [0]).unwrap();
        peer
    })
    .await
    .unwrap();
    pool.close().await;
    assert!(matches!(busy.await.unwrap(), Err(PoolClosed)));
    // The connection of the busy process breaks: it is gone.
    let end = tokio::task::spawn_blocking(move || {
        let mut rest = Vec::new();
        peer.read_to_end(&mut rest).map(|_| rest)
    });
    assert!(end.await.unwrap().is_ok_and(|rest| rest.is_empty()));
    // It may be the one that was idle before, whose connections end before it does.
    until_gone(idle).await;
    assert!(matches!(pool.invoke(&invocation(&spec, &json!(1)), &credentials()).await, Err(PoolClosed)));
}

#[tokio::test]
async fn idle_processes_end_when_their_time_is_up() {
    let bench = Bench::with(|config| config.idle_timeout = Duration::from_millis(50));
    let spec = bench.double(|_| {});
    let pid = payload(&bench.invoke(&spec, &json!("count")).await)[0].as_u64().unwrap();
    until_gone(pid).await;
}

#[tokio::test]
async fn what_cannot_be_executed_is_named() {
    let bench = Bench::new();
    let empty = bench.dir.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let error = |result: FunctionResult| {
        let error = payload(&result);
        assert_eq!(error["errorType"], "Runtime.InvalidEntrypoint");
        error["errorMessage"].as_str().unwrap().to_owned()
    };
    let missing = error(bench.invoke(&Arc::new(specification("provided.al2", &empty)), &json!(1)).await);
    assert!(missing.ends_with("Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"));
    fs::write(empty.join("bootstrap"), "not a program").unwrap();
    let denied = error(bench.invoke(&Arc::new(specification("provided.al2", &empty)), &json!(1)).await);
    assert!(denied.ends_with("bootstrap: permission denied"), "{denied}");
    let unknown = error(bench.invoke(&Arc::new(specification("java21", &empty)), &json!(1)).await);
    assert!(unknown.ends_with("Pontoon does not run functions of runtime java21"));
}

/// The result of a Node or Python function, or `None`, saying so, if the machine has no interpreter.
async fn interpreted(
    bench: &Bench,
    runtime: &str,
    handler: &str,
    files: &[(&str, &str)],
    event: &Value,
) -> Option<FunctionResult> {
    let code = tempfile::tempdir_in(bench.dir.path()).unwrap().keep();
    for (name, text) in files {
        let file = code.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    let mut spec = specification(runtime, &code);
    spec.handler = handler.to_owned();
    spec.memory_mb = 256;
    let mut invocation = invocation(&Arc::new(spec), event);
    invocation.client_context = Some(r#"{"custom":{"k":"v"}}"#.to_owned());
    let result = bench.pool.invoke(&invocation, &credentials()).await.unwrap();
    if String::from_utf8_lossy(&result.payload).contains("needs an interpreter") {
        println!("skipped: {}", String::from_utf8_lossy(&result.payload));
        return None;
    }
    Some(result)
}

#[tokio::test]
async fn node_handlers_of_every_style_answer() {
    let bench = Bench::new();
    for (name, text, handler, answer) in [
        (
            "index.mjs",
            "export const handler = async (e) => ({ got: e.n });",
            "index.handler",
            json!({ "got": 1 }),
        ),
        ("index.js", "exports.handler = async (e) => e.n + 1;", "index.handler", json!(2)),
        (
            "index.cjs",
            "module.exports = { a: { b: (e, c, done) => done(null, 'called') } };",
            "index.a.b",
            json!("called"),
        ),
        (
            "src/app.js",
            "exports.run = (e, context) => { setTimeout(() => context.succeed(3), 1); };",
            "src/app.run",
            json!(3),
        ),
        (
            "index.js",
            "exports.handler = (e, c) => { c.fail; };  // nothing comes",
            "index.handler",
            Value::Null,
        ),
        (
            "index.js",
            "exports.handler = () => new Promise(() => {}); // never settles",
            "index.handler",
            Value::Null,
        ),
        (
            "index.js",
            "exports.handler = (e, c, done) => { c.callbackWaitsForEmptyEventLoop = false; setInterval(() => {}, 1000); done(null, 'now'); };",
            "index.handler",
            json!("now"),
        ),
    ] {
        let files = [(name, text)];
        let Some(result) = interpreted(&bench, "nodejs20.x", handler, &files, &json!({ "n": 1 })).await
        else {
            return;
        };
        assert_eq!((payload(&result), result.function_error), (answer, None), "{text}: {:?}", log(&result));
    }
}

#[tokio::test]
async fn node_modules_marked_as_esm_load_and_see_the_context() {
    let bench = Bench::new();
    let code = "import { basename } from 'node:path';
        export async function handler(event, context) {
          console.log('several\\nlines', { a: 1 });
          process.stdout.write('raw\\n');
          return { ...context, left: context.getRemainingTimeInMillis() > 1000, trace: process.env._X_AMZN_TRACE_ID, b: basename('/a/b') };
        }";
    let files = [("package.json", r#"{"type":"module"}"#), ("index.js", code)];
    let Some(result) = interpreted(&bench, "nodejs20.x", "index.handler", &files, &json!({})).await else {
        return;
    };
    let context = payload(&result);
    for (name, value) in [
        ("functionVersion", json!("$LATEST")),
        ("functionName", json!("f")),
        ("memoryLimitInMB", json!("256")),
        ("logGroupName", json!("/aws/lambda/f")),
        ("logStreamName", json!(result.log_stream)),
        ("clientContext", json!({ "custom": { "k": "v" } })),
        ("invokedFunctionArn", json!("arn:aws:lambda:eu-west-1:000000000000:function:f:live")),
        ("awsRequestId", json!("11111111-2222-4333-8444-555555555555")),
        ("callbackWaitsForEmptyEventLoop", json!(true)),
        ("left", json!(true)),
        ("trace", json!("Root=1-2-3")),
        ("b", json!("b")),
    ] {
        assert_eq!(context[name], value, "{name}: {context}");
    }
    let lines = log(&result);
    let line = lines.iter().find(|line| line.contains("several")).unwrap();
    assert!(
        line.ends_with("Z\t11111111-2222-4333-8444-555555555555\tINFO\tseveral\nlines { a: 1 }\n"),
        "{line:?}"
    );
    assert!(lines.contains(&"raw\n"));
}

#[tokio::test]
async fn node_errors_have_the_managed_runtimes_shape() {
    let bench = Bench::new();
    for (text, error_type, message) in [
        ("exports.handler = async () => { throw new TypeError('bad'); };", "TypeError", "bad"),
        ("exports.handler = () => { throw new Error('sync'); };", "Error", "sync"),
        ("exports.handler = (e, c, done) => done('text');", "string", "text"),
        (
            "exports.handler = () => { setTimeout(() => { throw new RangeError('later'); }, 1); };",
            "RangeError",
            "later",
        ),
        (
            "exports.handler = async () => { Promise.reject(new Error('lost')); await new Promise((r) => setTimeout(r, 5000)); };",
            "Runtime.UnhandledPromiseRejection",
            "Error: lost",
        ),
        ("exports.handler = async () => 1n;", "Error", "Unable to stringify response body"),
        ("exports.other = 1;", "Runtime.HandlerNotFound", "index.handler is undefined or not exported"),
        ("exports.handler = 1;", "Runtime.HandlerNotFound", "index.handler is not a function"),
        ("exports.handler = ", "Runtime.UserCodeSyntaxError", "SyntaxError: Unexpected end of input"),
        ("throw new Error('at load');", "Error", "at load"),
        (
            "exports.handler = awslambda.streamifyResponse(async () => {});",
            "Runtime.StreamingNotSupported",
            "Pontoon does not support response streaming in Node.js functions",
        ),
    ] {
        let Some(result) =
            interpreted(&bench, "nodejs20.x", "index.handler", &[("index.js", text)], &json!({})).await
        else {
            return;
        };
        let error = payload(&result);
        assert_eq!(
            (&error["errorType"], &error["errorMessage"]),
            (&json!(error_type), &json!(message)),
            "{text}"
        );
        assert!(error["trace"].is_array() && result.function_error.is_some(), "{error}");
    }
    let Some(result) =
        interpreted(&bench, "nodejs20.x", "index.handler", &[("other.js", "")], &json!({})).await
    else {
        return;
    };
    assert_eq!(payload(&result)["errorType"], "Runtime.ImportModuleError");
}

#[tokio::test]
async fn python_handlers_answer_and_log_as_in_the_managed_runtime() {
    let bench = Bench::new();
    let code = "import logging, os
logging.getLogger().setLevel(logging.INFO)
def handler(event, context):
    print('multi\\nline')
    logging.info('RequestId log message')
    return {'n': event['n'], 'id': context.aws_request_id, 'custom': context.client_context.custom,
            'memory': context.memory_limit_in_mb, 'left': context.get_remaining_time_in_millis() > 1000,
            'arn': context.invoked_function_arn, 'trace': os.environ['_X_AMZN_TRACE_ID'], 'text': 'é'}
";
    let Some(result) =
        interpreted(&bench, "python3.12", "pkg/app.handler", &[("pkg/app.py", code)], &json!({ "n": 1 }))
            .await
    else {
        return;
    };
    assert_eq!(
        payload(&result),
        json!({
            "n": 1, "id": "11111111-2222-4333-8444-555555555555", "custom": { "k": "v" }, "memory": "256", "left": true,
            "arn": "arn:aws:lambda:eu-west-1:000000000000:function:f:live", "trace": "Root=1-2-3", "text": "é"
        })
    );
    let lines = log(&result);
    assert!(lines.contains(&"multi\n") && lines.contains(&"line\n"));
    let line = lines.iter().find(|line| line.starts_with("[INFO]\t")).unwrap();
    assert!(line.ends_with("Z\t11111111-2222-4333-8444-555555555555\tRequestId log message\n"), "{line}");
}

#[tokio::test]
async fn python_errors_have_the_managed_runtimes_shape() {
    let bench = Bench::new();
    for (text, error_type, message) in [
        ("def handler(e, c):\n    raise ValueError('bad')\n", "ValueError", "bad"),
        ("def other(): pass\n", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'index'"),
        (
            "import nowhere\n",
            "Runtime.ImportModuleError",
            "Unable to import module 'index': No module named 'nowhere'",
        ),
        (
            "def handler(e, c):\n    return {1, 2}\n",
            "Runtime.MarshalError",
            "Unable to marshal response: Object of type set is not JSON serializable",
        ),
        ("raise Exception('Runtime startup fails')\n", "Exception", "Runtime startup fails"),
    ] {
        let Some(result) =
            interpreted(&bench, "python3.12", "index.handler", &[("index.py", text)], &json!({})).await
        else {
            return;
        };
        let error = payload(&result);
        assert_eq!(
            (&error["errorType"], &error["errorMessage"]),
            (&json!(error_type), &json!(message)),
            "{text}"
        );
        assert!(error["stackTrace"].is_array() && error["requestId"].is_string());
    }
    let text = "def handler(e, c):\n    raise ValueError('bad')\n";
    let Some(result) =
        interpreted(&bench, "python3.12", "index.handler", &[("index.py", text)], &json!({})).await
    else {
        return;
    };
    let trace = payload(&result)["stackTrace"].clone();
    assert!(
        trace[0].as_str().unwrap().ends_with("index.py\", line 2, in handler\n    raise ValueError('bad')\n"),
        "{trace}"
    );
    assert_eq!(trace.as_array().unwrap().len(), 1);
    let event = log(&result)
        .into_iter()
        .find(|line| line.starts_with("[ERROR] ValueError: bad\nTraceback"))
        .unwrap()
        .to_owned();
    assert!(
        event.contains("\n\u{a0}\u{a0}File \"") && event.ends_with("raise ValueError('bad')"),
        "{event:?}"
    );
    let exits = "import sys\ndef handler(e, c):\n    sys.exit(0)\n";
    let Some(result) =
        interpreted(&bench, "python3.12", "index.handler", &[("index.py", exits)], &json!({})).await
    else {
        return;
    };
    assert!(
        payload(&result)["errorMessage"]
            .as_str()
            .unwrap()
            .ends_with("Runtime exited without providing a reason")
    );
}

#[tokio::test]
async fn a_timeout_cuts_a_busy_interpreter_and_keeps_what_it_printed() {
    let bench = Bench::new();
    let code = bench.dir.path().join("busy");
    fs::create_dir(&code).unwrap();
    fs::write(code.join("index.js"), "exports.handler = async () => { console.log('before'); for (;;); };")
        .unwrap();
    let mut spec = specification("nodejs20.x", &code);
    spec.timeout = Duration::from_secs(1);
    let result = bench.invoke(&Arc::new(spec), &json!({})).await;
    if String::from_utf8_lossy(&result.payload).contains("needs an interpreter") {
        println!("skipped: no node");
        return;
    }
    assert_eq!(payload(&result)["errorType"], "Sandbox.Timedout");
    assert!(log(&result).iter().any(|line| line.ends_with("INFO\tbefore\n")));
}
