//! What schedules call, and in which role, for Pontoon's own API: `pontoon lint` looks at it.

use pontoon_core::Scope;
use serde_json::{Value, json};

use crate::Scheduler;
use crate::deliver::group_arn;

impl Scheduler {
    /// The schedules of a scope.
    pub(crate) fn wiring(&self, scope: Scope) -> Value {
        let schedules = self.schedules.iter().filter(|(key, _)| key.scope == scope).map(|(key, schedule)| {
            let target = &schedule.record.target;
            json!({
                "name": format!("{}/{}", key.group, key.name),
                "groupArn": group_arn(scope, &key.group),
                "enabled": schedule.record.enabled,
                "target": target.arn,
                "role": target.role_arn,
            })
        });
        json!({ "schedules": schedules.collect::<Vec<Value>>() })
    }
}
