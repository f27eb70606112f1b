//! Open files and sockets of this process: how many there may be.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that connections leave to everything else: the store, function processes, their pipes and sockets, calls of web servers.
const RESERVED: u64 = 512;

/// Raises the soft limit of open files to the hard one. The soft one is often 1,024, for the sake of programs that use `select`, and every waiting
/// client takes a descriptor. For a program's start: the limit is the whole process's.
pub fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    // Where it cannot be raised, fewer connections are served at once.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

/// How many of `wanted` connections may be served at once so that descriptors are left for everything else.
pub(crate) fn connections_max(wanted: usize) -> usize {
    bounded(wanted, getrlimit(Resource::Nofile).current)
}

/// `limit` is `None` where there is none. Half of a limit too small to reserve from is for connections.
fn bounded(wanted: usize, limit: Option<u64>) -> usize {
    let Some(limit) = limit else { return wanted };
    let left = limit.saturating_sub(RESERVED).max(limit / 2).max(1);
    usize::try_from(left).map_or(wanted, |left| left.min(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_descriptors_to_the_rest() {
        for (limit, served) in
            [(None, 16_384), (Some(1 << 20), 16_384), (Some(1_024), 512), (Some(256), 128), (Some(0), 1)]
        {
            assert_eq!(bounded(16_384, limit), served, "{limit:?}");
        }
    }

    #[test]
    fn the_limit_is_raised_as_far_as_it_may_be() {
        raise_limit();
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
    }
}
