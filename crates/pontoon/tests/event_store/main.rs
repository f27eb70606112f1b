//! One suite for every event store: in memory, and on DynamoDB as Pontoon has it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod aggregates;
mod cases;
mod concurrent;
mod faulty;
mod proxy;
mod readers;
mod server;

use pontoon::event_store::MemoryEventStore;
use pontoon::{DomainEvent, Envelope, RawPayload};
use serde::{Deserialize, Serialize};

/// The events of these tests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, DomainEvent)]
#[event(source = "ledger", prefix = "Account")]
pub enum AccountEvent {
    /// It begins.
    Opened {
        /// Whose it is.
        owner: String,
    },
    /// Something came in.
    Deposited {
        /// How much.
        amount: u64,
    },
    /// It ends.
    Closed {},
}

/// A deposit, ready to be appended.
pub fn deposit(amount: u64) -> Envelope<RawPayload> {
    encoded(AccountEvent::Deposited { amount })
}

/// The event, ready to be appended.
pub fn encoded(event: AccountEvent) -> Envelope<RawPayload> {
    Envelope::new(event).encode().unwrap()
}

/// A test of every case for every store.
macro_rules! suite {
    ($($case:ident)*) => {
        mod memory {
            $(#[tokio::test] async fn $case() { super::cases::$case(super::MemoryEventStore::new()).await; })*
        }
        mod dynamodb {
            $(#[tokio::test] async fn $case() {
                let server = super::server::Server::start().await;
                super::cases::$case(server.store().await).await;
                server.stop().await;
            })*
        }
    };
}

suite! {
    events_come_back_as_they_were_appended
    versions_and_positions_grow
    an_append_expects_what_it_says
    a_conflict_tells_the_actual_version
    a_repeated_append_with_an_exact_version_appends_nothing_again
    a_repeated_append_without_one_appends_again
    an_append_takes_as_many_events_as_a_transaction_and_no_more
    what_is_too_large_is_refused_whole
    names_of_streams_have_their_limits
    a_stream_is_read_both_ways_in_parts
    a_stream_of_more_than_one_page_is_read_whole
    all_events_are_read_in_parts_of_any_size
    a_filter_selects_by_type_and_stream
    a_filter_that_leaves_nothing_reaches_the_end
    a_subscription_gives_old_and_new_events
    a_dropped_wait_loses_nothing
    a_reader_of_an_empty_store_is_at_the_end
    concurrent_appends_at_one_version_have_one_winner
    concurrent_appends_at_any_version_all_succeed
    snapshots_are_replaced_by_better_ones_only
    checkpoints_move_only_from_where_they_are_known
}
