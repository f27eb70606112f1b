//! `UpdateTable`

use pontoon_api::dynamodb::{ProvisionedThroughput, TableDescription, UpdateTableInput, UpdateTableOutput};
use pontoon_core::{Reply, Step, Timestamp};

use super::tables::{billing, check_throughput, describe, refuse_encryption, refuse_stream, warm};
use crate::state::table::{Billing, Table, Throughput};
use crate::{DynamoDb, Error};

impl DynamoDb {
    pub(crate) fn reconfigure(
        &mut self,
        step: &mut Step<'_>,
        input: UpdateTableInput,
    ) -> Result<Reply<UpdateTableOutput>, Error> {
        let id = self.address(step, &input.table_name, "tableName", "dynamodb:UpdateTable")?;
        refuse_unsupported(&input)?;
        let now = step.now;
        let open = self.table_mut(&id).ok_or_else(|| Error::TableNotFound(id.name.to_string()))?;
        let mut table = open.table.clone();
        rebill(&mut table, input.billing_mode.as_deref(), input.provisioned_throughput.as_ref(), now)?;
        if let Some(class) = input.table_class {
            table.class = Some((class, Some(now.millis())));
        }
        if let Some(enabled) = input.deletion_protection_enabled {
            table.deletion_protection = enabled;
        }
        if let Some(wire) = &input.warm_throughput {
            table.warm = Some(warm(wire)?);
        }
        open.table = table;
        open.write_configuration(step);
        let description =
            TableDescription { table_status: Some("UPDATING".to_owned()), ..describe(open, now) };
        Ok(Reply::Ready(UpdateTableOutput { table_description: Some(description) }))
    }
}

/// Refuses an update of nothing, and what tables have in AWS and not here, by name.
fn refuse_unsupported(input: &UpdateTableInput) -> Result<(), Error> {
    let changes = [
        input.provisioned_throughput.is_some(),
        input.billing_mode.is_some(),
        input.stream_specification.is_some(),
        input.global_secondary_index_updates.is_some(),
        input.sse_specification.is_some(),
        input.replica_updates.is_some(),
        input.table_class.is_some(),
        input.deletion_protection_enabled.is_some(),
        input.multi_region_consistency.is_some(),
        input.global_table_witness_updates.is_some(),
        input.on_demand_throughput.is_some(),
        input.warm_throughput.is_some(),
        input.global_table_settings_replication_mode.is_some(),
    ];
    if !changes.contains(&true) {
        return Err(Error::invalid(
            "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates or \
             SSESpecification or ReplicaUpdates is required",
        ));
    }
    refuse_stream(input.stream_specification.as_ref())?;
    refuse_encryption(input.sse_specification.as_ref())?;
    let others = [
        ("GlobalSecondaryIndexUpdates", input.global_secondary_index_updates.is_some()),
        ("ReplicaUpdates", input.replica_updates.is_some()),
        ("MultiRegionConsistency", input.multi_region_consistency.is_some()),
        ("GlobalTableWitnessUpdates", input.global_table_witness_updates.is_some()),
        ("OnDemandThroughput", input.on_demand_throughput.is_some()),
        ("GlobalTableSettingsReplicationMode", input.global_table_settings_replication_mode.is_some()),
    ];
    match others.into_iter().find(|(_, is_present)| *is_present) {
        Some((parameter, _)) => Err(Error::unsupported(parameter)),
        None => Ok(()),
    }
}

/// Changes billing mode and capacity.
fn rebill(
    table: &mut Table,
    mode: Option<&str>,
    throughput: Option<&ProvisionedThroughput>,
    now: Timestamp,
) -> Result<(), Error> {
    let mode_after = mode.map_or(table.billing, |mode| billing(Some(mode)));
    if mode.is_some() || throughput.is_some() {
        let is_kept = throughput.is_none() && mode_after == table.billing;
        if !is_kept {
            check_throughput(mode_after, throughput)?;
        }
    }
    if let Some(wire) = throughput {
        reprovision(
            table,
            Throughput { read: wire.read_capacity_units, write: wire.write_capacity_units },
            now,
        )?;
    }
    if mode.is_some() {
        table.billing_named = true;
    }
    if mode_after != table.billing {
        table.billing = mode_after;
        if mode_after == Billing::PayPerRequest {
            table.on_demand_since_millis = Some(now.millis());
            table.throughput = Throughput::default();
        }
    }
    Ok(())
}

fn reprovision(table: &mut Table, asked: Throughput, now: Timestamp) -> Result<(), Error> {
    let before = table.throughput;
    if asked == before {
        return Err(Error::invalid(format!(
            "The provisioned throughput for the table will not change. The requested value equals the current value. \
             Current ReadCapacityUnits provisioned for the table: {}. Requested ReadCapacityUnits: {}. \
             Current WriteCapacityUnits provisioned for the table: {}. Requested WriteCapacityUnits: {}. \
             Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits.",
            before.read, asked.read, before.write, asked.write
        )));
    }
    if asked.read > before.read || asked.write > before.write {
        table.last_increase_millis = Some(now.millis());
    }
    if asked.read < before.read || asked.write < before.write {
        table.decreases = table.decreases_today(now) + 1;
        table.last_decrease_millis = Some(now.millis());
    }
    table.throughput = asked;
    Ok(())
}
