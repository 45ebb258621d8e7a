//! TIME-WAIT as a compact record (RFC 9293 §3.6.1): what answers need, and nothing else, in place of a
//! whole connection.
//!
//! `mod.rs` makes one when a connection that nobody holds rests in TIME-WAIT, and makes a connection
//! of it again while a segment for it is dealt with, so the rules (RFC 1337, RFC 6191, RFC 7323 §5)
//! are those of every other state. What the connection had counted is forgotten.

use alloc::sync::Arc;
use core::net::{IpAddr, SocketAddr};

use super::challenge::ChallengeLimiter;
use super::connection::{Connection, Handle, NewConnection, Opening};
use super::negotiate::{Agreed, Shifts};
use super::receive::acknowledge::Urgency;
use super::recovery::{LossRecovery, Sack};
use super::send::SendHalf;
use super::settings::Settings;
use super::timers::Timer;
use super::timestamps::TimestampState;
use crate::base::{Instant, Key, SeqNumber};
use crate::call::{ConnectionId, ConnectionOptions};
use crate::config::Config;
use crate::observe::State;
use crate::socket::FourTuple;

/// What the handshake agreed on, and how the name stands: one bit each.
#[derive(Clone, Copy, Debug, Default)]
struct Flags(u8);

impl Flags {
    const SCALING: u8 = 1;
    const SACK: u8 = 2;
    const TIMESTAMPS: u8 = 4;
    const KNOWN: u8 = 8;
    const PLACED: u8 = 16;

    const fn has(self, flag: u8) -> bool {
        self.0 & flag != 0
    }

    fn set_if(&mut self, flag: u8, holds: impl FnOnce() -> bool) {
        if holds() {
            self.0 |= flag;
        }
    }
}

/// See the module. The port of an address stands apart, which saves a third.
#[derive(Clone, Debug)]
pub(crate) struct TimeWaitRecord {
    ts_recent_at: Instant,
    challenge: ChallengeLimiter,
    snd_nxt: SeqNumber,
    rcv_nxt: SeqNumber,
    rcv_wnd: u32,
    snd_wnd: u32,
    snd_max_wnd: u32,
    timestamp_offset: u32,
    ts_recent: u32,
    place: u32,
    local_port: u16,
    remote_port: u16,
    mtu_octets: u16,
    peer_mss: u16,
    local: IpAddr,
    remote: IpAddr,
    snd_shift: u8,
    rcv_shift: u8,
    hop_limit: u8,
    dscp: u8,
    flags: Flags,
}

impl TimeWaitRecord {
    /// The record of `connection`, if it is in TIME-WAIT and all that is left of it is the memory of
    /// its numbers: nobody holds it, nothing waits to be read, sent or told.
    pub(crate) fn of(connection: &Connection) -> Option<Self> {
        let rests = connection.state == State::TimeWait
            && connection.handle == Handle::Released
            && connection.counted_octets == 0
            && connection.held_octets() == 0
            && connection.notices.is_empty()
            && !connection.is_ready
            && !connection.is_announced
            && connection.counts_as_time_wait
            && connection.rcv.acknowledge.urgency() == Urgency::Idle;
        if !rests {
            return None;
        }
        let (window, rcv) = (&connection.snd.window, &connection.rcv);
        let mut flags = Flags::default();
        flags.set_if(Flags::SCALING, || connection.scaling);
        flags.set_if(Flags::SACK, || connection.sack == Sack::Agreed);
        flags.set_if(Flags::TIMESTAMPS, || connection.timestamps.is_some());
        flags.set_if(Flags::KNOWN, || connection.is_known);
        flags.set_if(Flags::PLACED, || connection.place.is_some());
        let timestamps = connection.timestamps;
        Some(Self {
            ts_recent_at: timestamps.map_or(Instant::ZERO, |it| it.ts_recent_at()),
            challenge: connection.challenge,
            snd_nxt: window.nxt,
            rcv_nxt: rcv.nxt,
            rcv_wnd: rcv.window.wnd(rcv.nxt),
            snd_wnd: window.wnd(),
            snd_max_wnd: window.max_wnd(),
            timestamp_offset: connection.timestamp_offset,
            ts_recent: timestamps.map_or(0, |it| it.ts_recent()),
            place: connection.place.unwrap_or(0),
            local_port: connection.tuple.local.port(),
            remote_port: connection.tuple.remote.port(),
            mtu_octets: connection.path.mtu_octets,
            peer_mss: connection.path.peer_mss,
            local: connection.tuple.local.ip(),
            remote: connection.tuple.remote.ip(),
            snd_shift: window.shift(),
            rcv_shift: rcv.window.shift(),
            hop_limit: connection.settings.hop_limit,
            dscp: connection.settings.dscp,
            flags,
        })
    }

    /// The two ends.
    pub(crate) const fn tuple(&self) -> FourTuple {
        FourTuple {
            local: SocketAddr::new(self.local, self.local_port),
            remote: SocketAddr::new(self.remote, self.remote_port),
        }
    }

    /// Another connection to the same destination left, and this one stands in its place.
    pub(crate) const fn move_to(&mut self, place: u32) {
        self.place = place;
    }

    /// The connection that this is the record of, as far as TIME-WAIT needs it; `ends_at` is when the
    /// 2 MSL are over.
    pub(crate) fn to_connection(
        &self,
        key: Key,
        config: &Config,
        ends_at: Option<Instant>,
        now: Instant,
    ) -> Connection {
        let mut settings = Settings::new(&ConnectionOptions::default(), config);
        settings.hop_limit = self.hop_limit;
        settings.dscp = self.dscp;
        let new = NewConnection {
            id: ConnectionId(key),
            tuple: self.tuple(),
            opening: Opening::Active,
            // One before the FIN, so that the numbers behind it are those of text that is gone.
            iss: self.snd_nxt - 2,
            timestamp_offset: self.timestamp_offset,
            settings: Arc::new(settings),
            path_mtu_octets: self.mtu_octets,
            link_mtu_octets: self.mtu_octets,
        };
        let mut connection = Connection::new(new, State::TimeWait, config, now);
        self.restore_numbers(&mut connection, now);
        connection.handle = Handle::Released;
        connection.is_known = self.flags.has(Flags::KNOWN);
        connection.counts_as_time_wait = true;
        connection.challenge = self.challenge;
        connection.place = self.flags.has(Flags::PLACED).then_some(self.place);
        if let Some(ends_at) = ends_at {
            connection.timers.set(Timer::TimeWait, ends_at);
        }
        connection
    }

    fn restore_numbers(&self, connection: &mut Connection, now: Instant) {
        // The peer's FIN is the octet before RCV.NXT: for all that counts now, the stream began there.
        let agreed = Agreed {
            peer_mss: self.peer_mss,
            shifts: self.flags.has(Flags::SCALING).then_some(Shifts {
                snd: self.snd_shift,
                rcv: self.rcv_shift,
            }),
            timestamps: self.flags.has(Flags::TIMESTAMPS).then_some(self.ts_recent),
            sack: self.flags.has(Flags::SACK),
            ..Agreed::default()
        };
        connection.on_peer_syn(self.rcv_nxt - 2, &agreed, now);
        connection
            .rcv
            .window
            .set_buffer_octets(self.rcv_wnd as usize);
        connection.rcv.fin = Some(0);
        connection.rcv.advance(1);
        connection
            .rcv
            .window
            .restore_edge(self.rcv_nxt + self.rcv_wnd);
        connection.rcv.acknowledge.on_sent(self.rcv_nxt);
        connection.timestamps = self
            .flags
            .has(Flags::TIMESTAMPS)
            .then(|| TimestampState::new(self.timestamp_offset, self.ts_recent, self.ts_recent_at));
        connection.snd = SendHalf::new(self.snd_nxt - 2);
        let window = &mut connection.snd.window;
        window.set_shift(self.snd_shift);
        window.restore(self.snd_nxt, self.rcv_nxt, self.snd_wnd, self.snd_max_wnd);
        connection.snd.queue.close();
        connection
            .recovery
            .on_established(self.snd_nxt, connection.sack);
    }
}

#[cfg(test)]
mod tests {
    use super::TimeWaitRecord;

    #[test]
    fn rfc9293_3_6_1_time_wait_is_a_small_record() {
        let octets = size_of::<TimeWaitRecord>();
        assert!(octets <= 128, "{octets}");
    }
}
