//! Explicit congestion notification of TCP (RFC 3168 §6.1): what is agreed, what the receiver echoes,
//! and what the sender answers.
//!
//! `arrives/*`, `half_open.rs` and `segment_out.rs` ask it about flags and codepoints. It moves no
//! window: that congestion control is told of a mark is decided by `arrives/congestion.rs`.

use crate::base::SeqNumber;
use crate::call::EcnUse;
use crate::wire::protocol::Ecn;
use crate::wire::tcp::TcpFlags;

/// ECE and CWR together: on a SYN they make it an ECN-setup SYN.
const ECN_SETUP: TcpFlags = TcpFlags::ECE.with(TcpFlags::CWR);

/// How far the two ends have come (§6.1.1).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Standing {
    /// Not agreed on: no codepoint is sent, and none that arrives counts.
    #[default]
    Off,
    /// Our ECN-setup SYN is on its way.
    Asked,
    /// Agreed.
    Agreed,
}

/// Whether a segment carries text that was never sent before. Only such text is ECT (§6.1.5, §6.1.6).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Cargo {
    /// It does.
    NewText,
    /// It is a SYN, a bare ACK, a retransmission or a probe.
    Other,
}

/// How a segment is to be marked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Marks {
    /// ECE and CWR, as far as they are due.
    pub(crate) flags: TcpFlags,
    /// The codepoint of the packet.
    pub(crate) codepoint: Ecn,
}

impl Marks {
    /// Nothing.
    pub(crate) const NONE: Self = Self {
        flags: TcpFlags(0),
        codepoint: Ecn::NotCapable,
    };
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct EcnState {
    standing: Standing,
    /// The receiver: CE arrived, and no CWR since (§6.1.3).
    echoes: bool,
    /// The sender: the window was reduced, and no new text has told so (§6.1.2).
    owes_cwr: bool,
    /// The sender: reports are answered again once this is acknowledged.
    answered_until: SeqNumber,
    /// Whether one was ever answered.
    has_answered: bool,
}

impl EcnState {
    /// As the handshake of a listener left it.
    pub(crate) fn agreed(is_agreed: Standing) -> Self {
        Self {
            standing: is_agreed,
            ..Self::default()
        }
    }

    /// How far the two ends have come.
    pub(crate) const fn standing(&self) -> Standing {
        self.standing
    }

    /// The flags of our SYN. Only the first one asks: a path that swallows it must not keep us from
    /// connecting (§6.1.1.1).
    pub(crate) fn ask(&mut self, ecn_use: EcnUse, attempts: u32) -> TcpFlags {
        if ecn_use == EcnUse::Ask && attempts == 0 {
            self.standing = Standing::Asked;
            ECN_SETUP
        } else {
            self.standing = Standing::Off;
            TcpFlags(0)
        }
    }

    /// A SYN or SYN-ACK answers our SYN.
    pub(crate) fn on_answer(&mut self, flags: TcpFlags) {
        let is_setup = if flags.contains(TcpFlags::ACK) {
            // ECE alone; both flags are what a host sends back that copies what it does not know.
            flags.contains(TcpFlags::ECE) && !flags.contains(TcpFlags::CWR)
        } else {
            // Simultaneous open: two ECN-setup SYNs.
            flags.contains(ECN_SETUP)
        };
        self.standing = match self.standing {
            Standing::Asked | Standing::Agreed if is_setup => Standing::Agreed,
            Standing::Off | Standing::Asked | Standing::Agreed => Standing::Off,
        };
    }

    /// The flags of our SYN-ACK in a simultaneous open.
    pub(crate) fn on_syn_ack(&self) -> TcpFlags {
        syn_ack_flags(self.standing)
    }

    /// Text arrived within the window (§6.1.3, §6.1.5).
    pub(crate) fn on_text(&mut self, flags: TcpFlags, codepoint: Ecn) {
        if self.standing != Standing::Agreed {
            return;
        }
        if flags.contains(TcpFlags::CWR) {
            self.echoes = false;
        }
        if codepoint == Ecn::CongestionExperienced {
            self.echoes = true;
        }
    }

    /// True if an acknowledgment reports congestion, answered or not.
    pub(crate) fn is_report(&self, flags: TcpFlags) -> bool {
        self.standing == Standing::Agreed
            && flags.contains(TcpFlags::ECE)
            && !flags.contains(TcpFlags::SYN)
    }

    /// True if a report in an acknowledgment of everything below `una` is to be answered: once for
    /// each window of text (§6.1.2).
    pub(crate) fn must_answer(&self, una: SeqNumber) -> bool {
        !self.has_answered || self.answered_until.is_at_or_before(una)
    }

    /// The window was reduced, for whatever reason; everything below `nxt` was sent before that.
    pub(crate) fn on_reduced(&mut self, nxt: SeqNumber) {
        if self.standing == Standing::Agreed {
            self.owes_cwr = true;
            self.answered_until = nxt;
            self.has_answered = true;
        }
    }

    /// What a segment with an ACK that leaves now carries.
    pub(crate) fn marks(&mut self, cargo: Cargo) -> Marks {
        if self.standing != Standing::Agreed {
            return Marks::NONE;
        }
        let mut flags = TcpFlags(0);
        if self.echoes {
            flags = flags.with(TcpFlags::ECE);
        }
        match cargo {
            Cargo::NewText => {
                if core::mem::take(&mut self.owes_cwr) {
                    flags = flags.with(TcpFlags::CWR);
                }
                Marks {
                    flags,
                    codepoint: Ecn::Capable0,
                }
            }
            Cargo::Other => Marks {
                flags,
                codepoint: Ecn::NotCapable,
            },
        }
    }
}

/// What a listener makes of the flags of a SYN.
pub(crate) fn answer_to_syn(ecn_use: EcnUse, flags: TcpFlags) -> Standing {
    match ecn_use {
        EcnUse::Answer | EcnUse::Ask if flags.contains(ECN_SETUP.with(TcpFlags::SYN)) => {
            Standing::Agreed
        }
        EcnUse::Never | EcnUse::Answer | EcnUse::Ask => Standing::Off,
    }
}

/// ECE alone makes a SYN-ACK an ECN-setup SYN-ACK.
pub(crate) fn syn_ack_flags(standing: Standing) -> TcpFlags {
    match standing {
        Standing::Agreed => TcpFlags::ECE,
        Standing::Off | Standing::Asked => TcpFlags(0),
    }
}

#[cfg(test)]
mod tests;
