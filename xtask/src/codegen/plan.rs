//! What will be generated for one service: which shapes become which types, under which names.

use std::collections::{BTreeMap, BTreeSet};

use super::Source;
use super::names;
use crate::model::{Model, Operation, Shape, ShapeRef};

/// Names that a generated type must not have, because the generated code means something else by them.
const RESERVED: &[&str] =
    &["Box", "Bytes", "Handler", "Option", "Request", "Result", "Self", "Some", "String", "Timestamp", "Vec"];

/// What is generated for a service.
pub struct Plan<'m> {
    /// Which service.
    pub source: &'m Source,
    /// Its stripped model, overlay included.
    pub model: &'m Model,
    /// Structure shapes with the names of their types.
    pub types: BTreeMap<&'m str, String>,
    /// Shapes that inputs reach: those that are decoded and validated.
    pub inputs: BTreeSet<String>,
    /// Shapes that outputs reach.
    pub outputs: BTreeSet<String>,
    /// Shapes that demand something of what is inside them: required members or constrained values.
    pub inner: BTreeSet<String>,
}

/// An end of an operation: the type, and whether it is the operation's own or an alias of a shared one, or has no shape at all.
pub enum End<'m> {
    /// The shape is this operation's alone and its type is named after it.
    Own(&'m str),
    /// The shape is used elsewhere too.
    Shared(&'m str),
    /// The model has none: an empty structure.
    Empty,
}

impl<'m> Plan<'m> {
    /// Plans a service.
    ///
    /// # Errors
    /// If two shapes would get the same name, or a name that the generated code needs for itself.
    pub fn new(source: &'m Source, model: &'m Model) -> Result<Self, String> {
        let inputs =
            model.reachable(model.operations.values().filter_map(|operation| operation.input.as_ref()));
        let outputs =
            model.reachable(model.operations.values().filter_map(|operation| operation.output.as_ref()));
        let mut plan =
            Self { source, model, types: BTreeMap::new(), inputs, outputs, inner: BTreeSet::new() };
        plan.find_inner();
        for (name, shape) in &model.shapes {
            if shape.is_type() {
                plan.types.insert(name, names::type_name(name));
            }
        }
        for (name, operation) in &model.operations {
            if let End::Own(shape) = plan.input(operation) {
                plan.types.insert(shape, format!("{name}Input"));
            }
            if let End::Own(shape) = plan.output(operation) {
                plan.types.insert(shape, format!("{name}Output"));
            }
        }
        let mut taken = BTreeSet::new();
        for name in plan.types.values() {
            if RESERVED.contains(&name.as_str()) || !taken.insert(names::screaming(name)) {
                return Err(format!("the type name {name} is taken"));
            }
        }
        Ok(plan)
    }

    /// The operation's input.
    pub fn input(&self, operation: &'m Operation) -> End<'m> {
        self.end(operation.input.as_ref())
    }

    /// The operation's output.
    pub fn output(&self, operation: &'m Operation) -> End<'m> {
        self.end(operation.output.as_ref())
    }

    fn end(&self, used: Option<&'m ShapeRef>) -> End<'m> {
        let Some(name) = used.map(|used| used.shape.as_str()) else { return End::Empty };
        let ends = self.model.operations.values().flat_map(Operation::roots);
        let within = self.model.shapes.values().flat_map(Shape::uses);
        if ends.chain(within).filter(|used| used.shape == name).count() == 1 {
            End::Own(name)
        } else {
            End::Shared(name)
        }
    }

    /// Marks the shapes with a required member or a constrained value inside, however deep.
    fn find_inner(&mut self) {
        loop {
            let grown: Vec<&str> = self
                .model
                .shapes
                .iter()
                .filter(|(name, shape)| {
                    let demands = !shape.required.is_empty()
                        || shape.uses().any(|used| self.is_constrained(&used.shape));
                    !self.inner.contains(*name) && demands
                })
                .map(|(name, _)| name.as_str())
                .collect();
            if grown.is_empty() {
                return;
            }
            let grown: Vec<String> = grown.into_iter().map(str::to_owned).collect();
            self.inner.extend(grown);
        }
    }

    /// Whether a value of this shape needs a look at all.
    pub fn is_constrained(&self, shape: &str) -> bool {
        self.inputs.contains(shape) && (self.inner.contains(shape) || self.model.shape(shape).has_limits())
    }

    /// The Rust type of a shape.
    pub fn rust_type(&self, name: &str) -> String {
        let shape = self.model.shape(name);
        match shape.kind.as_str() {
            "structure" if shape.document == Some(true) => "serde_json::Value".to_owned(),
            "structure" => self.types[name].clone(),
            "list" => format!("Vec<{}>", self.rust_type(&part(&shape.member).shape)),
            "map" => format!("BTreeMap<String, {}>", self.rust_type(&part(&shape.value).shape)),
            "string" | "character" => "String".to_owned(),
            "boolean" => "bool".to_owned(),
            "integer" => "i32".to_owned(),
            "long" => "i64".to_owned(),
            "double" => "f64".to_owned(),
            "blob" => "Bytes".to_owned(),
            "timestamp" => "Timestamp".to_owned(),
            other => panic!("shape {name}: no Rust type for the model's {other}"),
        }
    }

    /// Whether the member is required.
    pub fn is_required(shape: &Shape, member: &str) -> bool {
        shape.required.iter().any(|name| name == member)
    }

    /// Whether a list or map member stands without a wrapping element.
    pub fn is_flattened(&self, used: &ShapeRef) -> bool {
        used.flattened.or(self.model.shape(&used.shape).flattened).unwrap_or(false)
    }

    /// The members of an error's shape beside code and message.
    pub fn is_detail(shape: &Shape, member: &str) -> bool {
        shape.exception != Some(true) || !member.eq_ignore_ascii_case("message")
    }
}

impl Shape {
    /// Whether the shape becomes a type: structures do, errors only if they carry more than a message.
    pub fn is_type(&self) -> bool {
        self.kind == "structure"
            && self.document != Some(true)
            && (self.exception != Some(true)
                || self.members.0.iter().any(|(name, _)| Plan::is_detail(self, name)))
    }

    /// Whether the model demands something of a value of this shape itself.
    pub fn has_limits(&self) -> bool {
        self.min.is_some() || self.max.is_some() || self.pattern.is_some() || !self.values.is_empty()
    }
}

/// The element, key or value of a list or map, which every model gives.
pub fn part(part: &Option<ShapeRef>) -> &ShapeRef {
    match part {
        Some(part) => part,
        None => panic!("a list without element, or a map without key or value"),
    }
}

/// The format of an instant as a variant of `TimestampFormat`.
pub fn timestamp_format(model: &Model, used: &ShapeRef) -> &'static str {
    let format = used.timestamp_format.as_deref().or(model.shape(&used.shape).timestamp_format.as_deref());
    match format {
        None => "Default",
        Some("iso8601") => "DateTime",
        Some("unixTimestamp") => "EpochSeconds",
        Some("rfc822") => "HttpDate",
        Some(other) => panic!("unknown timestamp format {other}"),
    }
}
