//! The bodies of the fifteen targets: each reads an input and writes an [`Outcome`].
//!
//! `run` of the parent calls them. None of them panics by itself, reads a clock or keeps anything from
//! one input to the next but the snapshots, which are the same for every input.

pub(super) mod arithmetic;
pub(super) mod checksum;
pub(super) mod dns;
pub(super) mod groups;
pub(super) mod header;
pub(super) mod icmp;
pub(super) mod ip;
pub(super) mod pair;
pub(super) mod ranges;
pub(super) mod reassembly;
pub(super) mod resolver;
pub(super) mod socket;
pub(super) mod udp;
pub(super) mod whole;
