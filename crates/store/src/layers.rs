//! Ordered maps with snapshots that cost nothing, and a scan that sees several of them, and a tree below, as one.

use std::cmp::Ordering;
use std::iter::Peekable;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use bytes::Bytes;
use imbl::OrdMap;
use pontoon_core::store::{Batch, Direction, KeyRange, Space, StoreError, StoreRead};

/// What a layer says of a key: a value, or that the key is gone.
type Written = Option<Bytes>;

/// Bytes counted for each entry beyond key and value: the two handles, their allocations' headers and the entry's share of its node.
const ENTRY_BYTES: usize = 128;

/// The net effect of a run of batches: for each key written the last value, or that it is gone. Cloning shares everything.
#[derive(Clone, Default)]
pub(crate) struct Layer {
    spaces: [OrdMap<Bytes, Written>; Space::ALL.len()],
    bytes: usize,
}

impl Layer {
    /// Adds the writes of a later batch.
    pub(crate) fn apply(&mut self, batch: Batch) {
        for (space, key, value) in batch.into_writes() {
            self.write(space, Bytes::from(key), value);
        }
    }

    /// Sets what is said of one key.
    fn write(&mut self, space: Space, key: Bytes, value: Written) {
        let key_bytes = key.len();
        self.bytes += value.as_ref().map_or(0, Bytes::len);
        match self.spaces[space as usize].insert(key, value) {
            Some(replaced) => self.bytes -= replaced.as_ref().map_or(0, Bytes::len),
            None => self.bytes += key_bytes + ENTRY_BYTES,
        }
    }

    /// As [`Layer::apply`], for a layer with nothing below: a key that is gone need not be remembered.
    pub(crate) fn apply_as_bottom(&mut self, batch: Batch) {
        for (space, key, value) in batch.into_writes() {
            if value.is_some() {
                self.write(space, Bytes::from(key), value);
            } else if let Some(removed) = self.spaces[space as usize].remove(key.as_slice()) {
                self.bytes -= key.len() + ENTRY_BYTES + removed.as_ref().map_or(0, Bytes::len);
            }
        }
    }

    /// What this layer says of a key: `None` nothing, `Some(None)` that it is gone.
    pub(crate) fn get(&self, space: Space, key: &[u8]) -> Option<&Written> {
        self.spaces[space as usize].get(key)
    }

    /// What it says of a space, by key.
    pub(crate) fn iter(&self, space: Space) -> impl Iterator<Item = (&Bytes, Option<&Bytes>)> {
        self.spaces[space as usize].iter().map(|(key, value)| (key, value.as_ref()))
    }

    /// The spaces of which it says something.
    pub(crate) fn spaces(&self) -> impl Iterator<Item = Space> {
        Space::ALL.into_iter().filter(|space| !self.spaces[*space as usize].is_empty())
    }

    /// About how much memory it holds, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// Reads through layers, newest first, and then through what lies below them.
pub(crate) struct Stack<'a> {
    /// The layers, newest first.
    pub(crate) layers: &'a [&'a Layer],
    /// What holds the keys that no layer speaks of.
    pub(crate) below: Option<&'a dyn StoreRead>,
}

impl Stack<'_> {
    /// The value of a key. See [`StoreRead::get`].
    pub(crate) fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        match self.layers.iter().find_map(|layer| layer.get(space, key)) {
            Some(written) => Ok(written.clone()),
            None => self.below.map_or(Ok(None), |below| below.get(space, key)),
        }
    }

    /// Visits a range. See [`StoreRead::scan`].
    pub(crate) fn scan(
        &self,
        space: Space,
        range: &KeyRange,
        direction: Direction,
        visit: &mut dyn FnMut(&[u8], &Bytes) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        if range.is_empty() {
            return Ok(());
        }
        let mut written = Merged::new(self.layers, space, range, direction);
        let mut flow = ControlFlow::Continue(());
        if let Some(below) = self.below {
            below.scan(space, range, direction, &mut |key, value| {
                flow = written.visit_before(key, visit);
                if flow.is_continue() {
                    flow = match written.take_at(key) {
                        Some(Some(newer)) => visit(key, newer),
                        Some(None) => ControlFlow::Continue(()),
                        None => visit(key, value),
                    };
                }
                flow
            })?;
        }
        if flow.is_continue() {
            // Whether the visitor breaks here changes nothing: these are the last.
            let _ = written.visit_rest(visit);
        }
        Ok(())
    }
}

type Entries<'a> = Box<dyn Iterator<Item = (&'a Bytes, &'a Written)> + 'a>;

/// The entries of several layers in one order; where two speak of a key, the newer one's.
struct Merged<'a> {
    sources: Vec<Peekable<Entries<'a>>>,
    direction: Direction,
}

impl<'a> Merged<'a> {
    fn new(layers: &[&'a Layer], space: Space, range: &KeyRange, direction: Direction) -> Self {
        let bounds = (range.start.as_ref().map(Vec::as_slice), range.end.as_ref().map(Vec::as_slice));
        let sources = layers
            .iter()
            .map(|layer| &layer.spaces[space as usize])
            .filter(|map| !map.is_empty())
            .map(|map| {
                let entries = map.range::<(Bound<&[u8]>, Bound<&[u8]>), [u8]>(bounds);
                let entries: Entries<'a> = match direction {
                    Direction::Ascending => Box::new(entries),
                    Direction::Descending => Box::new(entries.rev()),
                };
                entries.peekable()
            })
            .collect();
        Self { sources, direction }
    }

    /// Which of two keys comes first in this direction.
    fn order(&self, a: &[u8], b: &[u8]) -> Ordering {
        match self.direction {
            Direction::Ascending => a.cmp(b),
            Direction::Descending => b.cmp(a),
        }
    }

    /// The next key that any layer speaks of.
    fn next_key(&mut self) -> Option<&'a Bytes> {
        let mut first: Option<&'a Bytes> = None;
        for source in 0..self.sources.len() {
            let Some((key, _)) = self.sources[source].peek() else { continue };
            let key: &'a Bytes = key;
            if first.is_none_or(|first| self.order(key, first).is_lt()) {
                first = Some(key);
            }
        }
        first
    }

    /// Passes a key in every layer and returns what the newest says of it.
    fn take_at(&mut self, key: &[u8]) -> Option<&'a Written> {
        let mut newest = None;
        for source in &mut self.sources {
            if let Some((_, written)) = source.next_if(|(at, _)| at.as_ref() == key) {
                newest = newest.or(Some(written));
            }
        }
        newest
    }

    fn visit_before(
        &mut self,
        key: &[u8],
        visit: &mut dyn FnMut(&[u8], &Bytes) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        while let Some(next) = self.next_key() {
            if self.order(next, key).is_ge() {
                break;
            }
            self.visit_at(next, visit)?;
        }
        ControlFlow::Continue(())
    }

    fn visit_rest(&mut self, visit: &mut dyn FnMut(&[u8], &Bytes) -> ControlFlow<()>) -> ControlFlow<()> {
        while let Some(next) = self.next_key() {
            self.visit_at(next, visit)?;
        }
        ControlFlow::Continue(())
    }

    fn visit_at(
        &mut self,
        key: &Bytes,
        visit: &mut dyn FnMut(&[u8], &Bytes) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        match self.take_at(key) {
            Some(Some(value)) => visit(key, value),
            Some(None) | None => ControlFlow::Continue(()),
        }
    }
}

/// Layers and what lies below them, frozen.
pub(crate) struct Frozen {
    /// The layers, newest first.
    pub(crate) layers: Vec<Layer>,
    /// What lay below them when, or after, they were frozen.
    pub(crate) below: Option<Arc<dyn StoreRead>>,
}

impl Frozen {
    fn read<T>(&self, read: impl FnOnce(&Stack<'_>) -> T) -> T {
        let layers: Vec<&Layer> = self.layers.iter().collect();
        read(&Stack { layers: &layers, below: self.below.as_deref() })
    }
}

impl StoreRead for Frozen {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.read(|stack| stack.get(space, key))
    }

    fn scan(
        &self,
        space: Space,
        range: &KeyRange,
        direction: Direction,
        visit: &mut dyn FnMut(&[u8], &Bytes) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.read(|stack| stack.scan(space, range, direction, visit))
    }
}
