//! The `pontoon` command.

mod args;
mod client;
mod clock;
mod demo;
mod deploy;
mod dlq;
mod events;
mod health;
mod lint;
mod local;
mod operations;
mod queues;
mod schema;
mod serve;
mod show;
mod trace;
mod up;

use std::future::ready;
use std::path::Path;
use std::pin::Pin;
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
    pontoon_host::descriptors::raise_limit();
    pontoon_host::functions::launcher::install();
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("cannot start: {error}")),
    };
    match runtime.block_on(start(cli.command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => fail(&message),
    }
}

/// A command on its way. Boxed, because the runtime's entry is compiled for each type of future that it is given, three times over.
type Run = Pin<Box<dyn Future<Output = Result<(), String>>>>;

fn start(command: Command) -> Run {
    match command {
        Command::Serve(serve) => Box::pin(serve::run(serve.server)),
        Command::Up(up) => Box::pin(up::run(up)),
        Command::Demo(demo) => Box::pin(demo::run(demo)),
        Command::Trace(trace) => Box::pin(trace::run(trace)),
        Command::Clock(clock) => Box::pin(clock::run(clock)),
        Command::Sqs(queues) => Box::pin(queues::run(queues)),
        Command::Dlq(dlq) => Box::pin(dlq::run(dlq)),
        Command::Events(asked) => Box::pin(events::run(asked)),
        Command::Lint(asked) => Box::pin(lint::run(asked)),
        Command::Schema(asked) => Box::pin(ready(schema::run(&asked))),
        Command::Operations(asked) => Box::pin(ready(operations::run(&asked))),
        Command::Health(target) => Box::pin(async move { health::run(&target).await }),
        Command::Reset(target) => Box::pin(async move { health::reset(&target).await }),
    }
}

/// The demo's function, until Lambda ends it.
fn function() -> ExitCode {
    let function: Pin<Box<dyn Future<Output = _>>> = Box::pin(orders::processor::function());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let served = runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(function));
    served.map_or_else(|error| fail(&error.to_string()), |()| ExitCode::SUCCESS)
}

fn fail(message: &str) -> ExitCode {
    eprintln!("pontoon: {message}");
    ExitCode::FAILURE
}
