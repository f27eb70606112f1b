//! Input templates: text with variables, which stand for parts of the event and of the pipe.
//!
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-input-transformation.html>

use pontoon_core::json::{self, JsonPath};

use super::event::Event;

/// What the reserved variables stand for.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// `aws.pipes.pipe-arn`.
    pub pipe_arn: &'a str,
    /// `aws.pipes.pipe-name`.
    pub pipe_name: &'a str,
    /// `aws.pipes.source-arn`.
    pub source_arn: &'a str,
    /// `aws.pipes.enrichment-arn`.
    pub enrichment_arn: &'a str,
    /// `aws.pipes.target-arn`.
    pub target_arn: &'a str,
    /// `aws.pipes.event.ingestion-time`, ISO 8601.
    pub ingestion_time: &'a str,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Variable {
    Path(JsonPath),
    Reserved(Reserved),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reserved {
    PipeArn,
    PipeName,
    SourceArn,
    EnrichmentArn,
    TargetArn,
    IngestionTime,
    Event,
    EventJson,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// A variable, and whether it stands where JSON has a value: within an object or a list, and not within a string.
    Variable(Variable, bool),
}

/// A template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Part>);

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// The variable that there is none of, or whose path is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (mut parts, mut plain, mut place) = (Vec::new(), String::new(), Place::default());
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let named = rest.strip_prefix('<').and_then(|inner| inner.split_once('>')).map(|(name, _)| name);
            if let Some(name) = named.filter(|name| name.starts_with('$') || name.starts_with("aws.pipes.")) {
                let variable = variable(name).ok_or_else(|| name.to_owned())?;
                parts.push(Part::Text(std::mem::take(&mut plain)));
                parts.push(Part::Variable(variable, place.is_of_value()));
                rest = &rest[name.len() + 2..];
                continue;
            }
            place.pass(first);
            plain.push(first);
            rest = &rest[first.len_utf8()..];
        }
        parts.push(Part::Text(plain));
        Ok(Self(parts))
    }

    /// The template's text for an event.
    #[must_use]
    pub fn fill(&self, event: &Event, context: Context<'_>) -> String {
        let mut filled = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Variable(variable, is_of_value) => {
                    match (value_of(variable, event, context), is_of_value) {
                        (Some(value), true) => filled.push_str(&value),
                        (None, true) => filled.push_str("\"\""),
                        // Without quotes, so that the string around it stays one.
                        (Some(value), false) => {
                            filled.push_str(&json::unquoted(&value).unwrap_or_else(|| value.replace('"', "")))
                        }
                        (None, false) => {}
                    }
                }
            }
        }
        filled
    }
}

/// Where in a JSON text one is.
#[derive(Debug, Default)]
struct Place {
    depth: usize,
    in_string: bool,
    is_escaped: bool,
}

impl Place {
    fn pass(&mut self, c: char) {
        if self.in_string {
            match c {
                _ if self.is_escaped => self.is_escaped = false,
                '\\' => self.is_escaped = true,
                '"' => self.in_string = false,
                _ => {}
            }
            return;
        }
        match c {
            '"' => self.in_string = true,
            '{' | '[' => self.depth += 1,
            '}' | ']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }

    fn is_of_value(&self) -> bool {
        self.depth > 0 && !self.in_string
    }
}

fn variable(name: &str) -> Option<Variable> {
    if name.starts_with('$') {
        return JsonPath::parse(name).ok().map(Variable::Path);
    }
    Some(Variable::Reserved(match name.strip_prefix("aws.pipes.")? {
        "pipe-arn" => Reserved::PipeArn,
        "pipe-name" => Reserved::PipeName,
        "source-arn" => Reserved::SourceArn,
        "enrichment-arn" => Reserved::EnrichmentArn,
        "target-arn" => Reserved::TargetArn,
        "event.ingestion-time" => Reserved::IngestionTime,
        "event" => Reserved::Event,
        "event.json" => Reserved::EventJson,
        _ => return None,
    }))
}

/// What a variable stands for, as JSON.
fn value_of(variable: &Variable, event: &Event, context: Context<'_>) -> Option<String> {
    let text = |text: &str| Some(json::quoted(text));
    match variable {
        Variable::Path(path) => path.value(&event.json),
        Variable::Reserved(Reserved::PipeArn) => text(context.pipe_arn),
        Variable::Reserved(Reserved::PipeName) => text(context.pipe_name),
        Variable::Reserved(Reserved::SourceArn) => text(context.source_arn),
        Variable::Reserved(Reserved::EnrichmentArn) => text(context.enrichment_arn),
        Variable::Reserved(Reserved::TargetArn) => text(context.target_arn),
        Variable::Reserved(Reserved::IngestionTime) => text(context.ingestion_time),
        Variable::Reserved(Reserved::Event) if json::is_valid(&event.text) => Some(event.text.clone()),
        Variable::Reserved(Reserved::Event) => text(&event.text),
        Variable::Reserved(Reserved::EventJson) => json::is_valid(&event.text).then(|| event.json.clone()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fill(template: &str, body: &str) -> String {
        let record = json!({"messageId": "m", "body": body}).to_string();
        let held = pontoon_source::Held {
            message_id: "m".to_owned(),
            receipt_handle: String::new(),
            record,
            traces: None,
        };
        let context = Context {
            pipe_arn: "arn:pipe",
            pipe_name: "p",
            source_arn: "arn:source",
            enrichment_arn: "",
            target_arn: "arn:target",
            ingestion_time: "2026-01-31T12:00:00Z",
        };
        Template::parse(template).unwrap().fill(&Event::of_message(&held), context)
    }

    #[test]
    fn variables_stand_for_parts_of_the_event_and_of_the_pipe() {
        let json = r#"{"key":"value","n":1.5,"list":["a"]}"#;
        for (template, body, expected) in [
            (r#""Hello, sender""#, "x", r#""Hello, sender""#),
            (r#"{"a": <$.body.key>, "b": "<$.body.key>!"}"#, json, r#"{"a": "value", "b": "value!"}"#),
            (r#"{"a": <$.body.n>, "b": <$.body.list>}"#, json, r#"{"a": 1.5, "b": ["a"]}"#),
            (
                "[<$.body>, <$.body.n>]",
                r#"{"z":1, "n":12345678901234567890.50}"#,
                r#"[{"z":1,"n":12345678901234567890.50}, 12345678901234567890.50]"#,
            ),
            (r#"{"a": "Body is <$.body.list>"}"#, json, r#"{"a": "Body is [a]"}"#),
            (r#"["\"<$.messageId>", <$.messageId>]"#, json, r#"["\"m", "m"]"#),
            ("<$.body>", "plain text", "plain text"),
            ("<$.body>", r#"{"key":"value"}"#, "{key:value}"),
            (r#"{"data": <$.body>}"#, r#"{"key":"value"}"#, r#"{"data": {"key":"value"}}"#),
            (r#"{"a": <$.body.nothing>, "b": "<$.nothing>"}"#, json, r#"{"a": "", "b": ""}"#),
            (
                r#"{"p": <aws.pipes.pipe-name>, "t": "<aws.pipes.event.ingestion-time>"}"#,
                "x",
                r#"{"p": "p", "t": "2026-01-31T12:00:00Z"}"#,
            ),
            (r#"{"e": <aws.pipes.event.json>}"#, "[1]", r#"{"e": {"body":[1],"messageId":"m"}}"#),
            (r#"{"e": <aws.pipes.event>}"#, "[1]", r#"{"e": {"body":"[1]","messageId":"m"}}"#),
            ("a < b, <c> and ä", "x", "a < b, <c> and ä"),
        ] {
            assert_eq!(fill(template, body), expected, "{template}");
        }
    }

    #[test]
    fn what_is_no_variable_is_named() {
        assert_eq!(Template::parse(r#"{"a": <aws.pipes.nothing>}"#), Err("aws.pipes.nothing".to_owned()));
        assert_eq!(Template::parse("<$.a[?(@.b)]>"), Err("$.a[?(@.b)]".to_owned()));
    }
}
