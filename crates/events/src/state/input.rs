//! What a target is given of an event: the whole, a constant, a part, or a template filled in.
//!
//! Follows "Amazon EventBridge input transformation" of the user guide and the recordings in `events/test_events_inputs`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use pontoon_core::json::{self, JsonPath};

/// Variables that a template may define (user guide).
pub const VARIABLES_MAX: usize = 100;

/// Bytes beyond which nothing is added to a filled template: twice what any target accepts, so that it is refused there.
const FILLED_BYTES_MAX: usize = 2 << 20;

/// How a target's input is made, as it was configured.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum InputRecord {
    /// The event as it is.
    #[default]
    Whole,
    /// This JSON text.
    Constant(String),
    /// What this path leads to.
    Path(String),
    /// A template and its variables.
    Transformer {
        /// Variable names and paths.
        paths: BTreeMap<String, String>,
        /// The template.
        template: String,
    },
}

/// The same, ready to be used.
#[derive(Debug, Clone)]
pub enum Input {
    /// The event as it is.
    Whole,
    /// This JSON text.
    Constant(String),
    /// What this path leads to.
    Path(JsonPath),
    /// A template with its variables.
    Template(Template),
}

/// Why an input is refused, for a target whose id the caller adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputFault {
    /// The constant is not JSON; where.
    Constant(String),
    /// The path is not one.
    Path,
    /// A variable's path is not one.
    VariablePath(String),
    /// A variable's name begins as AWS's own do.
    ReservedVariable(String),
    /// More variables than allowed.
    TooManyVariables,
    /// The template names a variable that is not defined.
    Placeholder(String),
    /// The template is not JSON; where.
    Template(String),
}

/// What a template can tell beside the event.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// ARN of the rule.
    pub rule_arn: &'a str,
    /// Name of the rule.
    pub rule_name: &'a str,
    /// When the event was received, ISO 8601.
    pub ingestion_time: &'a str,
}

/// A template taken apart.
#[derive(Debug, Clone)]
pub struct Template {
    pieces: Vec<Piece>,
    paths: BTreeMap<String, JsonPath>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// A variable, and whether it stands inside a JSON string.
    Variable(String, bool),
}

/// A variable's value.
enum Filling {
    Text(String),
    Json(String),
    Nothing,
}

impl InputRecord {
    /// Makes the input ready.
    ///
    /// # Errors
    /// What PutTargets refuses.
    pub fn compile(&self) -> Result<Input, InputFault> {
        Ok(match self {
            Self::Whole => Input::Whole,
            Self::Constant(text) => {
                check_json(text).map_err(InputFault::Constant)?;
                Input::Constant(text.clone())
            }
            Self::Path(path) => Input::Path(JsonPath::parse(path).map_err(|_| InputFault::Path)?),
            Self::Transformer { paths, template } => Input::Template(Template::parse(paths, template)?),
        })
    }
}

impl Input {
    /// What the target is given of `event`; `None` is the event itself.
    #[must_use]
    pub fn of(&self, event: &str, context: Context<'_>) -> Option<String> {
        match self {
            Self::Whole => None,
            Self::Constant(text) => Some(text.clone()),
            Self::Path(path) => Some(path.value(event).unwrap_or_else(|| "null".to_owned())),
            Self::Template(template) => Some(template.fill(event, context)),
        }
    }
}

fn check_json(text: &str) -> Result<(), String> {
    serde_json::from_str::<serde::de::IgnoredAny>(text).map(|_| ()).map_err(|error| {
        format!("[Source: (String)\"{text}\"; line: {}, column: {}]", error.line(), error.column())
    })
}

impl Template {
    fn parse(paths: &BTreeMap<String, String>, template: &str) -> Result<Self, InputFault> {
        if paths.len() > VARIABLES_MAX {
            return Err(InputFault::TooManyVariables);
        }
        let mut compiled = BTreeMap::new();
        for (name, path) in paths {
            if name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws.")) {
                return Err(InputFault::ReservedVariable(name.clone()));
            }
            let path = JsonPath::parse(path).map_err(|_| InputFault::VariablePath(name.clone()))?;
            compiled.insert(name.clone(), path);
        }
        let pieces = pieces(template);
        for piece in &pieces {
            if let Piece::Variable(name, _) = piece
                && !compiled.contains_key(name)
                && !RESERVED.contains(&name.as_str())
            {
                return Err(InputFault::Placeholder(name.clone()));
            }
        }
        check_template(template, &pieces)?;
        Ok(Self { pieces, paths: compiled })
    }

    fn fill(&self, event: &str, context: Context<'_>) -> String {
        let mut out = String::new();
        for piece in &self.pieces {
            if out.len() > FILLED_BYTES_MAX {
                break;
            }
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Variable(name, in_string) => match (self.filling(name, event, context), in_string) {
                    // Inside a string a text goes in as it is, and a part of the event without its quotes.
                    (Filling::Text(text), true) => out.push_str(&text),
                    (Filling::Text(text), false) => out.push_str(&json::quoted(&text)),
                    (Filling::Json(value), true) => out.extend(value.chars().filter(|c| *c != '"')),
                    (Filling::Json(value), false) => out.push_str(&value),
                    (Filling::Nothing, true) => {}
                    (Filling::Nothing, false) => out.push_str("\"\""),
                },
            }
        }
        out
    }

    fn filling(&self, name: &str, event: &str, context: Context<'_>) -> Filling {
        match name {
            "aws.events.rule-arn" => Filling::Text(context.rule_arn.to_owned()),
            "aws.events.rule-name" => Filling::Text(context.rule_name.to_owned()),
            "aws.events.event.ingestion-time" => Filling::Text(context.ingestion_time.to_owned()),
            "aws.events.event.json" => Filling::Json(event.to_owned()),
            "aws.events.event" => Filling::Json(without_detail(event)),
            _ => match self.paths.get(name).and_then(|path| path.value(event)) {
                Some(value) => json::unquoted(&value).map_or(Filling::Json(value), Filling::Text),
                None => Filling::Nothing,
            },
        }
    }
}

const RESERVED: [&str; 5] = [
    "aws.events.rule-arn",
    "aws.events.rule-name",
    "aws.events.event.ingestion-time",
    "aws.events.event",
    "aws.events.event.json",
];

/// `<aws.events.event>`: names and order as recorded (test_input_transformer_predefined_variables).
fn without_detail(event: &str) -> String {
    let fields = [
        ("id", "id"),
        ("account", "account"),
        ("detailType", "detail-type"),
        ("time", "time"),
        ("source", "source"),
        ("region", "region"),
        ("resources", "resources"),
        ("version", "version"),
    ];
    let fields = fields.map(|(name, of)| {
        let value = JsonPath::parse(&format!("$.{of}")).ok().and_then(|path| path.value(event));
        format!("\"{name}\":{}", value.as_deref().unwrap_or("null"))
    });
    format!("{{{}}}", fields.join(","))
}

/// Takes a template apart at its `<variables>`. A `<` that begins none stands for itself.
fn pieces(template: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let (mut in_string, mut escaped) = (false, false);
    let mut rest = template;
    while let Some(c) = rest.chars().next() {
        if c == '<'
            && let Some((name, after)) = rest[1..].split_once('>')
            && !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
        {
            pieces.push(Piece::Text(std::mem::take(&mut text)));
            pieces.push(Piece::Variable(name.to_owned(), in_string));
            rest = after;
            continue;
        }
        in_string ^= c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        text.push(c);
        rest = &rest[c.len_utf8()..];
    }
    pieces.push(Piece::Text(text));
    pieces
}

/// A template is a JSON value, or several strings on lines of their own, once its variables stand for values.
fn check_template(template: &str, pieces: &[Piece]) -> Result<(), InputFault> {
    let mut sample = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(text) => sample.push_str(text),
            Piece::Variable(_, true) => {}
            Piece::Variable(_, false) => sample.push_str("null"),
        }
    }
    let values = serde_json::Deserializer::from_str(&sample).into_iter::<serde::de::IgnoredAny>();
    let mut count = 0;
    for value in values {
        if let Err(error) = value {
            let place = format!("line: {}, column: {}", error.line(), error.column());
            return Err(InputFault::Template(format!("[Source: (String)\"{template}\"; {place}]")));
        }
        count += 1;
    }
    if count == 0 {
        return Err(InputFault::Template(format!("[Source: (String)\"{template}\"; line: 1, column: 1]")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Context, InputFault, InputRecord};

    const EVENT: &str = r#"{"version":"0","id":"i","detail-type":"core.update","source":"s","account":"1","time":"T","region":"r","resources":[],"detail":{"userId":"0a78","payload":{"acc_id":"0a78","sf_id":"baz"},"listsingle":["HIGH"],"listmulti":["ACTIVE","INACTIVE"],"valid":true,"n":1.50,"none":null}}"#;

    fn fill(template: &str) -> String {
        let names = ["userId", "payload", "listsingle", "listmulti", "valid", "n", "none", "systemstring"];
        let paths = names.map(|name| (name.to_owned(), format!("$.detail.{name}"))).into();
        let record = InputRecord::Transformer { paths, template: template.to_owned() };
        let context = Context { rule_arn: "arn:rule", rule_name: "rule", ingestion_time: "NOW" };
        record.compile().unwrap().of(EVENT, context).unwrap()
    }

    #[test]
    fn templates_fill_as_recorded() {
        for (template, expected) in [
            (r#"{"id" : <userId>}"#, r#"{"id" : "0a78"}"#),
            (r#"{"id" : "<userId>"}"#, r#"{"id" : "0a78"}"#),
            (r#"{"path": "users/<userId>/second/<userId>"}"#, r#"{"path": "users/0a78/second/0a78"}"#),
            (r#"{"bod": [<userId>, "hardcoded"]}"#, r#"{"bod": ["0a78", "hardcoded"]}"#),
            (r#"{"bod": <payload>}"#, r#"{"bod": {"acc_id":"0a78","sf_id":"baz"}}"#),
            (r#""Payload of <payload>""#, r#""Payload of {acc_id:0a78,sf_id:baz}""#),
            (r#""<listsingle> item""#, r#""[HIGH] item""#),
            (r#"{"single": <listsingle>}"#, r#"{"single": ["HIGH"]}"#),
            ("\"<listmulti> a\"\n\"<systemstring> b\"", "\"[ACTIVE,INACTIVE] a\"\n\" b\""),
            (r#""Command is <valid>!""#, r#""Command is true!""#),
            (r#"{"command": <systemstring>}"#, r#"{"command": ""}"#),
            (r#"{"n": <n>, "none": <none>}"#, r#"{"n": 1.50, "none": null}"#),
            (r#""{[/Check with <userId>""#, r#""{[/Check with 0a78""#),
            (r#""1 < 2 and <b c> \"<userId>\"""#, r#""1 < 2 and <b c> \"0a78\"""#),
            (
                r#""<aws.events.rule-arn> <aws.events.rule-name> <aws.events.event.ingestion-time>""#,
                r#""arn:rule rule NOW""#,
            ),
            (r#"{"name": <aws.events.rule-name>}"#, r#"{"name": "rule"}"#),
            (
                r#"{"e": <aws.events.event>}"#,
                r#"{"e": {"id":"i","account":"1","detailType":"core.update","time":"T","source":"s","region":"r","resources":[],"version":"0"}}"#,
            ),
        ] {
            assert_eq!(fill(template), expected, "{template}");
        }
        assert_eq!(fill(r#"{"e": <aws.events.event.json>}"#), format!(r#"{{"e": {EVENT}}}"#));
    }

    #[test]
    fn what_cannot_be_filled_is_refused() {
        let template = |paths: &[(&str, &str)], template: &str| {
            let paths = paths.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
            InputRecord::Transformer { paths, template: template.to_owned() }.compile().unwrap_err()
        };
        assert_eq!(template(&[], r#""<nothing>""#), InputFault::Placeholder("nothing".into()));
        assert_eq!(template(&[("a", "detail")], r#""<a>""#), InputFault::VariablePath("a".into()));
        assert_eq!(template(&[("AWS.a", "$")], r#""x""#), InputFault::ReservedVariable("AWS.a".into()));
        assert!(matches!(template(&[], "not json"), InputFault::Template(_)));
        assert!(matches!(template(&[], ""), InputFault::Template(_)));
        assert!(matches!(InputRecord::Constant("{".into()).compile(), Err(InputFault::Constant(_))));
        assert!(matches!(InputRecord::Path("x".into()).compile(), Err(InputFault::Path)));
    }

    #[test]
    fn a_path_that_leads_nowhere_gives_null() {
        let input = InputRecord::Path("$.detail.gone".into()).compile().unwrap();
        let context = Context { rule_arn: "", rule_name: "", ingestion_time: "" };
        assert_eq!(input.of(EVENT, context).as_deref(), Some("null"));
        assert!(InputRecord::Whole.compile().unwrap().of(EVENT, context).is_none());
    }
}
