//! Calls on the server in this process: the same operations that clients reach over the wire, typed.

use std::sync::Arc;

use pontoon_core::{ApiError, Caller, Output, Request, Scope};
use pontoon_host::engine::Call;
use pontoon_host::host::Host;
use pontoon_host::server::Server;

/// Calls in the name of the home account.
#[derive(Clone)]
pub struct Local {
    host: Arc<Host>,
    scope: Scope,
    endpoint: Arc<str>,
}

impl Local {
    /// Calls on `server` in `scope`.
    pub fn new(server: &Server, scope: Scope) -> Self {
        Self { host: Arc::clone(server.host()), scope, endpoint: server.endpoint().into() }
    }

    /// The server's URL, for clients that speak over the wire.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The engine's shell.
    pub fn host(&self) -> &Arc<Host> {
        &self.host
    }

    /// Makes a call; `O` is the operation's output type.
    ///
    /// # Errors
    /// AWS's error.
    pub async fn call<O: Output>(&self, request: impl Request) -> Result<O, ApiError> {
        let caller = Caller::of_account(self.scope.account, "local", Arc::clone(&self.endpoint));
        let call = Call { scope: self.scope, caller, request: Box::new(request) };
        let output = self.host.call(call).await?.into_any().downcast::<O>();
        assert!(output.is_ok(), "an operation answers with its own output type");
        output.map(|output| *output).map_err(|_| unreachable!("asserted above"))
    }
}
