//! EventBridge's schema registry.

use aws_sdk_schemas::Client;
use aws_sdk_schemas::types::Type;
use schemars::Schema;
use serde_json::{Value, json};

use super::compatibility::{Break, Mode, Writers, check};
use super::{SchemaError, draft_04};
use crate::aws::failure::refusal;
use crate::event::{DomainEvent, EventType};
use crate::publish::Refusal;

/// What the registry takes as one schema's text.
const CONTENT_CHARS_MAX: usize = 100_000;

/// A schema registry, to which the schemas of domain events are published. Each is named by source and type (`order-service@OrderCreated`, as
/// EventBridge's own discovery names them) and describes the whole event in draft-04, the draft that the registry and its code bindings know.
///
/// ```no_run
/// use pontoon::schema::{SchemaRegistry, compatibility::Mode};
/// # use pontoon::{DomainEvent, schema::RegistryError};
/// # async fn example<OrderEvent: DomainEvent>(client: aws_sdk_schemas::Client) -> Result<(), RegistryError> {
/// let registry = SchemaRegistry::new(client, "orders").require(Mode::Backward);
/// for published in registry.publish::<OrderEvent>().await? {
///     println!("{} is version {}", published.name, published.version);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct SchemaRegistry {
    client: Client,
    name: String,
    required: Option<Mode>,
}

/// A schema as the registry has it.
///
/// ```no_run
/// # fn example(published: pontoon::schema::PublishedSchema) {
/// println!("{} {}", published.name, if published.is_new { "has changed" } else { "is as it was" });
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedSchema {
    /// Source and type, joined by `@`.
    pub name: String,
    /// The registry's own number of the version.
    pub version: String,
    /// Whether this version was made now; a schema that has not changed is left as it is.
    pub is_new: bool,
}

/// Why a schema was not published.
///
/// ```
/// use pontoon::schema::RegistryError;
/// let error = RegistryError::TooLong { name: "order-service@OrderCreated".into(), chars: 120_000 };
/// assert_eq!(error.to_string(), "order-service@OrderCreated has 120000 characters, the registry takes 100000");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// The registry refused it.
    #[error("{name}: {refusal}")]
    Refused {
        /// The schema's name.
        name: String,
        /// What the registry said.
        refusal: Refusal,
    },
    /// It does not go together with the version that the registry has.
    #[error("{name} does not go together with the version in the registry: {}", listed(breaks))]
    Incompatible {
        /// The schema's name.
        name: String,
        /// Every break.
        breaks: Vec<Break>,
    },
    /// The version that the registry has is no schema that could be compared.
    #[error(transparent)]
    Unreadable(#[from] SchemaError),
    /// It is longer than the registry takes.
    #[error("{name} has {chars} characters, the registry takes {CONTENT_CHARS_MAX}")]
    TooLong {
        /// The schema's name.
        name: String,
        /// Its length.
        chars: usize,
    },
}

fn listed(breaks: &[Break]) -> String {
    breaks.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl SchemaRegistry {
    /// The registry with this name, which must exist.
    ///
    /// ```no_run
    /// # fn example(client: aws_sdk_schemas::Client) {
    /// let registry = pontoon::schema::SchemaRegistry::new(client, "orders");
    /// # }
    /// ```
    pub fn new(client: Client, name: impl Into<String>) -> Self {
        Self { client, name: name.into(), required: None }
    }

    /// The client that it uses.
    ///
    /// ```no_run
    /// # fn example(registry: pontoon::schema::SchemaRegistry) {
    /// let schemas = registry.client().list_schemas().registry_name("orders");
    /// # }
    /// ```
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Refuses versions that do not go together with the one before, under publishers that write what they declare.
    ///
    /// ```no_run
    /// # use pontoon::schema::{SchemaRegistry, compatibility::Mode};
    /// # fn example(registry: SchemaRegistry) -> SchemaRegistry {
    /// registry.require(Mode::Full)
    /// # }
    /// ```
    #[must_use]
    pub fn require(self, mode: Mode) -> Self {
        Self { required: Some(mode), ..self }
    }

    /// Publishes the schema of every type that `T` stands for, those that have changed as new versions.
    ///
    /// # Errors
    /// [`RegistryError`] for the first that is not published; those before it are.
    ///
    /// ```no_run
    /// # use pontoon::{DomainEvent, schema::{RegistryError, SchemaRegistry}};
    /// # async fn example<OrderEvent: DomainEvent>(registry: SchemaRegistry) -> Result<(), RegistryError> {
    /// registry.publish::<OrderEvent>().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn publish<T: DomainEvent>(&self) -> Result<Vec<PublishedSchema>, RegistryError> {
        let mut published = Vec::new();
        for kind in T::TYPES {
            if let Some(payload) = T::schema(kind.name) {
                published.push(self.publish_one(kind, &event_schema(kind, payload)).await?);
            }
        }
        Ok(published)
    }

    async fn publish_one(&self, kind: &EventType, schema: &Value) -> Result<PublishedSchema, RegistryError> {
        let name = format!("{}@{}", kind.source, kind.name);
        let content = schema.to_string();
        let chars = content.chars().count();
        if chars > CONTENT_CHARS_MAX {
            return Err(RegistryError::TooLong { name, chars });
        }
        let refused = |refusal: Refusal| RegistryError::Refused { name: name.clone(), refusal };
        let Some((known, version)) = self.known(&name).await? else {
            let create = self.client.create_schema().registry_name(&self.name).schema_name(&name);
            let create = create.r#type(Type::JsonSchemaDraft4).content(content).send().await;
            let created = create.map_err(|error| refused(refusal(&error)))?;
            let version = created.schema_version.unwrap_or_default();
            return Ok(PublishedSchema { name, version, is_new: true });
        };
        if known == *schema {
            return Ok(PublishedSchema { name, version, is_new: false });
        }
        if let Some(mode) = self.required {
            let breaks = check(&known, schema, mode, Writers::Declared)?;
            if !breaks.is_empty() {
                return Err(RegistryError::Incompatible { name, breaks });
            }
        }
        let update = self.client.update_schema().registry_name(&self.name).schema_name(&name);
        let update = update.r#type(Type::JsonSchemaDraft4).content(content).send().await;
        let updated = update.map_err(|error| refused(refusal(&error)))?;
        Ok(PublishedSchema { version: updated.schema_version.unwrap_or_default(), name, is_new: true })
    }

    /// The newest version that the registry has of a schema, if it has one.
    async fn known(&self, name: &str) -> Result<Option<(Value, String)>, RegistryError> {
        let described =
            self.client.describe_schema().registry_name(&self.name).schema_name(name).send().await;
        match described {
            Ok(known) => {
                let content = known.content().unwrap_or_default();
                let schema = serde_json::from_str(content);
                let schema = schema.map_err(|error| SchemaError {
                    name: name.to_owned(),
                    reason: format!("in the registry: {error}"),
                })?;
                Ok(Some((schema, known.schema_version.unwrap_or_default())))
            }
            Err(error) if error.as_service_error().is_some_and(|error| error.is_not_found_exception()) => {
                Ok(None)
            }
            Err(error) => Err(RegistryError::Refused { name: name.to_owned(), refusal: refusal(&error) }),
        }
    }
}

/// The schema of the EventBridge event around a payload.
fn event_schema(kind: &EventType, payload: Schema) -> Value {
    let mut payload = draft_04(payload).to_value();
    let mut definitions = json!({});
    if let Some(payload) = payload.as_object_mut() {
        payload.remove("$schema");
        definitions = payload.remove("definitions").unwrap_or(definitions);
        // A payload that takes no further properties has metadata beside it all the same.
        if let Some(properties) = payload.get_mut("properties").and_then(Value::as_object_mut) {
            properties.entry("metadata").or_insert_with(|| json!({ "type": "object" }));
        }
    }
    json!({
        "$schema": "http://json-schema.org/draft-04/schema#",
        "title": kind.name,
        "type": "object",
        "required": ["version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"],
        "properties": {
            "version": { "type": "string" },
            "id": { "type": "string" },
            "detail-type": { "type": "string", "enum": [kind.name] },
            "source": { "type": "string", "enum": [kind.source] },
            "account": { "type": "string" },
            "time": { "type": "string", "format": "date-time" },
            "region": { "type": "string" },
            "resources": { "type": "array", "items": { "type": "string" } },
            "detail": payload,
        },
        "definitions": definitions,
    })
}
