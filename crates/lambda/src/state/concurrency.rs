//! How many invocations run at once, and how many may.

use std::collections::HashMap;

use pontoon_core::Scope;

use crate::error::Throttle;

/// How many invocations an account may have under way in a region: AWS's default.
pub(crate) const ACCOUNT_MAX: u32 = 1000;
/// How much of it must stay unreserved.
pub(crate) const UNRESERVED_MIN: u32 = 100;

/// A function, by scope and name.
pub(crate) type FunctionKey = (Scope, String);

/// Counts what is under way. Reserved concurrency belongs to its function alone; all others share what is left of the account's.
#[derive(Debug, Default)]
pub(crate) struct Concurrency {
    functions: HashMap<FunctionKey, u32>,
}

/// What may run in a scope.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits<'l> {
    /// What the function has reserved.
    pub(crate) reserved: Option<u32>,
    /// What all functions of the scope have reserved, by name.
    pub(crate) all_reserved: &'l HashMap<String, u32>,
}

impl Concurrency {
    /// Whether one more invocation of the function may run.
    pub(crate) fn check(&self, function: &FunctionKey, limits: Limits<'_>) -> Result<(), Throttle> {
        match limits.reserved {
            Some(reserved) if self.under_way(function) >= reserved => Err(Throttle::Reserved),
            Some(_) => Ok(()),
            None => {
                let under_way = self.unreserved(function.0, limits.all_reserved);
                if under_way >= shared(limits.all_reserved) { Err(Throttle::Account) } else { Ok(()) }
            }
        }
    }

    /// What functions without a reservation have under way.
    fn unreserved(&self, scope: Scope, reserved: &HashMap<String, u32>) -> u32 {
        let own = self
            .functions
            .iter()
            .filter(|((theirs, name), _)| *theirs == scope && !reserved.contains_key(name));
        own.map(|(_, count)| count).sum()
    }

    /// Whether what the account shares was used up until one invocation ended just now.
    pub(crate) fn is_full_but_for_one(&self, scope: Scope, reserved: &HashMap<String, u32>) -> bool {
        self.unreserved(scope, reserved) + 1 >= shared(reserved)
    }

    pub(crate) fn under_way(&self, function: &FunctionKey) -> u32 {
        self.functions.get(function).copied().unwrap_or(0)
    }

    /// One begins; returns how many are under way now.
    pub(crate) fn begin(&mut self, function: FunctionKey) -> u32 {
        let count = self.functions.entry(function).or_default();
        *count += 1;
        *count
    }

    /// One has ended.
    pub(crate) fn end(&mut self, function: &FunctionKey) {
        if let Some(count) = self.functions.get_mut(function) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.functions.remove(function);
            }
        }
    }
}

/// What is left for functions without a reservation.
fn shared(reserved: &HashMap<String, u32>) -> u32 {
    ACCOUNT_MAX.saturating_sub(reserved.values().sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reservations_are_kept_and_the_rest_is_shared() {
        let key = |name: &str| (Scope::default(), name.to_owned());
        let mut concurrency = Concurrency::default();
        let all = HashMap::from([("r".to_owned(), 1), ("big".to_owned(), 998)]);
        let reserved = Limits { reserved: Some(1), all_reserved: &all };
        let shared = Limits { reserved: None, all_reserved: &all };
        assert_eq!(concurrency.check(&key("r"), reserved), Ok(()));
        concurrency.begin(key("r"));
        assert_eq!(concurrency.check(&key("r"), reserved), Err(Throttle::Reserved));
        assert_eq!(concurrency.check(&key("a"), shared), Ok(()));
        concurrency.begin(key("a"));
        assert_eq!(concurrency.check(&key("b"), shared), Err(Throttle::Account));
        concurrency.end(&key("a"));
        assert_eq!(concurrency.check(&key("b"), shared), Ok(()));
        assert_eq!(
            concurrency.check(&key("z"), Limits { reserved: Some(0), all_reserved: &all }),
            Err(Throttle::Reserved)
        );
    }
}
