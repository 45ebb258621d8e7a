//! Which sockets belong to which group (RFC 1112 §7.1): one datagram for many.
//!
//! `udp/mod.rs` fills it in as sockets join and leave; `udp/input.rs` asks it for whom a datagram to a
//! group is. It holds keys only, at most `memberships_max` of them, in the order in which they joined.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::IpAddr;

use crate::base::Key;

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Members {
    /// Sockets by group and port. Never an empty list.
    groups: BTreeMap<(IpAddr, u16), Vec<Key>>,
    memberships: usize,
}

impl Members {
    /// How many memberships there are.
    pub(super) const fn memberships(&self) -> usize {
        self.memberships
    }

    /// A socket on `port` joins `group`. It must not have done so before.
    pub(super) fn join(&mut self, group: IpAddr, port: u16, key: Key) {
        self.groups.entry((group, port)).or_default().push(key);
        self.memberships += 1;
    }

    /// A socket on `port` leaves `group`.
    pub(super) fn leave(&mut self, group: IpAddr, port: u16, key: Key) {
        let Some(members) = self.groups.get_mut(&(group, port)) else {
            return;
        };
        let before = members.len();
        members.retain(|member| *member != key);
        self.memberships -= before - members.len();
        if members.is_empty() {
            self.groups.remove(&(group, port));
        }
    }

    /// The sockets on `port` that joined `group`.
    pub(super) fn of(&self, group: IpAddr, port: u16) -> &[Key] {
        self.groups
            .get(&(group, port))
            .map_or(&[], |members| members.as_slice())
    }
}
