//! One look-up: the names it goes through, a query for each record type, and who waits for it
//! (RFC 1035 §7.1).
//!
//! `asking.rs` drives it. It holds state and draws conclusions, as Go's resolver draws them; it
//! sends nothing and never sees a packet.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::SocketAddr;

use super::answer::{Found, Trail};
use super::exchange::{ExchangeId, Transport};
use super::owners::{OwnerId, Terms};
use super::search::Candidates;
use super::server::{Pace, Settings, Strictness};
use crate::call::{Families, LookupId, Question};
use crate::event::LookupError;
use crate::wire::dns_message::RecordType;
use crate::wire::dns_name::Name;

/// The record types that answer a question. AAAA comes first, so that a server sees it first
/// (RFC 8305 §3), unless one waits for the other: then it is A, as in Go.
fn types_of(question: Question, pace: Pace) -> &'static [RecordType] {
    match question {
        Question::Addresses(Families::V4) => &[RecordType::A],
        Question::Addresses(Families::V6) => &[RecordType::AAAA],
        Question::Addresses(Families::Both) | Question::CanonicalName => match pace {
            Pace::AtOnce => &[RecordType::AAAA, RecordType::A],
            Pace::OneByOne => &[RecordType::A, RecordType::AAAA],
        },
        Question::MailExchanges => &[RecordType::MX],
        Question::NameServers => &[RecordType::NS],
        Question::Services => &[RecordType::SRV],
        Question::Texts => &[RecordType::TXT],
        Question::Pointer(_) => &[RecordType::PTR],
    }
}

/// Why nothing was found, and who said so.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Failure {
    pub(super) error: LookupError,
    pub(super) server: Option<SocketAddr>,
}

impl Failure {
    /// True if another try may help (Go: `Temporary`).
    const fn is_temporary(&self) -> bool {
        match self.error {
            LookupError::TimedOut | LookupError::ServerFailed | LookupError::NoServer => true,
            LookupError::NotFound
            | LookupError::NameInvalid
            | LookupError::ServerMisbehaving
            | LookupError::LameReferral
            | LookupError::NoAnswer
            | LookupError::InvalidNames
            | LookupError::ServiceNameInvalid => false,
        }
    }
}

/// How far the query for one record type is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Progress {
    /// It waits for the one before it.
    NotBegun,
    /// Servers are being asked.
    Asking,
    /// There are records.
    Found { found: Found, server: SocketAddr },
    /// There are none; the look-up knows why.
    Failed,
}

/// What may carry the next try over UDP.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum UdpTrust {
    Good,
    /// Replies are being forged: only TCP from now on (RFC 5452 §9.3).
    Forged,
}

/// The query for one record type of one name.
#[derive(Clone, Debug)]
pub(super) struct Query {
    pub(super) record_type: RecordType,
    /// What the look-up wants to know of.
    pub(super) candidate: Name,
    /// What is asked for: the candidate, or the name behind its aliases.
    pub(super) name: Name,
    /// How one became the other.
    pub(super) trail: Trail,
    /// The server that is asked first.
    pub(super) first_server: u32,
    /// How many tries failed.
    pub(super) tries: u32,
    pub(super) udp: UdpTrust,
    /// How the last try failed.
    pub(super) failure: Option<Failure>,
    pub(super) exchange: Option<ExchangeId>,
    pub(super) progress: Progress,
}

impl Query {
    fn new(record_type: RecordType, name: Name) -> Self {
        Self {
            record_type,
            candidate: name.clone(),
            name,
            trail: Trail::new(),
            first_server: 0,
            tries: 0,
            udp: UdpTrust::Good,
            failure: None,
            exchange: None,
            progress: Progress::NotBegun,
        }
    }

    /// What carries a new try.
    pub(super) const fn first_transport(&self, settings: &Settings) -> Transport {
        match self.udp {
            UdpTrust::Good => settings.transport,
            UdpTrust::Forged => Transport::Tcp,
        }
    }

    /// A try failed. As in Go, the last failure is the one that is told.
    pub(super) fn try_failed(&mut self, failure: Failure) {
        self.tries = self.tries.saturating_add(1);
        self.failure = Some(failure);
    }
}

/// What a look-up comes to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Conclusion {
    /// The queries of the candidate go on.
    NotYet,
    /// The candidate has nothing: the next one's turn.
    NextCandidate,
    /// These were found, in the order of the queries; the server told the first of them.
    Found(Vec<Found>, SocketAddr),
    /// There is nothing.
    Failed(Failure),
}

/// What two look-ups have in common if one answer serves both.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Wanted {
    /// Which settings they go by.
    pub(super) version: u64,
    pub(super) name: String,
    pub(super) question: Question,
}

/// A look-up that goes on.
#[derive(Clone, Debug)]
pub(super) struct Lookup {
    /// Whose it is.
    pub(super) owner: OwnerId,
    /// As they were when it began.
    pub(super) settings: Arc<Settings>,
    pub(super) wanted: Wanted,
    /// Who waits for the answer: at least one.
    pub(super) waiters: BTreeSet<LookupId>,
    candidates: Candidates,
    /// Which candidate is asked for.
    candidate: usize,
    pub(super) queries: Vec<Query>,
    /// What to report if nothing is found.
    failure: Option<Failure>,
    /// Whether a temporary failure means that whatever was found does not count.
    spoiled: bool,
}

impl Lookup {
    /// A look-up that nobody waits for yet and that has not begun.
    pub(super) fn new(terms: Terms, wanted: Wanted, candidates: Candidates) -> Self {
        let mut lookup = Self {
            owner: terms.owner,
            settings: terms.settings,
            wanted,
            waiters: BTreeSet::new(),
            candidates,
            candidate: 0,
            queries: Vec::new(),
            failure: None,
            spoiled: false,
        };
        lookup.prepare_queries();
        lookup
    }

    /// Goes on to the next candidate, whose queries have not begun; false if there is none.
    pub(super) fn next_candidate(&mut self) -> bool {
        self.candidate += 1;
        self.prepare_queries()
    }

    fn prepare_queries(&mut self) -> bool {
        let Some(name) = self.candidates.names.get(self.candidate) else {
            return false;
        };
        self.queries = types_of(self.wanted.question, self.settings.pace)
            .iter()
            .map(|record_type| Query::new(*record_type, name.clone()))
            .collect();
        true
    }

    pub(super) fn query_mut(&mut self, record_type: RecordType) -> Option<&mut Query> {
        self.queries
            .iter_mut()
            .find(|query| query.record_type == record_type)
    }

    /// The queries that may begin now.
    pub(super) fn may_begin(&self) -> Vec<RecordType> {
        let at_once = match self.settings.pace {
            Pace::AtOnce => usize::MAX,
            Pace::OneByOne => 1,
        };
        let asking = |query: &&Query| query.progress == Progress::Asking;
        let going = self.queries.iter().filter(asking).count();
        self.queries
            .iter()
            .filter(|query| query.progress == Progress::NotBegun)
            .map(|query| query.record_type)
            .take(at_once.saturating_sub(going))
            .collect()
    }

    /// A query ended without a record. Which failure is told in the end is Go's choice: for
    /// addresses that of the name as the user wrote it, else the last one.
    pub(super) fn query_failed(&mut self, failure: Failure) {
        if failure.is_temporary() && self.settings.strictness == Strictness::Strict {
            self.spoiled = true;
            self.failure = Some(failure);
            return;
        }
        let is_as_written = self.candidate == self.candidates.as_written;
        let takes = match self.wanted.question {
            Question::Addresses(_) | Question::CanonicalName => {
                is_as_written || self.failure.is_none()
            }
            Question::MailExchanges
            | Question::NameServers
            | Question::Services
            | Question::Texts
            | Question::Pointer(_) => true,
        };
        if takes {
            self.failure = Some(failure);
        }
    }

    /// Where the look-up stands after a query has ended.
    pub(super) fn conclusion(&self) -> Conclusion {
        let mut all = Vec::new();
        let mut by = None;
        for query in &self.queries {
            match &query.progress {
                Progress::NotBegun | Progress::Asking => return Conclusion::NotYet,
                Progress::Found { found, server } => {
                    by.get_or_insert(*server);
                    all.push(found.clone());
                }
                Progress::Failed => {}
            }
        }
        match by {
            Some(server) if !self.spoiled => Conclusion::Found(all, server),
            None if !self.spoiled && self.candidate + 1 < self.candidates.names.len() => {
                Conclusion::NextCandidate
            }
            Some(_) | None => Conclusion::Failed(self.failure.clone().unwrap_or(Failure {
                error: LookupError::NotFound,
                server: None,
            })),
        }
    }
}
