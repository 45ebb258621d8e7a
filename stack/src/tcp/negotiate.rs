//! What the options of SYN and SYN-ACK agree on: MSS (RFC 9293 §3.7.1, RFC 6691), window scale
//! and timestamps (RFC 7323 §2, §3), SACK (RFC 2018 §2).
//!
//! `call/open.rs` and `arrives/listen.rs` ask what to offer, `arrives/listen.rs` and
//! `arrives/syn_sent.rs` what came of it. On any other segment these options count for nothing.

use core::net::IpAddr;

use super::ecn::Standing;
use crate::wire::tcp_options::TcpOptions;

/// The largest shift (RFC 7323 §2.3).
const SHIFT_MAX: u8 = 14;
/// Octets of a TCP header without options.
const TCP_HEADER_OCTETS: u16 = 20;
/// What the timestamps option takes in every segment, padding included.
pub(crate) const TIMESTAMP_OPTION_OCTETS: u16 = 12;

/// What both ends said.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Agreed {
    /// The peer's MSS option, or the default that stands for it; not below the floor.
    pub(crate) peer_mss: u16,
    /// Snd.Wind.Shift and Rcv.Wind.Shift, if both ends offered scaling.
    pub(crate) shifts: Option<Shifts>,
    /// TSval of the peer's SYN, if both ends offered timestamps.
    pub(crate) timestamps: Option<u32>,
    /// Whether both ends permit SACK.
    pub(crate) sack: bool,
    /// What a listener answered to an ECN-setup SYN (RFC 3168 §6.1.1).
    pub(crate) ecn: Standing,
}

/// The two shifts of RFC 7323 §2.3.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Shifts {
    /// For windows that arrive.
    pub(crate) snd: u8,
    /// For windows that we send.
    pub(crate) rcv: u8,
}

/// Octets of IP and TCP header without any options.
pub(crate) const fn headers_octets(address: IpAddr) -> u16 {
    match address {
        IpAddr::V4(_) => 20 + TCP_HEADER_OCTETS,
        IpAddr::V6(_) => 40 + TCP_HEADER_OCTETS,
    }
}

/// The MSS that stands for a missing option (MUST-15).
pub(crate) const fn default_mss(address: IpAddr) -> u16 {
    match address {
        IpAddr::V4(_) => 536,
        IpAddr::V6(_) => 1_220,
    }
}

/// The MSS that we advertise over a link of `mtu_octets` (MUST-67, RFC 6691 §2), never below the
/// least that the peer would send anyway.
pub(crate) fn advertised_mss(address: IpAddr, mtu_octets: u16, least: u16) -> u16 {
    mtu_octets
        .saturating_sub(headers_octets(address))
        .max(least)
}

/// The shift that lets a window of `buffer_octets` be told.
pub(crate) fn shift_for(buffer_octets: usize) -> u8 {
    (0..SHIFT_MAX)
        .find(|shift| buffer_octets >> shift <= usize::from(u16::MAX))
        .unwrap_or(SHIFT_MAX)
}

/// What the peer's SYN or SYN-ACK brings about, given that we offer, or offered, everything.
/// `mss_least` is the least SND.MSS that a peer can bring about (BAD-52).
pub(crate) fn agree(theirs: &TcpOptions, our_shift: u8, peer: IpAddr, mss_least: u16) -> Agreed {
    Agreed {
        peer_mss: theirs
            .mss
            .unwrap_or_else(|| default_mss(peer))
            .max(mss_least),
        shifts: theirs.window_scale.map(|shift| Shifts {
            // RFC 7323 §2.3: a larger value counts as 14.
            snd: shift.min(SHIFT_MAX),
            rcv: our_shift,
        }),
        timestamps: theirs.timestamps.map(|it| it.value),
        sack: theirs.sack_permitted,
        ecn: Standing::Off,
    }
}
