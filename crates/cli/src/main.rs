//! The `pontoon` command.

mod args;
mod client;
mod clock;
mod demo;
mod deploy;
mod dlq;
mod health;
mod local;
mod operations;
mod queues;
mod schema;
mod serve;
mod show;
mod trace;
mod up;

use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // The demo's function is this program too, so that one build is enough: Lambda starts it under the name that custom runtimes have.
    if std::env::args_os()
        .next()
        .is_some_and(|name| Path::new(&name).file_name() == Some("bootstrap".as_ref()))
    {
        return function();
    }
    pontoon_host::functions::launcher::install();
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("cannot start: {error}")),
    };
    let done = runtime.block_on(async {
        match cli.command {
            Command::Serve(serve) => serve::run(serve.server).await,
            Command::Up(up) => up::run(up).await,
            Command::Demo(demo) => demo::run(demo).await,
            Command::Trace(trace) => trace::run(trace).await,
            Command::Clock(clock) => clock::run(clock).await,
            Command::Sqs(queues) => queues::run(queues).await,
            Command::Dlq(dlq) => dlq::run(dlq).await,
            Command::Schema(asked) => schema::run(&asked),
            Command::Operations(asked) => operations::run(&asked),
            Command::Health(target) => health::run(&target).await,
            Command::Reset(target) => health::reset(&target).await,
        }
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => fail(&message),
    }
}

/// The demo's function, until Lambda ends it.
fn function() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let served =
        runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(orders::processor::function()));
    served.map_or_else(|error| fail(&error.to_string()), |()| ExitCode::SUCCESS)
}

fn fail(message: &str) -> ExitCode {
    eprintln!("pontoon: {message}");
    ExitCode::FAILURE
}
