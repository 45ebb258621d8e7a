//! STATUS (RFC 9293 §3.10.6), and changes of settings (§3.9.1.9, §3.8.3, §3.8.4).

use alloc::boxed::Box;

use crate::call::{ConnectionOptions, Status};
use crate::context::Context;
use crate::observe::SendReason;
use crate::tcp::congestion::CongestionControl;
use crate::tcp::connection::Connection;
use crate::tcp::recovery::Sack;

/// What can be told of a connection.
pub(crate) fn status(connection: &Connection) -> Box<Status> {
    let window = &connection.snd.window;
    let rcv = &connection.rcv;
    Box::new(Status {
        state: connection.state,
        local: connection.tuple.local,
        remote: connection.tuple.remote,
        snd_una: window.una.raw(),
        snd_nxt: window.nxt.raw(),
        snd_wnd: window.wnd(),
        rcv_nxt: rcv.nxt.raw(),
        rcv_wnd: rcv.window.wnd(rcv.nxt),
        unsent_octets: connection.snd.unsent_octets(),
        in_flight_octets: window.in_flight(),
        unread_octets: rcv.queue.octets(),
        cwnd_octets: connection.congestion.cwnd_octets(),
        ssthresh_octets: connection.congestion.ssthresh_octets(),
        srtt: connection.rtt.srtt(),
        rttvar: connection.rtt.rttvar(),
        rto: connection.rtt.rto(),
        snd_mss: u16::try_from(connection.smss()).unwrap_or(u16::MAX),
        retransmissions: connection.retransmissions,
        window_scaling: connection.scaling,
        timestamps: connection.timestamps.is_some(),
        sack: connection.sack == Sack::Agreed,
        urgent_pending: rcv.urgent.is_pending(rcv.queue.taken()),
        soft_error: connection.soft_error,
    })
}

/// Changes what `options` names. They hold from the next segment on (SHLD-21).
pub(crate) fn change(connection: &mut Connection, options: &ConnectionOptions, cx: &Context<'_>) {
    connection.settings.change(options);
    let buffer_octets = connection.settings.receive_buffer_octets;
    if buffer_octets as u64 != u64::from(connection.rcv.window.buffer_octets()) {
        connection.rcv.window.set_buffer_octets(buffer_octets);
        let (unread, mss) = (connection.unread_octets(), connection.rcv_mss());
        let rcv = &connection.rcv;
        if rcv.window.deserves_update(rcv.nxt, unread, mss) && connection.is_synchronized() {
            connection.acknowledge_now(SendReason::WindowUpdate);
        }
    }
    if options.keep_alive.is_some() && connection.is_synchronized() {
        connection.start_keep_alive(cx.now);
    }
}
