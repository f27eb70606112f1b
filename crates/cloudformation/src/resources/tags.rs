//! Tags of resources: the template's and the stack's, in the shapes that APIs take, and their changes.

use indexmap::IndexMap;

use super::{Context, Value};
use crate::state::Instance;
use crate::template::Map;

/// The tags that a thing is to have: the stack's, and over them its own.
pub(super) fn wanted(instance: &Instance) -> IndexMap<String, String> {
    let mut tags = instance.stack_tags.clone();
    let own = instance.properties.get("Tags");
    // Some types have them as a map.
    for (key, value) in own.and_then(Value::as_map).into_iter().flatten() {
        tags.insert(key.clone(), value.scalar_text().unwrap_or_default());
    }
    for tag in own.and_then(Value::as_list).unwrap_or_default() {
        let part = |name| tag.get(name).and_then(Value::scalar_text);
        if let Some(key) = part("Key") {
            tags.insert(key, part("Value").unwrap_or_default());
        }
    }
    tags
}

/// The wanted tags as a list of `Key` and `Value`; `None` where there are none.
pub(super) fn list(context: &Context<'_>) -> Option<Value> {
    pairs(&wanted(context.instance), "Key", "Value")
}

/// The wanted tags as a map; `None` where there are none.
pub(super) fn map(context: &Context<'_>) -> Option<Value> {
    as_map(&wanted(context.instance))
}

/// What of the tags has to be set, and the keys of those that have to go.
pub(super) fn changes(context: &Context<'_>, old: &Instance) -> (IndexMap<String, String>, Vec<Value>) {
    let (new, old) = (wanted(context.instance), wanted(old));
    let gone = old.keys().filter(|key| !new.contains_key(*key)).map(|key| key.as_str().into()).collect();
    let set = new.into_iter().filter(|(key, value)| old.get(key) != Some(value)).collect();
    (set, gone)
}

/// Tags as a list of objects; `None` where there are none.
pub(super) fn pairs(tags: &IndexMap<String, String>, key: &str, value: &str) -> Option<Value> {
    let pair = |(name, text): (&String, &String)| {
        let members = [(key, name), (value, text)];
        Value::Map(
            members.into_iter().map(|(member, text)| (member.to_owned(), text.as_str().into())).collect(),
        )
    };
    (!tags.is_empty()).then(|| Value::List(tags.iter().map(pair).collect()))
}

/// Tags as a map; `None` where there are none.
pub(super) fn as_map(tags: &IndexMap<String, String>) -> Option<Value> {
    let map: Map = tags.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect();
    (!map.is_empty()).then_some(Value::Map(map))
}
