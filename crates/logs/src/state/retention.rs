//! How long events are kept, and which are refused at the door.

use std::time::Duration;

/// The numbers of days that a retention policy may have ("PutRetentionPolicy" of the API reference).
pub const DAYS: [i32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// One day.
pub const DAY: Duration = Duration::from_secs(24 * 3600);
/// How old an event may be when it comes.
pub const AGE_MAX: Duration = Duration::from_secs(14 * 24 * 3600);
/// How far in the future an event may be when it comes.
pub const AHEAD_MAX: Duration = Duration::from_secs(2 * 3600);
