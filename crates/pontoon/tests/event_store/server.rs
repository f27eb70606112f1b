//! Pontoon in the test's own process.

use std::net::SocketAddr;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use pontoon::event_store::DynamoDbEventStore;
use pontoon_host::server::{Config, Server as Host, Storage};

pub struct Server {
    host: Host,
}

impl Server {
    pub async fn start() -> Self {
        let listen = ([127, 0, 0, 1], 0).into();
        let config = Config { listen, storage: Storage::Memory, ..Config::default() };
        Self { host: Host::start(config).await.unwrap() }
    }

    pub fn endpoint(&self) -> String {
        self.host.endpoint()
    }

    pub fn address(&self) -> SocketAddr {
        self.host.address()
    }

    /// A store on a new table.
    pub async fn store(&self) -> DynamoDbEventStore {
        let store = store_at(&self.endpoint(), 3);
        store.create_table().await.unwrap();
        store
    }

    pub async fn stop(self) {
        self.host.stop().await;
    }
}

/// The store in the table `events` there, by a client that tries each request so often.
pub fn store_at(endpoint: &str, attempts: u32) -> DynamoDbEventStore {
    DynamoDbEventStore::new(client_at(endpoint, attempts), "events")
        .gap_grace(Duration::from_millis(30))
        .poll_interval(Duration::from_millis(20))
}

pub fn client_at(endpoint: &str, attempts: u32) -> Client {
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
