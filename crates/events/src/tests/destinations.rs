//! Connections and API destinations.

use super::*;
use pontoon_api::invocation::{InvokeApiDestinationInput, InvokeApiDestinationOutput};
use pontoon_core::Caller;
use pontoon_core::work::HttpCall;

const ROLE: &str = "arn:aws:iam::000000000000:role/invoke";

pub(super) fn basic() -> CreateConnectionAuthRequestParameters {
    CreateConnectionAuthRequestParameters {
        basic_auth_parameters: Some(CreateConnectionBasicAuthRequestParameters {
            username: "user".into(),
            password: "pass".into(),
        }),
        ..Default::default()
    }
}

fn api_key() -> CreateConnectionAuthRequestParameters {
    CreateConnectionAuthRequestParameters {
        api_key_auth_parameters: Some(CreateConnectionApiKeyAuthRequestParameters {
            api_key_name: "ApiKey".into(),
            api_key_value: "secret".into(),
        }),
        ..Default::default()
    }
}

fn oauth() -> CreateConnectionAuthRequestParameters {
    CreateConnectionAuthRequestParameters {
        o_auth_parameters: Some(CreateConnectionOAuthRequestParameters {
            client_parameters: CreateConnectionOAuthClientRequestParameters {
                client_id: "client_id".into(),
                client_secret: "client_secret".into(),
            },
            authorization_endpoint: "https://example.com/oauth".into(),
            http_method: "POST".into(),
            o_auth_http_parameters: None,
        }),
        ..Default::default()
    }
}

impl Bench {
    pub(super) fn connect(
        &mut self,
        kind: &str,
        auth_parameters: CreateConnectionAuthRequestParameters,
    ) -> Result<Box<dyn Output>, ApiError> {
        self.call(Request::CreateConnection(CreateConnectionInput {
            name: "c".into(),
            authorization_type: kind.into(),
            auth_parameters,
            ..Default::default()
        }))
    }

    pub(super) fn connection(&mut self) -> DescribeConnectionOutput {
        output(self.call(Request::DescribeConnection(DescribeConnectionInput { name: "c".into() })))
    }

    pub(super) fn create_destination(
        &mut self,
        connection: &str,
        rate: Option<i32>,
    ) -> Result<Box<dyn Output>, ApiError> {
        self.call(Request::CreateApiDestination(CreateApiDestinationInput {
            name: "d".into(),
            connection_arn: connection.into(),
            invocation_endpoint: "https://example.com/api".into(),
            http_method: "POST".into(),
            invocation_rate_limit_per_second: rate,
            ..Default::default()
        }))
    }

    pub(super) fn destination(&mut self) -> DescribeApiDestinationOutput {
        output(self.call(Request::DescribeApiDestination(DescribeApiDestinationInput { name: "d".into() })))
    }

    /// A rule that sends what source `s` puts to an API destination.
    fn with_destination(kind: &str, auth: CreateConnectionAuthRequestParameters, rate: Option<i32>) -> Self {
        let mut bench = Self::new();
        bench.connect(kind, auth).unwrap();
        let connection = bench.connection().connection_arn.unwrap();
        bench.create_destination(&connection, rate).unwrap();
        let arn = bench.destination().api_destination_arn.unwrap();
        bench.put_rule("default", "r", r#"{"source":["s"]}"#).unwrap();
        let target = Target {
            role_arn: Some(ROLE.into()),
            dead_letter_config: Some(DeadLetterConfig { arn: Some(queue("dlq")) }),
            ..to(arn)
        };
        bench.put_target("default", "r", target).unwrap();
        bench
    }

    /// Puts an event and lets its first attempt be made.
    fn emit(&mut self, detail: &str) {
        self.put_event("default", "s", detail);
        self.advance(Duration::ZERO);
    }
}

fn header<'c>(call: &'c HttpCall, name: &str) -> Option<&'c str> {
    call.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
}

#[test]
fn connections_are_answered_as_recorded_and_keep_their_secrets() {
    for (kind, auth, state) in [
        ("BASIC", basic(), "AUTHORIZED"),
        ("API_KEY", api_key(), "AUTHORIZED"),
        ("OAUTH_CLIENT_CREDENTIALS", oauth(), "AUTHORIZING"),
    ] {
        let mut bench = Bench::new();
        let created: CreateConnectionOutput = output(bench.connect(kind, auth));
        assert_eq!(created.connection_state.as_deref(), Some(state));
        let arn = created.connection_arn.unwrap();
        assert!(arn.starts_with("arn:aws:events:us-east-1:000000000000:connection/c/"), "{arn}");
        let described = bench.connection();
        assert_eq!(described.connection_arn.as_deref(), Some(arn.as_str()));
        assert_eq!(described.connection_state.as_deref(), Some(state));
        assert_eq!(described.authorization_type.as_deref(), Some(kind));
        assert!(described.last_authorized_time.is_some());
        let secret = described.secret_arn.clone().unwrap();
        let start = "arn:aws:secretsmanager:us-east-1:000000000000:secret:events!connection/c/";
        assert_eq!(secret.strip_prefix(start).map(str::len), Some(36 + 1 + 6), "{secret}");
        let shown = format!("{:?}", described.auth_parameters);
        let told = ["user", "ApiKey", "client_id"].iter().any(|name| shown.contains(name));
        assert!(told && !shown.contains("pass\"") && !shown.contains("secret"), "{shown}");
        let listed: ListConnectionsOutput =
            output(bench.call(Request::ListConnections(ListConnectionsInput::default())));
        assert_eq!(listed.connections.unwrap()[0].connection_state.as_deref(), Some(state));
        let deleted: DeleteConnectionOutput =
            output(bench.call(Request::DeleteConnection(DeleteConnectionInput { name: "c".into() })));
        assert_eq!(deleted.connection_state.as_deref(), Some("DELETING"));
        let gone = bench.call(Request::DescribeConnection(DescribeConnectionInput { name: "c".into() }));
        assert_eq!(
            message(gone),
            "ResourceNotFoundException: Failed to describe the connection(s). Connection 'c' does not exist."
        );
    }
}

#[test]
fn secret_parameters_are_not_shown_and_others_are() {
    let mut bench = Bench::new();
    let parameter = |key: &str, is_value_secret| ConnectionHeaderParameter {
        key: Some(key.into()),
        value: Some(format!("value-{key}")),
        is_value_secret,
    };
    let auth = CreateConnectionAuthRequestParameters {
        invocation_http_parameters: Some(ConnectionHttpParameters {
            header_parameters: Some(vec![parameter("a", Some(true)), parameter("b", Some(false))]),
            ..Default::default()
        }),
        ..basic()
    };
    bench.connect("BASIC", auth).unwrap();
    let shown = bench.connection().auth_parameters.unwrap().invocation_http_parameters.unwrap();
    let shown: Vec<Option<String>> =
        shown.header_parameters.unwrap().into_iter().map(|parameter| parameter.value).collect();
    assert_eq!(shown, [None, Some("value-b".into())]);
}

#[test]
fn an_update_replaces_what_it_gives() {
    let mut bench = Bench::new();
    bench.connect("BASIC", basic()).unwrap();
    let update = |auth_parameters, kind: Option<&str>| {
        Request::UpdateConnection(UpdateConnectionInput {
            name: "c".into(),
            authorization_type: kind.map(Into::into),
            auth_parameters: Some(auth_parameters),
            ..Default::default()
        })
    };
    let username = UpdateConnectionAuthRequestParameters {
        basic_auth_parameters: Some(UpdateConnectionBasicAuthRequestParameters {
            username: Some("new_user".into()),
            password: None,
        }),
        ..Default::default()
    };
    let updated: UpdateConnectionOutput = output(bench.call(update(username, None)));
    assert_eq!(updated.connection_state.as_deref(), Some("AUTHORIZED"));
    let shown = bench.connection().auth_parameters.unwrap().basic_auth_parameters.unwrap();
    assert_eq!(shown.username.as_deref(), Some("new_user"));
    let key = UpdateConnectionAuthRequestParameters {
        api_key_auth_parameters: Some(UpdateConnectionApiKeyAuthRequestParameters {
            api_key_name: Some("k".into()),
            api_key_value: None,
        }),
        ..Default::default()
    };
    for kind in [None, Some("API_KEY")] {
        assert!(message(bench.call(update(key.clone(), kind))).starts_with("ValidationException"));
    }
    assert!(
        message(bench.call(update(UpdateConnectionAuthRequestParameters::default(), Some("API_KEY"))))
            .starts_with("ValidationException")
    );
    let deauthorized: DeauthorizeConnectionOutput =
        output(bench.call(Request::DeauthorizeConnection(DeauthorizeConnectionInput { name: "c".into() })));
    assert_eq!(deauthorized.connection_state.as_deref(), Some("DEAUTHORIZING"));
    let described = bench.connection();
    assert_eq!(described.connection_state.as_deref(), Some("DEAUTHORIZED"));
    assert_eq!((described.auth_parameters, described.secret_arn), (None, None));
}

#[test]
fn api_destinations_are_answered_as_recorded() {
    for (kind, auth, state) in
        [("BASIC", basic(), "ACTIVE"), ("OAUTH_CLIENT_CREDENTIALS", oauth(), "INACTIVE")]
    {
        let mut bench = Bench::new();
        bench.connect(kind, auth).unwrap();
        let connection = bench.connection().connection_arn.unwrap();
        let created: CreateApiDestinationOutput = output(bench.create_destination(&connection, None));
        assert_eq!(created.api_destination_state.as_deref(), Some(state));
        let described = bench.destination();
        assert_eq!(described.invocation_rate_limit_per_second, Some(300));
        assert_eq!(described.connection_arn.as_ref(), Some(&connection));
        assert_eq!(
            message(bench.create_destination(&connection, None)),
            "ResourceAlreadyExistsException: An api-destination 'd' already exists."
        );
        let updated: UpdateApiDestinationOutput =
            output(bench.call(Request::UpdateApiDestination(UpdateApiDestinationInput {
                name: "d".into(),
                http_method: Some("PUT".into()),
                invocation_endpoint: Some("https://example.com/api/v2".into()),
                description: Some("Updated API destination".into()),
                ..Default::default()
            })));
        assert_eq!(updated.api_destination_state.as_deref(), Some(state));
        let described = bench.destination();
        assert_eq!(described.http_method.as_deref(), Some("PUT"));
        assert_eq!(described.invocation_endpoint.as_deref(), Some("https://example.com/api/v2"));
        bench.restart();
        assert_eq!(bench.destination(), described);
        let listed: ListApiDestinationsOutput =
            output(bench.call(Request::ListApiDestinations(ListApiDestinationsInput {
                connection_arn: Some(connection),
                ..Default::default()
            })));
        assert_eq!(listed.api_destinations.unwrap().len(), 1);
        bench.call(Request::DeleteApiDestination(DeleteApiDestinationInput { name: "d".into() })).unwrap();
        let gone =
            bench.call(Request::DescribeApiDestination(DescribeApiDestinationInput { name: "d".into() }));
        assert_eq!(
            message(gone),
            "ResourceNotFoundException: Failed to describe the api-destination(s). An api-destination 'd' does not exist."
        );
    }
}

#[test]
fn what_cannot_be_used_is_refused() {
    let mut bench = Bench::new();
    for (kind, auth) in [("BASIC", api_key()), ("API_KEY", CreateConnectionAuthRequestParameters::default())]
    {
        assert!(message(bench.connect(kind, auth)).starts_with("ValidationException"));
    }
    let mut bad_endpoint = oauth();
    if let Some(parameters) = &mut bad_endpoint.o_auth_parameters {
        parameters.authorization_endpoint = "example.com".into();
    }
    assert!(
        message(bench.connect("OAUTH_CLIENT_CREDENTIALS", bad_endpoint)).contains("AuthorizationEndpoint")
    );
    bench.connect("BASIC", basic()).unwrap();
    assert_eq!(
        message(bench.connect("BASIC", basic())),
        "ResourceAlreadyExistsException: Connection c already exists."
    );
    let unknown = "arn:aws:events:us-east-1:000000000000:connection/c/0";
    assert!(message(bench.create_destination(unknown, None)).starts_with("ResourceNotFoundException"));

    let mut bench = Bench::with_destination("BASIC", basic(), None);
    let arn = bench.destination().api_destination_arn.unwrap();
    assert_eq!(
        message(bench.put_target("default", "r", to(arn.clone()))),
        format!("ValidationException: RoleArn is required for target {arn}.")
    );
    let with_header = |name: &str, arn: &str| Target {
        role_arn: Some(ROLE.into()),
        http_parameters: Some(HttpParameters {
            header_parameters: Some([(name.to_owned(), "v".to_owned())].into()),
            ..Default::default()
        }),
        ..to(arn.to_owned())
    };
    assert_eq!(
        message(bench.put_target("default", "r", with_header("X-Amzn-Trace", &arn))),
        "ValidationException: Header X-Amzn-Trace is not permitted for target 1."
    );
    assert!(
        message(bench.put_target("default", "r", with_header("X", &queue("q"))))
            .starts_with("NotSupportedByPontoon")
    );
    bench.put_target("default", "r", with_header("X", &arn)).unwrap();
    let targets: ListTargetsByRuleOutput =
        output(bench.call(Request::ListTargetsByRule(ListTargetsByRuleInput {
            rule: "r".into(),
            ..Default::default()
        })));
    assert_eq!(targets.targets.unwrap(), [with_header("X", &arn)]);
}

#[test]
fn an_event_is_posted_with_what_the_connection_authorizes() {
    let mut bench = Bench::with_destination("BASIC", basic(), None);
    bench.put_event("default", "s", r#"{"n":1}"#);
    assert!(bench.work.is_empty(), "it leaves with the next command, once it is durable");
    bench.advance(Duration::ZERO);
    let call = bench.answer(204, "");
    assert_eq!((call.method, call.url.as_str()), ("POST", "https://example.com/api"));
    assert_eq!(header(&call, "Authorization"), Some("Basic dXNlcjpwYXNz"));
    assert!(call.body.ends_with(br#""detail":{"n":1}}"#));
    assert_eq!(bench.events.outbox.len(), 0);
    bench.advance(Duration::from_secs(60));
    for (name, value) in
        [("Invocations", 1.0), ("InvocationAttempts", 1.0), ("SuccessfulInvocationAttempts", 1.0)]
    {
        assert_eq!(bench.metric(name, "r"), value, "{name}");
    }
}

#[test]
fn what_may_pass_is_posted_again_and_the_rest_is_not() {
    for (status, is_retried) in [
        (400, false),
        (401, true),
        (403, false),
        (404, false),
        (407, true),
        (409, true),
        (410, false),
        (429, true),
        (500, true),
        (503, true),
        (301, false),
    ] {
        let mut bench = Bench::with_destination("API_KEY", api_key(), None);
        bench.emit("{}");
        bench.answer(status, "why");
        assert_eq!(bench.sent.len(), usize::from(!is_retried), "{status}: {:?}", bench.sent);
        bench.advance(Duration::from_secs(2));
        assert_eq!(bench.work.len(), usize::from(is_retried), "{status}");
    }
    let mut bench = Bench::with_destination("API_KEY", api_key(), None);
    bench.emit("{}");
    bench.answer(400, "why");
    let expected = [
        "ERROR_CODE=SDK_CLIENT_ERROR",
        "ERROR_MESSAGE=Unable to invoke ApiDestination endpoint: status 400: why",
    ];
    let attributes = attributes(&bench.sent[0]);
    assert!(expected.iter().all(|expected| attributes.iter().any(|of| of == expected)), "{attributes:?}");
}

#[test]
fn failures_of_the_network_are_tried_again_until_the_retries_are_used_up() {
    let mut bench = Bench::with_destination("BASIC", basic(), None);
    bench.emit("{}");
    let mut posts = 0;
    while bench.sent.is_empty() {
        let reason = if posts % 2 == 0 { "no answer within 5 s" } else { "connection refused" };
        assert_eq!(bench.work.len(), 1);
        bench.answer_with(Err(reason.into()), None);
        posts += 1;
        if posts % 10 == 0 {
            // Whatever was under way when the server stopped is made again.
            bench.restart();
        }
        bench.advance(Duration::from_secs(600));
    }
    let attributes = attributes(&bench.sent[0]);
    let has = |of: &str| attributes.iter().any(|attribute| attribute == of);
    assert!(
        has("EXHAUSTED_RETRY_CONDITION=MaximumEventAgeInSeconds") || posts == 186,
        "{posts} {attributes:?}"
    );
    assert!(has("ERROR_CODE=TIMEOUT") || has("ERROR_CODE=CONNECTION_FAILURE"), "{attributes:?}");
    assert!(posts > 100);
}

#[test]
fn the_longer_of_retry_after_and_the_own_wait_counts() {
    let mut bench = Bench::with_destination("BASIC", basic(), None);
    bench.emit("{}");
    bench.answer_with(Ok((503, "".into())), Some("120"));
    bench.advance(Duration::from_secs(119));
    assert!(bench.work.is_empty());
    bench.advance(Duration::from_secs(1));
    assert_eq!(bench.work.len(), 1);
    bench.answer_with(Ok((503, "".into())), Some("0"));
    bench.advance(Duration::from_millis(900));
    assert!(bench.work.is_empty());
    bench.advance(Duration::from_secs(2));
    bench.answer_with(Ok((503, "".into())), Some("-1"));
    assert_eq!(bench.sent.len(), 1, "a negative number ends it");
}

#[test]
fn only_so_many_requests_are_made_in_a_second() {
    let mut bench = Bench::with_destination("BASIC", basic(), Some(2));
    for number in 0..5 {
        bench.emit(&format!("{{\"n\":{number}}}"));
    }
    let mut made = Vec::new();
    for _ in 0..3 {
        made.push(bench.work.len());
        while !bench.work.is_empty() {
            bench.answer(200, "");
        }
        bench.advance(Duration::from_secs(1));
    }
    assert_eq!(made, [2, 2, 1]);
    bench.advance(Duration::from_secs(60));
    assert_eq!(bench.metric("InvocationAttempts", "r"), 5.0, "a turn that is waited for is no attempt");
}

#[test]
fn requests_beyond_those_under_way_wait_for_one_to_end() {
    let mut bench = Bench::with_destination("BASIC", basic(), Some(1000));
    for _ in 0..300 {
        bench.put_event("default", "s", "{}");
    }
    bench.advance(Duration::ZERO);
    assert_eq!(bench.work.len(), 256);
    let mut answered = 0;
    while !bench.work.is_empty() {
        bench.answer(200, "");
        answered += 1;
    }
    assert_eq!(answered, 300);
    assert_eq!(bench.events.outbox.len(), 0);
}

#[test]
fn a_token_is_asked_for_once_kept_and_asked_for_again_when_it_is_refused_or_old() {
    let mut bench = Bench::with_destination("OAUTH_CLIENT_CREDENTIALS", oauth(), None);
    bench.emit(r#"{"n":1}"#);
    bench.emit(r#"{"n":2}"#);
    assert_eq!(bench.work.len(), 1, "both wait for the token");
    let granted = |token: &str| format!(r#"{{"access_token":"{token}","expires_in":3600}}"#);
    let call = bench.answer(200, &granted("one"));
    assert_eq!(call.url, "https://example.com/oauth");
    assert_eq!(
        &call.body[..],
        b"grant_type=client_credentials&client_id=client_id&client_secret=client_secret"
    );
    assert_eq!(bench.connection().connection_state.as_deref(), Some("AUTHORIZED"));
    assert_eq!(bench.destination().api_destination_state.as_deref(), Some("ACTIVE"));
    assert_eq!(header(&bench.answer(200, ""), "Authorization"), Some("Bearer one"));
    // The second is refused: the token is asked for anew.
    assert_eq!(header(&bench.answer(401, ""), "Authorization"), Some("Bearer one"));
    bench.advance(Duration::from_secs(2));
    assert_eq!(bench.answer(200, &granted("two")).url, "https://example.com/oauth");
    assert_eq!(header(&bench.answer(200, ""), "Authorization"), Some("Bearer two"));
    bench.advance(Duration::from_secs(3600));
    bench.emit(r#"{"n":3}"#);
    assert_eq!(bench.answer(200, &granted("three")).url, "https://example.com/oauth");
    assert_eq!(header(&bench.answer(200, ""), "Authorization"), Some("Bearer three"));
    // Tokens are not stored.
    bench.emit(r#"{"n":4}"#);
    bench.restart();
    bench.advance(Duration::ZERO);
    assert_eq!(bench.answer(200, &granted("four")).url, "https://example.com/oauth");
    assert_eq!(header(&bench.answer(200, ""), "Authorization"), Some("Bearer four"));
    assert_eq!(bench.events.outbox.len(), 0);
}

#[test]
fn a_connection_without_a_token_says_why_and_takes_nothing() {
    let mut bench = Bench::with_destination("OAUTH_CLIENT_CREDENTIALS", oauth(), None);
    bench.restart();
    assert_eq!(bench.work.len(), 1, "asked for again after a restart");
    bench.answer(403, "");
    let described = bench.connection();
    assert_eq!(described.connection_state.as_deref(), Some("DEAUTHORIZED"));
    assert_eq!(
        described.state_reason.as_deref(),
        Some("the authorization endpoint answered with status 403")
    );
    bench.emit("{}");
    assert!(bench.work.is_empty());
    assert!(attributes(&bench.sent[0]).contains(&"ERROR_CODE=NO_PERMISSIONS".to_owned()));
}

#[test]
fn deliveries_that_wait_for_a_token_go_on_when_the_connection_changes() {
    let key = UpdateConnectionInput {
        name: "c".into(),
        authorization_type: Some("API_KEY".into()),
        auth_parameters: Some(UpdateConnectionAuthRequestParameters {
            api_key_auth_parameters: Some(UpdateConnectionApiKeyAuthRequestParameters {
                api_key_name: Some("k".into()),
                api_key_value: Some("v".into()),
            }),
            ..Default::default()
        }),
        ..Default::default()
    };
    let mut bench = Bench::with_destination("OAUTH_CLIENT_CREDENTIALS", oauth(), None);
    bench.emit("{}");
    bench.call(Request::UpdateConnection(key)).unwrap();
    // The answer to the token request of before means nothing any more.
    bench.answer(403, "");
    assert_eq!(header(&bench.answer(200, ""), "k"), Some("v"));

    for delete in [false, true] {
        let mut bench = Bench::with_destination("OAUTH_CLIENT_CREDENTIALS", oauth(), None);
        bench.emit("{}");
        let name = "c".to_owned();
        match delete {
            true => bench.call(Request::DeleteConnection(DeleteConnectionInput { name })).unwrap(),
            false => bench.call(Request::DeauthorizeConnection(DeauthorizeConnectionInput { name })).unwrap(),
        };
        bench.advance(Duration::from_secs(2));
        let expected = if delete { "ERROR_CODE=NO_RESOURCE" } else { "ERROR_CODE=NO_PERMISSIONS" };
        assert!(attributes(&bench.sent[0]).contains(&expected.to_owned()), "{:?}", bench.sent[0]);
    }
}

#[test]
fn a_deleted_destination_is_no_resource() {
    let mut bench = Bench::with_destination("BASIC", basic(), None);
    bench.call(Request::DeleteApiDestination(DeleteApiDestinationInput { name: "d".into() })).unwrap();
    bench.emit("{}");
    assert!(attributes(&bench.sent[0]).contains(&"ERROR_CODE=NO_RESOURCE".to_owned()));
}

#[test]
fn a_role_that_may_not_invoke_a_destination_does_not() {
    let mut bench = Bench::with_destination("BASIC", basic(), None);
    let target = |bench: &mut Bench| Target {
        role_arn: Some("arn:aws:iam::000000000000:role/idle".into()),
        dead_letter_config: Some(DeadLetterConfig { arn: Some(queue("dlq")) }),
        ..to(bench.destination().api_destination_arn.unwrap())
    };
    let target = target(&mut bench);
    bench.put_target("default", "r", target).unwrap();
    bench.emit("{}");
    assert!(bench.work.is_empty());
    assert!(attributes(&bench.sent[0]).contains(&"ERROR_CODE=NO_PERMISSIONS".to_owned()));
    bench.settings.policies = PolicyMode::Warn;
    bench.emit("{}");
    assert_eq!(bench.work.len(), 1);
    let told = bench.notes.last().and_then(|note| note.reason.clone()).unwrap();
    assert!(told.contains("events:InvokeApiDestination"), "{told}");
}

impl Bench {
    /// Has the API destination called with `body`, in the role of this name.
    fn invoke_as(&mut self, role: &str, body: &str) -> Result<(), ApiError> {
        let arn = self.destination().api_destination_arn.unwrap();
        let parameters = HttpParameters {
            query_string_parameters: Some([("q".to_owned(), "$.literal".to_owned())].into()),
            ..Default::default()
        };
        let role = format!("arn:aws:iam::000000000000:role/{role}");
        let caller = Caller {
            identity: (self.events.roles)(&role),
            principal: Principal::Role { arn: role.into(), session: "p".into() },
            ..self.caller.clone()
        };
        self.invoke(&caller, InvokeApiDestinationInput { arn, parameters, body: body.into() })
    }

    /// What the invocations that ended meanwhile came to.
    fn ended(&mut self) -> Vec<String> {
        let told = |outcome: Result<Box<dyn Output>, ApiError>| match outcome {
            Ok(output) => {
                let output: InvokeApiDestinationOutput = *output.into_any().downcast().unwrap();
                format!("{} {}", output.status, String::from_utf8_lossy(&output.body))
            }
            Err(error) => error.to_string(),
        };
        std::mem::take(&mut self.unparked).into_iter().map(told).collect()
    }
}

#[test]
fn another_service_gets_the_answer_of_an_api_destination() {
    let mut bench = Bench::with_destination("BASIC", basic(), None);
    for (answer, expected) in [
        (Ok((200, "{}".into())), "200 {}"),
        (Ok((204, "".into())), "204 "),
        (Ok((404, "no".into())), "SdkClientError: Unable to invoke ApiDestination endpoint: status 404: no"),
        (Ok((500, "".into())), "ErrorFromTarget: Unable to invoke ApiDestination endpoint: status 500"),
        (Ok((429, "".into())), "ThrottlingException: Unable to invoke ApiDestination endpoint: status 429"),
        (
            Err("no answer within 5 s".to_owned()),
            "Timeout: Unable to invoke ApiDestination endpoint: no answer within 5 s",
        ),
        (
            Err("connection refused".to_owned()),
            "ConnectionFailure: Unable to invoke ApiDestination endpoint: connection refused",
        ),
        (
            Ok((200, vec![b'a'; 6 * 1024 * 1024 + 1].into())),
            "SdkClientError: The answer of the API destination is longer than 6291456 bytes, or broke off.",
        ),
    ] {
        bench.invoke_as("invoke", "[1]").unwrap();
        let call = bench.answer_with(answer, None);
        assert_eq!(bench.ended(), [expected]);
        assert_eq!((call.method, call.url.as_str()), ("POST", "https://example.com/api?q=%24.literal"));
        assert_eq!(header(&call, "Authorization"), Some("Basic dXNlcjpwYXNz"));
        assert_eq!((&call.body[..], call.answer_bytes_max), (&b"[1]"[..], 6 * 1024 * 1024 + 1));
    }
    // Nothing is tried again, and nothing goes to a dead-letter queue.
    bench.advance(Duration::from_secs(3600));
    assert_eq!((bench.work.len(), bench.sent.len()), (0, 0));
}

#[test]
fn an_invocation_needs_the_right_to_it_and_a_destination() {
    let mut bench = Bench::with_destination("BASIC", basic(), None);
    let denied = message(bench.invoke_as("idle", "").map(|()| Box::new(PutRuleOutput::default()) as _));
    assert!(denied.starts_with("AccessDeniedException: User: "), "{denied}");
    let arn = bench.destination().api_destination_arn.unwrap();
    bench.call(Request::DeleteApiDestination(DeleteApiDestinationInput { name: "d".into() })).unwrap();
    let caller = bench.caller.clone();
    let gone = bench
        .invoke(&caller, InvokeApiDestinationInput { arn: arn.clone(), ..Default::default() })
        .unwrap_err();
    assert_eq!(gone.to_string(), format!("ResourceNotFoundException: {arn} does not exist."));
    assert!(bench.work.is_empty());
}

#[test]
fn invocations_take_turns_with_rules_and_none_waits_for_long() {
    let mut bench = Bench::with_destination("BASIC", basic(), Some(1));
    bench.emit("{}");
    for body in 1..=20 {
        bench.invoke_as("invoke", &body.to_string()).unwrap();
    }
    let refused = bench.invoke_as("invoke", "21").unwrap_err();
    assert_eq!((refused.status, refused.code.as_ref()), (429, "ThrottlingException"));
    assert_eq!(bench.work.len(), 1, "the rule's event had the first turn");
    bench.answer(200, "");
    bench.emit("{}");
    for body in 1..=20 {
        bench.advance(Duration::from_millis(999));
        assert_eq!(bench.work.len(), 0);
        bench.advance(Duration::from_millis(1));
        assert_eq!(&bench.answer(200, "").body[..], body.to_string().as_bytes());
        assert_eq!(bench.ended(), ["200 "]);
    }
    bench.advance(Duration::from_secs(1));
    assert_eq!(bench.work.len(), 1, "the rule's second event had the turn after them");
    bench.answer(200, "");
    bench.invoke_as("invoke", "22").unwrap();
    bench.advance(Duration::from_secs(1));
    assert_eq!(&bench.answer(200, "").body[..], b"22");
}

#[test]
fn an_invocation_waits_for_the_token() {
    let mut bench = Bench::with_destination("OAUTH_CLIENT_CREDENTIALS", oauth(), None);
    bench.invoke_as("invoke", "1").unwrap();
    bench.invoke_as("invoke", "2").unwrap();
    assert_eq!(bench.answer(200, r#"{"access_token":"t"}"#).url, "https://example.com/oauth");
    assert_eq!(bench.work.len(), 2);
    assert_eq!(header(&bench.answer(200, "a"), "Authorization"), Some("Bearer t"));
    // A token that is not taken any more is asked for anew the next time.
    bench.answer(401, "");
    assert_eq!(
        bench.ended(),
        ["200 a", "NotAuthorized: Unable to invoke ApiDestination endpoint: status 401"]
    );
    bench.invoke_as("invoke", "3").unwrap();
    assert_eq!(bench.answer(500, "").url, "https://example.com/oauth");
    let why = "ConnectionFailure: No token: the authorization endpoint answered with status 500.";
    assert_eq!(bench.ended(), [why]);
    // Whoever waited is gone after a restart, and with it what it waited for.
    bench.invoke_as("invoke", "4").unwrap();
    bench.restart();
    assert!(bench.work.is_empty() && bench.events.next_due().is_none());
}
