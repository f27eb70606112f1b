//! Event patterns and events.

use pontoon_pattern::{Dialect, Event, Pattern, RuleSet};

/// Two patterns and an event, a line each: every way to match says the same, and what is said of the patterns alone holds for the event.
pub fn pattern(data: &[u8]) {
    let mut lines = data.splitn(3, |&byte| byte == b'\n');
    let (Some(one), Some(other), Some(event)) = (lines.next(), lines.next(), lines.next()) else { return };
    let parsed = |bytes| std::str::from_utf8(bytes).ok().and_then(|text| Pattern::parse(text).ok());
    let (one, other) = (parsed(one), parsed(other));
    let mut rules = RuleSet::new();
    for (number, pattern) in [&one, &other].into_iter().enumerate() {
        pattern.iter().for_each(|pattern| rules.insert(number, pattern));
    }
    let from_text = rules.matches_json(event);
    let Ok(event) = Event::parse(event) else {
        assert!(from_text.is_err(), "a set takes an event that is none");
        return;
    };
    let matched = |pattern: &Option<Pattern>| pattern.as_ref().is_some_and(|pattern| pattern.matches(&event));
    let alone: Vec<usize> = [&one, &other]
        .into_iter()
        .enumerate()
        .filter(|(_, one)| matched(one))
        .map(|(number, _)| number)
        .collect();
    assert_eq!(rules.matches(&event), alone.iter().collect::<Vec<_>>(), "a set says what its patterns say");
    assert_eq!(from_text, Ok(alone.iter().collect()), "the text says what the event says");
    let (Some(one), Some(other)) = (one, other) else { return };
    for (pattern, number) in [(&one, 0), (&other, 1)] {
        let explanation = pattern.explain(&event);
        assert_eq!(explanation.matched, alone.contains(&number), "an explanation says what the pattern says");
        assert_eq!(
            explanation.unmet().next().is_none(),
            explanation.matched,
            "what did not match has a reason"
        );
    }
    assert!(!(one.covers(&other) && alone == [1]), "what covers another matches all that it matches");
    // These are of EventBridge's events only, so that they are asked without an answer to compare.
    let _ = (one.never_matches(), one.excludes(&other));
}

/// A filter policy of SNS.
pub fn filter_policy(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Err(error) = Pattern::parse_in(text, Dialect::Sns) {
        assert!(!error.reason().is_empty(), "a refusal has a reason");
    }
}
