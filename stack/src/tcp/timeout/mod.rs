//! TIMEOUTS (RFC 9293 §3.10.8), one file for each timer of a connection.
//!
//! `mod.rs` of `tcp` calls [`timer_expires`] for what the heap of deadlines says is due. None of these
//! files sends anything: they note what `output.rs` should send, or end the connection.

pub(crate) mod delayed_ack;
pub(crate) mod keep_alive;
pub(crate) mod persist;
pub(crate) mod reordering;
pub(crate) mod retransmission;
pub(crate) mod tail_loss_probe;
pub(crate) mod time_wait;
pub(crate) mod user;

use super::connection::Connection;
use super::timers::Timer;
use crate::context::Context;
use crate::observe::Observation;

/// `timer` of `connection` has expired.
pub(crate) fn timer_expires(connection: &mut Connection, timer: Timer, cx: &mut Context<'_>) {
    let id = connection.id;
    cx.observe(|| Observation::TimerFired {
        connection: id,
        timer,
    });
    match timer {
        Timer::Retransmission => retransmission::expires(connection, cx),
        Timer::Persist => persist::expires(connection, cx),
        Timer::DelayedAck => delayed_ack::expires(connection),
        Timer::KeepAlive => keep_alive::expires(connection, cx),
        Timer::User => user::expires(connection, cx),
        Timer::TimeWait => time_wait::expires(connection, cx),
        // `output.rs` is asked after every timer, and finds the credit.
        Timer::Pacing => {}
        Timer::Reordering => reordering::expires(connection, cx),
        Timer::TailLossProbe => tail_loss_probe::expires(connection, cx),
    }
}
