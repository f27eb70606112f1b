//! Whether conditions hold together in the elements of arrays around a field, which is asked for before all elements that they could settle on are followed.

use crate::elements::Relation;
use crate::index::{Candidate, NO_FIELD};
use crate::pattern::{Conditions, admit_absence, are_satisfied_by, consistent};
use crate::selection::Selection;

/// The verdict on conditions that fields led to, where the elements around these fields are enough for one. It is that of [`crate::pattern::holds`].
pub(crate) fn stand_together<'c>(
    selection: Selection<'_>,
    found: &[Candidate],
    conditions: impl Conditions<'c, u32>,
) -> Option<bool> {
    if !selection.elements().are_any() {
        return None;
    }
    let mut is_decided = true;
    for &Candidate { field, .. } in found {
        match (field != NO_FIELD).then(|| hold_around(selection, field, conditions.clone())).flatten() {
            Some(true) => return Some(true),
            Some(false) => {}
            None => is_decided = false,
        }
    }
    // Each way to satisfy all conditions has one of these fields in it.
    is_decided.then_some(false)
}

/// Whether the conditions hold in the element that a field stands in and those around that: then they hold. Where one is not satisfied by anything that may
/// stand beside this field, they do not hold with this field.
fn hold_around<'c>(
    selection: Selection<'_>,
    field: u32,
    conditions: impl Conditions<'c, u32>,
) -> Option<bool> {
    let elements = selection.elements();
    let element = elements.of(field);
    let mut is_decided = true;
    for (place, operators) in conditions {
        let satisfying = consistent(elements, std::slice::from_ref(&element), selection.fields(place))
            .find(|&field| are_satisfied_by(operators, selection.value(field)));
        match satisfying {
            Some(field) if elements.relation(element, elements.of(field)) == Relation::Within => {}
            None if !admit_absence(operators) => return Some(false),
            _ => is_decided = false,
        }
    }
    is_decided.then_some(true)
}
