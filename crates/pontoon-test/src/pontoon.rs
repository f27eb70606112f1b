//! A Pontoon in the test's process: started, called, advanced, crashed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_async::time::TimeSource;
use parking_lot::Mutex;
use pontoon_core::policy::PolicyMode;
use pontoon_core::{ApiError, Caller, Output, Request, Scope, Store, Timestamp};
use pontoon_host::clock::VirtualClock;
use pontoon_host::engine::Call;
use pontoon_host::host::{Host, HostClock};
use pontoon_host::server::{Config, Means, Server};
use pontoon_store::FaultyStore;
use tokio::net::TcpListener;

use crate::faults::Faults;
use crate::functions::Functions;
use crate::plug::Plug;

/// How long an event that the application publishes on its own time is waited for, by the machine's clock.
const PATIENCE: Duration = Duration::from_secs(5);

/// A running Pontoon. Dropping it ends it.
///
/// Its methods panic where a test could only fail anyway, with a message that says what was expected and what was found.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let pontoon: pontoon_test::Pontoon = pontoon_test::start().await;
/// let config = pontoon.sdk_config();
/// assert_eq!(config.endpoint_url(), Some(pontoon.endpoint().as_str()));
/// # });
/// ```
pub struct Pontoon {
    pub(crate) functions: Functions,
    pub(crate) faults: Faults,
    pub(crate) patience: Duration,
    clock: Arc<VirtualClock>,
    policies: PolicyMode,
    /// Keeps what was acknowledged; `None` for a Pontoon that forgets everything.
    disk: Option<Arc<FaultyStore>>,
    address: SocketAddr,
    running: Mutex<Option<Running>>,
}

struct Running {
    server: Server,
    plug: Option<Arc<Plug>>,
}

/// How a Pontoon is started; see [`builder`].
///
/// ```
/// let builder = pontoon_test::builder().patience(std::time::Duration::from_secs(1));
/// ```
#[derive(Debug, Clone)]
pub struct Builder {
    at: Option<SystemTime>,
    policies: PolicyMode,
    crashes: bool,
    patience: Duration,
}

/// Starts a Pontoon with the defaults: nothing in it, the clock frozen at the machine's present instant, policies enforced as on AWS.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let pontoon = pontoon_test::start().await;
/// assert!(pontoon.endpoint().starts_with("http://127.0.0.1:"));
/// # });
/// ```
///
/// # Panics
/// Outside of a tokio runtime, or if the machine gives no port.
pub async fn start() -> Pontoon {
    builder().start().await
}

/// A Pontoon that is started otherwise than [`start`] does.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use std::time::{Duration, UNIX_EPOCH};
///
/// let new_year = UNIX_EPOCH + Duration::from_secs(1_767_225_600);
/// let pontoon = pontoon_test::builder().at(new_year).start().await;
/// assert_eq!(pontoon.now(), new_year);
/// # });
/// ```
#[must_use]
pub fn builder() -> Builder {
    Builder { at: None, policies: PolicyMode::Enforce, crashes: false, patience: PATIENCE }
}

impl Builder {
    /// Has the clock stand at `instant`; milliseconds count.
    ///
    /// ```
    /// let builder = pontoon_test::builder().at(std::time::SystemTime::now());
    /// ```
    #[must_use]
    pub fn at(self, instant: SystemTime) -> Self {
        Self { at: Some(instant), ..self }
    }

    /// Delivers what policies deny, and only records the denial, as `pontoon serve` does by default.
    ///
    /// ```
    /// let builder = pontoon_test::builder().without_policies();
    /// ```
    #[must_use]
    pub fn without_policies(self) -> Self {
        Self { policies: PolicyMode::Warn, ..self }
    }

    /// Lets the test [crash](Pontoon::crash) it: what it acknowledges is synced first, which costs each call some microseconds.
    ///
    /// ```
    /// let builder = pontoon_test::builder().crashes();
    /// ```
    #[must_use]
    pub fn crashes(self) -> Self {
        Self { crashes: true, ..self }
    }

    /// Sets how long [`Pontoon::expect_event`] waits for an event, by the machine's clock: five seconds if nothing is said.
    ///
    /// ```
    /// let builder = pontoon_test::builder().patience(std::time::Duration::from_secs(30));
    /// ```
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Starts it.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let pontoon = pontoon_test::builder().without_policies().start().await;
    /// # });
    /// ```
    ///
    /// # Panics
    /// Outside of a tokio runtime, or if the machine gives no port.
    pub async fn start(self) -> Pontoon {
        let listener = listen(SocketAddr::from(([127, 0, 0, 1], 0))).await;
        let address = listener.local_addr().expect("a bound socket has an address");
        let at = millis(self.at.unwrap_or_else(SystemTime::now));
        let pontoon = Pontoon {
            functions: Functions::default(),
            faults: Faults::default(),
            patience: self.patience,
            clock: Arc::new(VirtualClock::frozen_at(at)),
            policies: self.policies,
            disk: self.crashes.then(|| Arc::new(FaultyStore::new())),
            address,
            running: Mutex::new(None),
        };
        pontoon.serve(listener);
        pontoon
    }
}

async fn listen(address: SocketAddr) -> TcpListener {
    let bound = TcpListener::bind(address).await;
    bound.unwrap_or_else(|error| panic!("cannot listen on {address}: {error}"))
}

fn millis(at: SystemTime) -> Timestamp {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

fn instant(at: Timestamp) -> SystemTime {
    UNIX_EPOCH + at.since(Timestamp::EPOCH)
}

/// The virtual clock as the SDK asks it.
#[derive(Debug)]
struct VirtualTime(Arc<VirtualClock>);

impl TimeSource for VirtualTime {
    fn now(&self) -> SystemTime {
        instant(pontoon_core::Clock::now(self.0.as_ref()))
    }
}

impl Pontoon {
    fn serve(&self, listener: TcpListener) {
        let plug = self.disk.as_ref().map(|disk| Arc::new(Plug::new(Arc::clone(disk))));
        let store: Arc<dyn Store> = match &plug {
            Some(plug) => Arc::clone(plug) as Arc<dyn Store>,
            None => pontoon_store::memory(),
        };
        let still_plugged = plug.clone();
        let clock = HostClock::Virtual(Arc::clone(&self.clock));
        let executor = self.functions.executor(self.endpoint(), Arc::new(clock.clone()), Arc::clone(&store));
        let means = Means {
            store,
            clock,
            executor,
            intercept: Some(self.faults.intercept()),
            // The process is the test's: what fails is seen by whoever calls, and mended by a crash.
            fail_stop: Arc::new(move |reason: &str| {
                if !still_plugged.as_ref().is_some_and(|plug| plug.is_pulled()) {
                    eprintln!("Pontoon has stopped: {reason}");
                }
            }),
        };
        let config = Config { listen: self.address, policies: self.policies, ..Config::default() };
        let server = Server::start_on(listener, config, means);
        let server = server.unwrap_or_else(|error| panic!("Pontoon does not start: {error}"));
        *self.running.lock() = Some(Running { server, plug });
    }

    pub(crate) fn host(&self) -> Arc<Host> {
        let running = self.running.lock();
        Arc::clone(
            running.as_ref().unwrap_or_else(|| panic!("it runs but for the moment of a crash")).server.host(),
        )
    }

    /// Its URL, for clients of any kind.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let endpoint = pontoon_test::start().await.endpoint();
    /// assert!(endpoint.starts_with("http://127.0.0.1:"));
    /// # });
    /// ```
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A configuration for the SDK's clients: its endpoint, `us-east-1`, credentials of the account `000000000000`, and the virtual clock as time
    /// source.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let pontoon = pontoon_test::start().await;
    /// let sqs = aws_sdk_sqs::Client::new(&pontoon.sdk_config());
    /// let queue = sqs.create_queue().queue_name("orders").send().await.unwrap();
    /// assert!(queue.queue_url().unwrap().ends_with("/000000000000/orders"));
    /// # });
    /// ```
    #[must_use]
    pub fn sdk_config(&self) -> SdkConfig {
        let credentials = Credentials::new("test", "test", None, None, "pontoon-test");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(self.endpoint())
            .region(Region::new(Scope::default().region.as_str().to_owned()))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .sleep_impl(TokioSleep::new())
            .time_source(VirtualTime(Arc::clone(&self.clock)))
            .build()
    }

    /// The present instant of its clock.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// use pontoon_test::Span as _;
    ///
    /// let pontoon = pontoon_test::start().await;
    /// let before = pontoon.now();
    /// pontoon.advance(90.seconds()).await;
    /// assert_eq!(pontoon.now(), before + 90.seconds());
    /// # });
    /// ```
    #[must_use]
    pub fn now(&self) -> SystemTime {
        instant(pontoon_core::Clock::now(self.clock.as_ref()))
    }

    /// Lets time pass, doing everything that falls due on the way in order (retries, visibility timeouts, schedules, alarms), and returns when all of
    /// it has settled, the functions that it called included.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// use pontoon_test::Span as _;
    ///
    /// let pontoon = pontoon_test::start().await;
    /// pontoon.advance(15.minutes()).await;
    /// # });
    /// ```
    pub async fn advance(&self, by: Duration) {
        let advanced = self.host().advance(by).await;
        assert!(advanced.is_ok(), "a test's clock is virtual");
    }

    /// Waits until everything that is due now has been done and no function runs, without letting time pass.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let pontoon = pontoon_test::start().await;
    /// let before = pontoon.now();
    /// pontoon.settle().await;
    /// assert_eq!(pontoon.now(), before);
    /// # });
    /// ```
    pub async fn settle(&self) {
        self.advance(Duration::ZERO).await;
    }

    /// Pulls the plug and starts again on what the disk holds: everything that was acknowledged, and of what was under way whatever `seed` decides.
    /// Clients' connections break; the endpoint stays the same. Functions that ran are cut off, and called again as Lambda would.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let pontoon = pontoon_test::builder().crashes().start().await;
    /// let sqs = aws_sdk_sqs::Client::new(&pontoon.sdk_config());
    /// sqs.create_queue().queue_name("orders").send().await.unwrap();
    /// pontoon.crash(1).await;
    /// assert!(sqs.get_queue_url().queue_name("orders").send().await.is_ok());
    /// # });
    /// ```
    ///
    /// # Panics
    /// If it was not built with [`Builder::crashes`].
    pub async fn crash(&self, seed: u64) {
        let disk = self.disk();
        let running = self.running.lock().take();
        if let Some(Running { server, plug }) = running {
            plug.iter().for_each(|plug| plug.pull());
            server.abort().await;
        }
        disk.crash(seed);
        self.serve(listen(self.address).await);
    }

    /// Makes the next write to the disk fail: as outside of tests, Pontoon acknowledges no
    /// write any more then, until [`Pontoon::crash`] starts it again.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let pontoon = pontoon_test::builder().crashes().start().await;
    /// let config = pontoon.sdk_config().to_builder().retry_config(aws_config::retry::RetryConfig::disabled()).build();
    /// let sqs = aws_sdk_sqs::Client::new(&config);
    /// pontoon.fail_disk();
    /// assert!(sqs.create_queue().queue_name("orders").send().await.is_err());
    /// pontoon.crash(1).await;
    /// assert!(sqs.create_queue().queue_name("orders").send().await.is_ok());
    /// # });
    /// ```
    ///
    /// # Panics
    /// If it was not built with [`Builder::crashes`].
    pub fn fail_disk(&self) {
        self.disk().fail_next(pontoon_store::Fault::Write);
    }

    fn disk(&self) -> &FaultyStore {
        self.disk
            .as_deref()
            .unwrap_or_else(|| panic!("only a Pontoon started with builder().crashes() has a disk"))
    }

    /// Calls an operation in the account's own name, past the wire.
    pub(crate) async fn call<O: Output>(&self, request: impl Request) -> Result<O, ApiError> {
        let scope = Scope::default();
        let caller = Caller::of_account(scope.account, "test", self.endpoint());
        let output = self.host().call(Call { scope, caller, request: Box::new(request) }).await?;
        let output = output.into_any().downcast::<O>();
        Ok(*output.unwrap_or_else(|_| panic!("an operation answers with its own output type")))
    }
}
