//! `pontoon demo`: the order system of `examples/orders`, from template to dead letter, alarm, redrive and back, on a clock that skips the waiting.

mod orders;
mod story;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use pontoon_core::Scope;
use pontoon_host::server::{Config, Server, Storage};

use crate::local::Local;
use crate::serve::Interrupts;
use crate::show::{Paint, paint, say};

/// `pontoon demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// Leave it running afterwards, for a look with any AWS client.
    #[arg(long)]
    pub keep: bool,
    /// Where to listen; a free port if left out, and 127.0.0.1:4566 with --keep.
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Option<SocketAddr>,
    /// Where to keep the demo's data; emptied first. A directory for temporary files if left out.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

/// Runs the demo.
///
/// # Errors
/// If anything goes otherwise than it should.
pub async fn run(demo: Demo) -> Result<(), String> {
    let begun = std::time::Instant::now();
    let ephemeral = demo.data.is_none();
    let home = demo
        .data
        .clone()
        .unwrap_or_else(|| std::env::temp_dir().join(format!("pontoon-demo-{}", std::process::id())));
    prepare_home(&home)?;
    let port = if demo.keep { 4566 } else { 0 };
    let config = Config {
        listen: demo.listen.unwrap_or(SocketAddr::from(([127, 0, 0, 1], port))),
        storage: Storage::Directory(home.join("data")),
        virtual_clock: true,
        ..Config::default()
    };
    let mut interrupts = Interrupts::listen()?;
    let server = Server::start(config).await.map_err(|error| error.message)?;
    say!("{}", paint(Paint::Bold, "The order system, on one binary"));
    say!("pontoon listens on {}, data in {}, on a virtual clock", server.endpoint(), home.display());
    let local = Local::new(&server, Scope::default());
    let told = tokio::select! {
        told = story::tell(&local, &home) => told,
        () = interrupts.come() => Err("interrupted".to_owned()),
    };
    say!();
    if told.is_ok() {
        say!("ended {:.1} s after it began, by the machine's clock", begun.elapsed().as_secs_f64());
    }
    if demo.keep && told.is_ok() {
        keep(&server).await?;
        interrupts.come().await;
    }
    server.stop().await;
    if ephemeral && !demo.keep {
        // It lies among temporary files; what cannot be removed is cleared with them.
        let _ = std::fs::remove_dir_all(&home);
    }
    told
}

/// Empties the demo's own directory, which must be one of its own.
fn prepare_home(home: &std::path::Path) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{} (--data): {error}", home.display());
    let marker = home.join("pontoon-demo");
    if home.exists() && std::fs::read_dir(home).map_err(failed)?.next().is_some() {
        if !marker.exists() {
            return Err(format!(
                "{} is not empty and not a demo's directory; name another with --data",
                home.display()
            ));
        }
        std::fs::remove_dir_all(home).map_err(failed)?;
    }
    std::fs::create_dir_all(home).map_err(failed)?;
    std::fs::write(marker, "The directory of `pontoon demo`, which empties it.\n").map_err(failed)
}

/// Lets the clock run on, and says how to look.
async fn keep(server: &Server) -> Result<(), String> {
    if let pontoon_host::host::HostClock::Virtual(clock) = server.host().clock()
        && clock.is_frozen()
    {
        server.host().set_frozen(false).await.map_err(|_| "the demo's clock is virtual".to_owned())?;
    }
    say!();
    say!("It keeps running; have a look, and interrupt it when done:");
    say!(
        "  export AWS_ENDPOINT_URL={} AWS_ACCESS_KEY_ID=000000000000 AWS_SECRET_ACCESS_KEY=any AWS_DEFAULT_REGION=us-east-1",
        server.endpoint()
    );
    say!("  aws dynamodb scan --table-name orders");
    say!("  pontoon trace --endpoint {}", server.endpoint());
    Ok(())
}
