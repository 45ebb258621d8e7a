//! Telling routers which groups we belong to: the host's part of IGMP and MLD, which differ in their
//! messages only (RFC 3376 §5, RFC 3810 §6; older routers: RFC 3376 §7.2, RFC 3810 §8.2).
//!
//! The pages say that a group was joined or left, bring messages of others, and send what
//! [`Groups::next_report`] gives. Sockets here listen to all senders, so that source lists appear only
//! in answers. Who receives what is none of its business: `ip` and `udp` know that.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::net::IpAddr;

use crate::base::{Duration, Instant};
use crate::config::Config;
use crate::context::Context;
use crate::discard::Discard;
use crate::wire::group;
use crate::wire::membership::{self, Message, Query, Record, Told, Version};
use crate::wire::packet::{Cast, Datagram};

/// Changes are told so often, unless a router says otherwise (RFC 3376 §8.1, RFC 3810 §9.1).
const ROBUSTNESS: u8 = 2;
/// Routers ask so often, unless they say otherwise (RFC 3376 §8.2, RFC 3810 §9.2).
const QUERY_INTERVAL: Duration = Duration::from_secs(125);
/// Changes are repeated within so long (RFC 3376 §8.11, RFC 3810 §9.11; older ones: RFC 2236 §8.10).
const REPEAT_WITHIN: Duration = Duration::from_secs(1);
const REPEAT_WITHIN_OLDER: Duration = Duration::from_secs(10);
/// Senders that are remembered for the answer to a query about them; asked about more, we answer for
/// the group, which is more than was asked and no less true.
const SOURCES_MAX: usize = 64;

/// What is still to be told about one group.
#[derive(Clone, Debug)]
struct Entry {
    /// False once it was left: the entry stays until that is told.
    belongs: bool,
    /// How often the last change is still to be told, and when next.
    changes_left: u8,
    change_at: Option<Instant>,
    /// When a query is to be answered, and about which senders; all if it is empty.
    answer_at: Option<Instant>,
    sources: Vec<IpAddr>,
}

/// What is known about the routers of one family.
#[derive(Clone, Copy, Debug)]
struct Routers {
    /// Until when an older one is taken to be there (RFC 3376 §7.2.1).
    first_until: Instant,
    second_until: Instant,
    robustness: u8,
    interval: Duration,
}

impl Routers {
    const fn new() -> Self {
        Self {
            first_until: Instant::ZERO,
            second_until: Instant::ZERO,
            robustness: ROBUSTNESS,
            interval: QUERY_INTERVAL,
        }
    }

    /// How we speak while the oldest router that was heard lately may be there.
    fn version(&self, now: Instant) -> Version {
        if now < self.first_until {
            Version::First
        } else if now < self.second_until {
            Version::Second
        } else {
            Version::Third
        }
    }
}

/// A report that is due.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Report {
    version: Version,
    group: IpAddr,
    record: Record,
}

impl Report {
    /// The group that it is about.
    pub const fn group(&self) -> IpAddr {
        self.group
    }

    /// What goes onto the wire if we speak from `source`; `None` where the routers' version has no
    /// words for it.
    pub fn emit(&self, source: IpAddr) -> Option<Told> {
        membership::emit(self.version, self.group, &self.record, source)
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Groups {
    /// Groups that we belong to or have just left. At most twice `groups_max`.
    entries: BTreeMap<IpAddr, Entry>,
    entries_max: usize,
    v4: Routers,
    v6: Routers,
    /// Reports that are due now; never more than there are entries, and pulled at once.
    due: VecDeque<Report>,
}

impl Groups {
    /// No groups, and no routers heard of.
    pub fn new(config: &Config) -> Self {
        Self {
            entries: BTreeMap::new(),
            entries_max: config.groups_max as usize * 2,
            v4: Routers::new(),
            v6: Routers::new(),
            due: VecDeque::new(),
        }
    }

    fn routers(&mut self, group: IpAddr) -> &mut Routers {
        match group {
            IpAddr::V4(_) => &mut self.v4,
            IpAddr::V6(_) => &mut self.v6,
        }
    }

    /// The host belongs to `group` from now on: told at once, and again.
    pub fn joined(&mut self, cx: &mut Context<'_>, group: IpAddr) {
        self.changed(cx, group, true);
    }

    /// The host no longer belongs to `group`: told at once, and again.
    pub fn left(&mut self, cx: &mut Context<'_>, group: IpAddr) {
        self.changed(cx, group, false);
    }

    fn changed(&mut self, cx: &mut Context<'_>, group: IpAddr, belongs: bool) {
        if !group::is_reported(group) {
            return;
        }
        let robustness = self.routers(group).robustness;
        let is_new = !self.entries.contains_key(&group);
        if is_new && self.entries.len() >= self.entries_max {
            // One that was left makes room; the routers notice by asking.
            let left = self.entries.iter().find(|(_, entry)| !entry.belongs);
            let Some(left) = left.map(|(group, _)| *group) else {
                return;
            };
            self.entries.remove(&left);
        }
        let entry = Entry {
            belongs,
            changes_left: robustness,
            change_at: Some(cx.now),
            answer_at: None,
            sources: Vec::new(),
        };
        self.entries.insert(group, entry);
        self.time_passes(cx);
    }

    /// An IGMP or MLD message arrived; the checksum of MLD was found right.
    pub fn message_arrives(&mut self, cx: &mut Context<'_>, datagram: &Datagram) {
        let message = match datagram.destination {
            IpAddr::V4(_) => membership::parse_igmp(&datagram.payload),
            IpAddr::V6(_) => membership::parse_mld(&datagram.payload),
        };
        match message {
            Some(Message::Query(query)) if is_credible(datagram, &query) => {
                self.query_arrives(cx, datagram.destination, query);
            }
            // RFC 2236 §3, RFC 2710 §4: one member's report is enough for an older router.
            Some(Message::Report(group)) if group == datagram.destination => {
                let version = self.routers(group).version(cx.now);
                if let Some(entry) = self.entries.get_mut(&group)
                    && version != Version::Third
                    && entry.belongs
                {
                    entry.answer_at = None;
                }
            }
            Some(Message::Other) => {}
            Some(Message::Query(_) | Message::Report(_)) | None => {
                cx.discard(Discard::MembershipIgnored);
            }
        }
    }

    fn query_arrives(&mut self, cx: &mut Context<'_>, destination: IpAddr, query: Query) {
        self.note_router(cx, destination, &query);
        let most_ms = u32::try_from(query.respond_within.as_millis()).unwrap_or(u32::MAX);
        let is_v4 = destination.is_ipv4();
        for (group, entry) in &mut self.entries {
            let is_asked = match query.group {
                Some(asked) => asked == *group,
                None => group.is_ipv4() == is_v4,
            };
            if !is_asked || !entry.belongs {
                continue;
            }
            // Each group has a delay of its own, so that the answers do not come in a burst.
            let delay = Duration::from_millis(u64::from(cx.random.below(most_ms.max(1))));
            let at = cx.now + delay;
            // RFC 3376 §5.2, rules 3 to 5.
            match entry.answer_at {
                Some(_) if query.sources.is_empty() || entry.sources.is_empty() => {
                    entry.sources.clear();
                }
                Some(_) | None => {
                    entry.sources.extend_from_slice(&query.sources);
                    entry.sources.sort_unstable();
                    entry.sources.dedup();
                    if entry.sources.len() > SOURCES_MAX {
                        entry.sources.clear();
                    }
                }
            }
            entry.answer_at = Some(entry.answer_at.map_or(at, |pending| pending.min(at)));
        }
    }

    /// RFC 3376 §7.2.1, §4.1.6, §4.1.7: how old the routers are, and what they wish.
    fn note_router(&mut self, cx: &Context<'_>, destination: IpAddr, query: &Query) {
        let now = cx.now;
        let routers = self.routers(destination);
        let before = routers.version(now);
        let timeout = routers.interval * u32::from(routers.robustness) + query.respond_within;
        match query.version {
            Version::First => routers.first_until = now + timeout,
            // Only a general query tells how a router speaks.
            Version::Second if query.group.is_none() => routers.second_until = now + timeout,
            Version::Second => {}
            Version::Third => {
                routers.robustness = query.robustness.unwrap_or(ROBUSTNESS);
                routers.interval = query.interval.unwrap_or(QUERY_INTERVAL);
            }
        }
        if routers.version(now) != before {
            // What was pending was in another version's words.
            let is_v4 = destination.is_ipv4();
            self.entries.retain(|group, entry| {
                if group.is_ipv4() == is_v4 {
                    entry.change_at = None;
                    entry.changes_left = 0;
                    entry.answer_at = None;
                }
                entry.belongs || entry.change_at.is_some()
            });
        }
    }

    /// Makes the reports whose time has come.
    pub fn time_passes(&mut self, cx: &mut Context<'_>) {
        let now = cx.now;
        let (v4, v6) = (self.v4.version(now), self.v6.version(now));
        for (group, entry) in &mut self.entries {
            let version = if group.is_ipv4() { v4 } else { v6 };
            if entry.change_at.is_some_and(|at| at <= now) {
                entry.changes_left = entry.changes_left.saturating_sub(1);
                let within = match version {
                    Version::Third => REPEAT_WITHIN,
                    Version::First | Version::Second => REPEAT_WITHIN_OLDER,
                };
                // An older router is told goodbye once (RFC 2236 §3).
                let is_last =
                    entry.changes_left == 0 || (!entry.belongs && version != Version::Third);
                entry.change_at = (!is_last).then(|| {
                    let most_ms = within.as_millis() as u32;
                    now + Duration::from_millis(1 + u64::from(cx.random.below(most_ms)))
                });
                self.due.push_back(Report {
                    version,
                    group: *group,
                    record: match entry.belongs {
                        true => Record::Joins,
                        false => Record::Leaves,
                    },
                });
            }
            if entry.answer_at.is_some_and(|at| at <= now) {
                entry.answer_at = None;
                let sources = core::mem::take(&mut entry.sources);
                self.due.push_back(Report {
                    version,
                    group: *group,
                    record: match sources.is_empty() {
                        true => Record::IsMember,
                        false => Record::IsMemberFor(sources),
                    },
                });
            }
        }
        self.entries
            .retain(|_, entry| entry.belongs || entry.change_at.is_some());
    }

    /// A report that is due.
    pub fn next_report(&mut self) -> Option<Report> {
        self.due.pop_front()
    }

    /// When [`time_passes`](Self::time_passes) has something to do.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.entries
            .values()
            .flat_map(|entry| [entry.change_at, entry.answer_at])
            .flatten()
            .min()
    }
}

/// Whether a query may come from a router of this link (RFC 3376 §9.1 and §9.2, RFC 3810 §6.2): of the
/// second version on with a router alert, a general one to all hosts, one of MLD from a link-local
/// address that is one hop away.
fn is_credible(datagram: &Datagram, query: &Query) -> bool {
    let is_to_all = datagram.destination == IpAddr::V4(group::ALL_HOSTS)
        || datagram.destination == IpAddr::V6(group::LINK_ALL_NODES);
    if query.group.is_none() && !is_to_all {
        return false;
    }
    if datagram.cast == Cast::Broadcast {
        return false;
    }
    if query.version != Version::First && !membership::has_router_alert(&datagram.packet) {
        return false;
    }
    match datagram.source {
        IpAddr::V4(_) => true,
        IpAddr::V6(source) => source.is_unicast_link_local() && datagram.hop_limit == 1,
    }
}

#[cfg(test)]
mod tests;
