//! `UpdateTimeToLive`, `DescribeTimeToLive`

use pontoon_api::dynamodb::{
    DescribeTimeToLiveInput, DescribeTimeToLiveOutput, TimeToLiveDescription, UpdateTimeToLiveInput,
    UpdateTimeToLiveOutput,
};
use pontoon_core::{Reply, Step};

use crate::state::table::TtlWork;
use crate::{DynamoDb, Error, Wake};

impl DynamoDb {
    /// DEVIATION: the switch takes effect at once, where the service takes up to an hour and refuses another one
    /// meanwhile.
    pub(crate) fn switch_time_to_live(
        &mut self,
        step: &mut Step<'_>,
        input: UpdateTimeToLiveInput,
    ) -> Result<Reply<UpdateTimeToLiveOutput>, Error> {
        let id = self.address(step, &input.table_name, "tableName", "dynamodb:UpdateTimeToLive")?;
        let specification = input.time_to_live_specification;
        let name = &specification.attribute_name;
        let now = step.now;
        let open = self.table_mut(&id).ok_or_else(|| Error::TableNotFound(id.name.to_string()))?;
        match (&open.table.ttl_attribute, specification.enabled) {
            (Some(active), _) if active != name => {
                return Err(Error::invalid(format!(
                    "TimeToLive is active on a different AttributeName: current AttributeName is {active}"
                )));
            }
            (Some(_), true) => return Err(Error::invalid("TimeToLive is already enabled")),
            (None, false) => return Err(Error::invalid("TimeToLive is already disabled")),
            (Some(_), false) => {
                open.table.ttl_attribute = None;
                open.table.ttl_work = Some(TtlWork::Remove);
            }
            (None, true) => {
                open.table.ttl_attribute = Some(name.clone());
                open.table.ttl_work = Some(TtlWork::Write { after: Vec::new() });
            }
        }
        open.table.ttl_changed_millis = Some(now.millis());
        open.write_configuration(step);
        if !specification.enabled {
            self.expire_never(&id);
        }
        self.due.insert((now, Wake::Index(id)));
        Ok(Reply::Ready(UpdateTimeToLiveOutput { time_to_live_specification: Some(specification) }))
    }

    pub(crate) fn time_to_live(
        &mut self,
        step: &mut Step<'_>,
        input: DescribeTimeToLiveInput,
    ) -> Result<Reply<DescribeTimeToLiveOutput>, Error> {
        let id = self.address(step, &input.table_name, "tableName", "dynamodb:DescribeTimeToLive")?;
        let open = self.table(&id).ok_or_else(|| Error::TableNotFound(id.name.to_string()))?;
        let attribute_name = open.table.ttl_attribute.clone();
        let status = if attribute_name.is_some() { "ENABLED" } else { "DISABLED" };
        Ok(Reply::Ready(DescribeTimeToLiveOutput {
            time_to_live_description: Some(TimeToLiveDescription {
                time_to_live_status: Some(status.to_owned()),
                attribute_name,
            }),
        }))
    }
}
