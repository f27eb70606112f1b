//! Finding the function that a request names, and whether the caller may.

use pontoon_core::{Access, Scope, Step};

use crate::Lambda;
use crate::error::Error;
use crate::records;
use crate::state::concurrency::FunctionKey;
use crate::state::function::Function;
use crate::state::name::FunctionRef;

impl FunctionRef {
    /// What the function is found by.
    pub(crate) fn key(&self) -> FunctionKey {
        (self.scope, self.name.clone())
    }

    /// The same function, if it is the caller's account's own.
    ///
    /// # Errors
    /// Only invocations reach functions of other accounts.
    pub(crate) fn own(self, here: Scope) -> Result<Self, Error> {
        if self.scope == here { Ok(self) } else { Err(Error::AccessDenied(String::new())) }
    }

    /// The same function, if no version or alias is named.
    ///
    /// # Errors
    /// Recording `test_function_concurrency_exceptions`.
    pub(crate) fn unqualified(self) -> Result<Self, Error> {
        match self.qualifier {
            None => Ok(self),
            Some(_) => Err(Error::InvalidParameter(
                "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. Please specify either a function name or an unqualified function ARN.".to_owned(),
            )),
        }
    }
}

impl Lambda {
    /// Reads how a request names a function of the caller's own account, and checks that the caller may do `action` with it.
    pub(crate) fn open(
        &self,
        step: &mut Step<'_>,
        action: &'static str,
        name: &str,
        qualifier: Option<&str>,
    ) -> Result<FunctionRef, Error> {
        let named = FunctionRef::parse(step.scope, name, qualifier)?.own(step.scope)?;
        self.authorize(step, action, &named)?;
        Ok(named)
    }

    /// Checks that the caller may do `action` with the function, by its policies and that of the function or qualifier.
    pub(crate) fn authorize(
        &self,
        step: &mut Step<'_>,
        action: &'static str,
        named: &FunctionRef,
    ) -> Result<(), Error> {
        let resource = named.arn();
        let policies = self.functions.get(&named.key()).map(|function| &function.policies);
        let policy =
            policies.and_then(|policies| policies.get(named.qualifier.as_deref().unwrap_or_default()));
        let document = policy.and_then(|policy| policy.document.as_ref());
        let here = std::mem::replace(&mut step.scope, named.scope);
        let allowed = step.authorize(&Access { action, resource: &resource, policy: document, context: &[] });
        step.scope = here;
        Ok(allowed?)
    }

    /// The function.
    ///
    /// # Errors
    /// If there is none; the message names it with its qualifier as given.
    pub(crate) fn function(&self, named: &FunctionRef) -> Result<&Function, Error> {
        self.functions.get(&named.key()).ok_or_else(|| Error::function_not_found(&named.arn()))
    }

    /// Changes a function that exists, and writes it.
    pub(crate) fn change<T>(
        &mut self,
        step: &mut Step<'_>,
        key: &FunctionKey,
        change: impl FnOnce(&mut Function) -> T,
    ) -> Option<T> {
        let function = self.functions.get_mut(key)?;
        let changed = change(function);
        records::put_function(step, key.0, function);
        Some(changed)
    }
}
