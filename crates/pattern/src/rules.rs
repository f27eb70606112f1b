//! Many patterns, matched at once.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use crate::event::Event;
use crate::index::{Conjunctions, Finds, Node};
use crate::pattern::{Condition, Conjunction, Pattern, holds};

/// Removed conjunctions that may stay filed before the index is built anew, beside as many as are alive.
const REMOVED_SLACK: usize = 64;

/// A set of patterns, each under an id of the caller's.
///
/// Matching costs what the event and the matching patterns are worth, however many other patterns there are. A
/// change costs what the changed pattern is worth, and once in a while a rebuild that these changes have earned.
#[derive(Debug, Clone)]
pub struct RuleSet<Id> {
    root: Node,
    slots: Slots,
    /// By rule number; numbers rise with insertion.
    rules: Vec<Option<Rule<Id>>>,
    numbers: HashMap<Id, u32>,
    removed: usize,
}

#[derive(Debug, Clone)]
struct Rule<Id> {
    id: Id,
    slots: std::ops::Range<u32>,
}

#[derive(Debug, Clone, Default)]
struct Slots(Vec<Option<Slot>>);

/// A conjunction and the rule it belongs to.
#[derive(Debug, Clone)]
struct Slot {
    conditions: Arc<Conjunction>,
    rule: u32,
}

impl Conjunctions for Slots {
    fn conditions(&self, id: u32) -> Option<&[Arc<Condition>]> {
        self.0[id as usize].as_ref().map(|slot| &**slot.conditions)
    }
}

impl<Id> Default for RuleSet<Id> {
    fn default() -> Self {
        Self {
            root: Node::default(),
            slots: Slots::default(),
            rules: Vec::new(),
            numbers: HashMap::new(),
            removed: 0,
        }
    }
}

impl<Id: Clone + Eq + Hash> RuleSet<Id> {
    /// An empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many patterns there are.
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// Adds a pattern, in place of the one that was under this id.
    ///
    /// # Panics
    /// Beyond 2³² combinations of `$or` branches in all.
    pub fn insert(&mut self, id: Id, pattern: &Pattern) {
        self.remove(&id);
        self.file(id, pattern.conjunctions().iter().cloned().map(Arc::new).collect());
    }

    /// Removes the pattern under this id, if there is one.
    pub fn remove(&mut self, id: &Id) -> bool {
        let Some(number) = self.numbers.remove(id) else { return false };
        if let Some(rule) = self.rules[number as usize].take() {
            self.removed += rule.slots.len();
            self.slots.0[rule.slots.start as usize..rule.slots.end as usize].fill(None);
        }
        if self.removed > REMOVED_SLACK + self.slots.0.len() / 2 {
            self.rebuild();
        }
        true
    }

    /// The ids of the patterns that an event matches, in the order in which they were added.
    pub fn matches(&self, event: &Event<'_>) -> Vec<&Id> {
        let mut candidates = Vec::new();
        self.root.collect(&mut Finds::new(event, &mut candidates));
        candidates.sort_unstable();
        candidates.dedup();
        let mut matched: Vec<u32> = Vec::new();
        for candidate in candidates {
            let Some(slot) = &self.slots.0[candidate as usize] else { continue };
            // The conjunctions of one rule are neighbours.
            if matched.last() != Some(&slot.rule) && holds(&slot.conditions, event) {
                matched.push(slot.rule);
            }
        }
        matched.iter().filter_map(|&rule| self.rules[rule as usize].as_ref()).map(|rule| &rule.id).collect()
    }

    fn file(&mut self, id: Id, conjunctions: Vec<Arc<Conjunction>>) {
        let number = small(self.rules.len());
        let start = small(self.slots.0.len());
        for conditions in conjunctions {
            let slot = small(self.slots.0.len());
            self.slots.0.push(Some(Slot { conditions, rule: number }));
            self.root.insert(slot, &self.slots, &mut Vec::new());
        }
        self.rules.push(Some(Rule { id: id.clone(), slots: start..small(self.slots.0.len()) }));
        self.numbers.insert(id, number);
    }

    fn rebuild(&mut self) {
        let old = std::mem::take(self);
        for rule in old.rules.into_iter().flatten() {
            let slots = &old.slots.0[rule.slots.start as usize..rule.slots.end as usize];
            let conjunctions = slots.iter().flatten().map(|slot| Arc::clone(&slot.conditions)).collect();
            self.file(rule.id, conjunctions);
        }
    }
}

fn small(count: usize) -> u32 {
    assert!(count < u32::MAX as usize, "a rule set is numbered with 32 bits");
    count as u32
}

#[cfg(test)]
mod tests {
    use super::RuleSet;
    use crate::event::Event;
    use crate::pattern::Pattern;

    /// Patterns that crowd every kind of feature, so that buckets overflow into nodes.
    fn crowd() -> Vec<Pattern> {
        let mut texts = Vec::new();
        for a in 0..24 {
            for b in 0..24 {
                texts.push(format!(r#"{{"source":["app"],"a":["a{a}"],"b":[{b}]}}"#));
            }
            texts.push(format!(r#"{{"source":["app"],"b":[{{"numeric":[">",{a},"<=",{}]}}]}}"#, a + 5));
            texts.push(format!(r#"{{"source":["app"],"ip":[{{"cidr":"10.{a}.0.0/12"}}]}}"#));
            texts.push(format!(r#"{{"source":["app"],"ip":["10.0.0.{a}"]}}"#));
            texts.push(format!(r#"{{"source":["app"],"a":[{{"prefix":"a{a}"}},{{"suffix":"{a}"}}]}}"#));
            texts.push(format!(r#"{{"a":[{{"prefix":{{"equals-ignore-case":"A{a}"}}}}]}}"#));
            texts.push(format!(r#"{{"a":[{{"suffix":{{"equals-ignore-case":"A{a}"}}}}]}}"#));
            texts.push(format!(r#"{{"a":[{{"equals-ignore-case":"A{a}"}}],"source":[{{"exists":true}}]}}"#));
            texts.push(format!(r#"{{"a":[{{"wildcard":"*{a}*"}},{{"wildcard":"a*{a}"}}]}}"#));
            texts.push(format!(r#"{{"source":["app"],"a":[{{"anything-but":["a{a}"]}}],"flag":[true]}}"#));
            texts.push(format!(r#"{{"source":["app"],"none{a}":[{{"exists":false}}],"flag":[null,false]}}"#));
            texts.push(format!(
                r#"{{"source":["app"],"$or":[{{"a":["a{a}"]}},{{"list":{{"k":[{a}],"l":[{a}]}}}}]}}"#
            ));
        }
        texts.iter().map(|text| Pattern::parse(text).unwrap()).collect()
    }

    const EVENTS: [&str; 8] = [
        r#"{"source":"app","a":"a3","b":7,"ip":"10.5.9.1","flag":true}"#,
        r#"{"source":"app","a":"A12","b":12.0,"ip":"10.0.0.9","flag":null}"#,
        r#"{"source":"other","a":"a3","b":7}"#,
        r#"{"source":"app","a":["a1","a22"],"b":[3,4,5],"flag":[false,true]}"#,
        r#"{"source":"app","list":[{"k":1,"l":2},{"k":2,"l":2},{"k":3,"l":4}]}"#,
        r#"{"source":"app","list":[[{"k":1},{"l":1}],[{"k":5,"l":5}]],"none4":1,"flag":false}"#,
        r#"{"a":"xxa7","b":null}"#,
        "{}",
    ];

    fn check(rules: &RuleSet<usize>, patterns: &[Pattern], is_in: impl Fn(usize) -> bool) {
        for text in EVENTS {
            let event = Event::parse(text.as_bytes()).unwrap();
            let expected: Vec<usize> =
                (0..patterns.len()).filter(|&n| is_in(n) && patterns[n].matches(&event)).collect();
            let found: Vec<usize> = rules.matches(&event).into_iter().copied().collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn crowded_features_lose_and_invent_nothing() {
        let patterns = crowd();
        let mut rules = RuleSet::new();
        for (id, pattern) in patterns.iter().enumerate() {
            rules.insert(id, pattern);
        }
        check(&rules, &patterns, |_| true);
    }

    #[test]
    fn removed_patterns_are_gone_before_and_after_a_rebuild() {
        let patterns = crowd();
        let mut rules = RuleSet::new();
        for (id, pattern) in patterns.iter().enumerate() {
            rules.insert(id, pattern);
        }
        for kept in [2, 3, 7, 1000] {
            for id in 0..patterns.len() {
                if !id.is_multiple_of(kept) {
                    rules.remove(&id);
                }
            }
            let in_all =
                |id: usize| [2, 3, 7, 1000].iter().take_while(|&&k| k <= kept).all(|&k| id.is_multiple_of(k));
            check(&rules, &patterns, in_all);
        }
        assert_eq!(rules.len(), 1);
        assert!(rules.remove(&0));
        assert!(!rules.remove(&0));
        assert!(rules.is_empty());
    }

    #[test]
    fn inserting_under_a_known_id_replaces_its_pattern() {
        let mut rules = RuleSet::new();
        rules.insert("rule", &Pattern::parse(r#"{"a":[1]}"#).unwrap());
        rules.insert("rule", &Pattern::parse(r#"{"a":[2]}"#).unwrap());
        assert!(rules.matches(&Event::parse(br#"{"a":1}"#).unwrap()).is_empty());
        assert_eq!(rules.matches(&Event::parse(br#"{"a":2}"#).unwrap()), [&"rule"]);
    }
}
