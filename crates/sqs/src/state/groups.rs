//! Message groups: the names that messages of a queue share, each as a small number while any message of it is in the queue.

use std::ops::{Index, IndexMut};
use std::sync::Arc;

use pontoon_core::HashMap;

/// A group of one queue. Free for another name once its last message has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(u32);

#[derive(Debug)]
struct Slot<T> {
    name: Arc<str>,
    messages: usize,
    state: T,
}

/// The groups of a queue's messages, each with a state of its own.
#[derive(Debug)]
pub struct Groups<T> {
    ids: HashMap<Arc<str>, GroupId>,
    slots: Vec<Option<Slot<T>>>,
    free: Vec<GroupId>,
}

impl<T> Default for Groups<T> {
    fn default() -> Self {
        Self { ids: HashMap::default(), slots: Vec::new(), free: Vec::new() }
    }
}

impl<T: Default> Groups<T> {
    /// Counts one more message of this name.
    pub fn enter(&mut self, name: &str) -> GroupId {
        if let Some(id) = self.ids.get(name).copied() {
            if let Some(Some(slot)) = self.slots.get_mut(id.0 as usize) {
                slot.messages += 1;
            }
            return id;
        }
        let name: Arc<str> = name.into();
        let slot = Some(Slot { name: Arc::clone(&name), messages: 1, state: T::default() });
        let id = match self.free.pop() {
            Some(id) => {
                self.slots[id.0 as usize] = slot;
                id
            }
            None => {
                let next = u32::try_from(self.slots.len());
                assert!(next.is_ok(), "a queue has fewer than 2^32 messages in memory, so fewer groups too");
                self.slots.push(slot);
                GroupId(next.unwrap_or_default())
            }
        };
        self.ids.insert(name, id);
        id
    }
}

impl<T> Groups<T> {
    /// Counts one message less, and forgets the group with its last; gives back the state that it had then.
    pub fn leave(&mut self, id: GroupId) -> Option<T> {
        let place = &mut self.slots[id.0 as usize];
        let slot = place.as_mut()?;
        slot.messages -= 1;
        if slot.messages > 0 {
            return None;
        }
        let slot = place.take()?;
        self.ids.remove(&slot.name);
        self.free.push(id);
        Some(slot.state)
    }

    /// The group of this name, while it has messages.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<GroupId> {
        self.ids.get(name).copied()
    }

    /// How many groups have messages.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether no message has a group.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The groups' states, in no order.
    pub fn states(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().flatten().map(|slot| &slot.state)
    }

    fn slot(&self, id: GroupId) -> Option<&Slot<T>> {
        self.slots.get(id.0 as usize)?.as_ref()
    }
}

impl<T> Index<GroupId> for Groups<T> {
    type Output = T;

    /// # Panics
    /// If the group has been left by its last message.
    fn index(&self, id: GroupId) -> &T {
        let slot = self.slot(id);
        assert!(slot.is_some(), "a message keeps its group for as long as it is in the queue");
        slot.map_or_else(|| unreachable!("asserted above"), |slot| &slot.state)
    }
}

impl<T> IndexMut<GroupId> for Groups<T> {
    /// # Panics
    /// If the group has been left by its last message.
    fn index_mut(&mut self, id: GroupId) -> &mut T {
        let slot = self.slots.get_mut(id.0 as usize).and_then(Option::as_mut);
        assert!(slot.is_some(), "a message keeps its group for as long as it is in the queue");
        slot.map_or_else(|| unreachable!("asserted above"), |slot| &mut slot.state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_lives_from_its_first_message_to_its_last_and_its_number_is_used_again() {
        let mut groups = Groups::<u8>::default();
        let a = groups.enter("a");
        assert_eq!(groups.enter("a"), a);
        let b = groups.enter("b");
        groups[a] = 7;
        assert_eq!(groups.leave(a), None);
        assert_eq!((groups[a], groups[b], groups.len()), (7, 0, 2));
        assert_eq!(groups.leave(a), Some(7));
        let c = groups.enter("c");
        assert_eq!((c, groups[c]), (a, 0));
        assert_eq!((groups.find("c"), groups.find("a")), (Some(c), None));
        assert_eq!(groups.enter("a"), GroupId(2));
    }
}
