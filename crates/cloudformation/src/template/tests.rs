//! Tables over whole templates: the sections' shapes, names, functions and order, held to the recordings.

use std::collections::BTreeMap;

use super::graph;
use super::parameters;
use super::resolve::{KNOWN_AFTER_APPLY, Pseudo, Resolved, Scope, Surroundings, no_export};
use super::*;

/// Resources whose references are `ref:NAME` and whose attributes are `NAME.ATTRIBUTE`, except those
/// whose names start with `Later`.
struct Fake;

impl Surroundings for Fake {
    fn reference(&self, resource: &str) -> Result<Resolved> {
        if resource.starts_with("Later") {
            return Ok(Resolved::Unknown);
        }
        Ok(Resolved::Value(format!("ref:{resource}").into()))
    }

    fn attribute(&self, resource: &str, attribute: &str) -> Result<Resolved> {
        if resource.starts_with("Later") {
            return Ok(Resolved::Unknown);
        }
        Ok(Resolved::Value(format!("{resource}.{attribute}").into()))
    }

    fn import(&self, name: &str) -> Result<Resolved> {
        match name {
            "known" => Ok(Resolved::Value("imported".into())),
            _ => Err(no_export(name)),
        }
    }
}

fn pseudo() -> Pseudo {
    Pseudo {
        account_id: "111111111111".into(),
        region: "us-east-1".into(),
        partition: "aws".into(),
        url_suffix: "amazonaws.com".into(),
        stack_name: "stack".into(),
        stack_id: "arn:aws:cloudformation:us-east-1:111111111111:stack/stack/1".into(),
        notification_arns: vec!["arn:aws:sns:us-east-1:111111111111:t".into()],
    }
}

fn check_error(template: &str, message: &str) {
    assert_eq!(Template::parse(template).unwrap_err().message(), message, "{template}");
}

/// Resolves a value in a template with parameters, mappings, conditions and resources to refer to.
fn resolve(value: &str) -> Result<Resolved> {
    let text = format!(
        "{{\"Parameters\":{{\"Name\":{{\"Type\":\"String\",\"Default\":\"n\"}},\"List\":{{\"Type\":\"CommaDelimitedList\",\
         \"Default\":\"a,b\"}},\"Three\":{{\"Type\":\"Number\",\"Default\":3}}}},\
         \"Mappings\":{{\"M\":{{\"A\":{{\"k\":\"v\",\"l\":[\"x\",\"y\"],\"t\":true}}}}}},\
         \"Conditions\":{{\"Yes\":{{\"Condition\":\"Also\"}},\"Also\":{{\"Fn::Equals\":[{{\"Ref\":\"Three\"}},3]}},\
         \"No\":{{\"Fn::Not\":[{{\"Condition\":\"Yes\"}}]}}}},\
         \"Resources\":{{\"R\":{{\"Type\":\"T\"}},\"Later\":{{\"Type\":\"T\"}},\"S\":{{\"Type\":\"T\",\"Properties\":{{\"P\":{value}}}}}}}}}"
    );
    let template = Template::parse(&text)?;
    let values = parameters::assign(&template.parameters, &BTreeMap::new())?;
    let pseudo = pseudo();
    let scope = Scope::new(&template, &values, &pseudo, &Fake)?;
    let Expression::Map(properties) = &template.resources["S"].properties else {
        panic!("properties are a map")
    };
    scope.resolve(&properties["P"])
}

fn check_value(value: &str, expected: &str) {
    match resolve(value) {
        Ok(Resolved::Value(resolved)) => assert_eq!(resolved.to_json(), expected, "{value}"),
        other => panic!("{value} came to {other:?}"),
    }
}

#[test]
fn functions_resolve() {
    check_value(r#"{"Ref":"Name"}"#, r#""n""#);
    check_value(r#"{"Ref":"List"}"#, r#"["a","b"]"#);
    check_value(r#"{"Ref":"R"}"#, r#""ref:R""#);
    check_value(r#"{"Fn::GetAtt":["R","A.B"]}"#, r#""R.A.B""#);
    check_value(r#"{"Fn::GetAtt":["R",{"Ref":"Name"}]}"#, r#""R.n""#);
    check_value(
        r#"{"Fn::Sub":"${AWS::Region}-${Name}-${R}-${R.Arn}-${!x}"}"#,
        r#""us-east-1-n-ref:R-R.Arn-${x}""#,
    );
    check_value(r#"{"Fn::Sub":["${V}${Three}",{"V":{"Ref":"R"}}]}"#, r#""ref:R3""#);
    check_value(r#"{"Fn::Sub":["${A.B}",{"A.B":"dotted"}]}"#, r#""dotted""#);
    check_value(r#"{"Fn::Join":["-",["a",1,true,{"Ref":"AWS::NoValue"}]]}"#, r#""a-1-true""#);
    check_value(r#"{"Fn::Join":["-",{"Ref":"List"}]}"#, r#""a-b""#);
    check_value(r#"{"Fn::Join":["-",[{"Ref":"AWS::NoValue"}]]}"#, r#""""#);
    check_value(r#"{"Fn::Select":["1",{"Fn::Split":["|","a|b"]}]}"#, r#""b""#);
    check_value(r#"{"Fn::Select":[{"Fn::Select":[0,[1]]},["a",{"Ref":"R"}]]}"#, r#""ref:R""#);
    check_value(r#"{"Fn::If":["Yes",{"a":{"Ref":"AWS::NoValue"},"b":1},2]}"#, r#"{"b":1}"#);
    check_value(r#"{"Fn::If":["No",1,[{"Ref":"AWS::NoValue"},2]]}"#, "[2]");
    check_value(r#"{"Fn::FindInMap":["M","A","l"]}"#, r#"["x","y"]"#);
    check_value(r#"{"Fn::FindInMap":["M","A","t"]}"#, "true");
    check_value(r#"{"Fn::Base64":"héllo"}"#, r#""aMOpbGxv""#);
    check_value(r#"{"Fn::Cidr":["10.0.0.0/24",2,"6"]}"#, r#"["10.0.0.0/26","10.0.0.64/26"]"#);
    check_value(r#"{"Fn::Select":[0,{"Fn::GetAZs":""}]}"#, r#""us-east-1a""#);
    check_value(r#"{"Fn::ImportValue":{"Fn::Sub":"known"}}"#, r#""imported""#);
    check_value(r#"{"Ref":"AWS::NotificationARNs"}"#, r#"["arn:aws:sns:us-east-1:111111111111:t"]"#);
    check_value(r#"{"Ref":"AWS::URLSuffix"}"#, r#""amazonaws.com""#);
    assert_eq!(resolve(r#"{"Ref":"AWS::NoValue"}"#), Ok(Resolved::NoValue));
}

#[test]
fn what_depends_on_a_resource_to_come_is_unknown_as_a_whole() {
    for value in [
        r#"{"Ref":"Later"}"#,
        r#"{"Fn::Sub":"x${Later.Arn}"}"#,
        r#"{"Fn::Join":["",["x",{"Ref":"Later"}]]}"#,
        r#"{"Fn::Select":[5,{"Fn::Split":[",",{"Ref":"Later"}]}]}"#,
        r#"{"Fn::Base64":{"Ref":"Later"}}"#,
    ] {
        assert_eq!(resolve(value), Ok(Resolved::Unknown), "{value}");
    }
    check_value(r#"{"a":[{"Ref":"Later"}]}"#, &format!("{{\"a\":[\"{KNOWN_AFTER_APPLY}\"]}}"));
}

#[test]
fn what_cannot_be_resolved_says_why() {
    for (value, message) in [
        (r#"{"Fn::FindInMap":["M","C","Suffix"]}"#, "Template error: Unable to get mapping for M::C::Suffix"),
        (
            r#"{"Fn::FindInMap":["X","C","Suffix"]}"#,
            "Template error: Mapping named 'X' is not present in the 'Mappings' section of template.",
        ),
        (
            r#"{"Fn::Select":[3,[{"Ref":"Name"}]]}"#,
            "Template error: Fn::Select cannot select nonexistent value at index 3",
        ),
        (
            r#"{"Fn::Select":[{"Ref":"Name"},["a"]]}"#,
            "Template error: Fn::Select requires a list argument with a valid index value as its first element",
        ),
        (
            r#"{"Fn::Select":[0,{"Ref":"Name"}]}"#,
            "Template error: Fn::Select requires a list argument with two elements: an integer index and a list",
        ),
        (
            r#"{"Fn::Sub":"${List}"}"#,
            "Template error: variable List in Fn::Sub expression does not resolve to a string",
        ),
        (r#"{"Fn::ImportValue":"unknown"}"#, "No export named unknown found."),
        (
            r#"{"Fn::GetAtt":["Nowhere","A"]}"#,
            "Template error: instance of Fn::GetAtt references undefined resource Nowhere",
        ),
        (
            r#"{"Fn::Sub":"${Nowhere.A}"}"#,
            "Template error: instance of Fn::Sub references invalid resource attribute Nowhere.A",
        ),
        (
            r#"{"Fn::Sub":"${Nowhere}"}"#,
            "Template format error: Unresolved resource dependencies [Nowhere] in the Resources block of the template",
        ),
        (
            r#"{"Fn::If":["MissingCondition",1,2]}"#,
            "Template error: unresolved condition dependency MissingCondition in Fn::If",
        ),
    ] {
        assert_eq!(resolve(value).unwrap_err().message(), message, "{value}");
    }
}

#[test]
fn sections_are_held_to_their_shapes() {
    check_error("Description: x", "Template format error: At least one Resources member must be defined.");
    check_error("Resources: {}", "Template format error: At least one Resources member must be defined.");
    check_error("Resources:\n  A: x", "Template format error: Any Resources member must be an object.");
    check_error(
        "Resources:\n  A: {}",
        "Template format error: [/Resources/A] Every Resources object must contain a Type member.",
    );
    check_error("Resources:\n  A: {Type: T, Invalid: 1}", "Invalid template resource property 'Invalid'");
    check_error(
        "Resources:\n  a-b: {Type: T}",
        "Template format error: Resource name a-b is non alphanumeric.",
    );
    check_error(
        "Resources:\n  AWS::NoValue: {Type: T}",
        "Template format error: Resource name AWS::NoValue is non alphanumeric.",
    );
    check_error(
        "Resources:\n  A:\n    Type: T\n    Properties:\n",
        "[/Resources/A/Properties] 'null' values are not allowed in templates",
    );
    check_error(
        "Resources:\n  A: {Type: T, Properties: {B: {C: null}}}",
        "[/Resources/A/Properties/B/C] 'null' values are not allowed in templates",
    );
    check_error(
        "Resources:\n  A: {Type: T, DependsOn: [Nowhere]}",
        "Template format error: Unresolved resource dependencies [Nowhere] in the Resources block of the template",
    );
    check_error(
        "Resources:\n  A: {Type: T, DeletionPolicy: Keep}",
        "Template format error: Unrecognized DeletionPolicy Keep for resource A",
    );
    check_error(
        "Resources:\n  A: {Type: T, DeletionPolicy: Snapshot}",
        "Template error: resource type T does not support deletion policy Snapshot",
    );
    check_error(
        "Bogus: 1\nOther: 2\nResources:\n  A: {Type: T}",
        "Invalid template property or properties [Bogus, Other]",
    );
    check_error(
        "AWSTemplateFormatVersion: 2011-01-01\nResources:\n  A: {Type: T}",
        "Template format error: unsupported value for AWSTemplateFormatVersion.",
    );
    check_error(
        "Transform: AWS::Serverless-2016-10-31\nResources:\n  A: {Type: T}",
        "Transform AWS::Serverless-2016-10-31 is not supported.",
    );
    check_error(
        "Rules: {}\nResources:\n  A: {Type: T}",
        "Template format error: the Rules section is not supported.",
    );
    check_error(
        "Parameters:\n  AWS::NoValue: {Type: String}\nResources:\n  A: {Type: T}",
        "Template format error: Parameter name AWS::NoValue is non alphanumeric.",
    );
    let outputs = |outputs: &str| format!("Resources:\n  A: {{Type: T}}\nOutputs:\n  MyOutput: {outputs}");
    check_error(
        &outputs("{Value: null}"),
        "[/Outputs/MyOutput/Value] 'null' values are not allowed in templates",
    );
    check_error(&outputs("{}"), "Template format error: Every Outputs member must contain a Value object");
    check_error(
        &outputs("{Value: x, Export: {Nam: x}}"),
        "Template format error: Output MyOutput is malformed. The Name field of every Export member must be specified and consist only of alphanumeric characters, colons, or hyphens.",
    );
    check_error(
        &outputs("{Value: !Ref Nowhere}"),
        "Template format error: Unresolved resource dependencies [Nowhere] in the Outputs block of the template",
    );
    let mappings = |mappings: &str| format!("Mappings:\n  M: {mappings}\nResources:\n  A: {{Type: T}}");
    check_error(&mappings("{A: x}"), "Template format error: Every Mappings member A must be a map");
    check_error(
        &mappings("{A: {B: {C: x}}}"),
        "Template format error: Every Mappings attribute must be a String or a List.",
    );
    check_error(
        &mappings("{A: {B: !Ref X}}"),
        "Template format error: Every Mappings attribute must be a String or a List.",
    );
    let conditions =
        |conditions: &str| format!("Conditions:\n  C: {conditions}\nResources:\n  A: {{Type: T}}");
    check_error(
        &conditions("!Equals [a]"),
        "Template error: every Fn::Equals object requires a list of 2 string parameters.",
    );
    check_error(
        &conditions("!Equals [a, !Ref A]"),
        "Template format error: Unresolved dependencies [A]. Cannot reference resources in the Conditions block of the template",
    );
    check_error(
        &conditions("!Not [!Condition C]"),
        "Template error: Found circular condition dependency between C and C",
    );
    check_error(
        &conditions("!And [!Condition D, !Condition D]"),
        "Template format error: Unresolved condition dependency D in the Conditions block of the template",
    );
    check_error(
        &conditions("!Or [!Equals [a, b]]"),
        "Template error: every Fn::Or object requires a list of at least 2 and at most 10 boolean parameters.",
    );
    let many: String = (0..501).map(|index| format!("  R{index}: {{Type: T}}\n")).collect();
    check_error(
        &format!("Resources:\n{many}"),
        "Template format error: Number of resources, 501, is greater than maximum allowed, 500",
    );
}

fn order(template: &str) -> Result<Vec<String>> {
    let template = Template::parse(template)?;
    let values = parameters::assign(&template.parameters, &BTreeMap::new())?;
    let pseudo = pseudo();
    let scope = Scope::new(&template, &values, &pseudo, &Fake)?;
    let graph = graph::dependencies(&scope)?;
    Ok(graph
        .into_iter()
        .map(|(name, needed)| format!("{name}<-{}", needed.into_iter().collect::<Vec<_>>().join("+")))
        .collect())
}

#[test]
fn dependencies_follow_references_and_depends_on() {
    let template = "
Conditions:
  Never: !Equals [a, b]
Resources:
  A: {Type: T, Properties: {P: !If [Never, !Ref E, !Sub '${B.Arn}${C}']}}
  B: {Type: T, DependsOn: C}
  C: {Type: T}
  D: {Type: T, Properties: {P: !Join ['', [!GetAtt A.X, !Select [0, [!Ref C]]]]}}
  E: {Type: T, Condition: Never, Properties: {P: !Ref D}}
Outputs:
  O: {Value: !Ref E, Condition: Never}
";
    assert_eq!(order(template).unwrap(), ["A<-B+C", "B<-C", "C<-", "D<-A+C"]);
}

#[test]
fn impossible_orders_are_refused() {
    let error = |template: &str| order(template).unwrap_err().message().to_owned();
    assert_eq!(
        error(
            "Resources:\n  A: {Type: T, DependsOn: B}\n  B: {Type: T, DependsOn: A}\n  C: {Type: T, DependsOn: A}\n  D: {Type: T}"
        ),
        "Circular dependency between resources: [A, B]"
    );
    assert_eq!(
        error("Resources:\n  A: {Type: T, Properties: {P: !Ref A}}"),
        "Circular dependency between resources: [A]"
    );
    let skipped = "Conditions: {Never: !Equals [a, b]}\nResources:\n  MyTopic: {Type: T, Condition: Never}\n  B: {Type: T}\n";
    assert_eq!(
        error(&format!("{skipped}  C: {{Type: T, Properties: {{P: !Ref MyTopic}}}}")),
        "Template format error: Unresolved resource dependencies [MyTopic] in the Resources block of the template"
    );
    assert_eq!(
        error(&format!("{skipped}Outputs: {{O: {{Value: !Ref MyTopic}}}}")),
        "Unresolved resource dependencies [MyTopic] in the Outputs block of the template"
    );
}

#[test]
fn conditions_of_any_length_chain_are_decided() {
    let mut text =
        String::from("{\"Resources\":{\"A\":{\"Type\":\"T\",\"Condition\":\"C0\"}},\"Conditions\":{");
    for index in 0..2000 {
        text.push_str(&format!("\"C{index}\":{{\"Condition\":\"C{}\"}},", index + 1));
    }
    text.push_str("\"C2000\":{\"Fn::Equals\":[1,\"1\"]}}}");
    assert_eq!(order(&text).unwrap(), ["A<-"]);
}

/// Values made of the words that templates are made of.
fn wordy() -> impl proptest::strategy::Strategy<Value = Value> {
    use proptest::prelude::*;
    let word = proptest::sample::select(vec![
        "A",
        "B",
        "P",
        "T",
        "Type",
        "Properties",
        "Condition",
        "Value",
        "Ref",
        "Fn::Sub",
        "Fn::If",
        "Fn::Join",
        "Fn::GetAtt",
        "Fn::Select",
        "Fn::Split",
        "Fn::FindInMap",
        "Fn::Equals",
        "Fn::Not",
        "Fn::And",
        "Fn::Cidr",
        "Fn::Base64",
        "Fn::ImportValue",
        "${A}",
        "${A.B}",
        "AWS::NoValue",
        "AWS::Region",
        "String",
        "Default",
        "0",
        "10.0.0.0/8",
        "",
    ]);
    let leaf = prop_oneof![
        word.clone().prop_map(Value::from),
        (-2_i64..9).prop_map(|number| Value::Number(number.to_string())),
        Just(Value::Bool(true)),
        Just(Value::Null),
    ];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
            proptest::collection::vec((word.clone(), inner), 0..4).prop_map(|members| Value::Map(
                members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
            )),
        ]
    })
}

proptest::proptest! {
    #[test]
    fn any_template_is_deployed_or_refused(
        parameter in wordy(), mapping in wordy(), condition in wordy(), property in wordy(), output in wordy()
    ) {
        let section = |value: &Value| Value::Map(Map::from_iter([("A".to_owned(), value.clone())]));
        let resource = Value::Map(Map::from_iter([
            ("Type".to_owned(), "T".into()),
            ("Properties".to_owned(), Value::Map(Map::from_iter([("P".to_owned(), property)]))),
        ]));
        let output = Value::Map(Map::from_iter([("Value".to_owned(), output)]));
        for skip in ["", "Parameters", "Mappings", "Conditions"] {
            let mut root = Map::new();
            root.insert("Parameters".to_owned(), section(&parameter));
            root.insert("Mappings".to_owned(), section(&mapping));
            root.insert("Conditions".to_owned(), section(&condition));
            root.insert("Resources".to_owned(), Value::Map(Map::from_iter([("B".to_owned(), resource.clone())])));
            root.insert("Outputs".to_owned(), section(&output));
            root.shift_remove(skip);
            // Panics and endless loops are what this looks for; the answer itself is any.
            let _ = order(&Value::Map(root).to_json());
        }
    }
}
