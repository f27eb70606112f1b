//! The service models as botocore publishes them (`service-2.json`), reduced to what code is generated from.
//!
//! Reading a model into these types and writing it out again *is* the stripping: what has no field here (documentation, endpoints, examples) is
//! gone. The overlays of `models/overlays/` have the same form and are laid over it; they hold facts that the published model lacks.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::ordered::Ordered;

/// A service's model.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Model {
    /// Names, protocols, namespaces.
    pub metadata: Metadata,
    /// The supported operations; in a published model, all.
    pub operations: BTreeMap<String, Operation>,
    /// Names of all other operations.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unsupported: Vec<String>,
    /// The shapes that the operations reach.
    pub shapes: BTreeMap<String, Shape>,
}

/// Names, protocols, namespaces.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Metadata {
    /// Version date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// The protocols that SDKs speak: `json`, `query`, `rest-json`, `rest-xml`, `smithy-rpc-v2-cbor`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub protocols: Vec<String>,
    /// The one protocol, in published models that name no list of them.
    #[serde(skip_serializing)]
    protocol: Option<String>,
    /// `1.0` or `1.1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub json_version: Option<String>,
    /// `SQS`, `EventBridge`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_id: Option<String>,
    /// What comes before the dot in `X-Amz-Target`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_prefix: Option<String>,
    /// Namespace of XML answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub xml_namespace: Option<String>,
    /// Overlay only: what `__type` carries before the `#`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_prefix: Option<String>,
    /// Overlay only: the service's name in rpc-v2-cbor paths.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cbor_name: Option<String>,
    /// Overlay only: every operation with an output wraps it in `…Result` in XML.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result_wrappers: Option<bool>,
}

/// An operation.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Operation {
    /// REST binding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<Http>,
    /// Input shape; none if the operation takes nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<ShapeRef>,
    /// Output shape; none if it gives nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<ShapeRef>,
    /// Overlay only: the element that wraps the output, where `output` itself does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result_wrapper: Option<String>,
    /// Modelled errors.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ShapeRef>,
}

/// A REST binding.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Http {
    /// `GET`.
    pub method: String,
    /// Path template with fixed query.
    pub request_uri: String,
    /// Status of a success, 200 if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_code: Option<u16>,
}

/// A use of a shape: a member, an element, a key, a value, an input, an output or an error.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ShapeRef {
    /// Whose use; empty only in overlays that leave it as it is.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub shape: String,
    /// Name on the wire.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location_name: Option<String>,
    /// Overlay only: name in the query protocol.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query_name: Option<String>,
    /// Overlay only, of elements and map values: messages do not say that null is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nullable: Option<bool>,
    /// Overlay only, of required lists in outputs: they are left out when they are empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub omitted_when_empty: Option<bool>,
    /// `header`, `headers`, `uri`, `querystring`, `statusCode`; the body if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// List or map without a wrapping element.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flattened: Option<bool>,
    /// An attribute in XML.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub xml_attribute: Option<bool>,
    /// Spelling of an instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp_format: Option<String>,
    /// Outputs: the element around them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result_wrapper: Option<String>,
}

/// A shape.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Shape {
    /// `structure`, `list`, `map`, `string`, …; empty only in overlays of a shape that the model has.
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Structure: its members.
    #[serde(skip_serializing_if = "Ordered::is_empty")]
    pub members: Ordered<ShapeRef>,
    /// Structure: names of the required members.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub required: Vec<String>,
    /// Structure: the member that is the REST payload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
    /// Structure: exactly one member is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub union: Option<bool>,
    /// Structure: any JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document: Option<bool>,
    /// List: its element.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<ShapeRef>,
    /// Map: its key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<ShapeRef>,
    /// Map: its value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<ShapeRef>,
    /// List or map: without a wrapping element wherever it is used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flattened: Option<bool>,
    /// Smallest length or value; a fraction only ever where it is whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// Largest length or value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// Regular expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// Permitted values.
    #[serde(rename = "enum", skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
    /// Spelling of an instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp_format: Option<String>,
    /// An error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exception: Option<bool>,
    /// An error of the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<bool>,
    /// Code and status of an error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorTrait>,
    /// Namespace of the element.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub xml_namespace: Option<XmlNamespace>,
}

/// Code and status of an error.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ErrorTrait {
    /// The code of query and XML; the shape's name if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// HTTP status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_status_code: Option<u16>,
    /// Whether the sender is at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender_fault: Option<bool>,
}

/// A namespace.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct XmlNamespace {
    /// Its URI.
    pub uri: String,
}

impl Model {
    /// Keeps the operations of `supported`, the shapes that they reach, and the names of the other operations.
    ///
    /// # Errors
    /// If an operation is not in the model.
    pub fn strip(mut self, supported: &[String]) -> Result<Self, String> {
        let mut kept = BTreeMap::new();
        for name in supported {
            let operation =
                self.operations.remove(name).ok_or(format!("the model has no operation {name}"))?;
            kept.insert(name.clone(), operation);
        }
        self.unsupported = std::mem::take(&mut self.operations).into_keys().collect();
        self.operations = kept;
        let reachable = self.reachable(self.operations.values().flat_map(Operation::roots));
        self.shapes.retain(|name, _| reachable.contains(name));
        if self.metadata.protocols.is_empty() {
            self.metadata.protocols.extend(self.metadata.protocol.take());
        }
        if self.metadata.protocols.is_empty() {
            return Err("the model names no protocols".to_owned());
        }
        Ok(self)
    }

    /// The names of the shapes that `roots` reach, themselves included.
    pub fn reachable<'r>(&self, roots: impl Iterator<Item = &'r ShapeRef>) -> BTreeSet<String> {
        let mut open: Vec<String> = roots.map(|root| root.shape.clone()).collect();
        let mut seen = BTreeSet::new();
        while let Some(name) = open.pop() {
            if let Some(shape) = self.shapes.get(&name)
                && seen.insert(name)
            {
                open.extend(shape.uses().map(|used| used.shape.clone()));
            }
        }
        seen
    }

    /// Lays an overlay over the model: whatever it sets replaces what is there. A shape with a type is added.
    ///
    /// # Errors
    /// If it speaks of a shape, member or operation that the model does not have.
    pub fn overlay(&mut self, overlay: Model) -> Result<(), String> {
        self.metadata.overlay(overlay.metadata);
        for (name, change) in overlay.operations {
            let operation = self.operations.get_mut(&name).ok_or(format!("overlay: no operation {name}"))?;
            replace(&mut operation.result_wrapper, change.result_wrapper);
        }
        for (name, change) in overlay.shapes {
            if !change.kind.is_empty() {
                self.shapes.insert(name, change);
                continue;
            }
            let shape = self.shapes.get_mut(&name).ok_or(format!("overlay: no shape {name}"))?;
            shape.overlay(change).map_err(|what| format!("overlay: {name} has no {what}"))?;
        }
        Ok(())
    }

    /// The shape of this name.
    pub fn shape(&self, name: &str) -> &Shape {
        match self.shapes.get(name) {
            Some(shape) => shape,
            None => panic!("the stripped model lacks the shape {name}, which it uses: strip it again"),
        }
    }
}

impl Metadata {
    fn overlay(&mut self, change: Self) {
        if !change.protocols.is_empty() {
            self.protocols = change.protocols;
        }
        replace(&mut self.xml_namespace, change.xml_namespace);
        replace(&mut self.error_prefix, change.error_prefix);
        replace(&mut self.cbor_name, change.cbor_name);
        replace(&mut self.result_wrappers, change.result_wrappers);
    }
}

impl Operation {
    /// Input, output and errors.
    pub fn roots(&self) -> impl Iterator<Item = &ShapeRef> {
        self.input.iter().chain(&self.output).chain(&self.errors)
    }
}

impl ShapeRef {
    fn overlay(&mut self, change: Self) {
        if !change.shape.is_empty() {
            self.shape = change.shape;
        }
        replace(&mut self.nullable, change.nullable);
        replace(&mut self.omitted_when_empty, change.omitted_when_empty);
        replace(&mut self.location_name, change.location_name);
        replace(&mut self.query_name, change.query_name);
        replace(&mut self.flattened, change.flattened);
        replace(&mut self.timestamp_format, change.timestamp_format);
    }
}

impl Shape {
    /// Members, element, key and value.
    pub fn uses(&self) -> impl Iterator<Item = &ShapeRef> {
        let members = self.members.0.iter().map(|(_, member)| member);
        members.chain(&self.member).chain(&self.key).chain(&self.value)
    }

    fn overlay(&mut self, change: Self) -> Result<(), String> {
        for (name, member) in change.members.0 {
            self.members.get_mut(&name).ok_or(format!("member {name}"))?.overlay(member);
        }
        for (part, change, what) in [
            (&mut self.member, change.member, "element"),
            (&mut self.key, change.key, "key"),
            (&mut self.value, change.value, "value"),
        ] {
            if let Some(change) = change {
                part.as_mut().ok_or(what)?.overlay(change);
            }
        }
        if !change.required.is_empty() {
            self.required = change.required;
        }
        if !change.values.is_empty() {
            self.values = change.values;
        }
        replace(&mut self.min, change.min);
        replace(&mut self.max, change.max);
        replace(&mut self.pattern, change.pattern);
        replace(&mut self.union, change.union);
        replace(&mut self.error, change.error);
        replace(&mut self.xml_namespace, change.xml_namespace);
        Ok(())
    }
}

fn replace<T>(slot: &mut Option<T>, change: Option<T>) {
    if change.is_some() {
        *slot = change;
    }
}
