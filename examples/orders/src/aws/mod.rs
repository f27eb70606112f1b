//! The two calls that the function makes, signed, over plain HTTP: small enough to build in a second. Larger applications take AWS's SDK.

pub mod http;
mod sign;

use serde_json::{Value, json};

use http::Request;

/// Calls AWS with the credentials, region and endpoint that Lambda gives the function.
pub struct Client {
    endpoint: String,
    region: String,
    credentials: sign::Credentials,
}

impl Client {
    /// A client from the environment.
    ///
    /// # Errors
    /// If a variable that Lambda sets is missing.
    pub fn from_environment() -> Result<Self, String> {
        let of = |name: &str| std::env::var(name).map_err(|_| format!("{name} is not set"));
        Ok(Self {
            endpoint: of("AWS_ENDPOINT_URL")?.trim_end_matches('/').to_owned(),
            region: of("AWS_REGION")?,
            credentials: sign::Credentials {
                key: of("AWS_ACCESS_KEY_ID")?,
                secret: of("AWS_SECRET_ACCESS_KEY")?,
                token: std::env::var("AWS_SESSION_TOKEN").ok(),
            },
        })
    }

    /// Sets an order's status in the table.
    ///
    /// # Errors
    /// AWS's error, in words.
    pub fn set_status(
        &self,
        table: &str,
        order: &str,
        status: &str,
        trace: Option<&str>,
    ) -> Result<(), String> {
        let body = json!({
            "TableName": table,
            "Key": { "orderId": { "S": order } },
            "UpdateExpression": "SET #status = :status",
            "ExpressionAttributeNames": { "#status": "status" },
            "ExpressionAttributeValues": { ":status": { "S": status } },
        });
        let headers = [
            ("content-type", "application/x-amz-json-1.0"),
            ("x-amz-target", "DynamoDB_20120810.UpdateItem"),
        ];
        self.call("dynamodb", &headers, body.to_string().as_bytes(), trace)
    }

    /// Publishes a message to a topic.
    ///
    /// # Errors
    /// AWS's error, in words.
    pub fn publish(&self, topic: &str, message: &Value, trace: Option<&str>) -> Result<(), String> {
        let form = [
            ("Action", "Publish"),
            ("Version", "2010-03-31"),
            ("TopicArn", topic),
            ("Message", &message.to_string()),
        ];
        let body: Vec<String> =
            form.iter().map(|(name, value)| format!("{name}={}", sign::encode(value))).collect();
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        self.call("sns", &headers, body.join("&").as_bytes(), trace)
    }

    fn call(
        &self,
        service: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        trace: Option<&str>,
    ) -> Result<(), String> {
        let url = format!("{}/", self.endpoint);
        let mut headers: Vec<(String, String)> =
            headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        headers.extend(trace.map(|trace| ("x-amzn-trace-id".to_owned(), trace.to_owned())));
        let scope = sign::Scope { region: &self.region, service };
        headers.extend(sign::headers(&self.credentials, scope, http::host_of(&url)?, &headers, body));
        let answer = http::send(&Request { method: "POST", url: &url, headers: &headers, body })?;
        if answer.status == 200 {
            return Ok(());
        }
        Err(format!("{service} answered {}: {}", answer.status, String::from_utf8_lossy(&answer.body)))
    }
}
