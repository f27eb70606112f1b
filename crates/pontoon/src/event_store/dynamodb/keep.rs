//! Snapshots and checkpoints.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::value::RawValue;

use super::DynamoDbEventStore;
use super::failure::failed;
use super::items::{
    AT, Item, POSITION, RESETTING, SCHEMA, STATE, STREAM, checkpoint_key, number, read_number, snapshot_key,
    string,
};
use crate::event_store::{Checkpoint, CheckpointError, Snapshot, StoreError, StreamId};

impl DynamoDbEventStore {
    async fn get(&self, operation: &'static str, key: Item) -> Result<Option<Item>, StoreError> {
        let got = self.client.get_item().table_name(&*self.table).set_key(Some(key)).consistent_read(true);
        let got = got.send().await.map_err(|error| failed(operation, &error))?;
        Ok(got.item)
    }

    pub(super) async fn get_snapshot(&self, stream: &StreamId) -> Result<Option<Snapshot>, StoreError> {
        let item = self.get("loading a snapshot", snapshot_key(stream)).await?;
        let Some(mut item) = item else { return Ok(None) };
        let mut read = || {
            let state = match item.remove(STATE)? {
                AttributeValue::S(text) => RawValue::from_string(text).ok()?,
                _ => return None,
            };
            let schema = u32::try_from(read_number(&item, SCHEMA)?).ok()?;
            Some(Snapshot { version: read_number(&item, AT)?, schema, state })
        };
        let damaged = || StoreError::Damaged { what: format!("the snapshot of {stream}") };
        read().map(Some).ok_or_else(damaged)
    }

    pub(super) async fn put_snapshot(&self, stream: &StreamId, snapshot: Snapshot) -> Result<(), StoreError> {
        snapshot.check(stream)?;
        let mut item = snapshot_key(stream);
        item.insert(AT.to_owned(), number(snapshot.version));
        item.insert(SCHEMA.to_owned(), number(snapshot.schema.into()));
        item.insert(STATE.to_owned(), string(Box::<str>::from(snapshot.state)));
        let put = self
            .client
            .put_item()
            .table_name(&*self.table)
            .set_item(Some(item))
            .condition_expression(
                "attribute_not_exists(#stream) OR #schema < :schema OR (#schema = :schema AND #at < :at)",
            )
            .expression_attribute_names("#stream", STREAM)
            .expression_attribute_names("#schema", SCHEMA)
            .expression_attribute_names("#at", AT)
            .expression_attribute_values(":schema", number(snapshot.schema.into()))
            .expression_attribute_values(":at", number(snapshot.version))
            .send()
            .await;
        match put {
            Err(error)
                if !error.as_service_error().is_some_and(|it| it.is_conditional_check_failed_exception()) =>
            {
                Err(failed("saving a snapshot", &error).into())
            }
            // A failed condition means that the present one is as good.
            _ => Ok(()),
        }
    }

    pub(super) async fn remove_snapshot(&self, stream: &StreamId) -> Result<(), StoreError> {
        let delete = self.client.delete_item().table_name(&*self.table).set_key(Some(snapshot_key(stream)));
        delete.send().await.map_err(|error| failed("deleting a snapshot", &error))?;
        Ok(())
    }

    pub(super) async fn get_checkpoint(&self, name: &str) -> Result<Option<Checkpoint>, StoreError> {
        let item = self.get("loading a checkpoint", checkpoint_key(name)).await?;
        let Some(item) = item else { return Ok(None) };
        let position = read_number(&item, POSITION);
        let position =
            position.ok_or_else(|| StoreError::Damaged { what: format!("the checkpoint {name}") })?;
        Ok(Some(Checkpoint { position: position.into(), is_resetting: item.contains_key(RESETTING) }))
    }

    pub(super) async fn move_checkpoint(
        &self,
        name: &str,
        known: Option<Checkpoint>,
        new: Checkpoint,
    ) -> Result<(), CheckpointError> {
        let mut item = checkpoint_key(name);
        item.insert(POSITION.to_owned(), number(new.position.into()));
        if new.is_resetting {
            item.insert(RESETTING.to_owned(), AttributeValue::Bool(true));
        }
        let put = self.client.put_item().table_name(&*self.table).set_item(Some(item));
        let put = match known {
            None => put
                .condition_expression("attribute_not_exists(#stream)")
                .expression_attribute_names("#stream", STREAM),
            Some(known) => put
                .condition_expression(match known.is_resetting {
                    true => "#position = :known AND attribute_exists(#resetting)",
                    false => "#position = :known AND attribute_not_exists(#resetting)",
                })
                .expression_attribute_names("#position", POSITION)
                .expression_attribute_names("#resetting", RESETTING)
                .expression_attribute_values(":known", number(known.position.into())),
        };
        let Err(error) = put.send().await else { return Ok(()) };
        if !error.as_service_error().is_some_and(|it| it.is_conditional_check_failed_exception()) {
            return Err(StoreError::from(failed("saving a checkpoint", &error)).into());
        }
        // The reply to the request that moved it may have been lost, and this be the SDK's repetition.
        match self.get_checkpoint(name).await? == Some(new) {
            true => Ok(()),
            false => Err(CheckpointError::Moved { name: name.to_owned() }),
        }
    }
}
