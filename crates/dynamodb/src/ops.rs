//! The operations: each checks its input in the service's order, calls the state, and shapes the answer.

mod account;
mod batch_get;
mod batch_write;
mod capacity;
mod delete_item;
mod get_item;
mod page;
mod parameters;
mod put_item;
mod query;
mod scan;
mod tables;
mod tags;
mod time_to_live;
mod transact_get;
mod transact_write;
mod update_item;
mod update_table;
pub(crate) mod values;
pub(crate) mod write;

use pontoon_api::dynamodb::*;
use pontoon_core::shape::Violations;
use pontoon_core::{ApiError, OperationSchema, Reply, Step};

use crate::state::value::{Item, item_size_bytes};
use crate::{DynamoDb, Error, TableId};

impl DynamoDb {
    /// The error of a write whose condition failed, with the item if `parameter` asks for it. It costs what the item
    /// that it left in place would.
    fn condition_failed(
        &mut self,
        step: &Step<'_>,
        id: &TableId,
        old: Option<Item>,
        parameter: Option<&str>,
    ) -> Error {
        self.count_write(step, id, capacity::write_units(old.as_ref().map_or(0, item_size_bytes), 0));
        self.count_failed_condition(step, id);
        Error::ConditionFailed(old.filter(|_| parameters::returns_item_on_failure(parameter)))
    }

    fn count_failed_condition(&mut self, step: &Step<'_>, id: &TableId) {
        self.active(step.now);
        if let Some(open) = self.table_mut(id) {
            open.counters.condition_failed();
        }
    }

    fn count_write(&mut self, step: &Step<'_>, id: &TableId, units: f64) {
        self.active(step.now);
        if let Some(open) = self.table_mut(id) {
            open.counters.wrote(units);
        }
    }
}

type Answer<T> = Result<Reply<T>, Error>;

impl Handler for DynamoDb {
    type Error = Error;

    fn invalid(&self, operation: &'static OperationSchema, violations: &Violations) -> Option<ApiError> {
        Some(crate::error::violated(operation.name, violations).into())
    }

    fn batch_get_item(
        &mut self,
        step: &mut Step<'_>,
        input: BatchGetItemInput,
    ) -> Answer<BatchGetItemOutput> {
        self.batch_get(step, input)
    }

    fn batch_write_item(
        &mut self,
        step: &mut Step<'_>,
        input: BatchWriteItemInput,
    ) -> Answer<BatchWriteItemOutput> {
        self.batch_write(step, input)
    }

    fn create_table(&mut self, step: &mut Step<'_>, input: CreateTableInput) -> Answer<CreateTableOutput> {
        self.create(step, input)
    }

    fn delete_item(&mut self, step: &mut Step<'_>, input: DeleteItemInput) -> Answer<DeleteItemOutput> {
        self.delete(step, input)
    }

    fn delete_table(&mut self, step: &mut Step<'_>, input: DeleteTableInput) -> Answer<DeleteTableOutput> {
        self.drop_table(step, input)
    }

    fn describe_continuous_backups(
        &mut self,
        step: &mut Step<'_>,
        input: DescribeContinuousBackupsInput,
    ) -> Answer<DescribeContinuousBackupsOutput> {
        self.continuous_backups(step, input)
    }

    fn describe_endpoints(
        &mut self,
        step: &mut Step<'_>,
        _input: DescribeEndpointsInput,
    ) -> Answer<DescribeEndpointsOutput> {
        self.endpoints(step)
    }

    fn describe_limits(
        &mut self,
        step: &mut Step<'_>,
        _input: DescribeLimitsInput,
    ) -> Answer<DescribeLimitsOutput> {
        self.limits(step)
    }

    fn describe_table(
        &mut self,
        step: &mut Step<'_>,
        input: DescribeTableInput,
    ) -> Answer<DescribeTableOutput> {
        self.describe(step, input)
    }

    fn describe_time_to_live(
        &mut self,
        step: &mut Step<'_>,
        input: DescribeTimeToLiveInput,
    ) -> Answer<DescribeTimeToLiveOutput> {
        self.time_to_live(step, input)
    }

    fn get_item(&mut self, step: &mut Step<'_>, input: GetItemInput) -> Answer<GetItemOutput> {
        self.get(step, input)
    }

    fn list_tables(&mut self, step: &mut Step<'_>, input: ListTablesInput) -> Answer<ListTablesOutput> {
        self.list(step, input)
    }

    fn list_tags_of_resource(
        &mut self,
        step: &mut Step<'_>,
        input: ListTagsOfResourceInput,
    ) -> Answer<ListTagsOfResourceOutput> {
        self.list_tags(step, input)
    }

    fn put_item(&mut self, step: &mut Step<'_>, input: PutItemInput) -> Answer<PutItemOutput> {
        self.put(step, input)
    }

    fn query(&mut self, step: &mut Step<'_>, input: QueryInput) -> Answer<QueryOutput> {
        self.run_query(step, input)
    }

    fn scan(&mut self, step: &mut Step<'_>, input: ScanInput) -> Answer<ScanOutput> {
        self.run_scan(step, input)
    }

    fn tag_resource(&mut self, step: &mut Step<'_>, input: TagResourceInput) -> Answer<TagResourceOutput> {
        self.tag(step, input)
    }

    fn transact_get_items(
        &mut self,
        step: &mut Step<'_>,
        input: TransactGetItemsInput,
    ) -> Answer<TransactGetItemsOutput> {
        self.transact_get(step, input)
    }

    fn transact_write_items(
        &mut self,
        step: &mut Step<'_>,
        input: TransactWriteItemsInput,
    ) -> Answer<TransactWriteItemsOutput> {
        self.transact_write(step, input)
    }

    fn untag_resource(
        &mut self,
        step: &mut Step<'_>,
        input: UntagResourceInput,
    ) -> Answer<UntagResourceOutput> {
        self.untag(step, input)
    }

    fn update_item(&mut self, step: &mut Step<'_>, input: UpdateItemInput) -> Answer<UpdateItemOutput> {
        self.update(step, input)
    }

    fn update_table(&mut self, step: &mut Step<'_>, input: UpdateTableInput) -> Answer<UpdateTableOutput> {
        self.reconfigure(step, input)
    }

    fn update_time_to_live(
        &mut self,
        step: &mut Step<'_>,
        input: UpdateTimeToLiveInput,
    ) -> Answer<UpdateTimeToLiveOutput> {
        self.switch_time_to_live(step, input)
    }
}
