//! One look-up: the names it goes through, and a query for each family (RFC 1035 §7.1).
//!
//! `resolver.rs` drives it. It holds state and draws conclusions; it sends nothing and never sees
//! a packet.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

use super::exchange::{ExchangeId, Transport};
use super::search::{AsWritten, Candidates};
use super::server::Settings;
use crate::call::Families;
use crate::event::LookupError;
use crate::wire::dns_message::RecordType;
use crate::wire::dns_name::Name;

/// The family that one query asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Family {
    V6,
    V4,
}

impl Family {
    pub(super) const fn record_type(self) -> RecordType {
        match self {
            Self::V6 => RecordType::AAAA,
            Self::V4 => RecordType::A,
        }
    }
}

/// Why there is no address, and who said so.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Failure {
    pub(super) error: LookupError,
    pub(super) server: Option<SocketAddr>,
}

impl Failure {
    /// How much it tells: what a server said is more than silence, silence more than no way there.
    const fn weight(&self) -> u8 {
        match self.error {
            LookupError::NotFound | LookupError::NameInvalid => 4,
            LookupError::ServerFailed => 3,
            LookupError::ServerMisbehaving
            | LookupError::LameReferral
            | LookupError::NoAnswer
            | LookupError::InvalidNames
            | LookupError::ServiceNameInvalid => 2,
            LookupError::TimedOut => 1,
            LookupError::NoServer => 0,
        }
    }
}

/// How the query for one family ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Outcome {
    /// There are addresses.
    Found {
        addresses: Vec<IpAddr>,
        server: SocketAddr,
    },
    /// NXDOMAIN: the name has no records of any type (RFC 2308 §2.1).
    NameMissing(SocketAddr),
    /// NODATA: the name has no records of this type (RFC 2308 §2.2).
    DataMissing(SocketAddr),
    /// Nobody said anything definite.
    Failed(Failure),
}

/// What may carry the next try over UDP.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum UdpTrust {
    Good,
    /// Replies are being forged: only TCP from now on (RFC 5452 §9.3).
    Forged,
}

/// The query for one family of one name.
#[derive(Clone, Debug)]
pub(super) struct Query {
    pub(super) family: Family,
    /// What is asked for: the candidate, or the name behind its aliases.
    pub(super) name: Name,
    /// The names that led here, for the limit and the loop check.
    pub(super) aliases: Vec<Name>,
    /// How many tries failed.
    pub(super) tries: u32,
    pub(super) udp: UdpTrust,
    /// The most telling failure of the tries.
    failure: Option<Failure>,
    pub(super) exchange: Option<ExchangeId>,
    pub(super) outcome: Option<Outcome>,
}

impl Query {
    fn new(family: Family, name: Name) -> Self {
        Self {
            family,
            name,
            aliases: Vec::new(),
            tries: 0,
            udp: UdpTrust::Good,
            failure: None,
            exchange: None,
            outcome: None,
        }
    }

    /// What carries a new query.
    pub(super) const fn first_transport(&self) -> Transport {
        match self.udp {
            UdpTrust::Good => Transport::Udp,
            UdpTrust::Forged => Transport::Tcp,
        }
    }

    /// A try failed. Of two failures that tell as much, the later one counts.
    pub(super) fn try_failed(&mut self, failure: Failure) {
        self.tries = self.tries.saturating_add(1);
        if self.failure.as_ref().map_or(0, Failure::weight) <= failure.weight() {
            self.failure = Some(failure);
        }
    }

    /// All tries are over.
    pub(super) fn give_up(&mut self) {
        let failure = self.failure.take().unwrap_or(Failure {
            error: LookupError::NoServer,
            server: None,
        });
        self.outcome = Some(Outcome::Failed(failure));
    }
}

/// The addresses found, and the server that told the first of them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Found {
    pub(super) addresses: Vec<IpAddr>,
    pub(super) server: SocketAddr,
}

/// A look-up that goes on.
#[derive(Clone, Debug)]
pub(super) struct Lookup {
    /// As they were when it began.
    pub(super) settings: Arc<Settings>,
    families: Families,
    candidates: Candidates,
    /// Which candidate is asked for.
    candidate: usize,
    /// AAAA first, so that a server sees it first.
    pub(super) queries: Vec<Query>,
    /// What to report if no candidate has an address.
    failure: Option<Failure>,
}

impl Lookup {
    /// Asks for the first candidate.
    pub(super) fn new(settings: Arc<Settings>, families: Families, candidates: Candidates) -> Self {
        let mut lookup = Self {
            settings,
            families,
            candidates,
            candidate: 0,
            queries: Vec::new(),
            failure: None,
        };
        lookup.begin_candidate();
        lookup
    }

    /// New queries for the candidate; false if there is none left.
    fn begin_candidate(&mut self) -> bool {
        let families: &[Family] = match self.families {
            Families::Both => &[Family::V6, Family::V4],
            Families::V4 => &[Family::V4],
            Families::V6 => &[Family::V6],
        };
        let Some(name) = self.candidates.names.get(self.candidate) else {
            return false;
        };
        self.queries = families
            .iter()
            .map(|family| Query::new(*family, name.clone()))
            .collect();
        true
    }

    pub(super) fn query_mut(&mut self, family: Family) -> Option<&mut Query> {
        self.queries.iter_mut().find(|query| query.family == family)
    }

    /// True once no query of the candidate goes on.
    pub(super) fn candidate_has_ended(&self) -> bool {
        self.queries.iter().all(|query| query.outcome.is_some())
    }

    /// The addresses of all families together. A family that failed does not hide the other one.
    pub(super) fn found(&self) -> Option<Found> {
        let mut found: Option<Found> = None;
        for query in &self.queries {
            if let Some(Outcome::Found { addresses, server }) = &query.outcome {
                let so_far = found.get_or_insert_with(|| Found {
                    addresses: Vec::new(),
                    server: *server,
                });
                so_far.addresses.extend_from_slice(addresses);
            }
        }
        found
    }

    /// The candidate has no address: notes why, and goes on to the next; false if it was the last.
    pub(super) fn next_candidate(&mut self) -> bool {
        if let Some(failure) = self.candidate_failure() {
            let takes = match (&self.failure, self.candidates.as_written) {
                (None, _) => true,
                // A name with enough dots was meant as it was written: its own failure counts.
                (Some(_), AsWritten::First) => false,
                // Else "not found" would be a lie as long as one name might exist.
                (Some(so_far), AsWritten::Last) => {
                    so_far.error == LookupError::NotFound && failure.error != LookupError::NotFound
                }
            };
            if takes {
                self.failure = Some(failure);
            }
        }
        self.candidate += 1;
        self.begin_candidate()
    }

    /// Why the look-up as a whole failed.
    pub(super) fn into_failure(self) -> Failure {
        self.failure.unwrap_or(Failure {
            error: LookupError::NotFound,
            server: None,
        })
    }

    /// Why the candidate has no address. A name that one server knows not to exist is not found,
    /// whatever became of the other family; without that, a family that nobody answered for may
    /// well have addresses, so its failure counts. IPv4's counts before IPv6's.
    fn candidate_failure(&self) -> Option<Failure> {
        let mut not_found = None;
        let mut failed = None;
        for query in &self.queries {
            match query.outcome.as_ref()? {
                Outcome::Found { .. } => return None,
                Outcome::NameMissing(server) => {
                    return Some(Failure {
                        error: LookupError::NotFound,
                        server: Some(*server),
                    });
                }
                Outcome::DataMissing(server) => {
                    not_found = Some(Failure {
                        error: LookupError::NotFound,
                        server: Some(*server),
                    });
                }
                Outcome::Failed(failure) => failed = Some(failure.clone()),
            }
        }
        failed.or(not_found)
    }
}
