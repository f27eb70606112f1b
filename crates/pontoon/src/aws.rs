//! The SDK's configuration, and what its errors mean.

#[allow(dead_code, reason = "which of it is used depends on the services whose features are on")]
pub(crate) mod failure;

use std::pin::Pin;

pub use aws_config::SdkConfig;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::SharedHttpClient;

/// The configuration that the environment gives, as every AWS SDK reads it: `AWS_REGION`, credentials, profiles, `AWS_ENDPOINT_URL`.
///
/// ```no_run
/// # async fn example() {
/// let config = pontoon::aws::config().await;
/// let client = aws_sdk_sqs::Client::new(&config);
/// # }
/// ```
pub async fn config() -> SdkConfig {
    // Boxed, because what loads it is large and would otherwise be compiled into every caller.
    let loaded: Pin<Box<dyn Future<Output = SdkConfig> + Send>> =
        Box::pin(aws_config::defaults(BehaviorVersion::latest()).http_client(http_client()).load());
    loaded.await
}

/// The configuration for a server at `endpoint_url` that asks for no particular credentials, such as Pontoon on the developer's machine: account
/// `000000000000`, region `us-east-1`.
///
/// ```
/// let config = pontoon::aws::config_for("http://localhost:4566");
/// assert_eq!(config.endpoint_url(), Some("http://localhost:4566"));
/// ```
pub fn config_for(endpoint_url: impl Into<String>) -> SdkConfig {
    let credentials = Credentials::new("test", "test", None, None, "the same for everyone");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(endpoint_url)
        .region(Region::from_static("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(http_client())
        .build()
}

/// An HTTP client that speaks TLS through ring, which builds with a C compiler alone.
fn http_client() -> SharedHttpClient {
    Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
}
