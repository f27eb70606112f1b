//! `TagResource`, `UntagResource`, `ListTagsOfResource`

use std::collections::BTreeMap;

use pontoon_api::dynamodb::{
    ListTagsOfResourceInput, ListTagsOfResourceOutput, Tag, TagResourceInput, TagResourceOutput,
    UntagResourceInput, UntagResourceOutput,
};
use pontoon_core::{Arn, Reply, Step};

use crate::{DynamoDb, Error, TableId};

/// Tags that a table may have.
const TAGS_MAX: usize = 50;
/// Tags that one answer lists.
const TAGS_PAGE: usize = 10;

impl DynamoDb {
    /// The table that an ARN names.
    fn tagged(&self, step: &mut Step<'_>, arn: &str, action: &'static str) -> Result<TableId, Error> {
        let id = Arn::parse(arn).filter(|arn| arn.service == "dynamodb").and_then(|arn| {
            Some(TableId { scope: arn.scope()?, name: arn.resource.strip_prefix("table/")?.into() })
        });
        let id = id.ok_or_else(|| {
            Error::invalid(format!("Invalid TableArn: Invalid ResourceArn provided as input {arn}"))
        })?;
        self.authorize(step, &id, action)?;
        match self.table(&id) {
            Some(_) => Ok(id),
            None => Err(Error::ResourceNotFound(format!(
                "Requested resource not found: ResourcArn: {arn} not found"
            ))),
        }
    }

    pub(crate) fn tag(
        &mut self,
        step: &mut Step<'_>,
        input: TagResourceInput,
    ) -> Result<Reply<TagResourceOutput>, Error> {
        let id = self.tagged(step, &input.resource_arn, "dynamodb:TagResource")?;
        if input.tags.is_empty() {
            return Err(Error::invalid("Atleast one Tag needs to be provided as Input."));
        }
        let added = checked(input.tags)?;
        if let Some(open) = self.table_mut(&id) {
            let mut tags = open.table.tags.clone();
            tags.extend(added);
            check_count(&tags)?;
            open.table.tags = tags;
            open.write_configuration(step);
        }
        Ok(Reply::Ready(TagResourceOutput {}))
    }

    pub(crate) fn untag(
        &mut self,
        step: &mut Step<'_>,
        input: UntagResourceInput,
    ) -> Result<Reply<UntagResourceOutput>, Error> {
        let id = self.tagged(step, &input.resource_arn, "dynamodb:UntagResource")?;
        if input.tag_keys.is_empty() {
            return Err(Error::invalid("Atleast one Tag Key needs to be provided as Input."));
        }
        if let Some(open) = self.table_mut(&id) {
            open.table.tags.retain(|key, _| !input.tag_keys.contains(key));
            open.write_configuration(step);
        }
        Ok(Reply::Ready(UntagResourceOutput {}))
    }

    pub(crate) fn list_tags(
        &mut self,
        step: &mut Step<'_>,
        input: ListTagsOfResourceInput,
    ) -> Result<Reply<ListTagsOfResourceOutput>, Error> {
        let id = self.tagged(step, &input.resource_arn, "dynamodb:ListTagsOfResource")?;
        let all = self.table(&id).map(|open| &open.table.tags);
        let after = input.next_token.unwrap_or_default();
        let mut tags: Vec<Tag> = all
            .into_iter()
            .flatten()
            .filter(|(key, _)| after.is_empty() || **key > after)
            .take(TAGS_PAGE + 1)
            .map(|(key, value)| Tag { key: key.clone(), value: value.clone() })
            .collect();
        let has_more = tags.len() > TAGS_PAGE;
        tags.truncate(TAGS_PAGE);
        let next_token = tags.last().filter(|_| has_more).map(|tag| tag.key.clone());
        Ok(Reply::Ready(ListTagsOfResourceOutput { tags: Some(tags), next_token }))
    }
}

/// Tags by key.
///
/// # Errors
/// A key that is reserved or occurs twice.
pub(crate) fn checked(tags: Vec<Tag>) -> Result<BTreeMap<String, String>, Error> {
    let mut by_key = BTreeMap::new();
    for Tag { key, value } in tags {
        if key.starts_with("aws:") {
            return Err(Error::invalid(
                "One or more parameter values were invalid: Tag keys must not start with aws:",
            ));
        }
        if by_key.insert(key, value).is_some() {
            return Err(Error::invalid(
                "One or more parameter values were invalid: Duplicate tag keys are not allowed",
            ));
        }
    }
    check_count(&by_key)?;
    Ok(by_key)
}

fn check_count(tags: &BTreeMap<String, String>) -> Result<(), Error> {
    match tags.len() {
        0..=TAGS_MAX => Ok(()),
        count => Err(Error::invalid(format!(
            "One or more parameter values were invalid: Too many tags: {count}, the limit is {TAGS_MAX}"
        ))),
    }
}
