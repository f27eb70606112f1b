//! Pontoon in the test's own process; or another endpoint, named by `PONTOON_TEST_ENDPOINT`, which shows that the store relies on what AWS does and
//! not on what Pontoon does.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use pontoon::event_store::DynamoDbEventStore;
use pontoon_host::server::{Config, Server as Host, Storage};

/// The service behind a test, with a table of the test's own.
pub struct Server {
    host: Option<Host>,
    endpoint: String,
    table: String,
}

impl Server {
    pub async fn start() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let table = format!("events-{}-{number}", std::process::id());
        if let Ok(endpoint) = std::env::var("PONTOON_TEST_ENDPOINT") {
            return Self { host: None, endpoint, table };
        }
        let listen = ([127, 0, 0, 1], 0).into();
        let config = Config { listen, storage: Storage::Memory, ..Config::default() };
        let host = Host::start(config).await.unwrap();
        Self { endpoint: host.endpoint(), host: Some(host), table }
    }

    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The store on a table that is made for it.
    pub async fn store(&self) -> DynamoDbEventStore {
        let store = self.store_at(&self.endpoint, 3);
        store.create_table().await.unwrap();
        store
    }

    /// The same store reached there, by a client that tries each request so often.
    pub fn store_at(&self, endpoint: &str, attempts: u32) -> DynamoDbEventStore {
        DynamoDbEventStore::new(client_at(endpoint, attempts), self.table.as_str())
            .gap_grace(Duration::from_millis(30))
            .poll_interval(Duration::from_millis(20))
    }

    pub async fn stop(self) {
        if let Some(host) = self.host {
            host.stop().await;
        }
    }
}

fn client_at(endpoint: &str, attempts: u32) -> Client {
    let retry = RetryConfig::standard()
        .with_max_attempts(attempts)
        .with_initial_backoff(Duration::from_millis(5))
        .with_max_backoff(Duration::from_millis(50));
    let timeout = TimeoutConfig::builder().operation_timeout(Duration::from_secs(30)).build();
    let http = aws_smithy_http_client::Builder::new().build_http();
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::from_static("eu-central-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .retry_config(retry)
        .timeout_config(timeout)
        .http_client(http)
        .build();
    Client::from_conf(config)
}
