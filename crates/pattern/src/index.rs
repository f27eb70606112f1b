//! What leads from an event to the conjunctions it may satisfy: an automaton whose steps are features of the event's values.
//!
//! A conjunction is filed under one of its conditions, the one that fewest events are likely to satisfy. Where many
//! still meet under one feature, a node below it files them by another of their conditions, and so on. An event
//! therefore meets the conjunctions that share several of its features, not those that share one.
//!
//! All nodes share one table from features to buckets; a feature's key is mixed with the [`Site`] where it is looked for.

use crate::feature::{self, Feature, Kind};
use crate::hash::{self, Growing, HashedMap};
use crate::intervals::Intervals;
use crate::ip::Digits;
use crate::operator::Operator;
use crate::selection::Selection;
use crate::{case, event::Value};

/// Conjunctions that may share a feature before they are told apart by another.
const BUCKET_MAX: usize = 16;

/// Levels of nodes. Below, conjunctions agree in so much that they are likely to match together.
const LEVELS_MAX: usize = 4;

/// Copies of a conjunction that the alternatives of its conditions may multiply to, where another condition would do without.
const COPIES_MAX: usize = 256;

/// Cost of a condition that nearly every event with the field satisfies.
const UNSELECTIVE: usize = 16_000;

/// How a crowd weighs at a place where nothing else is looked for.
const LIKELY: usize = 16;

/// The conditions of conjunctions by number.
pub(crate) trait Conjunctions {
    /// The places that a conjunction asks for, ascending by path, and its operators there; nothing where it was removed.
    fn conditions(&self, id: u32) -> impl Iterator<Item = (u32, &[Operator])> + Clone;
}

/// A conjunction that an event may satisfy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Candidate {
    pub(crate) id: u32,
    /// The field that led to it, or [`NO_FIELD`]. Unless it was found without a field too, every field that satisfies one of its conditions led to it.
    pub(crate) field: u32,
}

/// Of what was found by no one field: by absence, by anything that is present, or because nothing tells it apart.
pub(crate) const NO_FIELD: u32 = u32::MAX;

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct Index {
    nodes: Vec<Node>,
    buckets: HashedMap<Bucket>,
}

/// The conjunctions that share the features on the way here.
#[derive(Debug, Clone, Default)]
struct Node {
    /// Ascending by place.
    sites: Vec<Site>,
    /// Places whose absence finds something.
    absent: Vec<u32>,
    /// Conjunctions that no further feature tells apart.
    always: Vec<u32>,
}

/// A place at which a node looks for features.
#[derive(Debug, Clone)]
struct Site {
    place: u32,
    /// Bits of the kinds of features that are looked for.
    kinds: u16,
    seed: u64,
    /// How many different features are looked for.
    features: usize,
    /// Found by any value.
    present: Vec<u32>,
    /// Found by none.
    absent: Vec<u32>,
    rare: Option<Box<Rare>>,
}

/// What few sites look for.
#[derive(Debug, Clone, Default)]
struct Rare {
    /// The lengths of beginnings, endings and so on that occur, ascending; by kind.
    lengths: [Vec<usize>; 5],
    blocks: Intervals,
    ranges: Intervals,
}

/// Conjunctions with a feature in common.
#[derive(Debug, Clone)]
enum Bucket {
    One(u32),
    #[expect(clippy::box_collection, reason = "nearly all buckets hold one, and are as small as one")]
    Few(Box<Vec<u32>>),
    Node(u32),
}

impl Default for Index {
    fn default() -> Self {
        Self { nodes: vec![Node::default()], buckets: HashedMap::default() }
    }
}

fn seed(node: u32, place: u32) -> u64 {
    hash::mix(u64::from(node) << 32 | u64::from(place), 0)
}

fn key(seed: u64, kind: Kind, hash: u64) -> u64 {
    hash::mix(seed.wrapping_add(kind as u64), hash)
}

/// Where a kind's lengths are kept.
fn lengths_of(kind: Kind) -> Option<usize> {
    match kind {
        Kind::Prefix => Some(0),
        Kind::Suffix => Some(1),
        Kind::FoldedPrefix => Some(2),
        Kind::FoldedSuffix => Some(3),
        Kind::Gram => Some(4),
        _ => None,
    }
}

/// The way to a node: the places that tell its conjunctions apart already, and how often each may be filed there.
#[derive(Clone, Default)]
struct Way {
    places: Vec<u32>,
    copies: usize,
}

impl Index {
    /// Files a conjunction.
    pub(crate) fn insert(&mut self, id: u32, all: &impl Conjunctions) {
        self.insert_at(0, id, all, &mut Way { places: Vec::new(), copies: 1 });
    }

    fn insert_at(&mut self, node: u32, id: u32, all: &impl Conjunctions, way: &mut Way) {
        let is_top = way.places.is_empty();
        let best = all
            .conditions(id)
            .filter(|(place, _)| !way.places.contains(place))
            .map(|(place, operators)| (self.cost(node, place, operators), place, operators))
            .filter(|(cost, _, operators)| {
                let copies = way.copies * operators.len();
                is_top || (*cost < UNSELECTIVE && (operators.len() == 1 || copies <= COPIES_MAX))
            })
            .min_by_key(|(cost, ..)| *cost);
        let Some((_, place, operators)) = best else {
            self.nodes[node as usize].always.push(id);
            return;
        };
        let copies = way.copies;
        way.places.push(place);
        way.copies *= operators.len();
        for operator in operators {
            let features = Feature::of(&operator.0);
            let cheapest = features.into_iter().min_by_key(|feature| self.weight(node, place, feature));
            let Some(cheapest) = cheapest else { continue };
            self.place(node, place, cheapest, id, all, way);
        }
        way.copies = copies;
        way.places.pop();
    }

    /// What filing by a condition costs those who look.
    fn cost(&self, node: u32, place: u32, operators: &[Operator]) -> usize {
        let of_operator = |operator: &Operator| {
            let features = Feature::of(&operator.0);
            1 + features.iter().map(|feature| self.weight(node, place, feature)).min().unwrap_or(0)
        };
        operators.iter().map(of_operator).sum()
    }

    /// What filing by a feature costs, roughly: how many candidates are there already, times how likely an event has the feature. The more features are
    /// looked for at a place, the less likely is each.
    fn weight(&self, node: u32, place: u32, feature: &Feature) -> usize {
        let site = self.site(node, place);
        let rare = site.and_then(|site| site.rare.as_deref());
        match feature {
            Feature::Hashed { kind, hash, .. } => {
                let bucket = self.buckets.get(&key(seed(node, place), *kind, *hash));
                let crowd = bucket.map_or(0, |bucket| self.bucket_weight(bucket));
                let likely = crowd * LIKELY / (1 + site.map_or(0, |site| site.features));
                16 * (likely + width(*kind)) + crowd.min(15)
            }
            Feature::Cidr(_) => 64 + 2 * rare.map_or(0, |rare| rare.blocks.len()),
            Feature::Range(..) => 128 + 4 * rare.map_or(0, |rare| rare.ranges.len()),
            Feature::Present => UNSELECTIVE + site.map_or(0, |site| site.present.len()),
            Feature::Absent => UNSELECTIVE + site.map_or(0, |site| site.absent.len()),
        }
    }

    fn bucket_weight(&self, bucket: &Bucket) -> usize {
        match bucket {
            Bucket::One(_) => 1,
            Bucket::Few(few) => few.len(),
            Bucket::Node(node) => BUCKET_MAX + self.nodes[*node as usize].always.len(),
        }
    }

    fn site(&self, node: u32, place: u32) -> Option<&Site> {
        let sites = &self.nodes[node as usize].sites;
        sites.binary_search_by_key(&place, |site| site.place).ok().map(|at| &sites[at])
    }

    fn site_mut(&mut self, node: u32, place: u32) -> &mut Site {
        let sites = &mut self.nodes[node as usize].sites;
        let at = match sites.binary_search_by_key(&place, |site| site.place) {
            Ok(at) => at,
            Err(at) => {
                sites.insert(at, Site::new(node, place));
                at
            }
        };
        &mut sites[at]
    }

    fn place(
        &mut self,
        node: u32,
        place: u32,
        feature: Feature,
        id: u32,
        all: &impl Conjunctions,
        way: &mut Way,
    ) {
        let site = self.site_mut(node, place);
        match feature {
            Feature::Hashed { kind, hash, length } => {
                site.look_for(kind, length);
                let key = key(site.seed, kind, hash);
                if self.put(key, id, all, way) {
                    self.site_mut(node, place).features += 1;
                }
            }
            Feature::Cidr(block) => site.rare().blocks.insert(block.first, block.last, id),
            Feature::Range(lowest, highest) => {
                site.rare().ranges.insert(u128::from(lowest), u128::from(highest), id);
            }
            Feature::Present => site.present.push(id),
            Feature::Absent => {
                site.absent.push(id);
                if site.absent.len() == 1 {
                    self.nodes[node as usize].absent.push(place);
                }
            }
        }
    }

    /// Puts a conjunction into a bucket; whether that is new.
    fn put(&mut self, key: u64, id: u32, all: &impl Conjunctions, way: &mut Way) -> bool {
        let crowd = match self.buckets.entry(key) {
            std::collections::hash_map::Entry::Vacant(vacant) => {
                vacant.insert(Bucket::One(id));
                return true;
            }
            std::collections::hash_map::Entry::Occupied(mut occupied) => match occupied.get_mut() {
                Bucket::Node(node) => {
                    let node = *node;
                    self.insert_at(node, id, all, way);
                    return false;
                }
                // Alternatives of one condition may lead to the same bucket.
                Bucket::One(other) if *other == id => return false,
                Bucket::One(other) => {
                    *occupied.get_mut() = Bucket::Few(Box::new(vec![*other, id]));
                    return false;
                }
                Bucket::Few(few) if few.last() == Some(&id) => return false,
                Bucket::Few(few) if few.len() < BUCKET_MAX || way.places.len() >= LEVELS_MAX => {
                    few.push(id);
                    return false;
                }
                Bucket::Few(few) => std::mem::take(&mut **few),
            },
        };
        let node = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        assert!(node < u32::MAX, "an index is numbered with 32 bits");
        self.nodes.push(Node::default());
        self.buckets.insert(key, Bucket::Node(node));
        for id in crowd.into_iter().chain([id]) {
            self.insert_at(node, id, all, way);
        }
        false
    }

    /// Entries in all buckets.
    #[cfg(test)]
    pub(crate) fn filed(&self) -> usize {
        let in_bucket = |bucket: &Bucket| if let Bucket::Few(few) = bucket { few.len() } else { 1 };
        self.buckets.values().map(in_bucket).sum()
    }

    /// Appends the conjunctions that an event may satisfy, some of them more than once.
    pub(crate) fn collect(&self, selection: Selection<'_>, visits: &mut Visits, found: &mut Vec<Candidate>) {
        visits.begin(self.nodes.len());
        let mut walk = Finds { index: self, selection, visits, found, field: NO_FIELD };
        walk.visit(0);
    }
}

/// Beside a bucket of its own a feature costs the looking: each beginning of each value, for one.
fn width(kind: Kind) -> usize {
    match kind {
        Kind::Text | Kind::Number | Kind::Address | Kind::Folded => 0,
        Kind::Prefix | Kind::Suffix | Kind::FoldedPrefix | Kind::FoldedSuffix => 2,
        // `true`, `false` and `null` divide events into few parts.
        Kind::Literal | Kind::Gram => 4,
    }
}

impl Site {
    fn new(node: u32, place: u32) -> Self {
        Self {
            place,
            kinds: 0,
            seed: seed(node, place),
            features: 0,
            present: Vec::new(),
            absent: Vec::new(),
            rare: None,
        }
    }

    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    fn look_for(&mut self, kind: Kind, length: usize) {
        self.kinds |= kind.bit();
        let Some(lengths) = lengths_of(kind) else { return };
        let lengths = &mut self.rare().lengths[lengths];
        if let Err(at) = lengths.binary_search(&length) {
            lengths.insert(at, length);
        }
    }
}

/// Which nodes have been visited for the event; several of its values may lead to the same.
#[derive(Debug, Default)]
pub(crate) struct Visits {
    event: u32,
    by_node: Vec<u32>,
}

impl Visits {
    fn begin(&mut self, nodes: usize) {
        self.event = self.event.checked_add(1).unwrap_or_else(|| {
            self.by_node.clear();
            1
        });
        if self.by_node.len() < nodes {
            self.by_node.resize(nodes, 0);
        }
    }

    fn is_first(&mut self, node: u32) -> bool {
        std::mem::replace(&mut self.by_node[node as usize], self.event) != self.event
    }
}

/// A walk through the index, and what it has found.
struct Finds<'w> {
    index: &'w Index,
    selection: Selection<'w>,
    visits: &'w mut Visits,
    found: &'w mut Vec<Candidate>,
    /// The field that is looked at.
    field: u32,
}

impl Finds<'_> {
    fn add(&mut self, id: u32) {
        self.found.push(Candidate { id, field: self.field });
    }

    /// Adds what was not found by one field.
    fn add_without_field(&mut self, ids: &[u32]) {
        self.found.extend(ids.iter().map(|&id| Candidate { id, field: NO_FIELD }));
    }

    /// Levels are few, so that the recursion is shallow.
    fn visit(&mut self, node: u32) {
        if !self.visits.is_first(node) {
            return;
        }
        let node = &self.index.nodes[node as usize];
        self.add_without_field(&node.always);
        let present = &self.selection.memory.present;
        if node.sites.len() <= present.len() {
            for site in &node.sites {
                self.look(site);
            }
        } else {
            for &place in present {
                if let Ok(at) = node.sites.binary_search_by_key(&place, |site| site.place) {
                    self.look(&node.sites[at]);
                }
            }
        }
        for &place in &node.absent {
            if self.selection.fields(place).is_empty() || self.selection.elements().are_any() {
                let at = node.sites.binary_search_by_key(&place, |site| site.place);
                let absent = at.map_or(&[][..], |at| &node.sites[at].absent);
                self.add_without_field(absent);
            }
        }
    }

    fn look(&mut self, site: &Site) {
        let (selection, led_here) = (self.selection, self.field);
        let fields = selection.fields(site.place);
        for &field in fields {
            self.field = field;
            match selection.value(field) {
                Value::Text(text) => self.text(site, text),
                Value::Number { text, key } => self.number(site, text, key),
                Value::True => self.literal(site, "true"),
                Value::False => self.literal(site, "false"),
                Value::Null => self.literal(site, "null"),
            }
        }
        self.field = led_here;
        if !fields.is_empty() {
            self.add_without_field(&site.present);
        }
    }

    fn open(&mut self, site: &Site, kind: Kind, hash: u64) {
        match self.index.buckets.get(&key(site.seed, kind, hash)) {
            None => {}
            Some(Bucket::One(id)) => self.add(*id),
            Some(Bucket::Few(few)) => few.iter().for_each(|&id| self.add(id)),
            Some(Bucket::Node(node)) => self.visit(*node),
        }
    }

    fn literal(&mut self, site: &Site, text: &str) {
        if site.kinds & Kind::Literal.bit() != 0 {
            self.open(site, Kind::Literal, feature::of_text(text));
        }
    }

    fn number(&mut self, site: &Site, text: &str, key: Option<u64>) {
        if let Some(key) = key
            && site.kinds & Kind::Number.bit() != 0
        {
            self.open(site, Kind::Number, feature::of_number(key));
        }
        self.literal(site, text);
        if site.kinds & Kind::Address.bit() != 0 {
            self.address(site, Digits::of_number(text));
        }
        let Some(rare) = &site.rare else { return };
        if let Some(key) = key {
            rare.ranges.collect(u128::from(key), |id| self.add(id));
        }
        if rare.blocks.len() > 0 {
            rare.blocks.collect(Digits::of_number(text).bits, |id| self.add(id));
        }
    }

    fn address(&mut self, site: &Site, digits: Digits) {
        for count in feature::address_lengths(digits) {
            self.open(site, Kind::Address, feature::of_digits(digits.bits, count));
        }
    }

    fn text(&mut self, site: &Site, text: &str) {
        if site.kinds & Kind::Text.bit() != 0 {
            self.open(site, Kind::Text, feature::of_text(text));
        }
        if site.kinds & Kind::Folded.bit() != 0 {
            self.open(site, Kind::Folded, folded(text));
        }
        let has_blocks = site.rare.as_ref().is_some_and(|rare| rare.blocks.len() > 0);
        if (has_blocks || site.kinds & Kind::Address.bit() != 0)
            && let Some(digits) = Digits::of_address(text)
        {
            if let Some(rare) = &site.rare {
                rare.blocks.collect(digits.bits, |id| self.add(id));
            }
            self.address(site, digits);
        }
        let Some(rare) = &site.rare else { return };
        self.affixes(site, rare, text);
        for &length in &rare.lengths[4] {
            for gram in text.as_bytes().windows(length) {
                self.open(site, Kind::Gram, feature::of_gram(gram));
            }
        }
    }

    fn affixes(&mut self, site: &Site, rare: &Rare, text: &str) {
        let [prefixes, suffixes, folded_prefixes, folded_suffixes, _] = &rare.lengths;
        self.growing(site, Kind::Prefix, prefixes, text.bytes());
        self.growing(site, Kind::Suffix, suffixes, text.bytes().rev());
        if folded_prefixes.is_empty() && folded_suffixes.is_empty() {
            return;
        }
        if text.is_ascii() {
            let lower = text.bytes().map(|byte| byte.to_ascii_lowercase());
            self.growing(site, Kind::FoldedPrefix, folded_prefixes, lower.clone());
            self.growing(site, Kind::FoldedSuffix, folded_suffixes, lower.rev());
        } else {
            self.growing(site, Kind::FoldedPrefix, folded_prefixes, case::folded(text));
            self.growing(site, Kind::FoldedSuffix, folded_suffixes, case::folded_backwards(text));
        }
    }

    /// One pass over the text finds all its beginnings, because each one's hash continues the one before.
    fn growing(&mut self, site: &Site, kind: Kind, lengths: &[usize], mut bytes: impl Iterator<Item = u8>) {
        let (mut hash, mut reached) = (Growing::EMPTY, 0);
        for &length in lengths {
            while reached < length {
                let Some(byte) = bytes.next() else { return };
                hash.push(byte);
                reached += 1;
            }
            self.open(site, kind, hash.get());
        }
    }
}

fn folded(text: &str) -> u64 {
    if text.is_ascii() {
        Growing::of(text.bytes().map(|byte| byte.to_ascii_lowercase())).0
    } else {
        Growing::of(case::folded(text)).0
    }
}
