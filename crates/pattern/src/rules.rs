//! Many patterns, matched at once.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash};
use std::ops::Range;
use std::sync::Arc;

use crate::error::EventError;
use crate::event::{self, Event};
use crate::hash::HashedMap;
use crate::index::{Candidate, Conjunctions, Index, Visits};
use crate::operator::Operator;
use crate::path::Paths;
use crate::pattern::{Conjunction, Pattern, holds};
use crate::selection::{Memory, Selection};
use crate::together::stand_together;

/// Removed conjunctions that may stay filed before the index is built anew, beside as many as are alive.
const REMOVED_SLACK: usize = 64;

/// A set of patterns, each under an id of the caller's, compiled to one automaton.
///
/// Matching costs what the event and the matching patterns are worth, however many other patterns there are. A
/// change costs what the changed pattern is worth, and once in a while a rebuild that these changes have earned.
///
/// A clone is a snapshot that costs nothing and never changes: the first change to either copies what they share. So a
/// set can be replaced by a changed one while others match with it.
#[derive(Debug, Clone)]
pub struct RuleSet<Id>(Arc<Compiled<Id>>);

#[derive(Debug, Clone)]
struct Compiled<Id> {
    paths: Paths,
    index: Index,
    slots: Slots,
    /// By rule number; numbers rise with insertion.
    rules: Vec<Option<Rule<Id>>>,
    numbers: HashMap<Id, u32>,
    removed: usize,
}

#[derive(Debug, Clone)]
struct Rule<Id> {
    id: Id,
    slots: Range<u32>,
}

/// Conjunctions by number, and their conditions, each kept once however many patterns have it.
#[derive(Debug, Clone, Default)]
struct Slots {
    slots: Vec<Slot>,
    /// Numbers of conditions, those of one conjunction in a row.
    terms: Vec<u32>,
    conditions: Vec<Filed>,
    /// Conditions by their hash; those whose hashes clash follow one another.
    numbers: HashedMap<u32>,
}

/// A conjunction and the rule it belongs to.
#[derive(Debug, Clone)]
struct Slot {
    /// Where its terms begin.
    terms: u32,
    count: u32,
    rule: u32,
}

/// The rule of a slot that was removed.
const REMOVED: u32 = u32::MAX;

/// A condition, with its path as a place.
#[derive(Debug, Clone)]
struct Filed {
    place: u32,
    operators: Arc<[Operator]>,
}

impl Slots {
    fn add(&mut self, rule: u32, conjunction: impl Iterator<Item = (u32, Arc<[Operator]>)>) -> u32 {
        let terms = small(self.terms.len());
        for (place, operators) in conjunction {
            let number = self.number(place, operators);
            self.terms.push(number);
        }
        self.slots.push(Slot { terms, count: small(self.terms.len()) - terms, rule });
        small(self.slots.len() - 1)
    }

    /// The number of a condition, which may be known already.
    fn number(&mut self, place: u32, operators: Arc<[Operator]>) -> u32 {
        let mut key = BuildHasherDefault::<DefaultHasher>::default().hash_one((place, &operators));
        while let Some(&number) = self.numbers.get(&key) {
            let known = &self.conditions[number as usize];
            if known.place == place && known.operators == operators {
                return number;
            }
            key = key.wrapping_add(1);
        }
        let number = small(self.conditions.len());
        self.numbers.insert(key, number);
        self.conditions.push(Filed { place, operators });
        number
    }

    fn terms(&self, slot: u32) -> &[u32] {
        let Slot { terms, count, .. } = self.slots[slot as usize];
        &self.terms[terms as usize..(terms + count) as usize]
    }

    /// The conditions of a slot, ascending by path as in the pattern.
    fn filed(&self, slot: u32) -> impl Iterator<Item = &Filed> + Clone {
        self.terms(slot).iter().map(|&number| &self.conditions[number as usize])
    }
}

impl Conjunctions for Slots {
    fn conditions(&self, id: u32) -> impl Iterator<Item = (u32, &[Operator])> + Clone {
        let kept = if self.slots[id as usize].rule == REMOVED { 0 } else { usize::MAX };
        self.filed(id).take(kept).map(|filed| (filed.place, &*filed.operators))
    }
}

/// What matching needs beside the set, used again from event to event.
#[derive(Default)]
struct Scratch {
    memory: Memory,
    visits: Visits,
    found: Vec<Candidate>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl<Id> Default for RuleSet<Id> {
    fn default() -> Self {
        Self(Arc::new(Compiled::default()))
    }
}

impl<Id> Default for Compiled<Id> {
    fn default() -> Self {
        Self {
            paths: Paths::default(),
            index: Index::default(),
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
        self.0.numbers.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.numbers.is_empty()
    }

    /// Adds a pattern, in place of the one that was under this id.
    ///
    /// # Panics
    /// Beyond 2³² combinations of `$or` branches in all.
    pub fn insert(&mut self, id: Id, pattern: &Pattern) {
        let compiled = Arc::make_mut(&mut self.0);
        compiled.remove(&id);
        compiled.file(id, pattern.conjunctions());
    }

    /// Removes the pattern under this id, if there is one.
    pub fn remove(&mut self, id: &Id) -> bool {
        // What is not there needs no copy of what is shared.
        self.0.numbers.contains_key(id) && Arc::make_mut(&mut self.0).remove(id)
    }

    /// The ids of the patterns that an event matches, in the order in which they were added.
    pub fn matches(&self, event: &Event<'_>) -> Vec<&Id> {
        let mut matched = Vec::new();
        SCRATCH.with_borrow_mut(|Scratch { memory, visits, found }| {
            let paths = &self.0.paths;
            let selection = match event.text() {
                Ok(text) => Selection::of_text(text, paths, memory),
                Err(fields) => Ok(Selection::of_fields(fields, paths, memory)),
            };
            assert!(selection.is_ok(), "the text of an event is checked when it is parsed");
            if let Ok(selection) = selection {
                self.0.matches(selection, visits, found, &mut matched);
            }
        });
        matched
    }

    /// The same from an event's JSON text, of which only what the patterns ask for is looked at twice.
    ///
    /// # Errors
    /// As [`Event::parse`].
    pub fn matches_json(&self, event: &[u8]) -> Result<Vec<&Id>, EventError> {
        let mut matched = Vec::new();
        self.matches_json_into(event, &mut matched)?;
        Ok(matched)
    }

    /// [`RuleSet::matches_json`], with the ids put in place of what is in `matched`: nothing is allocated once it is as long as is needed.
    ///
    /// # Errors
    /// As [`Event::parse`].
    pub fn matches_json_into<'s>(
        &'s self,
        event: &[u8],
        matched: &mut Vec<&'s Id>,
    ) -> Result<(), EventError> {
        matched.clear();
        let text = event::text_of(event)?;
        SCRATCH.with_borrow_mut(|Scratch { memory, visits, found }| {
            let selection = Selection::of_text(text, &self.0.paths, memory);
            let selection = selection.map_err(|_| event::refusal(text))?;
            self.0.matches(selection, visits, found, matched);
            Ok(())
        })
    }
}

impl<Id: Clone + Eq + Hash> Compiled<Id> {
    fn matches<'s>(
        &'s self,
        selection: Selection<'_>,
        visits: &mut Visits,
        found: &mut Vec<Candidate>,
        matched: &mut Vec<&'s Id>,
    ) {
        found.clear();
        self.index.collect(selection, visits, found);
        found.sort_unstable();
        found.dedup();
        let mut last = REMOVED;
        for candidates in found.chunk_by(|a, b| a.id == b.id) {
            let slot = candidates[0].id;
            let rule = self.slots.slots[slot as usize].rule;
            // The conjunctions of one rule are neighbours.
            if rule == REMOVED || rule == last || !self.is_met(selection, slot, candidates) {
                continue;
            }
            last = rule;
            matched.extend(self.rules[rule as usize].as_ref().map(|rule| &rule.id));
        }
    }

    /// Whether an event satisfies a conjunction, which all of these found.
    fn is_met(&self, selection: Selection<'_>, slot: u32, found: &[Candidate]) -> bool {
        let conditions = self.slots.conditions(slot);
        stand_together(selection, found, conditions.clone()).unwrap_or_else(|| holds(&selection, conditions))
    }

    fn remove(&mut self, id: &Id) -> bool {
        let Some(number) = self.numbers.remove(id) else { return false };
        if let Some(rule) = self.rules[number as usize].take() {
            self.removed += rule.slots.len();
            for slot in rule.slots {
                self.slots.slots[slot as usize].rule = REMOVED;
            }
        }
        if self.removed > REMOVED_SLACK + self.slots.slots.len() / 2 {
            self.rebuild();
        }
        true
    }

    fn file(&mut self, id: Id, conjunctions: &[Conjunction]) {
        let rule = small(self.rules.len());
        let start = small(self.slots.slots.len());
        for conjunction in conjunctions {
            let paths = &mut self.paths;
            let conditions = conjunction
                .iter()
                .map(|condition| (paths.ask_for(condition.path()), Arc::clone(&condition.operators)));
            let slot = self.slots.add(rule, conditions);
            self.index.insert(slot, &self.slots);
        }
        self.rules.push(Some(Rule { id: id.clone(), slots: start..small(self.slots.slots.len()) }));
        self.numbers.insert(id, rule);
    }

    /// Files what is alive anew.
    fn rebuild(&mut self) {
        let old = std::mem::take(self);
        for Rule { id, slots } in old.rules.into_iter().flatten() {
            let rule = small(self.rules.len());
            let start = small(self.slots.slots.len());
            for slot in slots {
                let conditions = old.slots.filed(slot).map(|filed| {
                    let place = self.paths.ask_for(&old.paths.text(filed.place));
                    (place, Arc::clone(&filed.operators))
                });
                let slot = self.slots.add(rule, conditions);
                self.index.insert(slot, &self.slots);
            }
            self.rules.push(Some(Rule { id: id.clone(), slots: start..small(self.slots.slots.len()) }));
            self.numbers.insert(id, rule);
        }
    }
}

fn small(count: usize) -> u32 {
    assert!(count < REMOVED as usize, "a rule set is numbered with 32 bits");
    count as u32
}

#[cfg(test)]
mod tests {
    use super::{RuleSet, SCRATCH, Scratch, Selection};
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
    #[test]
    fn a_clone_is_a_snapshot() {
        let mut rules = RuleSet::new();
        rules.insert("a", &Pattern::parse(r#"{"x":[1]}"#).unwrap());
        let before = rules.clone();
        rules.insert("b", &Pattern::parse(r#"{"x":[1]}"#).unwrap());
        rules.remove(&"a");
        assert_eq!(before.matches_json(br#"{"x":1}"#).unwrap(), [&"a"]);
        assert_eq!(rules.matches_json(br#"{"x":1}"#).unwrap(), [&"b"]);
    }

    /// How many patterns an event is held against.
    fn candidates(rules: &RuleSet<usize>, event: &str) -> usize {
        SCRATCH.with_borrow_mut(|Scratch { memory, visits, found }| {
            let selection = Selection::of_text(event, &rules.0.paths, memory).unwrap();
            rules.0.matches(selection, visits, found, &mut Vec::new());
            found.len()
        })
    }

    #[test]
    fn an_event_is_held_against_few_patterns_however_many_there_are() {
        let long_list = |number: usize| {
            let values: Vec<String> = (0..60).map(|value| format!("\"v{}\"", number * 7 + value)).collect();
            format!(r#"{{"source":["app"],"list":[{}],"customer":["c{number}"]}}"#, values.join(","))
        };
        let kinds: [(&str, &dyn Fn(usize) -> String); 6] = [
            ("four fields", &|n| {
                format!(
                    r#"{{"source":["app"],"type":["t{}"],"customer":["c{}"],"status":["s{}"]}}"#,
                    n % 9,
                    n / 3,
                    n % 3
                )
            }),
            ("long lists", &long_list),
            ("a common beginning", &|n| format!(r#"{{"customer":[{{"wildcard":"c*{n}"}}]}}"#)),
            ("absence", &|n| format!(r#"{{"customer":["c{n}",{{"exists":false}}]}}"#)),
            ("other letters", &|n| format!(r#"{{"customer":[{{"equals-ignore-case":"É{n}"}}]}}"#)),
            ("ranges", &|n| format!(r#"{{"n":[{{"numeric":[">=",{n},"<",{}]}}]}}"#, n + 1)),
        ];
        let event = r#"{"source":"app","type":"t5","customer":"c77","status":"s1","list":"v80","n":77.5}"#;
        for (name, pattern) in kinds {
            let mut rules = RuleSet::new();
            for number in 0..3_000 {
                rules.insert(number, &Pattern::parse(&pattern(number)).unwrap());
            }
            let met = candidates(&rules, event);
            assert!(met <= 40, "{name}: {met} of 3,000");
        }
    }

    #[test]
    fn a_pattern_of_many_combinations_and_alternatives_stays_small() {
        let values = |name: &str, count: usize| {
            let values: Vec<String> = (0..count).map(|n| format!("\"{name}{n}\"")).collect();
            values.join(",")
        };
        let or = |name: &str| {
            let branches: Vec<String> =
                (0..10).map(|n| format!(r#"{{"{name}{n}":[{}]}}"#, values("w", 8))).collect();
            branches.join(",")
        };
        let text = format!(
            r#"{{"s":[{}],"a":{{"$or":[{}]}},"b":{{"$or":[{}]}},"c":{{"$or":[{}]}}}}"#,
            values("v", 20),
            or("x"),
            or("y"),
            or("z")
        );
        let mut rules = RuleSet::new();
        for number in 0..3 {
            rules.insert(number, &Pattern::parse(&text).unwrap());
        }
        let filed = rules.0.index.filed();
        assert!(filed <= 3 * 1000 * 300, "{filed} entries for 3,000 combinations");
        let event = br#"{"s":"v3","a":{"x9":"w1"},"b":{"y0":"w7"},"c":{"z5":"w0"}}"#;
        assert_eq!(rules.matches_json(event).unwrap(), [&0, &1, &2]);
    }
}
