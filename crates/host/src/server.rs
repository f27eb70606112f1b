//! A whole Pontoon: store, engine, functions and front, started from a configuration.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use pontoon_core::policy::PolicyMode;
use pontoon_core::step::Settings;
use pontoon_core::{Clock, Scope, Store};
use pontoon_identity::Directory;
use pontoon_sns::Certificates;
use pontoon_store::StoreConfig;
use pontoon_wire::Limits;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::admin::Admin;
use crate::descriptors::connections_max;
use crate::dispatch::Dispatcher;
use crate::front::{Access, Front};
use crate::functions::{Executor, FunctionPool, PoolConfig};
use crate::host::{FailStop, Host, HostClock, Parts};
use crate::intercept::Intercept;
use crate::services;

/// Where the state is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Storage {
    /// In this directory.
    Directory(PathBuf),
    /// In memory, until the process ends.
    Memory,
}

/// How a server is started.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where it keeps its state.
    pub storage: Storage,
    /// The account and region of requests that name none.
    pub home: Scope,
    /// Whether a policy's denial refuses or is only recorded.
    pub policies: PolicyMode,
    /// Whether the clock can be frozen and advanced.
    pub virtual_clock: bool,
    /// Whose requests are let in.
    pub access: Access,
    /// Whether it may listen beyond loopback though anyone is let in.
    pub insecure: bool,
    /// Whether `POST /_pontoon/reset` works on a directory too.
    pub allow_reset: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 4566)),
            storage: Storage::Memory,
            home: Scope::default(),
            policies: PolicyMode::Warn,
            virtual_clock: false,
            access: Access::Anyone,
            insecure: false,
            allow_reset: false,
        }
    }
}

/// Why a server did not start; the message names the flag or file to change.
#[derive(Debug)]
pub struct StartError {
    /// In words.
    pub message: String,
}

impl StartError {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for StartError {}

/// What a server runs on. [`Server::start`] takes the machine's; tests bring their own.
pub struct Means {
    /// The store, open.
    pub store: Arc<dyn Store>,
    /// The clock.
    pub clock: HostClock,
    /// Runs functions.
    pub executor: Arc<dyn Executor>,
    /// Decides which operations fail before they are applied; none do without it.
    pub intercept: Option<Intercept>,
    /// What to do when the store fails.
    pub fail_stop: FailStop,
}

/// A running server. It serves until [`Server::stop`]; dropping it leaves the front without an owner and is for tests that end with the process.
pub struct Server {
    host: Arc<Host>,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    front: JoinHandle<()>,
    /// Functions' code and processes' files, removed when a server in memory stops.
    scratch: Option<PathBuf>,
}

impl Server {
    /// Opens the state, takes up what was under way and listens; ready when it returns. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If the address or the data directory cannot be used, or listening there would let anyone in from outside.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        check_exposure(&config)?;
        let listener = listen(config.listen).map_err(|error| {
            StartError::new(format!("cannot listen on {} (--listen): {error}", config.listen))
        })?;
        let address = listener.local_addr().map_err(|error| StartError::new(error.to_string()))?;
        let (store, functions_dir, scratch) = open_storage(&config.storage)?;
        let clock = HostClock::open(store.as_ref(), config.virtual_clock)
            .map_err(|error| StartError::new(error.message))?;
        let shared_clock: Arc<dyn Clock> = Arc::new(clock.clone());
        let pool =
            PoolConfig::new(functions_dir.clone(), endpoint_of(address), shared_clock, Arc::clone(&store));
        let pool = FunctionPool::open(pool).map_err(|error| {
            StartError::new(format!("cannot prepare {} for functions: {error}", functions_dir.display()))
        })?;
        let executor = Arc::new(pool);
        let means = Means { store, clock, executor, intercept: None, fail_stop: fail_stop() };
        let mut server = Self::start_on(listener, config, means)?;
        server.scratch = scratch;
        Ok(server)
    }

    /// As [`Server::start`], on a listener and means of the caller's; the configuration's `listen`, `storage` and `virtual_clock` are not looked at but
    /// to say what may be reset. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If the store's content cannot be read.
    pub fn start_on(listener: TcpListener, config: Config, means: Means) -> Result<Self, StartError> {
        let address = listener.local_addr().map_err(|error| StartError::new(error.to_string()))?;
        let directory = Directory::default();
        let shared = directory.clone();
        let certificates = Certificates::default();
        let served = certificates.clone();
        let parts = Parts {
            store: means.store,
            clock: means.clock,
            services: Box::new(move || services::all(&shared, &certificates)),
            settings: Settings { policies: config.policies, endpoint: endpoint_of(address).into() },
            dispatcher: Dispatcher::new(means.executor),
            intercept: means.intercept,
            fail_stop: means.fail_stop,
        };
        let host = Host::start(parts).map_err(|error| StartError::new(error.message))?;
        let memory = config.storage == Storage::Memory;
        let admin = Admin { reset: config.allow_reset || memory, memory };
        let front =
            Arc::new(Front::new(Arc::clone(&host), directory, served, config.access, config.home, admin));
        let (stop, mut stopping) = watch::channel(false);
        let front = tokio::spawn(async move {
            let shutdown = async move {
                // An error means that the server was dropped, which stops it too.
                let _ = stopping.wait_for(|stop| *stop).await;
            };
            let limits = Limits::default();
            let limits = Limits { connections_max: connections_max(limits.connections_max), ..limits };
            pontoon_wire::serve(listener, front, shutdown, limits).await;
        });
        Ok(Self { host, address, stop, front, scratch: None })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL for clients on this machine.
    #[must_use]
    pub fn endpoint(&self) -> String {
        endpoint_of(self.address)
    }

    /// The engine's shell.
    #[must_use]
    pub fn host(&self) -> &Arc<Host> {
        &self.host
    }

    /// Ends at once, as a crash does: connections are cut, functions killed, and what was under way has no outcome.
    pub async fn abort(self) {
        self.front.abort();
        self.host.close().await;
        // An error says that it was aborted.
        let _ = self.front.await;
    }

    /// Takes no more requests, lets those under way end, ends the functions, and makes everything durable.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        // Functions that call back while they end would otherwise hold the front open.
        let functions = self.host.close();
        let (_, _) = tokio::join!(functions, self.front);
        if let Some(scratch) = self.scratch {
            // What is left is in the machine's directory for temporary files, which is cleared anyway.
            let _ = std::fs::remove_dir_all(scratch);
        }
    }
}

/// Listens with room for thousands of clients that connect at once: who finds none tries again only after a second.
fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A server that was just stopped is followed at once.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(4_096)
}

/// The URL by which functions and people on this machine reach `address`.
fn endpoint_of(address: SocketAddr) -> String {
    let ip = address.ip();
    if ip.is_unspecified() {
        format!("http://127.0.0.1:{}", address.port())
    } else {
        format!("http://{address}")
    }
}

/// Refuses to let anyone in from outside unless the operator says so.
fn check_exposure(config: &Config) -> Result<(), StartError> {
    if config.listen.ip().is_loopback() || config.insecure || matches!(config.access, Access::Configured(_)) {
        return Ok(());
    }
    Err(StartError::new(format!(
        "listening on {} would let anyone in: configure --credentials FILE, or say --insecure",
        config.listen
    )))
}

type Opened = (Arc<dyn pontoon_core::Store>, PathBuf, Option<PathBuf>);

fn open_storage(storage: &Storage) -> Result<Opened, StartError> {
    match storage {
        Storage::Directory(dir) => {
            let store = pontoon_store::open(&StoreConfig::new(dir))
                .map_err(|error| StartError::new(error.message))?;
            // The store refuses strange files in its directory, so functions have theirs beside it.
            Ok((store, dir.join("functions"), None))
        }
        Storage::Memory => {
            let scratch = std::env::temp_dir().join(format!(
                "pontoon-{}-{:x}",
                std::process::id(),
                crate::host::machine_seed()
            ));
            Ok((pontoon_store::memory(), scratch.join("functions"), Some(scratch)))
        }
    }
}

fn fail_stop() -> FailStop {
    Arc::new(|reason: &str| {
        eprintln!("pontoon: stopping at once: {reason}");
        std::process::exit(70);
    })
}
