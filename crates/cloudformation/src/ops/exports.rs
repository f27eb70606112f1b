//! Exports and who imports them.

use pontoon_api::cloudformation::*;
use pontoon_core::Step;

use super::{Answer, page, page_start};
use crate::{CloudFormation, Error};

pub(super) fn list(
    cloudformation: &mut CloudFormation,
    step: &mut Step<'_>,
    input: ListExportsInput,
) -> Answer<ListExportsOutput> {
    let start = page_start(input.next_token.as_deref())?;
    let stacks = cloudformation.state.stacks(step.scope);
    let mut exports: Vec<Export> = stacks
        .exports()
        .map(|(stack, name, value)| Export {
            exporting_stack_id: Some(stack.id.clone()),
            name: Some(name.to_owned()),
            value: Some(value.to_owned()),
        })
        .collect();
    exports.sort_by(|left, right| left.name.cmp(&right.name));
    let (exports, next_token) = page(exports.into_iter(), start);
    Ok(ListExportsOutput { exports: Some(exports), next_token }.into())
}

pub(super) fn imports(
    cloudformation: &mut CloudFormation,
    step: &mut Step<'_>,
    input: ListImportsInput,
) -> Answer<ListImportsOutput> {
    let start = page_start(input.next_token.as_deref())?;
    let stacks = cloudformation.state.stacks(step.scope);
    let importers = stacks.importers(&input.export_name);
    if importers.is_empty() {
        return Err(Error::validation(if stacks.export(&input.export_name).is_some() {
            format!("Export '{}' is not imported by any stack.", input.export_name)
        } else {
            format!("Export '{}' does not exist.", input.export_name)
        }));
    }
    let (imports, next_token) = page(importers.into_iter().map(str::to_owned), start);
    Ok(ListImportsOutput { imports: Some(imports), next_token }.into())
}
