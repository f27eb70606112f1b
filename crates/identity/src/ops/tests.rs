//! Operations over a memory store, against the recordings' words.

use std::sync::Arc;

use pontoon_api::{iam, sts};
use pontoon_core::policy::{Access, PolicyMode};
use pontoon_core::step::{Ground, Settings};
use pontoon_core::{
    Account, ApiError, Batch, Caller, Ids, Principal, Reply, Scope, Service, Step, Store, Timestamp,
};

use crate::{Directory, Identity};

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"000000000000"},"Action":"sts:AssumeRole"}]}"#;
const LAMBDA_TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
const ALLOW_SEND: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:SendMessage","Resource":"*"}]}"#;
const BASIC: &str = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";
const ROLE: &str = "arn:aws:iam::000000000000:role/worker";

/// A service over a store, without an engine.
struct Bench {
    identity: Identity,
    store: Arc<dyn Store>,
    settings: Settings,
    ids: Ids,
    parks: u64,
    now: Timestamp,
}

impl Bench {
    fn new() -> Self {
        let settings = Settings { policies: PolicyMode::Enforce, endpoint: "http://127.0.0.1:4566".into() };
        Self {
            identity: Identity::default(),
            store: pontoon_store::memory(),
            settings,
            ids: Ids::from_seed(1),
            parks: 0,
            now: Timestamp::from_secs(1_800_000_000),
        }
    }

    fn owner() -> Caller {
        Caller::of_account(Account::DEFAULT, "r", "http://127.0.0.1:4566")
    }

    fn step<T>(&mut self, caller: &Caller, run: impl FnOnce(&mut Identity, &mut Step<'_>) -> T) -> T {
        let pending = Batch::new();
        let ground = Ground { store: self.store.as_ref(), pending: &pending, settings: &self.settings };
        let scope = Scope { account: caller.account, ..Scope::default() };
        let mut step = Step::new(self.now, scope, caller, &mut self.ids, &mut self.parks, &ground);
        let answer = run(&mut self.identity, &mut step);
        let (batch, _) = step.finish();
        self.store.apply(batch).unwrap();
        answer
    }

    fn call_as<T: 'static>(
        &mut self,
        caller: &Caller,
        request: impl pontoon_core::Request,
    ) -> Result<Box<T>, ApiError> {
        match self.step(caller, |identity, step| identity.call(step, Box::new(request)))? {
            Reply::Ready(output) => Ok(output.into_any().downcast().unwrap()),
            Reply::Parked(_) | Reply::Read(_) => panic!("IAM answers at once"),
        }
    }

    fn iam<T: 'static>(&mut self, request: iam::Request) -> Result<Box<T>, ApiError> {
        self.call_as(&Self::owner(), request)
    }

    fn sts<T: 'static>(&mut self, request: sts::Request) -> Result<Box<T>, ApiError> {
        self.call_as(&Self::owner(), request)
    }

    fn create_role(&mut self, trust: &str) -> Result<Box<iam::CreateRoleOutput>, ApiError> {
        self.iam(iam::Request::CreateRole(iam::CreateRoleInput {
            role_name: "worker".into(),
            assume_role_policy_document: trust.into(),
            ..Default::default()
        }))
    }

    fn put_policy(&mut self, json: &str) -> Result<(), ApiError> {
        let input = iam::PutRolePolicyInput {
            role_name: "worker".into(),
            policy_name: "inline".into(),
            policy_document: json.into(),
        };
        self.iam::<iam::PutRolePolicyOutput>(iam::Request::PutRolePolicy(input)).map(|_| ())
    }

    fn attach(&mut self, arn: &str) -> Result<(), ApiError> {
        let input = iam::AttachRolePolicyInput { role_name: "worker".into(), policy_arn: arn.into() };
        self.iam::<iam::AttachRolePolicyOutput>(iam::Request::AttachRolePolicy(input)).map(|_| ())
    }

    fn detach(&mut self, arn: &str) -> Result<(), ApiError> {
        let input = iam::DetachRolePolicyInput { role_name: "worker".into(), policy_arn: arn.into() };
        self.iam::<iam::DetachRolePolicyOutput>(iam::Request::DetachRolePolicy(input)).map(|_| ())
    }

    fn delete_role(&mut self) -> Result<(), ApiError> {
        let input = iam::DeleteRoleInput { role_name: "worker".into() };
        self.iam::<iam::DeleteRoleOutput>(iam::Request::DeleteRole(input)).map(|_| ())
    }

    fn create_policy(&mut self, json: &str) -> Result<String, ApiError> {
        let input = iam::CreatePolicyInput {
            policy_name: "sender".into(),
            policy_document: json.into(),
            path: Some("/apps/".into()),
            ..Default::default()
        };
        let output = self.iam::<iam::CreatePolicyOutput>(iam::Request::CreatePolicy(input))?;
        Ok(output.policy.unwrap().arn.unwrap())
    }

    fn assume(&mut self, input: sts::AssumeRoleInput) -> Result<Box<sts::AssumeRoleOutput>, ApiError> {
        self.sts(sts::Request::AssumeRole(input))
    }

    /// What the role may do is asked as the host asks: through the directory.
    fn role_may_send(&self) -> bool {
        let Some(policies) = self.identity.directory().policies_of_role(ROLE) else { return false };
        let caller = Caller {
            principal: Principal::Role { arn: ROLE.into(), session: "s".into() },
            identity: Some(policies),
            ..Self::owner()
        };
        may_send(&caller)
    }

    /// The same service, loaded again from the store.
    fn restart(&mut self) {
        let mut identity = Identity::new(Directory::default());
        identity.load(self.store.as_ref()).unwrap();
        self.identity = identity;
    }
}

fn may_send(caller: &Caller) -> bool {
    let access = Access {
        action: "sqs:SendMessage",
        resource: "arn:aws:sqs:us-east-1:000000000000:q",
        policy: None,
        context: &[],
    };
    access.denied(caller, Scope::default(), Timestamp::EPOCH).is_none()
}

fn assume_input() -> sts::AssumeRoleInput {
    sts::AssumeRoleInput { role_arn: ROLE.into(), role_session_name: "s1".into(), ..Default::default() }
}

#[track_caller]
fn fails<T>(outcome: Result<T, ApiError>, status: u16, code: &str, message: &str) {
    let Err(error) = outcome else { panic!("expected {code}") };
    assert_eq!((error.status, &*error.code, error.message.as_str()), (status, code, message));
}

#[test]
fn a_role_is_shown_as_recorded() {
    let mut bench = Bench::new();
    let created = bench
        .iam::<iam::CreateRoleOutput>(iam::Request::CreateRole(iam::CreateRoleInput {
            role_name: "worker".into(),
            path: Some("/apps/".into()),
            assume_role_policy_document: LAMBDA_TRUST.into(),
            tags: Some(vec![iam::Tag { key: "test".into(), value: "value".into() }]),
            ..Default::default()
        }))
        .unwrap()
        .role;
    assert_eq!(created.arn, "arn:aws:iam::000000000000:role/apps/worker");
    assert!(created.role_id.starts_with("AROA") && created.role_id.len() == 21);
    assert_eq!((created.max_session_duration, &created.role_last_used), (None, &None));
    let document = created.assume_role_policy_document.as_deref().unwrap();
    assert!(document.starts_with("%7B%22Version%22%3A%222012-10-17%22"), "{document}");
    let input = iam::GetRoleInput { role_name: "WORKER".into() };
    let got = bench.iam::<iam::GetRoleOutput>(iam::Request::GetRole(input)).unwrap().role;
    assert_eq!(got.max_session_duration, Some(3600));
    assert_eq!(got.role_last_used, Some(iam::RoleLastUsed::default()));
    assert_eq!(got.tags, created.tags);
    let listed = bench.iam::<iam::ListRolesOutput>(iam::Request::ListRoles(Default::default())).unwrap();
    assert_eq!((listed.is_truncated, listed.roles.len()), (Some(false), 1));
    assert_eq!((&listed.roles[0].tags, &listed.roles[0].role_last_used), (&None, &None));
    assert_eq!(listed.roles[0].max_session_duration, Some(3600));
}

#[test]
fn iam_refuses_in_the_recorded_words() {
    let mut bench = Bench::new();
    fails(bench.create_role("no json"), 400, "MalformedPolicyDocument", "This policy contains invalid Json");
    fails(bench.delete_role(), 404, "NoSuchEntity", "The role with name worker cannot be found.");
    bench.create_role(TRUST).unwrap();
    fails(bench.create_role(TRUST), 409, "EntityAlreadyExists", "Role with name worker already exists.");
    for malformed in ["longer-than-twenty-characters", "arn:aws:sqs:us-east-1:000000000000:queue"] {
        fails(bench.attach(malformed), 400, "ValidationError", "Invalid ARN:  Could not be parsed!");
    }
    let missing = "arn:aws:iam::aws:policy/AWSLambdaBasicExecutionRole";
    let message = format!("Policy {missing} does not exist or is not attachable.");
    fails(bench.attach(missing), 404, "NoSuchEntity", &message);
    fails(bench.detach(BASIC), 404, "NoSuchEntity", &format!("Policy {BASIC} was not found."));
    let missing = "arn:aws:iam::000000000000:policy/non-existent-policy";
    let delete = iam::Request::DeletePolicy(iam::DeletePolicyInput { policy_arn: missing.into() });
    let message = format!("Policy {missing} was not found.");
    fails(bench.iam::<iam::DeletePolicyOutput>(delete), 404, "NoSuchEntity", &message);
    let user = iam::Request::GetUser(iam::GetUserInput { user_name: Some("nobody".into()) });
    let message = "The user with name nobody cannot be found.";
    fails(bench.iam::<iam::GetUserOutput>(user), 404, "NoSuchEntity", message);
    let long = TRUST.replace(r#""Effect""#, &format!(r#""Sid":"{}","Effect""#, "x".repeat(2048)));
    fails(bench.create_role(&long), 409, "LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048");
    let long = ALLOW_SEND.replace(r#""Effect""#, &format!(r#""Sid":"{}","Effect""#, "x".repeat(10_240)));
    let message = "Maximum policy size of 10240 bytes exceeded for role worker";
    fails(bench.put_policy(&long), 409, "LimitExceeded", message);
    let old = ALLOW_SEND.replace("2012-10-17", "2008-10-17");
    let message = "Policy document must be version 2012-10-17 or greater.";
    fails(bench.create_policy(&old), 400, "MalformedPolicyDocument", message);
    bench.put_policy(&old).unwrap();
}

#[test]
fn a_role_with_policies_is_not_deleted() {
    let mut bench = Bench::new();
    bench.create_role(TRUST).unwrap();
    bench.attach(BASIC).unwrap();
    bench.put_policy(ALLOW_SEND).unwrap();
    let message = "Cannot delete entity, must detach all policies first.";
    fails(bench.delete_role(), 409, "DeleteConflict", message);
    bench.detach(BASIC).unwrap();
    let message = "Cannot delete entity, must delete policies first.";
    fails(bench.delete_role(), 409, "DeleteConflict", message);
    let input = iam::DeleteRolePolicyInput { role_name: "worker".into(), policy_name: "inline".into() };
    bench.iam::<iam::DeleteRolePolicyOutput>(iam::Request::DeleteRolePolicy(input)).unwrap();
    bench.delete_role().unwrap();
    assert!(bench.identity.directory().policies_of_role(ROLE).is_none());
}

#[test]
fn a_role_s_tags_are_known_to_policies_as_they_are_now() {
    let mut bench = Bench::new();
    bench.create_role(TRUST).unwrap();
    let team = |bench: &Bench| {
        let policies = bench.identity.directory().policies_of_role(ROLE).unwrap();
        policies.tag("team").map(str::to_owned)
    };
    let tags = vec![iam::Tag { key: "Team".into(), value: "blue".into() }];
    let input = iam::TagRoleInput { role_name: "worker".into(), tags };
    bench.iam::<iam::TagRoleOutput>(iam::Request::TagRole(input)).unwrap();
    assert_eq!(team(&bench).as_deref(), Some("blue"));
    bench.restart();
    assert_eq!(team(&bench).as_deref(), Some("blue"));
    let input = iam::UntagRoleInput { role_name: "worker".into(), tag_keys: vec!["Team".into()] };
    bench.iam::<iam::UntagRoleOutput>(iam::Request::UntagRole(input)).unwrap();
    assert_eq!(team(&bench), None);
}

#[test]
fn managed_policies_have_versions_and_count_their_uses() {
    let mut bench = Bench::new();
    bench.create_role(TRUST).unwrap();
    let arn = bench.create_policy(&ALLOW_SEND.replace("SendMessage", "ReceiveMessage")).unwrap();
    assert_eq!(arn, "arn:aws:iam::000000000000:policy/apps/sender");
    let message = "A policy called sender already exists. Duplicate names are not allowed.";
    fails(bench.create_policy(ALLOW_SEND), 409, "EntityAlreadyExists", message);
    bench.attach(&arn).unwrap();
    assert!(!bench.role_may_send());
    let version = |set_as_default| {
        iam::Request::CreatePolicyVersion(iam::CreatePolicyVersionInput {
            policy_arn: arn.clone(),
            policy_document: ALLOW_SEND.into(),
            set_as_default,
        })
    };
    let created =
        bench.iam::<iam::CreatePolicyVersionOutput>(version(Some(true))).unwrap().policy_version.unwrap();
    assert_eq!((created.version_id.as_deref(), created.is_default_version), (Some("v2"), Some(true)));
    assert!(bench.role_may_send(), "a new default version is in force at once");
    for _ in 0..3 {
        bench.iam::<iam::CreatePolicyVersionOutput>(version(None)).unwrap();
    }
    fails(
        bench.iam::<iam::CreatePolicyVersionOutput>(version(None)),
        409,
        "LimitExceeded",
        "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.",
    );
    let get = iam::Request::GetPolicy(iam::GetPolicyInput { policy_arn: arn.clone() });
    let policy = bench.iam::<iam::GetPolicyOutput>(get).unwrap().policy.unwrap();
    assert_eq!((policy.attachment_count, policy.default_version_id.as_deref()), (Some(1), Some("v2")));
    assert_eq!(policy.tags, Some(Vec::new()), "recording: GetPolicy has an empty list");
    let delete_version = |id: &str| {
        let input = iam::DeletePolicyVersionInput { policy_arn: arn.clone(), version_id: id.into() };
        iam::Request::DeletePolicyVersion(input)
    };
    let message = "Cannot delete the default version of a policy.";
    fails(bench.iam::<iam::DeletePolicyVersionOutput>(delete_version("v2")), 409, "DeleteConflict", message);
    let delete = || iam::Request::DeletePolicy(iam::DeletePolicyInput { policy_arn: arn.clone() });
    assert_eq!(bench.iam::<iam::DeletePolicyOutput>(delete()).unwrap_err().code, "DeleteConflict");
    for id in ["v1", "v3", "v4", "v5"] {
        bench.iam::<iam::DeletePolicyVersionOutput>(delete_version(id)).unwrap();
    }
    let message = "Cannot delete a policy attached to entities.";
    fails(bench.iam::<iam::DeletePolicyOutput>(delete()), 409, "DeleteConflict", message);
    bench.detach(&arn).unwrap();
    bench.iam::<iam::DeletePolicyOutput>(delete()).unwrap();
}

#[test]
fn lists_come_in_pages() {
    let mut bench = Bench::new();
    let mut seen = Vec::new();
    let mut marker = None;
    loop {
        let input = iam::ListPoliciesInput { marker, max_items: Some(7), ..Default::default() };
        let page = bench.iam::<iam::ListPoliciesOutput>(iam::Request::ListPolicies(input)).unwrap();
        assert_eq!(page.is_truncated, Some(page.marker.is_some()));
        seen.extend(page.policies.unwrap().into_iter().filter_map(|policy| policy.arn));
        marker = page.marker;
        if marker.is_none() {
            break;
        }
    }
    assert!(seen.is_sorted() && seen.len() == crate::aws_managed::all().len());
    let input = iam::ListPoliciesInput { marker: Some("%".into()), ..Default::default() };
    let outcome = bench.iam::<iam::ListPoliciesOutput>(iam::Request::ListPolicies(input));
    fails(outcome, 400, "ValidationError", "Invalid Marker.");
}

#[test]
fn a_session_acts_as_its_role_until_it_ends() {
    let mut bench = Bench::new();
    bench.create_role(TRUST).unwrap();
    bench.put_policy(ALLOW_SEND).unwrap();
    let output = bench.assume(assume_input()).unwrap();
    let user = output.assumed_role_user.unwrap();
    assert_eq!(user.arn, "arn:aws:sts::000000000000:assumed-role/worker/s1");
    assert!(user.assumed_role_id.starts_with("AROA") && user.assumed_role_id.ends_with(":s1"));
    let credentials = output.credentials.unwrap();
    assert_eq!(credentials.expiration, Timestamp::from_secs(bench.now.secs() + 3600));
    bench.restart();
    let found = bench.identity.directory().session(&credentials.access_key_id, bench.now).unwrap();
    assert_eq!(
        (&*found.secret, &*found.token),
        (&*credentials.secret_access_key, &*credentials.session_token)
    );
    let caller = Caller { principal: found.principal, identity: Some(found.policies), ..Bench::owner() };
    assert!(may_send(&caller));
    let who: Box<sts::GetCallerIdentityOutput> =
        bench.call_as(&caller, sts::Request::GetCallerIdentity(Default::default())).unwrap();
    assert_eq!((who.arn.unwrap(), who.user_id.unwrap()), (user.arn, user.assumed_role_id));
    bench.now = credentials.expiration;
    assert!(bench.identity.directory().session(&credentials.access_key_id, bench.now).is_none());
    assert_eq!(bench.identity.next_due(), Some(bench.now));
    bench.step(&Bench::owner(), |identity, step| identity.run_due(step));
    assert_eq!(bench.identity.next_due(), None);
    let mut sessions = 0;
    let range = pontoon_core::KeyRange::prefix(b"identity\0s");
    bench
        .store
        .scan(pontoon_core::Space::Config, &range, pontoon_core::Direction::Ascending, &mut |_, _| {
            sessions += 1;
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(sessions, 0);
}

#[test]
fn a_session_policy_limits_and_a_deleted_role_ends_its_sessions() {
    let mut bench = Bench::new();
    bench.create_role(TRUST).unwrap();
    bench.put_policy(ALLOW_SEND).unwrap();
    let policy = ALLOW_SEND.replace("SendMessage", "ReceiveMessage");
    let output = bench.assume(sts::AssumeRoleInput { policy: Some(policy), ..assume_input() }).unwrap();
    assert!(output.packed_policy_size.is_some_and(|percent| (1..=10).contains(&percent)));
    let key = output.credentials.unwrap().access_key_id;
    let found = bench.identity.directory().session(&key, bench.now).unwrap();
    let caller = Caller { principal: found.principal, identity: Some(found.policies), ..Bench::owner() };
    assert!(!may_send(&caller));
    let delete = iam::DeleteRolePolicyInput { role_name: "worker".into(), policy_name: "inline".into() };
    bench.iam::<iam::DeleteRolePolicyOutput>(iam::Request::DeleteRolePolicy(delete)).unwrap();
    bench.delete_role().unwrap();
    bench.create_role(TRUST).unwrap();
    assert!(bench.identity.directory().session(&key, bench.now).is_none(), "the new role is another one");
}

#[test]
fn assume_role_refuses_in_the_recorded_words() {
    let mut bench = Bench::new();
    let not_allowed = format!(
        "User: arn:aws:iam::000000000000:root is not authorized to perform: sts:AssumeRole on resource: {ROLE}"
    );
    fails(bench.assume(assume_input()), 403, "AccessDenied", &not_allowed);
    bench.create_role(LAMBDA_TRUST).unwrap();
    fails(bench.assume(assume_input()), 403, "AccessDenied", &not_allowed);
    let input =
        iam::UpdateAssumeRolePolicyInput { role_name: "worker".into(), policy_document: TRUST.into() };
    bench.iam::<iam::UpdateAssumeRolePolicyOutput>(iam::Request::UpdateAssumeRolePolicy(input)).unwrap();
    for arn in [
        "nothing-valid-in-here",
        "arn::b:::something/test-role",
        "arn:a:::something/test-role",
        "arn:a:a::aaaaaaaaaa:",
    ] {
        let input = sts::AssumeRoleInput { role_arn: arn.into(), ..assume_input() };
        fails(bench.assume(input), 400, "ValidationError", &format!("{arn} is invalid"));
    }
    let tag = |key: &str| sts::Tag { key: key.into(), value: "v".into() };
    let input = sts::AssumeRoleInput { tags: Some(vec![tag("a"), tag("A")]), ..assume_input() };
    let message = "Duplicate tag keys found. Please note that Tag keys are case insensitive.";
    fails(bench.assume(input), 400, "InvalidParameterValue", message);
    let input = sts::AssumeRoleInput { transitive_tag_keys: Some(vec!["a".into()]), ..assume_input() };
    let message = "The specified transitive tag key must be included in the requested tags.";
    fails(bench.assume(input), 400, "InvalidParameterValue", message);
    let input = sts::AssumeRoleInput { tags: Some(vec![tag("a")]), ..assume_input() };
    assert_eq!(bench.assume(input).unwrap_err().code, "NotSupportedByPontoon");
    let input = sts::AssumeRoleInput { duration_seconds: Some(7200), ..assume_input() };
    let message = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
    fails(bench.assume(input), 400, "ValidationError", message);
    let input = sts::AssumeRoleInput { policy: Some("[".into()), ..assume_input() };
    fails(bench.assume(input), 400, "MalformedPolicyDocument", "This policy contains invalid Json");
}

#[test]
fn everything_survives_a_restart() {
    let mut bench = Bench::new();
    bench.create_role(TRUST).unwrap();
    let arn = bench.create_policy(ALLOW_SEND).unwrap();
    bench.attach(&arn).unwrap();
    let input = iam::CreateUserInput { user_name: "alice".into(), ..Default::default() };
    let user = bench.iam::<iam::CreateUserOutput>(iam::Request::CreateUser(input)).unwrap().user.unwrap();
    let role = |bench: &mut Bench| {
        let input = iam::GetRoleInput { role_name: "worker".into() };
        bench.iam::<iam::GetRoleOutput>(iam::Request::GetRole(input)).unwrap().role
    };
    let before = role(&mut bench);
    bench.restart();
    assert_eq!(role(&mut bench), before);
    assert!(bench.role_may_send());
    let input = iam::GetUserInput { user_name: Some("alice".into()) };
    assert_eq!(bench.iam::<iam::GetUserOutput>(iam::Request::GetUser(input)).unwrap().user, user);
}

#[test]
fn a_record_that_cannot_be_read_stops_loading_with_its_name() {
    let mut batch = Batch::new();
    batch.put(pontoon_core::Space::Config, &b"identity\0r000000000000worker"[..], &b"{}"[..]);
    let store = pontoon_store::memory();
    store.apply(batch).unwrap();
    let error = Identity::default().load(store.as_ref()).unwrap_err();
    assert!(error.message.contains("worker of identity cannot be read: missing field"), "{}", error.message);
}

#[test]
fn a_role_without_permission_may_not_change_iam() {
    let mut bench = Bench::new();
    bench.create_role(TRUST).unwrap();
    let caller = Caller {
        principal: Principal::Role { arn: ROLE.into(), session: "s".into() },
        identity: bench.identity.directory().policies_of_role(ROLE),
        ..Bench::owner()
    };
    let input = iam::DeleteRoleInput { role_name: "worker".into() };
    let outcome = bench.call_as::<iam::DeleteRoleOutput>(&caller, iam::Request::DeleteRole(input));
    fails(
        outcome,
        403,
        "AccessDenied",
        &format!(
            "User: arn:aws:sts::000000000000:assumed-role/worker/s is not authorized to perform: iam:DeleteRole on \
             resource: {ROLE} because no identity-based policy allows the iam:DeleteRole action"
        ),
    );
}
