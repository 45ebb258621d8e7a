//! RST segments (RFC 9293 §3.5.2, §3.5.3): for what fits no connection, and for ABORT.
//!
//! `input.rs` and `call/abort.rs` send what these functions make. A RST never answers a RST, and it
//! carries no options and no text.

use super::half_open::HalfOpen;
use super::segment::Segment;
use crate::base::SeqNumber;
use crate::wire::tcp::{TcpFlags, TcpHeader};

/// The RST that answers `segment`, whose numbers its sender finds acceptable (RFC 9293 §3.10.7.1);
/// `None` if it is a RST itself.
pub(crate) fn answering(segment: &Segment) -> Option<TcpHeader> {
    if segment.has(TcpFlags::RST) {
        return None;
    }
    let mut header = header(segment);
    if segment.has(TcpFlags::ACK) {
        // <SEQ=SEG.ACK><CTL=RST>
        header.seq = segment.ack;
        header.flags = TcpFlags::RST;
    } else {
        // <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>
        header.ack = segment.end();
        header.flags = TcpFlags::RST.with(TcpFlags::ACK);
    }
    Some(header)
}

/// The RST that tells the sender of a SYN that nobody listens (RFC 9293 §3.10.7.1).
pub(crate) fn refusing(half_open: &HalfOpen) -> TcpHeader {
    TcpHeader {
        source_port: half_open.tuple.local.port(),
        destination_port: half_open.tuple.remote.port(),
        ack: half_open.rcv_nxt(),
        flags: TcpFlags::RST.with(TcpFlags::ACK),
        ..TcpHeader::default()
    }
}

/// The RST of ABORT (RFC 9293 §3.10.5): <SEQ=SND.NXT><ACK=RCV.NXT><CTL=RST,ACK>.
pub(crate) fn aborting(
    source_port: u16,
    destination_port: u16,
    snd_nxt: SeqNumber,
    rcv_nxt: SeqNumber,
) -> TcpHeader {
    TcpHeader {
        source_port,
        destination_port,
        seq: snd_nxt,
        ack: rcv_nxt,
        flags: TcpFlags::RST.with(TcpFlags::ACK),
        ..TcpHeader::default()
    }
}

fn header(segment: &Segment) -> TcpHeader {
    TcpHeader {
        source_port: segment.tuple.local.port(),
        destination_port: segment.tuple.remote.port(),
        ..TcpHeader::default()
    }
}
