//! Which message of a standard queue is received next: the first that was sent, but those of noisy tenants after those of quiet ones.
//!
//! A message's group is its tenant; one without a group is a tenant of its own, and quiet. A tenant is noisy while it takes more than its part of what
//! the consumers can do: over a tenth of the messages in flight, and thirty at least, or over a tenth of the time that messages were in flight in the
//! last minutes. It is quiet again when both have fallen, when none of its messages is visible, and when it has sent nothing for five minutes. Of
//! several noisy tenants the one with the fewest messages in flight comes first.
//!
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues-detailed.html>

use std::collections::BTreeSet;
use std::time::Duration;

use pontoon_core::Timestamp;

use super::groups::{GroupId, Groups};
use super::numbers::Numbers;

/// How many messages a tenant has in flight at least before that makes it noisy.
const IN_FLIGHT_MIN: usize = 30;
/// A tenant that has more than one part in so many is noisy.
const SHARES: u64 = 10;
/// How long after its last message a tenant is quiet whatever else it does.
const QUIET_AFTER: Duration = Duration::from_secs(300);
/// How many messages' time in flight must be known before shares of it are compared: of fewer, every tenant's share is large.
const ENDED_MIN: u64 = 30;
/// The time in flight is that of the running span and of the one before.
const SPAN: Duration = Duration::from_secs(60);

/// Time in flight, in the running span and the one before.
#[derive(Clone, Copy, Debug, Default)]
struct Busy {
    span: i64,
    millis: [u64; 2],
    ended: [u64; 2],
}

impl Busy {
    fn turn_to(&mut self, at: Timestamp) {
        let span = at.millis().div_euclid(SPAN.as_millis() as i64);
        match span - self.span {
            ..=0 => return,
            1 => {
                self.millis = [0, self.millis[0]];
                self.ended = [0, self.ended[0]];
            }
            _ => (self.millis, self.ended) = ([0; 2], [0; 2]),
        }
        self.span = span;
    }

    fn add(&mut self, end: Timestamp, time: Duration) {
        self.turn_to(end);
        self.millis[0] += time.as_millis() as u64;
        self.ended[0] += 1;
    }

    fn millis(&self) -> u64 {
        self.millis.iter().sum()
    }

    fn ended(&self) -> u64 {
        self.ended.iter().sum()
    }
}

/// Where a tenant's first visible message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Head {
    Quiet(u64),
    Noisy(usize, u64),
}

#[derive(Debug, Default)]
struct Tenant {
    visible: Numbers,
    in_flight: usize,
    delayed: usize,
    noisy: bool,
    sent_last: Timestamp,
    busy: Busy,
    head: Option<Head>,
}

/// How many messages noisy tenants have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Noise {
    /// Noisy tenants.
    pub tenants: usize,
    /// Their visible messages.
    pub visible: usize,
    /// Their messages in flight.
    pub in_flight: usize,
    /// Their delayed messages.
    pub delayed: usize,
}

/// A message that is not in flight any more: since when, and how long it was.
pub type Ended = Option<(Timestamp, Duration)>;

/// The visible messages of a standard queue by their tenants.
///
/// Invariant: `quiet` and `noisy` have the first visible message of every tenant that has any, and `noisy_tenants` the noisy tenants.
#[derive(Debug, Default)]
pub struct Fair {
    ungrouped: Numbers,
    tenants: Groups<Tenant>,
    quiet: BTreeSet<(u64, GroupId)>,
    noisy: BTreeSet<(usize, u64, GroupId)>,
    noisy_tenants: BTreeSet<GroupId>,
    in_flight: usize,
    busy: Busy,
    used: bool,
}

impl Fair {
    /// Adds a message that is visible, or else delayed or in flight.
    pub fn enter(
        &mut self,
        number: u64,
        group: Option<&str>,
        visible: bool,
        in_flight: bool,
        sent_at: Timestamp,
    ) -> Option<GroupId> {
        self.in_flight += usize::from(in_flight);
        let Some(group) = group else {
            if visible {
                self.ungrouped.insert(number);
            }
            return None;
        };
        self.used = true;
        let id = self.tenants.enter(group);
        let tenant = &mut self.tenants[id];
        tenant.sent_last = tenant.sent_last.max(sent_at);
        tenant.in_flight += usize::from(in_flight);
        tenant.delayed += usize::from(!visible && !in_flight);
        if visible {
            tenant.visible.insert(number);
        }
        self.settle(id);
        Some(id)
    }

    /// The message to receive next.
    #[must_use]
    pub fn next(&self) -> Option<u64> {
        let quiet = self.quiet.first().map(|(number, _)| *number);
        let first = [self.ungrouped.first(), quiet].into_iter().flatten().min();
        first.or_else(|| self.noisy.first().map(|(_, number, _)| *number))
    }

    /// Notes that a visible message was received.
    pub fn take(&mut self, number: u64, group: Option<GroupId>) {
        self.in_flight += 1;
        let Some(id) = group else {
            self.ungrouped.remove(number);
            return;
        };
        let tenant = &mut self.tenants[id];
        tenant.visible.remove(number);
        tenant.in_flight += 1;
        self.judge(id);
        self.settle(id);
    }

    /// Notes that a message is visible now, after it was in flight or delayed.
    pub fn show(&mut self, number: u64, group: Option<GroupId>, ended: Ended) {
        let Some(id) = group else {
            self.in_flight -= usize::from(ended.is_some());
            self.ungrouped.insert(number);
            self.count_busy(None, ended);
            return;
        };
        self.end(id, ended);
        let tenant = &mut self.tenants[id];
        tenant.delayed -= usize::from(ended.is_none());
        tenant.visible.insert(number);
        self.settle(id);
    }

    /// Removes a message.
    pub fn leave(&mut self, number: u64, group: Option<GroupId>, ended: Ended) {
        let Some(id) = group else {
            self.in_flight -= usize::from(ended.is_some());
            self.ungrouped.remove(number);
            self.count_busy(None, ended);
            return;
        };
        self.end(id, ended);
        let tenant = &mut self.tenants[id];
        if !tenant.visible.remove(number) && ended.is_none() {
            tenant.delayed -= 1;
        }
        self.settle(id);
        if self.tenants.leave(id).is_some() {
            self.noisy_tenants.remove(&id);
        }
    }

    /// Finds out which noisy tenants are quiet by now. There are less than thirty at any time: shares over a tenth.
    pub fn refresh(&mut self, now: Timestamp) {
        if self.noisy_tenants.is_empty() {
            return;
        }
        self.busy.turn_to(now);
        let noisy: Vec<GroupId> = self.noisy_tenants.iter().copied().collect();
        for id in noisy {
            let tenant = &mut self.tenants[id];
            tenant.busy.turn_to(now);
            if now.since(tenant.sent_last) >= QUIET_AFTER {
                self.set_noisy(id, false);
            } else {
                self.judge(id);
            }
            self.settle(id);
        }
    }

    /// How many messages noisy tenants have; `None` if no message has had a group.
    #[must_use]
    pub fn noise(&self) -> Option<Noise> {
        let mut noise = Noise { tenants: self.noisy_tenants.len(), ..Noise::default() };
        for id in &self.noisy_tenants {
            let tenant = &self.tenants[*id];
            noise.visible += tenant.visible.len();
            noise.in_flight += tenant.in_flight;
            noise.delayed += tenant.delayed;
        }
        self.used.then_some(noise)
    }

    /// The first visible message of a quiet tenant.
    #[must_use]
    pub fn first_quiet(&self) -> Option<u64> {
        let quiet = self.quiet.first().map(|(number, _)| *number);
        [self.ungrouped.first(), quiet].into_iter().flatten().min()
    }

    /// How many groups have messages.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.tenants.len()
    }

    /// The group of this name, while it has messages.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<GroupId> {
        self.tenants.find(name)
    }

    /// Whether a message's tenant is noisy.
    #[must_use]
    pub fn is_noisy(&self, group: Option<GroupId>) -> bool {
        group.is_some_and(|id| self.tenants[id].noisy)
    }

    /// The first visible messages in the order in which they were sent, quiet tenants' before those of noisy ones.
    #[must_use]
    pub fn visible(&self, max: usize) -> Vec<u64> {
        let of = |noisy: bool| {
            let tenants = self.tenants.states().filter(move |tenant| tenant.noisy == noisy);
            let mut numbers: Vec<u64> = tenants.flat_map(|tenant| tenant.visible.iter().take(max)).collect();
            if !noisy {
                numbers.extend(self.ungrouped.iter().take(max));
            }
            numbers.sort_unstable();
            numbers
        };
        of(false).into_iter().chain(of(true)).take(max).collect()
    }

    fn end(&mut self, id: GroupId, ended: Ended) {
        if ended.is_some() {
            self.in_flight -= 1;
            self.tenants[id].in_flight -= 1;
            self.count_busy(Some(id), ended);
            self.judge(id);
        }
    }

    fn count_busy(&mut self, id: Option<GroupId>, ended: Ended) {
        let Some((end, time)) = ended else { return };
        self.busy.add(end, time);
        if let Some(id) = id {
            self.tenants[id].busy.add(end, time);
        }
    }

    /// Finds out whether a tenant is noisy by its shares.
    fn judge(&mut self, id: GroupId) {
        let tenant = &self.tenants[id];
        let crowds =
            tenant.in_flight >= IN_FLIGHT_MIN && tenant.in_flight as u64 * SHARES > self.in_flight as u64;
        let hogs = self.busy.ended() >= ENDED_MIN && tenant.busy.millis() * SHARES > self.busy.millis();
        self.set_noisy(id, crowds || hogs);
    }

    fn set_noisy(&mut self, id: GroupId, noisy: bool) {
        self.tenants[id].noisy = noisy;
        if noisy {
            self.noisy_tenants.insert(id);
        } else {
            self.noisy_tenants.remove(&id);
        }
    }

    /// Puts a tenant's first visible message where it belongs.
    fn settle(&mut self, id: GroupId) {
        let tenant = &self.tenants[id];
        let first = tenant.visible.first();
        if first.is_none() && tenant.noisy {
            self.set_noisy(id, false);
        }
        let tenant = &mut self.tenants[id];
        let head =
            first.map(|n| if tenant.noisy { Head::Noisy(tenant.in_flight, n) } else { Head::Quiet(n) });
        if head == tenant.head {
            return;
        }
        match std::mem::replace(&mut tenant.head, head) {
            Some(Head::Quiet(number)) => drop(self.quiet.remove(&(number, id))),
            Some(Head::Noisy(in_flight, number)) => drop(self.noisy.remove(&(in_flight, number, id))),
            None => {}
        }
        match head {
            Some(Head::Quiet(number)) => drop(self.quiet.insert((number, id))),
            Some(Head::Noisy(in_flight, number)) => drop(self.noisy.insert((in_flight, number, id))),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_secs(1_000_000);

    /// A queue in which `noisy` has sent a hundred messages, and then each of `quiet` one.
    fn crowded(quiet: &[&str]) -> (Fair, Vec<Option<GroupId>>) {
        let mut fair = Fair::default();
        let groups = std::iter::repeat_n("noisy", 100).chain(quiet.iter().copied());
        let ids = groups.zip(0..).map(|(group, number)| fair.enter(number, Some(group), true, false, START));
        let ids = ids.collect();
        (fair, ids)
    }

    fn take(fair: &mut Fair, ids: &[Option<GroupId>], count: usize) -> Vec<u64> {
        let one = |_| {
            let number = fair.next().unwrap();
            fair.take(number, ids[number as usize]);
            number
        };
        (0..count).map(one).collect()
    }

    #[test]
    fn a_tenant_with_thirty_messages_and_a_tenth_of_all_in_flight_comes_after_the_quiet_ones() {
        let (mut fair, ids) = crowded(&["a", "b", "a"]);
        assert_eq!(take(&mut fair, &ids, 29), (0..29).collect::<Vec<_>>());
        assert_eq!(fair.noise(), Some(Noise::default()));
        assert_eq!(take(&mut fair, &ids, 6), [29, 100, 101, 102, 30, 31]);
        let noise = Noise { tenants: 1, visible: 68, in_flight: 32, delayed: 0 };
        assert_eq!(fair.noise(), Some(noise));
    }

    #[test]
    fn a_tenant_is_quiet_again_when_its_share_falls_or_its_backlog_ends_or_it_is_silent() {
        let (mut fair, ids) = crowded(&["a", "b"]);
        take(&mut fair, &ids, 30);
        assert!(fair.is_noisy(ids[0]));
        fair.leave(0, ids[0], Some((START, Duration::from_secs(1))));
        assert!(!fair.is_noisy(ids[0]));

        let (mut fair, ids) = crowded(&["a"]);
        take(&mut fair, &ids, 30);
        fair.refresh(START.after(QUIET_AFTER).before(Duration::from_millis(1)));
        assert_eq!(fair.next(), Some(100));
        fair.refresh(START.after(QUIET_AFTER));
        assert_eq!(fair.next(), Some(30));

        let (mut fair, ids) = crowded(&[]);
        take(&mut fair, &ids, 100);
        assert!(!fair.is_noisy(ids[0]));
        let next = fair.enter(200, Some("noisy"), true, false, START);
        assert_eq!((fair.next(), next), (Some(200), ids[0]));
    }

    #[test]
    fn a_tenant_whose_few_messages_take_long_is_noisy() {
        let mut fair = Fair::default();
        let slow = fair.enter(0, Some("slow"), true, false, START);
        fair.enter(1, Some("slow"), true, false, START);
        for number in 2..40 {
            fair.enter(number, None, true, false, START);
        }
        fair.take(0, slow);
        fair.show(0, slow, Some((START, Duration::from_secs(100))));
        assert_eq!(fair.next(), Some(0), "too little is known yet");
        for number in 2..31 {
            fair.take(number, None);
            fair.leave(number, None, Some((START, Duration::from_secs(1))));
        }
        fair.take(0, slow);
        fair.leave(0, slow, Some((START, Duration::ZERO)));
        assert!(fair.is_noisy(slow));
        assert_eq!(fair.next(), Some(31));
        fair.refresh(START.after(SPAN * 2));
        assert_eq!(fair.next(), Some(1), "the time in flight is long ago");
    }

    #[test]
    fn of_noisy_tenants_the_one_with_the_fewest_messages_in_flight_comes_first() {
        let mut fair = Fair::default();
        let id = |n: u64| if n < 60 { "a" } else { "b" };
        let ids: Vec<_> = (0..120).map(|n| fair.enter(n, Some(id(n)), true, false, START)).collect();
        assert_eq!(take(&mut fair, &ids, 30), (0..30).collect::<Vec<_>>());
        assert_eq!(take(&mut fair, &ids, 30), (60..90).collect::<Vec<_>>(), "b is quiet");
        assert_eq!(take(&mut fair, &ids, 4), [30, 90, 31, 91]);
    }

    #[test]
    fn messages_without_a_group_are_quiet_however_many_there_are() {
        let mut fair = Fair::default();
        for number in 0..200 {
            fair.enter(number, None, true, false, START);
        }
        for number in 0..100 {
            fair.take(number, None);
        }
        assert_eq!((fair.next(), fair.noise()), (Some(100), None));
    }
}
