//! The engine behind the wire: who a caller is, and Pontoon's own API beside AWS's.

use std::collections::HashMap;
use std::sync::Arc;

use http::StatusCode;
use pontoon_core::shape::Violations;
use pontoon_core::{
    ApiError, Caller, OperationSchema, Origin, Output, Principal, Scope, ServiceSchema, Timestamp,
};
use pontoon_identity::{Directory, Identified};
use pontoon_sns::Certificates;
use pontoon_wire::{Backend, Call, Credentials, PlainRequest, PlainResponse, Secret};

use crate::admin::Admin;
use crate::host::Host;

/// Whose requests are let in.
#[derive(Clone, Debug, Default)]
pub enum Access {
    /// Anyone's: signatures are not checked.
    #[default]
    Anyone,
    /// Those signed with one of these, by access key.
    Configured(HashMap<String, Secret>),
}

/// The front's backend.
pub struct Front {
    host: Arc<Host>,
    directory: Directory,
    certificates: Certificates,
    access: Access,
    home: Scope,
    admin: Admin,
}

impl Front {
    /// A front over a running host.
    #[must_use]
    pub fn new(
        host: Arc<Host>,
        directory: Directory,
        certificates: Certificates,
        access: Access,
        home: Scope,
        admin: Admin,
    ) -> Self {
        Self { host, directory, certificates, access, home, admin }
    }

    /// In whose name requests with an access key are made: a function's execution role or a role that STS gave a session of. `None` for the
    /// credentials of an account.
    fn identified(&self, access_key: &str) -> Option<Identified> {
        if let Some(function) = self.host.dispatcher().session(access_key) {
            // A role that is not in IAM may do nothing, whoever asks: see docs/policies.md.
            let policies = self.directory.policies_of_role(&function.role).unwrap_or_default();
            return Some(Identified {
                principal: Principal::Role { arn: function.role, session: function.session },
                account: function.account,
                policies,
                secret: function.secret,
                token: function.token,
            });
        }
        self.directory.session(access_key, self.host.now())
    }
}

impl Backend for Front {
    fn services(&self) -> &'static [&'static ServiceSchema] {
        pontoon_api::SERVICES
    }

    fn home(&self) -> Scope {
        self.home
    }

    fn now(&self) -> Timestamp {
        self.host.now()
    }

    fn credentials(&self, access_key: &str) -> Credentials {
        let Access::Configured(known) = &self.access else { return Credentials::Unchecked };
        if let Some(secret) = known.get(access_key) {
            return Credentials::Known(secret.clone());
        }
        match self.identified(access_key) {
            Some(Identified { secret: key, token, account, .. }) => {
                Credentials::Known(Secret { key, session_token: Some(token), account })
            }
            None => Credentials::Unknown,
        }
    }

    fn anonymous(&self) -> bool {
        matches!(self.access, Access::Anyone)
    }

    fn needs_no_signature(&self, operation: &'static OperationSchema) -> bool {
        pontoon_sns::needs_no_signature(operation)
    }

    fn invalid(&self, operation: &'static OperationSchema, violations: &Violations) -> Option<ApiError> {
        self.host.look(|engine| engine.invalid(operation, violations))
    }

    async fn call(&self, call: Call) -> Result<Box<dyn Output>, ApiError> {
        let Call {
            request,
            scope,
            access_key,
            request_id,
            endpoint,
            trace_header,
            source_ip,
            user_agent,
            ..
        } = call;
        // Who needs a signature elsewhere and has none here is nobody in particular, and may do nothing that is guarded.
        let is_nobody = access_key.is_none() && !self.anonymous();
        let (principal, account, identity) = match access_key.and_then(|key| self.identified(&key)) {
            Some(Identified { principal, account, policies, .. }) => (principal, account, Some(policies)),
            None if is_nobody => (Principal::User("anonymous".into()), scope.account, None),
            None => (Principal::Account(scope.account), scope.account, None),
        };
        let continued = trace_header.as_deref().and_then(|header| self.host.dispatcher().continued(header));
        let source_ip = source_ip.to_canonical();
        let caller = Caller {
            principal,
            account,
            source_arn: None,
            identity,
            request_id,
            endpoint,
            traces: continued.and_then(|continued| continued.traces),
            depth: 0,
            origin: Some(Origin { source_ip, user_agent, trace_header: trace_header.clone() }),
        };
        let request = match &trace_header {
            Some(header) => pontoon_sqs::with_trace_header(request, header),
            None => request,
        };
        let scope = Scope { account, region: scope.region };
        self.host.call(crate::engine::Call { scope, caller, request }).await
    }

    fn is_plain(&self, path: &str) -> bool {
        path.starts_with("/_pontoon/") || Certificates::are_at(path)
    }

    async fn plain(&self, request: PlainRequest) -> PlainResponse {
        let path = request.uri.path();
        if Certificates::are_at(path) {
            return match self.certificates.pem(path) {
                Some(pem) => PlainResponse::new(StatusCode::OK, "application/x-pem-file", pem.to_string()),
                None => {
                    PlainResponse::new(StatusCode::NOT_FOUND, "text/plain", "There is no such certificate.\n")
                }
            };
        }
        self.admin.answer(&self.host, self.home, request).await
    }
}
