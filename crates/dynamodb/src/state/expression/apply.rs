//! What an update makes of an item.

use std::cmp::Ordering;

use super::super::Invalid;
use super::super::path::{Element, Path};
use super::super::value::{ITEM_BYTES_MAX, Item, Value, check_nesting};
use super::projection::Projection;
use super::update::{Action, Term, Update};

const WRONG_TYPE: &str = "An operand in the update expression has an incorrect data type";
const NO_SUCH_ATTRIBUTE: &str =
    "The provided expression refers to an attribute that does not exist in the item";
/// What the legacy `AttributeUpdates` say where expressions say [`WRONG_TYPE`].
const LEGACY_WRONG_TYPE: &str = "Type mismatch for attribute to update";
/// The message about an update whose outcome is larger than an item may be.
pub const UPDATE_TOO_LARGE: &str = "Item size to update has exceeded the maximum allowed size";
const NO_SUCH_PLACE: &str = "The document path provided in the update expression is invalid for update";

impl Update {
    /// The item after the update. Every value is computed from the item as it was; then values are put in
    /// place, and last removed, so that indexes mean the lists as they were.
    ///
    /// # Errors
    /// An operand that is absent or of a wrong type, a path that leads nowhere, or a number out of range.
    pub fn apply(&self, item: &Item) -> Result<Item, Invalid> {
        let mut writes: Vec<(&Path, Value)> = Vec::new();
        let mut removals: Vec<&Path> = Vec::new();
        let mut written_bytes = 0;
        for (path, action) in self.actions() {
            match self.outcome(path, action, item)? {
                Some(value) => {
                    // All of it would be in the item: no need to compute, and hold, any more.
                    written_bytes += value.size_bytes();
                    if written_bytes > ITEM_BYTES_MAX {
                        return Err(Invalid::new(UPDATE_TOO_LARGE));
                    }
                    writes.push((path, value));
                }
                None => removals.push(path),
            }
        }
        let mut updated = item.clone();
        // In order of paths, so that new elements of a list are appended in order of their indexes.
        writes.sort_by_key(|(path, _)| *path);
        for (path, value) in writes {
            put(&mut updated, path, value)?;
        }
        // Backwards, so that no removal moves what another one means.
        removals.sort_unstable_by(|left, right| right.cmp(left));
        for path in removals {
            check_place(path, item)?;
            if path.get(item).is_some() {
                remove(&mut updated, path);
            }
        }
        check_nesting(&updated)?;
        Ok(updated)
    }

    /// What an action leaves at its path; `None` for nothing.
    fn outcome(&self, path: &Path, action: &Action, item: &Item) -> Result<Option<Value>, Invalid> {
        let wrong_type = if self.is_legacy() { LEGACY_WRONG_TYPE } else { WRONG_TYPE };
        let present = path.get(item);
        match action {
            Action::Remove => Ok(None),
            Action::Set(term) => evaluate(term, item).map(Some),
            Action::Add(value) => added(present, value, wrong_type).map(Some),
            Action::Append(value) => appended(present, value, wrong_type).map(Some),
            Action::Delete(value) => deleted(present, value, wrong_type),
        }
    }

    /// The attributes that the update named, as far as they exist in the item: what the return values
    /// `UPDATED_OLD` and `UPDATED_NEW` hold.
    pub fn named_in(&self, item: &Item) -> Item {
        Projection::of(self.paths().cloned().collect()).apply(item)
    }
}

fn evaluate(term: &Term, item: &Item) -> Result<Value, Invalid> {
    let number = |term: &Term| match evaluate(term, item)? {
        Value::N(number) => Ok(number),
        _ => Err(Invalid::new(WRONG_TYPE)),
    };
    let list = |term: &Term| match evaluate(term, item)? {
        Value::L(list) => Ok(list),
        _ => Err(Invalid::new(WRONG_TYPE)),
    };
    match term {
        Term::Path(path) => path.get(item).cloned().ok_or_else(|| Invalid::new(NO_SUCH_ATTRIBUTE)),
        Term::Value(value) => Ok((**value).clone()),
        Term::IfNotExists(path, fallback) => match path.get(item) {
            Some(value) => Ok(value.clone()),
            None => evaluate(fallback, item),
        },
        Term::ListAppend(left, right) => {
            let mut joined = list(left)?;
            joined.append(&mut list(right)?);
            let joined = Value::L(joined);
            match joined.size_bytes() {
                0..=ITEM_BYTES_MAX => Ok(joined),
                _ => Err(Invalid::new(UPDATE_TOO_LARGE)),
            }
        }
        Term::Plus(left, right) => Ok(Value::N(number(left)?.checked_add(&number(right)?)?)),
        Term::Minus(left, right) => Ok(Value::N(number(left)?.checked_sub(&number(right)?)?)),
    }
}

/// A number with another added, or a set with another's members.
fn added(present: Option<&Value>, more: &Value, wrong_type: &'static str) -> Result<Value, Invalid> {
    Ok(match (present, more) {
        (None, more) => more.clone(),
        (Some(Value::N(present)), Value::N(more)) => Value::N(present.checked_add(more)?),
        (Some(Value::Ss(present)), Value::Ss(more)) => Value::Ss(union(present, more)),
        (Some(Value::Ns(present)), Value::Ns(more)) => Value::Ns(union(present, more)),
        (Some(Value::Bs(present)), Value::Bs(more)) => Value::Bs(union(present, more)),
        _ => return Err(Invalid::new(wrong_type)),
    })
}

fn appended(present: Option<&Value>, more: &Value, wrong_type: &'static str) -> Result<Value, Invalid> {
    Ok(match (present, more) {
        (None, more) => more.clone(),
        (Some(Value::L(present)), Value::L(more)) => Value::L(present.iter().chain(more).cloned().collect()),
        _ => return Err(Invalid::new(wrong_type)),
    })
}

/// A set without another's members; `None` if nothing is left.
fn deleted(
    present: Option<&Value>,
    less: &Value,
    wrong_type: &'static str,
) -> Result<Option<Value>, Invalid> {
    Ok(match (present, less) {
        (None, _) => None,
        (Some(Value::Ss(present)), Value::Ss(less)) => difference(present, less).map(Value::Ss),
        (Some(Value::Ns(present)), Value::Ns(less)) => difference(present, less).map(Value::Ns),
        (Some(Value::Bs(present)), Value::Bs(less)) => difference(present, less).map(Value::Bs),
        _ => return Err(Invalid::new(wrong_type)),
    })
}

/// The union of two sorted sets.
fn union<T: Ord + Clone>(left: &[T], right: &[T]) -> Vec<T> {
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut left, mut right) = (left.iter().peekable(), right.iter().peekable());
    while let (Some(l), Some(r)) = (left.peek(), right.peek()) {
        let order = l.cmp(r);
        if order != Ordering::Less {
            merged.extend(right.next().cloned());
        }
        match order {
            Ordering::Less => merged.extend(left.next().cloned()),
            Ordering::Equal => drop(left.next()),
            Ordering::Greater => {}
        }
    }
    merged.extend(left.cloned());
    merged.extend(right.cloned());
    merged
}

fn difference<T: Ord + Clone>(from: &[T], less: &[T]) -> Option<Vec<T>> {
    let rest: Vec<T> = from.iter().filter(|member| less.binary_search(member).is_err()).cloned().collect();
    (!rest.is_empty()).then_some(rest)
}

/// Refuses a path whose last element has no map or list to be in.
fn check_place(path: &Path, item: &Item) -> Result<(), Invalid> {
    let Some((last, parents)) = path.rest().split_last() else {
        return Ok(());
    };
    let parent = Path::new(path.head().to_owned(), parents.to_vec());
    match (parent.get(item), last) {
        (Some(Value::M(_)), Element::Name(_)) | (Some(Value::L(_)), Element::Index(_)) => Ok(()),
        _ => Err(Invalid::new(NO_SUCH_PLACE)),
    }
}

/// The value that holds the path's last element.
fn parent_of<'a>(item: &'a mut Item, path: &Path) -> Option<&'a mut Value> {
    let (_, parents) = path.rest().split_last()?;
    let mut value = item.get_mut(path.head())?;
    for element in parents {
        value = match (element, value) {
            (Element::Name(name), Value::M(map)) => map.get_mut(name)?,
            (Element::Index(index), Value::L(list)) => list.get_mut(*index as usize)?,
            _ => return None,
        };
    }
    Some(value)
}

/// Puts a value at a path; an index behind a list's end appends.
fn put(item: &mut Item, path: &Path, value: Value) -> Result<(), Invalid> {
    let Some(last) = path.rest().last() else {
        item.insert(path.head().to_owned(), value);
        return Ok(());
    };
    match (parent_of(item, path), last) {
        (Some(Value::M(map)), Element::Name(name)) => {
            map.insert(name.clone(), value);
            Ok(())
        }
        (Some(Value::L(list)), Element::Index(index)) => {
            match list.get_mut(*index as usize) {
                Some(slot) => *slot = value,
                None => list.push(value),
            }
            Ok(())
        }
        _ => Err(Invalid::new(NO_SUCH_PLACE)),
    }
}

fn remove(item: &mut Item, path: &Path) {
    match (path.rest().last(), parent_of(item, path)) {
        (None, _) => drop(item.remove(path.head())),
        (Some(Element::Name(name)), Some(Value::M(map))) => drop(map.remove(name)),
        (Some(Element::Index(index)), Some(Value::L(list))) if (*index as usize) < list.len() => {
            drop(list.remove(*index as usize));
        }
        _ => {}
    }
}
