//! `CreateTable`, `DeleteTable`, `DescribeTable`, `ListTables`, `DescribeContinuousBackups`

use pontoon_api::dynamodb::*;
use pontoon_core::{Reply, Space, Step, Timestamp};

use super::account::authorize_any;
use super::tags;
use crate::state::table::{Billing, KeyType, Table, Tally, Throughput};
use crate::{DynamoDb, Error, OpenTable, Wake, records};

/// Bytes that a key attribute's name may have.
const KEY_NAME_BYTES_MAX: usize = 255;
/// Characters that a table's name must have where tables are made.
const NAME_CHARS_MIN: usize = 3;
/// Capacity units that may be asked for.
const UNITS_MAX: i64 = 1_000_000_000_000;
/// Tables that one answer lists.
const TABLES_PAGE: usize = 100;
/// Units a second that a table on demand is ready for from its first day.
const ON_DEMAND_WARM: (i64, i64) = (12_000, 4_000);

impl DynamoDb {
    pub(crate) fn create(
        &mut self,
        step: &mut Step<'_>,
        input: CreateTableInput,
    ) -> Result<Reply<CreateTableOutput>, Error> {
        let id = self.address(step, &input.table_name, "tableName", "dynamodb:CreateTable")?;
        check_name_length(&id.name)?;
        let billing = billing(input.billing_mode.as_deref());
        check_throughput(billing, input.provisioned_throughput.as_ref())?;
        let (definitions, schema) = (input.attribute_definitions.as_deref(), input.key_schema.as_deref());
        let key = key(definitions.unwrap_or_default(), schema.unwrap_or_default())?;
        refuse_unsupported(&input)?;
        let tags = tags::checked(input.tags.unwrap_or_default())?;
        if self.table(&id).is_some() {
            return Err(Error::TableExists(id.name.to_string()));
        }
        let throughput = input.provisioned_throughput.filter(|_| billing == Billing::Provisioned);
        let table = Table {
            number: self.next_number(),
            name: id.name.to_string(),
            id: step.ids.uuid(),
            created_millis: step.now.millis(),
            key,
            billing,
            // Not that a new one is PROVISIONED (recording `test_billing_mode_as_conditional`).
            billing_named: billing == Billing::PayPerRequest,
            on_demand_since_millis: (billing == Billing::PayPerRequest).then(|| step.now.millis()),
            throughput: throughput.map_or_else(Throughput::default, |wire| Throughput {
                read: wire.read_capacity_units,
                write: wire.write_capacity_units,
            }),
            last_increase_millis: None,
            last_decrease_millis: None,
            decreases: 0,
            warm: input.warm_throughput.as_ref().map(warm).transpose()?,
            deletion_protection: input.deletion_protection_enabled == Some(true),
            class: input.table_class.map(|class| (class, None)),
            ttl_attribute: None,
            ttl_changed_millis: None,
            ttl_work: None,
            tags,
        };
        let open = OpenTable::new(id.scope, table, Tally::default());
        open.write_configuration(step);
        let description = describe_new(&open, step.now);
        self.regions.entry(id.scope).or_default().insert(id.name, open);
        Ok(Reply::Ready(CreateTableOutput { table_description: Some(description) }))
    }

    pub(crate) fn drop_table(
        &mut self,
        step: &mut Step<'_>,
        input: DeleteTableInput,
    ) -> Result<Reply<DeleteTableOutput>, Error> {
        let id = self.address(step, &input.table_name, "tableName", "dynamodb:DeleteTable")?;
        let open = self.table(&id).ok_or_else(|| Error::TableNotFound(id.name.to_string()))?;
        if open.table.deletion_protection {
            return Err(Error::invalid(
                "Resource cannot be deleted as it is currently protected against deletion. \
                 Disable deletion protection first.",
            ));
        }
        let description = describe_deleted(open, step.now);
        let number = open.table.number;
        step.delete(Space::Config, records::table_key(id.scope, &id.name));
        step.put(Space::Config, records::drop_key(number), Vec::new());
        self.expire_never(&id);
        if let Some(tables) = self.regions.get_mut(&id.scope) {
            tables.remove(&id.name);
        }
        self.drops.insert(number);
        self.due.insert((step.now, Wake::Drop(number)));
        Ok(Reply::Ready(DeleteTableOutput { table_description: Some(description) }))
    }

    pub(crate) fn describe(
        &mut self,
        step: &mut Step<'_>,
        input: DescribeTableInput,
    ) -> Result<Reply<DescribeTableOutput>, Error> {
        let id = self.address(step, &input.table_name, "tableName", "dynamodb:DescribeTable")?;
        let open = self.table(&id).ok_or_else(|| Error::TableNotFound(id.name.to_string()))?;
        Ok(Reply::Ready(DescribeTableOutput { table: Some(describe(open, step.now)) }))
    }

    pub(crate) fn list(
        &mut self,
        step: &mut Step<'_>,
        input: ListTablesInput,
    ) -> Result<Reply<ListTablesOutput>, Error> {
        authorize_any(step, "dynamodb:ListTables")?;
        // The model has refused limits outside of 1 to 100.
        let page = input.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(TABLES_PAGE);
        let after = input.exclusive_start_table_name.as_deref();
        let tables = self.regions.get(&step.scope);
        let mut names: Vec<String> = tables
            .into_iter()
            .flat_map(|tables| tables.keys())
            .filter(|name| after.is_none_or(|after| &***name > after))
            .take(page + 1)
            .map(ToString::to_string)
            .collect();
        let has_more = names.len() > page;
        names.truncate(page);
        let last = names.last().filter(|_| has_more).cloned();
        Ok(Reply::Ready(ListTablesOutput { table_names: Some(names), last_evaluated_table_name: last }))
    }

    /// Point-in-time recovery cannot be switched on, so it is off.
    pub(crate) fn continuous_backups(
        &mut self,
        step: &mut Step<'_>,
        input: DescribeContinuousBackupsInput,
    ) -> Result<Reply<DescribeContinuousBackupsOutput>, Error> {
        let id = self.address(step, &input.table_name, "tableName", "dynamodb:DescribeContinuousBackups")?;
        if self.table(&id).is_none() {
            return Err(Error::BackupTableNotFound(id.name.to_string()));
        }
        Ok(Reply::Ready(DescribeContinuousBackupsOutput {
            continuous_backups_description: Some(ContinuousBackupsDescription {
                continuous_backups_status: "ENABLED".to_owned(),
                point_in_time_recovery_description: Some(PointInTimeRecoveryDescription {
                    point_in_time_recovery_status: Some("DISABLED".to_owned()),
                    ..Default::default()
                }),
            }),
        }))
    }
}

fn check_name_length(name: &str) -> Result<(), Error> {
    if name.chars().count() >= NAME_CHARS_MIN {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "1 validation error detected: Value '{name}' at 'tableName' failed to satisfy constraint: \
         Member must have length greater than or equal to {NAME_CHARS_MIN}"
    )))
}

pub(crate) fn billing(parameter: Option<&str>) -> Billing {
    match parameter {
        Some("PAY_PER_REQUEST") => Billing::PayPerRequest,
        _ => Billing::Provisioned,
    }
}

/// Refuses capacity that does not go with the billing mode, or is out of bounds.
///
/// # Errors
/// The service's messages.
pub(crate) fn check_throughput(
    billing: Billing,
    throughput: Option<&ProvisionedThroughput>,
) -> Result<(), Error> {
    match (billing, throughput) {
        (Billing::PayPerRequest, Some(_)) => Err(Error::invalid(
            "One or more parameter values were invalid: Neither ReadCapacityUnits nor WriteCapacityUnits can be \
             specified when BillingMode is PAY_PER_REQUEST",
        )),
        (Billing::Provisioned, None) => Err(Error::invalid(
            "One or more parameter values were invalid: ReadCapacityUnits and WriteCapacityUnits must both be \
             specified when BillingMode is PROVISIONED",
        )),
        (_, Some(throughput)) => {
            let units = [
                ("ReadCapacityUnits", throughput.read_capacity_units),
                ("WriteCapacityUnits", throughput.write_capacity_units),
            ];
            match units.into_iter().find(|(_, units)| *units > UNITS_MAX) {
                None => Ok(()),
                Some((name, units)) => {
                    Err(Error::invalid(format!("Given value {units} for {name} is out of bounds")))
                }
            }
        }
        (Billing::PayPerRequest, None) => Ok(()),
    }
}

/// The primary key that a schema and definitions stand for.
fn key(
    definitions: &[AttributeDefinition],
    schema: &[KeySchemaElement],
) -> Result<Vec<(String, KeyType)>, Error> {
    let names: Vec<&str> = schema.iter().map(|element| element.attribute_name.as_str()).collect();
    let defined: Vec<&str> =
        definitions.iter().map(|definition| definition.attribute_name.as_str()).collect();
    for (list, path) in [(&defined, "attributeDefinitions"), (&names, "keySchema")] {
        if let Some(at) = list.iter().position(|name| name.len() > KEY_NAME_BYTES_MAX) {
            return Err(Error::invalid(format!(
                "1 validation error detected: Value '{}' at '{path}.{}.member.attributeName' failed to satisfy constraint: \
                 Member must have length less than or equal to {KEY_NAME_BYTES_MAX}",
                list[at],
                at + 1
            )));
        }
    }
    let undefined = names.iter().any(|name| !defined.contains(name));
    let is_twice = names.len() == 2 && names[0] == names[1];
    if names.is_empty() {
        return Err(Error::invalid("No KeySchema specified"));
    }
    if names.len() == 2 && (undefined || (is_twice && defined.len() == 1)) {
        return Err(Error::invalid("Invalid KeySchema: Some index key attribute have no definition"));
    }
    if undefined {
        return Err(Error::invalid(format!(
            "One or more parameter values were invalid: Some index key attributes are not defined in \
             AttributeDefinitions. Keys: [{}], AttributeDefinitions: [{}]",
            names.join(", "),
            defined.join(", ")
        )));
    }
    if is_twice {
        return Err(Error::invalid(
            "Both the Hash Key and the Range Key element in the KeySchema have the same name",
        ));
    }
    if schema[0].key_type != "HASH" {
        return Err(Error::invalid("Invalid KeySchema: The first KeySchemaElement is not a HASH key type"));
    }
    if schema.get(1).is_some_and(|element| element.key_type != "RANGE") {
        return Err(Error::invalid("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type"));
    }
    let kind = |name: &str| {
        let definition = definitions.iter().find(|definition| definition.attribute_name == name)?;
        KeyType::from_name(&definition.attribute_type)
    };
    // Every name is defined, and the model has refused other types.
    Ok(names.iter().filter_map(|name| Some(((*name).to_owned(), kind(name)?))).collect())
}

/// Refuses what tables have in AWS and not here, by name, and definitions that nothing uses.
fn refuse_unsupported(input: &CreateTableInput) -> Result<(), Error> {
    let has = |list: Option<usize>| list.is_some_and(|len| len > 0);
    let indexes = [
        ("LocalSecondaryIndexes", input.local_secondary_indexes.as_ref().map(Vec::len)),
        ("GlobalSecondaryIndexes", input.global_secondary_indexes.as_ref().map(Vec::len)),
    ];
    for (parameter, len) in indexes {
        if has(len) {
            return Err(Error::unsupported(parameter));
        }
        if len == Some(0) {
            return Err(Error::invalid(format!(
                "One or more parameter values were invalid: List of {parameter} is empty"
            )));
        }
    }
    let (definitions, keys) = (input.attribute_definitions.as_ref(), input.key_schema.as_ref());
    if definitions.map(Vec::len) != keys.map(Vec::len) {
        return Err(Error::invalid(
            "One or more parameter values were invalid: Number of attributes in KeySchema does not exactly match \
             number of attributes defined in AttributeDefinitions",
        ));
    }
    refuse_stream(input.stream_specification.as_ref())?;
    refuse_encryption(input.sse_specification.as_ref())?;
    let others = [
        ("ResourcePolicy", input.resource_policy.is_some()),
        ("OnDemandThroughput", input.on_demand_throughput.is_some()),
        ("GlobalTableSourceArn", input.global_table_source_arn.is_some()),
        ("GlobalTableSettingsReplicationMode", input.global_table_settings_replication_mode.is_some()),
    ];
    match others.into_iter().find(|(_, is_present)| *is_present) {
        Some((parameter, _)) => Err(Error::unsupported(parameter)),
        None => Ok(()),
    }
}

/// Refuses a stream that is to be switched on.
pub(crate) fn refuse_stream(specification: Option<&StreamSpecification>) -> Result<(), Error> {
    match specification {
        Some(stream) if stream.stream_enabled => Err(Error::unsupported("StreamSpecification")),
        Some(StreamSpecification { stream_view_type: Some(_), .. }) => Err(Error::invalid(
            "One or more parameter values were invalid: StreamViewType can only be specified when StreamEnabled is true",
        )),
        _ => Ok(()),
    }
}

/// Refuses encryption under a key of KMS; without one, AWS encrypts under a key that nobody sees.
pub(crate) fn refuse_encryption(specification: Option<&SSESpecification>) -> Result<(), Error> {
    match specification {
        Some(sse) if sse.enabled == Some(true) || sse.kms_master_key_id.is_some() => {
            Err(Error::unsupported("SSESpecification with a KMS key"))
        }
        _ => Ok(()),
    }
}

/// Warm throughput, which here is only told: nothing ever runs cold.
pub(crate) fn warm(wire: &WarmThroughput) -> Result<(i64, i64), Error> {
    match (wire.read_units_per_second, wire.write_units_per_second) {
        (Some(read), Some(write)) => Ok((read, write)),
        _ => Err(Error::invalid(
            "One or more parameter values were invalid: ReadUnitsPerSecond and WriteUnitsPerSecond must both be \
             specified in WarmThroughput",
        )),
    }
}

/// What `CreateTable` answers (recording `test_table_crud`): the table is there, but still being made.
fn describe_new(open: &OpenTable, now: Timestamp) -> TableDescription {
    let mut description = describe(open, now);
    description.table_status = Some("CREATING".to_owned());
    description.billing_mode_summary = description
        .billing_mode_summary
        .map(|summary| BillingModeSummary { last_update_to_pay_per_request_date_time: None, ..summary });
    description.warm_throughput = open
        .table
        .warm
        .and(description.warm_throughput)
        .map(|warm| TableWarmThroughputDescription { status: Some("UPDATING".to_owned()), ..warm });
    description
}

/// What `DeleteTable` answers (the same recording): neither key nor creation.
fn describe_deleted(open: &OpenTable, now: Timestamp) -> TableDescription {
    TableDescription {
        attribute_definitions: None,
        key_schema: None,
        creation_date_time: None,
        warm_throughput: None,
        table_status: Some("DELETING".to_owned()),
        ..describe(open, now)
    }
}

/// What `DescribeTable` answers.
pub(crate) fn describe(open: &OpenTable, now: Timestamp) -> TableDescription {
    let table = &open.table;
    let at = Timestamp::from_millis;
    let key_types = ["HASH", "RANGE"];
    let warm = table.warm.unwrap_or(match table.billing {
        Billing::PayPerRequest => ON_DEMAND_WARM,
        Billing::Provisioned => (table.throughput.read, table.throughput.write),
    });
    let mut definitions: Vec<AttributeDefinition> = table
        .key
        .iter()
        .map(|(name, kind)| AttributeDefinition {
            attribute_name: name.clone(),
            attribute_type: kind.value_type().name().to_owned(),
        })
        .collect();
    definitions.sort_by(|a, b| a.attribute_name.cmp(&b.attribute_name));
    TableDescription {
        attribute_definitions: Some(definitions),
        table_name: Some(table.name.clone()),
        key_schema: Some(
            table
                .key
                .iter()
                .zip(key_types)
                .map(|((name, _), key_type)| KeySchemaElement {
                    attribute_name: name.clone(),
                    key_type: key_type.to_owned(),
                })
                .collect(),
        ),
        table_status: Some("ACTIVE".to_owned()),
        creation_date_time: Some(at(table.created_millis)),
        provisioned_throughput: Some(ProvisionedThroughputDescription {
            last_increase_date_time: table.last_increase_millis.map(at),
            last_decrease_date_time: table.last_decrease_millis.map(at),
            number_of_decreases_today: Some(table.decreases_today(now)),
            read_capacity_units: Some(table.throughput.read),
            write_capacity_units: Some(table.throughput.write),
        }),
        table_size_bytes: Some(signed(open.tally.bytes)),
        item_count: Some(signed(open.tally.items)),
        table_arn: Some(open.arn.to_string()),
        table_id: Some(table.id.clone()),
        billing_mode_summary: table.billing_named.then(|| BillingModeSummary {
            billing_mode: Some(billing_name(table.billing).to_owned()),
            last_update_to_pay_per_request_date_time: table.on_demand_since_millis.map(at),
        }),
        table_class_summary: table.class.as_ref().map(|(class, changed)| TableClassSummary {
            table_class: Some(class.clone()),
            last_update_date_time: changed.map(at),
        }),
        deletion_protection_enabled: Some(table.deletion_protection),
        warm_throughput: Some(TableWarmThroughputDescription {
            read_units_per_second: Some(warm.0),
            write_units_per_second: Some(warm.1),
            status: Some("ACTIVE".to_owned()),
        }),
        ..TableDescription::default()
    }
}

fn billing_name(billing: Billing) -> &'static str {
    match billing {
        Billing::Provisioned => "PROVISIONED",
        Billing::PayPerRequest => "PAY_PER_REQUEST",
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
