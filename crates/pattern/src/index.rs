//! The tree that leads from an event to the conjunctions it may satisfy.
//!
//! A conjunction is filed under one of its conditions, the one that fewest events are likely to satisfy. Where many
//! still meet under one feature, a node below it files them by another of their conditions, and so on. An event
//! therefore meets the conjunctions that share several of its features, not those that share one.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use crate::anchors::{Anchor, Anchors, Place, UNSELECTIVE};
use crate::event::Event;
use crate::pattern::Condition;

/// Conjunctions that may share a feature before they are told apart by another.
const BUCKET_MAX: usize = 16;

/// Levels of nodes. Below, conjunctions agree in so much that they are likely to match together.
const LEVELS_MAX: usize = 4;

/// Alternatives of a condition by which a conjunction may be filed below the top level; each is one more copy.
const ALTERNATIVES_MAX: usize = 8;

/// The conditions of conjunctions by number; `None` where one was removed.
pub(crate) trait Conjunctions {
    fn conditions(&self, id: u32) -> Option<&[Arc<Condition>]>;
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Node {
    by_path: HashMap<u64, Anchors, BuildHasherDefault<PathHasher>>,
    /// Conjunctions that no feature tells apart.
    always: Vec<u32>,
}

/// Conjunctions with a feature in common.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bucket {
    few: Vec<u32>,
    node: Option<Box<Node>>,
}

/// What a walk through the tree has found.
pub(crate) struct Finds<'f, 'e> {
    event: &'f Event<'e>,
    pub(crate) found: &'f mut Vec<u32>,
    /// Nodes that the walk has been to; several values of one event may lead to the same.
    visited: HashSet<*const Node>,
}

impl Node {
    /// Files a conjunction. `told_apart_by` has the hashes of the paths that led here.
    pub(crate) fn insert(&mut self, id: u32, all: &impl Conjunctions, told_apart_by: &mut Vec<u64>) {
        let Some(conditions) = all.conditions(id) else { return };
        let best = conditions
            .iter()
            .filter(|condition| !told_apart_by.contains(&condition.path.hash()))
            .filter_map(|condition| Some((self.cost(condition)?, condition)))
            .filter(|(cost, condition)| {
                told_apart_by.is_empty()
                    || (condition.operators.len() <= ALTERNATIVES_MAX && *cost < UNSELECTIVE)
            })
            .min_by_key(|(cost, _)| *cost);
        let Some((_, condition)) = best else {
            self.always.push(id);
            return;
        };
        let path = condition.path.hash();
        let anchors = self.by_path.entry(path).or_default();
        told_apart_by.push(path);
        for operator in &condition.operators {
            let Some(anchor) = Anchor::of(&operator.0) else { continue };
            if let Place::Bucket(bucket) = anchors.place(anchor, id) {
                bucket.insert(id, all, told_apart_by);
            }
        }
        told_apart_by.pop();
    }

    /// What filing by a condition costs those who look, or `None` if its absence satisfies it too.
    fn cost(&self, condition: &Condition) -> Option<usize> {
        let anchors = self.by_path.get(&condition.path.hash());
        let none = Anchors::default();
        let anchors = anchors.unwrap_or(&none);
        condition
            .operators
            .iter()
            .map(|operator| Anchor::of(&operator.0).map(|anchor| 1 + 16 * anchors.cost(&anchor)))
            .sum()
    }

    pub(crate) fn collect(&self, finds: &mut Finds<'_, '_>) {
        finds.found.extend_from_slice(&self.always);
        let event = finds.event;
        for (hash, fields) in event.paths() {
            if let Some(anchors) = self.by_path.get(&hash) {
                anchors.collect(fields.iter().map(|&(_, field)| event.value(field)), finds);
            }
        }
    }
}

impl Bucket {
    fn insert(&mut self, id: u32, all: &impl Conjunctions, told_apart_by: &mut Vec<u64>) {
        if let Some(node) = &mut self.node {
            node.insert(id, all, told_apart_by);
            return;
        }
        // Alternatives of one condition may lead to the same bucket.
        if self.few.last() != Some(&id) {
            self.few.push(id);
        }
        if self.few.len() > BUCKET_MAX && told_apart_by.len() < LEVELS_MAX {
            let mut node = Box::<Node>::default();
            for id in std::mem::take(&mut self.few) {
                node.insert(id, all, told_apart_by);
            }
            self.node = Some(node);
        }
    }

    /// Candidates that it stands for, roughly.
    pub(crate) fn weight(&self) -> usize {
        self.few.len() + self.node.as_ref().map_or(0, |node| BUCKET_MAX + node.always.len())
    }
}

impl<'f, 'e> Finds<'f, 'e> {
    pub(crate) fn new(event: &'f Event<'e>, found: &'f mut Vec<u32>) -> Self {
        Self { event, found, visited: HashSet::new() }
    }

    pub(crate) fn open(&mut self, bucket: Option<&Bucket>) {
        if let Some(bucket) = bucket {
            self.found.extend_from_slice(&bucket.few);
            if let Some(node) = &bucket.node
                && self.visited.insert(std::ptr::from_ref(&**node))
            {
                node.collect(self);
            }
        }
    }
}

/// Paths come hashed.
#[derive(Default)]
pub(crate) struct PathHasher(u64);

impl Hasher for PathHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = crate::path::extend_hash(self.0, bytes);
    }

    fn write_u64(&mut self, hash: u64) {
        // The table takes its bits from both ends, and the hash of paths is weak in the upper ones.
        self.0 = hash ^ hash.rotate_left(32);
    }
}
