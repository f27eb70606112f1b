//! Deliveries of vended logs: what they are made of, who may make them, and where records go.

use std::collections::BTreeMap;

use pontoon_api::vended::{AllowLogDeliveryInput, AllowLogDeliveryOutput, DeliverLogsInput, VendedRecord};
use pontoon_core::trace::{TraceId, TraceOutcome, one};

use super::*;

const BUS: &str = "arn:aws:events:us-east-1:000000000000:event-bus/orders";
const GROUP: &str = "arn:aws:logs:us-east-1:000000000000:log-group:g";
const DESTINATION: &str = "arn:aws:logs:us-east-1:000000000000:delivery-destination:d";

/// A bench with the engine's part in it: hops are made, and those to EventBridge are answered.
struct Deliveries {
    bench: Bench,
    /// What EventBridge answers about the bus.
    refusal: Option<ApiError>,
    lost: Vec<String>,
}

impl Deliveries {
    fn new() -> Self {
        let mut bench = Bench::new();
        bench.create_group("g").unwrap();
        Self { bench, refusal: None, lost: Vec::new() }
    }

    /// With the bus's sources of all types, of which the one for `INFO_LOGS` is delivered to the log group.
    fn set_up() -> Self {
        let mut this = Self::new();
        for log_type in ["ERROR", "INFO", "TRACE"] {
            this.put_source(&source(log_type, BUS, &format!("{log_type}_LOGS"))).unwrap();
        }
        this.put_destination("d", GROUP, None).unwrap();
        this.create(delivery("INFO")).unwrap();
        this
    }

    fn call<T: 'static>(&mut self, request: Request) -> Result<T, ApiError> {
        let outcome = match self.bench.step(|logs, step| logs.call(step, Box::new(request)))? {
            Reply::Ready(output) => Ok(output),
            Reply::Read(read) => read(self.bench.store.snapshot().as_ref()),
            Reply::Parked(_) => {
                self.make_hops();
                self.bench.effects.unparked.pop().unwrap().1
            }
        };
        if outcome.is_ok() {
            self.make_hops();
        }
        Ok(*outcome?.into_any().downcast().unwrap())
    }

    fn make_hops(&mut self) {
        for hop in std::mem::take(&mut self.bench.effects.hops) {
            let own = std::mem::replace(&mut self.bench.caller, hop.caller);
            let outcome = if hop.request.operation().name == "AllowVendedLogDeliveryForResource" {
                let input: Box<AllowLogDeliveryInput> = hop.request.into_any().downcast().unwrap();
                assert_eq!(input.resource_arn, BUS);
                self.refusal.clone().map_or(Ok(Box::new(AllowLogDeliveryOutput {}) as _), Err)
            } else {
                let answer = self.bench.step(|logs, step| logs.call(step, hop.request));
                answer.map(|reply| match reply {
                    Reply::Ready(output) => output,
                    _ => panic!("writing answers at once"),
                })
            };
            self.bench.caller = own;
            if let Some(ticket) = hop.ticket {
                self.bench.step(|logs, step| logs.settled(step, ticket.token, outcome));
            }
            let notes = std::mem::take(&mut self.bench.effects.notes);
            self.lost.extend(notes.into_iter().map(|note| {
                assert_eq!(note.record.outcome, TraceOutcome::Failed);
                note.record.reason.unwrap()
            }));
        }
    }

    fn put_source(&mut self, input: &PutDeliverySourceInput) -> Result<DeliverySource, ApiError> {
        let output: PutDeliverySourceOutput = self.call(Request::PutDeliverySource(input.clone()))?;
        Ok(output.delivery_source.unwrap())
    }

    fn put_destination(
        &mut self,
        name: &str,
        arn: &str,
        format: Option<&str>,
    ) -> Result<DeliveryDestination, ApiError> {
        let configuration = DeliveryDestinationConfiguration { destination_resource_arn: arn.to_owned() };
        let input = PutDeliveryDestinationInput {
            name: name.to_owned(),
            output_format: format.map(str::to_owned),
            delivery_destination_configuration: Some(configuration),
            ..Default::default()
        };
        let output: PutDeliveryDestinationOutput = self.call(Request::PutDeliveryDestination(input))?;
        Ok(output.delivery_destination.unwrap())
    }

    fn create(&mut self, input: CreateDeliveryInput) -> Result<Delivery, ApiError> {
        let output: CreateDeliveryOutput = self.call(Request::CreateDelivery(input))?;
        Ok(output.delivery.unwrap())
    }

    fn deliveries(&mut self, input: DescribeDeliveriesInput) -> DescribeDeliveriesOutput {
        self.call(Request::DescribeDeliveries(input)).unwrap()
    }

    /// Tells records of these types, with the numbers of their order.
    fn tell(&mut self, log_types: &[&'static str]) {
        let at_millis = self.bench.now.millis();
        let record = |(number, log_type): (usize, &&'static str)| VendedRecord {
            log_type,
            at_millis,
            json: format!(r#"{{"resource_arn":"b","event_id":"{number}","log_level":"{log_type}"}}"#),
        };
        let records = log_types.iter().enumerate().map(record).collect();
        let input = DeliverLogsInput { resource_arn: BUS.into(), log_stream: "BusLogs", records };
        let caller = Caller { traces: one(TraceId([7; 16])), ..self.bench.caller.clone() };
        let own = std::mem::replace(&mut self.bench.caller, caller);
        self.bench.step(|logs, step| logs.call(step, Box::new(input)).map(|_| ())).unwrap();
        self.bench.caller = own;
        self.make_hops();
    }

    fn told(&mut self, stream: &str) -> Vec<String> {
        let input = GetLogEventsInput {
            log_stream_name: stream.to_owned(),
            start_from_head: Some(true),
            ..Default::default()
        };
        let page = self.bench.get(input).unwrap();
        messages(&page).into_iter().map(str::to_owned).collect()
    }
}

fn source(name: &str, resource_arn: &str, log_type: &str) -> PutDeliverySourceInput {
    PutDeliverySourceInput {
        name: name.to_owned(),
        resource_arn: resource_arn.to_owned(),
        log_type: log_type.to_owned(),
        ..Default::default()
    }
}

fn delivery(source: &str) -> CreateDeliveryInput {
    CreateDeliveryInput {
        delivery_source_name: source.to_owned(),
        delivery_destination_arn: DESTINATION.to_owned(),
        ..Default::default()
    }
}

fn tags(key: &str) -> Option<BTreeMap<String, String>> {
    Some(BTreeMap::from([(key.to_owned(), "v".to_owned())]))
}

#[test]
fn a_source_is_put_if_its_service_lets_it() {
    let mut this = Deliveries::new();
    this.refusal = Some(ApiError::client("ResourceNotFoundException", "Event bus orders does not exist."));
    let input = source("s", BUS, "INFO_LOGS");
    assert_eq!(refused(this.put_source(&input)).1, "Event bus orders does not exist.");
    assert!(this.bench.logs.regions[&Scope::default()].deliveries.sources.is_empty());
    this.refusal = None;
    let put = this.put_source(&PutDeliverySourceInput { tags: tags("k"), ..input.clone() }).unwrap();
    let expected = DeliverySource {
        name: Some("s".into()),
        arn: Some("arn:aws:logs:us-east-1:000000000000:delivery-source:s".into()),
        resource_arns: Some(vec![BUS.into()]),
        service: Some("events".into()),
        log_type: Some("INFO_LOGS".into()),
        tags: tags("k"),
        ..Default::default()
    };
    assert_eq!(put, expected);
    this.bench.restart();
    assert_eq!(this.put_source(&input).unwrap(), expected, "its tags stay");
}

#[test]
fn sources_that_cannot_be_are_refused_with_the_reason() {
    let mut this = Deliveries::new();
    this.put_source(&source("taken", BUS, "INFO_LOGS")).unwrap();
    let other_bus = "arn:aws:events:us-east-1:000000000000:event-bus/other";
    for (input, code, message) in [
        (source("s", "bus", "INFO_LOGS"), "ValidationException", "Invalid ARN provided."),
        (
            source("s", "arn:aws:sqs:us-east-1:000000000000:q", "INFO_LOGS"),
            "ResourceNotFoundException",
            "Cannot access provided service.",
        ),
        (
            source("s", "arn:aws:events:us-east-1:000000000000:rule/r", "INFO_LOGS"),
            "ResourceNotFoundException",
            "Cannot access provided service.",
        ),
        (
            source("s", "arn:aws:events:eu-west-1:000000000000:event-bus/b", "INFO_LOGS"),
            "ValidationException",
            "Cross-region Delivery Source is not supported. Please use a different region.",
        ),
        (
            source("s", "arn:aws:events:us-east-1:111111111111:event-bus/b", "INFO_LOGS"),
            "ValidationException",
            "Account id from identity does not match the resourceArn.",
        ),
        (
            source("s", BUS, "ACCESS_LOGS"),
            "ValidationException",
            " This service is not allowed for this LogSource.",
        ),
        (
            source("s", BUS, "INFO_LOGS"),
            "ConflictException",
            "This ResourceId has already been used in another Delivery Source in this account.",
        ),
        (
            source("taken", other_bus, "INFO_LOGS"),
            "ConflictException",
            "Update to existing Delivery Source with new ResourceId is not allowed. Please create a new Delivery Source instead.",
        ),
        (
            PutDeliverySourceInput { tags: tags("k"), ..source("taken", BUS, "INFO_LOGS") },
            "ConflictException",
            "Tags can only be provided when a resource is being created, not updated.",
        ),
        (
            PutDeliverySourceInput { tags: tags("aws:k"), ..source("s", BUS, "ERROR_LOGS") },
            "ValidationException",
            "aws: prefixed tag key names are not allowed for external use: aws:k",
        ),
        (
            PutDeliverySourceInput {
                delivery_source_configuration: tags("samplingRate"),
                ..source("s", BUS, "ERROR_LOGS")
            },
            "NotSupportedByPontoon",
            "Pontoon does not support configurations of delivery sources.",
        ),
    ] {
        assert_eq!(refused(this.put_source(&input)), (code.into(), message.into()));
    }
}

#[test]
fn destinations_are_log_groups_and_buckets_of_the_account() {
    let mut this = Deliveries::new();
    let put = this.put_destination("d", &format!("{GROUP}:*"), Some("json")).unwrap();
    assert_eq!(put.delivery_destination_type.as_deref(), Some("CWL"));
    assert_eq!((put.arn.as_deref(), put.output_format.as_deref()), (Some(DESTINATION), Some("json")));
    let bucket = this.put_destination("b", "arn:aws:s3:::bucket", Some("parquet")).unwrap();
    assert_eq!(bucket.delivery_destination_type.as_deref(), Some("S3"));
    let changed = this.put_destination("d", GROUP, None).unwrap();
    assert_eq!(changed.output_format.as_deref(), Some("json"));
    for (name, arn, format, message) in [
        ("e", "bucket", None, "Invalid ARN provided."),
        ("e", "arn:aws:logs:us-east-1:000000000000:log-stream:g", None, "Invalid ARN provided."),
        (
            "e",
            "arn:aws:sqs:us-east-1:000000000000:q",
            None,
            "Delivery Destination Resource ARN is of unsupported service.",
        ),
        (
            "e",
            "arn:aws:logs:eu-west-1:000000000000:log-group:g",
            None,
            "Region from identity does not match the Destination Resource ARN.",
        ),
        (
            "e",
            "arn:aws:logs:us-east-1:111111111111:log-group:g",
            None,
            "Account id from identity does not match the Destination Resource ARN.",
        ),
        (
            "e",
            "arn:aws:firehose:us-east-1:000000000000:deliverystream/s",
            None,
            "Pontoon does not support Firehose as a delivery destination.",
        ),
        (
            "e",
            GROUP,
            Some("plain"),
            "Pontoon does not support log groups as delivery destinations in other formats than json.",
        ),
        (
            "b",
            "arn:aws:s3:::bucket",
            Some("json"),
            "Update to existing Delivery Destination with new Output Format is not allowed. Please create a new Delivery Destination instead.",
        ),
        ("b", GROUP, None, "The type of a Delivery Destination cannot be changed."),
    ] {
        assert_eq!(refused(this.put_destination(name, arn, format)).1, message);
    }
    let xray = PutDeliveryDestinationInput {
        name: "x".into(),
        delivery_destination_type: Some("XRAY".into()),
        ..Default::default()
    };
    let refusal = refused(this.call::<PutDeliveryDestinationOutput>(Request::PutDeliveryDestination(xray)));
    assert_eq!(refusal.1, "Pontoon does not support X-Ray as a delivery destination.");
}

#[test]
fn a_delivery_is_told_found_and_deleted_before_what_it_joins() {
    let mut this = Deliveries::set_up();
    let all = this.deliveries(DescribeDeliveriesInput::default()).deliveries.unwrap();
    let id = all[0].id.clone().unwrap();
    assert_eq!(id.len(), 16);
    let arn = format!("arn:aws:logs:us-east-1:000000000000:delivery:{id}");
    assert_eq!((all.len(), all[0].arn.as_deref()), (1, Some(arn.as_str())));
    assert_eq!(all[0].delivery_source_name.as_deref(), Some("INFO"));
    this.bench.restart();
    let got: GetDeliveryOutput =
        this.call(Request::GetDelivery(GetDeliveryInput { id: id.clone() })).unwrap();
    assert_eq!(got.delivery.as_ref(), Some(&all[0]));
    let source = || Request::DeleteDeliverySource(DeleteDeliverySourceInput { name: "INFO".into() });
    let destination =
        || Request::DeleteDeliveryDestination(DeleteDeliveryDestinationInput { name: "d".into() });
    assert_eq!(refused(this.call::<DeleteDeliverySourceOutput>(source())).0, "ConflictException");
    assert_eq!(refused(this.call::<DeleteDeliveryDestinationOutput>(destination())).0, "ConflictException");
    let delete = || Request::DeleteDelivery(DeleteDeliveryInput { id: id.clone() });
    this.call::<DeleteDeliveryOutput>(delete()).unwrap();
    assert_eq!(
        refused(this.call::<DeleteDeliveryOutput>(delete())).1,
        "Requested Delivery does not exist in this account."
    );
    this.call::<DeleteDeliverySourceOutput>(source()).unwrap();
    this.call::<DeleteDeliveryDestinationOutput>(destination()).unwrap();
    this.bench.restart();
    assert_eq!(
        refused(this.call::<DeleteDeliverySourceOutput>(source())).1,
        "Requested Delivery Source does not exist in this account.."
    );
}

#[test]
fn deliveries_that_cannot_be_are_refused_with_the_reason() {
    let mut this = Deliveries::set_up();
    this.put_destination("second", GROUP, None).unwrap();
    this.put_destination("bucket", "arn:aws:s3:::bucket", None).unwrap();
    this.put_destination("gone", &format!("{GROUP}one"), None).unwrap();
    let to = |name: &str| CreateDeliveryInput {
        delivery_destination_arn: format!("arn:aws:logs:us-east-1:000000000000:delivery-destination:{name}"),
        ..delivery("ERROR")
    };
    let s3 = S3DeliveryConfiguration::default();
    for (input, message) in [
        (delivery("other"), "Requested Delivery Source does not exist in this account."),
        (to("other"), "Requested Delivery Destination does not exist in this account."),
        (to("gone"), "The specified log group does not exist."),
        (to("bucket"), "Pontoon does not support deliveries of logs to Amazon S3."),
        (
            CreateDeliveryInput { delivery_destination_arn: GROUP.into(), ..delivery("ERROR") },
            "Action logs:CreateDelivery should have a valid resource ARN to authorize against.",
        ),
        (
            CreateDeliveryInput {
                delivery_destination_arn: DESTINATION.replace("us-east-1", "eu-west-1"),
                ..delivery("ERROR")
            },
            "Cross-region Delivery Destination is not supported. Please use a different region.",
        ),
        (delivery("INFO"), "The specified Delivery already exists"),
        (
            CreateDeliveryInput { delivery_source_name: "INFO".into(), ..to("second") },
            "Delivery already exists for this Delivery Source with the same Delivery Destination Type.",
        ),
        (
            CreateDeliveryInput { record_fields: Some(vec!["date".into()]), ..delivery("ERROR") },
            "The record field date is not one of this log source.",
        ),
        (
            CreateDeliveryInput { field_delimiter: Some(",".into()), ..delivery("ERROR") },
            "Pontoon does not support fieldDelimiter of a delivery, which records in JSON do not have.",
        ),
        (
            CreateDeliveryInput { s3_delivery_configuration: Some(s3), ..delivery("ERROR") },
            "Pontoon does not support s3DeliveryConfiguration of a delivery to a log group.",
        ),
    ] {
        assert_eq!(refused(this.create(input)).1, message);
    }
}

#[test]
fn records_of_a_type_that_is_delivered_are_in_the_log_group_in_their_order() {
    let mut this = Deliveries::set_up();
    let validation = this.told("log_stream_created_by_aws_to_validate_log_delivery_subscriptions");
    assert_eq!(validation.len(), 1);
    this.tell(&["INFO_LOGS", "TRACE_LOGS", "INFO_LOGS"]);
    let ids = |told: Vec<String>| -> Vec<String> {
        let read =
            |told: &String| serde_json::from_str::<serde_json::Value>(told).unwrap()["event_id"].clone();
        told.iter().map(|told| read(told).as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(this.told("BusLogs")), ["0", "2"]);
    this.create(delivery("TRACE")).unwrap();
    this.bench.restart();
    this.tell(&["INFO_LOGS", "TRACE_LOGS", "ERROR_LOGS", "INFO_LOGS"]);
    assert_eq!(ids(this.told("BusLogs")), ["0", "2", "0", "1", "3"]);
    assert!(this.lost.is_empty());
}

#[test]
fn records_have_the_fields_of_their_delivery() {
    let mut this = Deliveries::set_up();
    let id = this.deliveries(DescribeDeliveriesInput::default()).deliveries.unwrap()[0].id.clone().unwrap();
    let update = |fields: &[&str]| {
        Request::UpdateDeliveryConfiguration(UpdateDeliveryConfigurationInput {
            id: id.clone(),
            record_fields: Some(fields.iter().map(|field| (*field).to_owned()).collect()),
            ..Default::default()
        })
    };
    this.call::<UpdateDeliveryConfigurationOutput>(update(&["log_level", "event_id", "error"])).unwrap();
    assert_eq!(
        refused(this.call::<UpdateDeliveryConfigurationOutput>(update(&["date"]))).1,
        "The record field date is not one of this log source."
    );
    this.tell(&["INFO_LOGS"]);
    assert_eq!(this.told("BusLogs"), [r#"{"log_level":"INFO_LOGS","event_id":"0"}"#]);
}

#[test]
fn many_records_go_in_as_many_requests_as_they_need() {
    let mut this = Deliveries::set_up();
    let stored = |this: &mut Deliveries| {
        let page = this.bench.groups(DescribeLogGroupsInput::default());
        page.log_groups.unwrap()[0].stored_bytes.unwrap()
    };
    let before = stored(&mut this);
    this.tell(&["INFO_LOGS"; 10_001]);
    assert!(this.lost.is_empty());
    // Each record counts 26 bytes beside its message.
    let record = |n: usize| format!(r#"{{"resource_arn":"b","event_id":"{n}","log_level":"INFO_LOGS"}}"#);
    let bytes: usize = (0..10_001).map(|n| record(n).len() + 26).sum();
    assert_eq!(stored(&mut this) - before, i64::try_from(bytes).unwrap());
}

#[test]
fn the_policy_that_a_delivery_needs_is_added_for_whoever_may() {
    let mut this = Deliveries::set_up();
    let policies = |this: &mut Deliveries| -> Vec<ResourcePolicy> {
        let output: DescribeResourcePoliciesOutput =
            this.call(Request::DescribeResourcePolicies(Default::default())).unwrap();
        output.resource_policies.unwrap()
    };
    let all = policies(&mut this);
    assert_eq!((all.len(), all[0].policy_name.as_deref()), (1, Some("AWSLogDeliveryWrite20150319")));
    this.bench.create_group("h").unwrap();
    this.put_destination("d", &format!("{GROUP}:*").replace(":g:", ":h:"), None).unwrap();
    this.create(delivery("ERROR")).unwrap();
    let document: serde_json::Value =
        serde_json::from_str(policies(&mut this)[0].policy_document.as_deref().unwrap()).unwrap();
    let resource =
        |group: &str| format!("arn:aws:logs:us-east-1:000000000000:log-group:{group}:log-stream:*");
    assert_eq!(document["Statement"][0]["Resource"], serde_json::json!([resource("g"), resource("h")]));
    assert_eq!(
        document["Statement"][0]["Condition"]["ArnLike"]["aws:SourceArn"][0],
        "arn:aws:logs:us-east-1:000000000000:*"
    );
}

#[test]
fn without_a_policy_nothing_is_delivered() {
    let mut this = Deliveries::set_up();
    let delete = DeleteResourcePolicyInput {
        policy_name: Some("AWSLogDeliveryWrite20150319".into()),
        ..Default::default()
    };
    this.call::<DeleteResourcePolicyOutput>(Request::DeleteResourcePolicy(delete)).unwrap();
    this.tell(&["INFO_LOGS"]);
    assert_eq!(this.lost.len(), 1);
    assert!(
        this.lost[0].starts_with(
            "The log records are lost: AccessDeniedException: User: delivery.logs.amazonaws.com is not authorized to perform: logs:PutLogEvents"
        ),
        "{}",
        this.lost[0]
    );
    // Whoever may not see to the policy may not set up a delivery that it does not allow.
    this.bench.caller.principal = Principal::User("arn:aws:iam::000000000000:user/u".into());
    let allowed = r#"{"Statement":{"Effect":"Allow","Action":"logs:CreateDelivery","Resource":"*"}}"#;
    this.bench.caller.identity = Some(Arc::new(pontoon_core::policy::IdentityPolicies {
        documents: vec![pontoon_core::policy::Document::parse_identity(allowed).unwrap()],
        ..Default::default()
    }));
    let (code, message) = refused(this.create(delivery("ERROR")));
    assert_eq!(code, "AccessDeniedException");
    assert!(
        message.contains("delivery.logs.amazonaws.com is not authorized to perform: logs:CreateLogStream")
    );
}

#[test]
fn another_account_delivers_where_the_destinations_policy_lets_it() {
    let mut this = Deliveries::set_up();
    let other: Scope = Scope { account: "111111111111".parse().unwrap(), ..Scope::default() };
    let document = |account: &str| {
        format!(
            r#"{{"Statement":{{"Effect":"Allow","Principal":{{"AWS":"{account}"}},"Action":"logs:CreateDelivery","Resource":"*"}}}}"#
        )
    };
    let check = |this: &mut Deliveries| {
        let caller = Caller::of_account(other.account, "r", "http://127.0.0.1:4566");
        let own = std::mem::replace(&mut this.bench.caller, caller);
        let answer = this.bench.step(|logs, step| {
            step.scope = other;
            let region = logs.regions.entry(other).or_default();
            let (resource_arn, log_type) =
                (BUS.replace("000000000000", "111111111111"), "INFO_LOGS".to_owned());
            let record = crate::records::SourceRecord { resource_arn, log_type, tags: BTreeMap::new() };
            region.deliveries.sources.insert("INFO".into(), record);
            logs.call(step, Box::new(Request::CreateDelivery(delivery("INFO")))).map(|_| ())
        });
        this.bench.caller = own;
        answer
    };
    assert_eq!(refused(check(&mut this)).0, "AccessDeniedException");
    let put = |document: String| {
        Request::PutDeliveryDestinationPolicy(PutDeliveryDestinationPolicyInput {
            delivery_destination_name: "d".into(),
            delivery_destination_policy: document,
        })
    };
    assert_eq!(
        refused(this.call::<PutDeliveryDestinationPolicyOutput>(put("{}".into()))).1,
        "Invalid Delivery Destination resource Policy is provided."
    );
    this.call::<PutDeliveryDestinationPolicyOutput>(put(document("111111111111"))).unwrap();
    this.bench.restart();
    // Its log group must be opened by its own account's policy.
    let denied = refused(check(&mut this));
    assert!(denied.1.contains("delivery.logs.amazonaws.com is not authorized"), "{}", denied.1);
    let opened = super::policies::put(
        "p",
        &document("x")
            .replace(r#""AWS":"x""#, r#""Service":"delivery.logs.amazonaws.com""#)
            .replace("logs:CreateDelivery", "logs:*"),
    );
    this.call::<PutResourcePolicyOutput>(opened).unwrap();
    check(&mut this).unwrap();
}

#[test]
fn tags_lists_and_templates() {
    let mut this = Deliveries::set_up();
    let arn = "arn:aws:logs:us-east-1:000000000000:delivery-source:INFO";
    let tag = TagResourceInput { resource_arn: arn.into(), tags: tags("k").unwrap() };
    this.call::<TagResourceOutput>(Request::TagResource(tag)).unwrap();
    this.bench.restart();
    let list = ListTagsForResourceInput { resource_arn: arn.into() };
    let listed: ListTagsForResourceOutput = this.call(Request::ListTagsForResource(list)).unwrap();
    assert_eq!(listed.tags, tags("k"));
    let mut names = Vec::new();
    let mut input = DescribeDeliverySourcesInput { limit: Some(2), ..Default::default() };
    loop {
        let page: DescribeDeliverySourcesOutput =
            this.call(Request::DescribeDeliverySources(input.clone())).unwrap();
        names.extend(page.delivery_sources.unwrap().into_iter().map(|source| source.name.unwrap()));
        input.next_token = page.next_token;
        if input.next_token.is_none() {
            break;
        }
    }
    assert_eq!(names, ["ERROR", "INFO", "TRACE"]);
    input.next_token = Some("%".into());
    assert_eq!(
        refused(this.call::<DescribeDeliverySourcesOutput>(Request::DescribeDeliverySources(input))).0,
        "ValidationException"
    );
    for (input, expected) in [
        (DescribeConfigurationTemplatesInput::default(), 3),
        (
            DescribeConfigurationTemplatesInput {
                log_types: Some(vec!["INFO_LOGS".into()]),
                ..Default::default()
            },
            1,
        ),
        (DescribeConfigurationTemplatesInput { service: Some("cloudfront".into()), ..Default::default() }, 0),
        (
            DescribeConfigurationTemplatesInput {
                delivery_destination_types: Some(vec!["S3".into()]),
                ..Default::default()
            },
            0,
        ),
    ] {
        let output: DescribeConfigurationTemplatesOutput =
            this.call(Request::DescribeConfigurationTemplates(input)).unwrap();
        assert_eq!(output.configuration_templates.unwrap().len(), expected);
    }
}
