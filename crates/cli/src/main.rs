//! The `pontoon` command.

mod args;
mod client;
mod clock;
mod health;
mod operations;
mod serve;
mod show;
mod trace;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("cannot start: {error}")),
    };
    let done = runtime.block_on(async {
        match cli.command {
            Command::Serve(serve) => serve::run(serve.server).await,
            Command::Trace(trace) => trace::run(trace).await,
            Command::Clock(clock) => clock::run(clock).await,
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

fn fail(message: &str) -> ExitCode {
    eprintln!("pontoon: {message}");
    ExitCode::FAILURE
}
