//! All that can be covered: the transitions that the stack has, and the clauses that it names.
//!
//! `coverage` counts against these lists. A test compares the clauses with the sources of the stack, and
//! a run that takes a transition that is not here reports it.

use sidestep_stack::observe::State::{
    self, CloseWait, Closed, Closing, Established, FinWait1, FinWait2, LastAck, Listen,
    SynReceived, SynSent, TimeWait,
};

/// The arrows of Figure 5 of RFC 9293 that the stack has, and those of resets, aborts and timeouts that
/// the figure leaves out. LISTEN is the listener's, whose arrow makes a connection.
pub const TRANSITIONS: [(State, State); 22] = [
    (Closed, SynSent),
    (Listen, SynReceived),
    (SynSent, SynReceived),
    (SynSent, Established),
    (SynSent, Closed),
    (SynReceived, Established),
    (SynReceived, Closed),
    (Established, FinWait1),
    (Established, CloseWait),
    (Established, Closed),
    (FinWait1, FinWait2),
    (FinWait1, Closing),
    (FinWait1, Closed),
    (FinWait2, TimeWait),
    (FinWait2, Closed),
    (CloseWait, LastAck),
    (CloseWait, Closed),
    (Closing, TimeWait),
    (Closing, Closed),
    (LastAck, Closed),
    (TimeWait, Closed),
    (TimeWait, SynReceived),
];

/// Clauses of observations other than [`Discarded`](sidestep_stack::observe::Observation::Discarded),
/// whose clauses are those of the reasons.
pub const CLAUSES: &[&str] = &[
    "RFC 1034 §5.3.3",
    "RFC 1035 §7.2",
    "RFC 1191 §3, RFC 8201 §4",
    "RFC 2181 §9",
    "RFC 5452 §9.3",
    "RFC 5681 §3.1",
    "RFC 5681 §3.2",
    "RFC 5961 §3.2",
    "RFC 6191 §2",
    "RFC 6298 §2",
    "RFC 6298 §5.4",
    "RFC 6582 §3.2",
    "RFC 6891 §6.2.2",
    "RFC 7766 §6.2.4",
    "RFC 9293 §3.10.1",
    "RFC 9293 §3.10.2",
    "RFC 9293 §3.10.4",
    "RFC 9293 §3.10.5",
    "RFC 9293 §3.10.7.3",
    "RFC 9293 §3.10.7.4",
    "RFC 9293 §3.10.7.4, eighth",
    "RFC 9293 §3.10.7.4, fifth",
    "RFC 9293 §3.10.7.4, second",
    "RFC 9293 §3.10.8",
    "RFC 9293 §3.5.2",
    "RFC 9293 §3.6.1, SHLD-3",
    "RFC 9293 §3.8.3",
    "RFC 9293 §3.8.4",
    "RFC 9293 §3.8.6.1",
    "RFC 9293 §3.8.6.2.2",
    "RFC 9293 §3.8.6.3",
    "RFC 9293 §3.9.2.2",
    "draft-vixie-dnsext-dns0x20 §5",
];
