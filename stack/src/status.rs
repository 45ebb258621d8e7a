//! What STATUS tells of a connection (RFC 9293 §3.10.6), in the RFC's terms: plain data.
//!
//! `tcp/call/status.rs` fills it in for [`Call::Status`](crate::Call::Status) and for
//! [`Stack::status`](crate::Stack::status); captures, invariants and scripts read it. It is a copy:
//! nothing here refers to the connection, and nothing is decided here.

use core::net::SocketAddr;

use crate::base::{Duration, Instant};
use crate::call::CongestionAlgorithm;
use crate::event::SoftError;
use crate::observe::{State, Timer};

/// What STATUS found (RFC 9293 §3.10.6).
///
/// Of a handshake that a listener began and that is not over, only what the SYN said is known: the
/// rest stands at its start.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Status {
    /// The state (RFC 9293 §3.3.2).
    pub state: State,
    /// Our end.
    pub local: SocketAddr,
    /// The peer's end.
    pub remote: SocketAddr,
    /// Who holds the connection's name.
    pub owner: Owner,

    /// ISS: our initial sequence number (RFC 9293 §3.3.1, as all that follow here).
    pub iss: u32,
    /// SND.UNA: the oldest number that is not acknowledged.
    pub snd_una: u32,
    /// SND.NXT: the next number to be used for the first time; it never moves back.
    pub snd_nxt: u32,
    /// SND.WND: octets that the peer takes from SND.UNA on.
    pub snd_wnd: u32,
    /// MAX.SND.WND of RFC 5961 §5.2: the largest window that the peer ever offered.
    pub snd_max_wnd: u32,
    /// IRS: the peer's initial sequence number.
    pub irs: u32,
    /// RCV.NXT: the next number that is expected.
    pub rcv_nxt: u32,
    /// RCV.WND: octets that we take from RCV.NXT on, as the peer was told.
    pub rcv_wnd: u32,
    /// Last.ACK.sent (RFC 7323 §4.3).
    pub last_ack_sent: u32,

    /// Octets that wait to be sent for the first time.
    pub unsent_octets: usize,
    /// Octets sent and not acknowledged.
    pub in_flight_octets: u32,
    /// "pipe" of RFC 6675 §4: octets that are thought to be in the network.
    pub pipe_octets: u32,
    /// Octets in flight that the peer reported by SACK.
    pub sacked_octets: u32,
    /// Octets in flight that are thought to be lost and were not sent again (RFC 8985 §6.2; IsLost of
    /// RFC 6675 §4).
    pub lost_octets: u32,
    /// Octets in flight that were sent again because they were thought to be lost.
    pub resent_in_flight_octets: u32,
    /// Octets that wait for RECEIVE.
    pub unread_octets: usize,
    /// Octets that wait for what is missing before them, bookkeeping included.
    pub out_of_order_octets: usize,
    /// The most octets that wait to be sent or acknowledged.
    pub send_buffer_octets: usize,
    /// The most octets that wait for RECEIVE.
    pub receive_buffer_octets: usize,
    /// The round trip as the receiver sees it, by timestamps or by how long a window lasts, if it
    /// sizes its buffer by it.
    pub rcv_rtt: Option<Duration>,
    /// The most octets that RECEIVE took in one round trip, as far as was measured.
    pub rcv_space_octets: u64,

    /// cwnd (RFC 5681 §2), in octets.
    pub cwnd_octets: u32,
    /// ssthresh (RFC 5681 §3.1), in octets.
    pub ssthresh_octets: u32,
    /// Which of the two is larger.
    pub congestion_phase: CongestionPhase,
    /// The algorithm of congestion control.
    pub congestion_algorithm: CongestionAlgorithm,
    /// What it is doing.
    pub congestion_mode: CongestionMode,
    /// Octets a second that may leave; `None` while the connection is idle or not paced.
    pub pacing_rate: Option<u64>,
    /// Octets a second that the path delivered (RS.delivery_rate, draft-ietf-ccwg-bbr §4.1): the newest
    /// sample, but for those that the application limited and that are less.
    pub delivery_rate: Option<u64>,
    /// Whether that sample was application limited (RS.is_app_limited): the path delivers that much at
    /// least.
    pub delivery_rate_is_app_limited: bool,
    /// Whether something is being repaired.
    pub recovery_phase: RecoveryPhase,
    /// DupAcks of RFC 6675 §2, RFC 5681 §3.2.
    pub duplicate_acks: u32,
    /// RACK.reordering_seen (RFC 8985 §6.2, step 3): something arrived after what was sent behind it.
    pub reordering_seen: bool,
    /// D-SACKs in all: reports of the peer that what was sent again had arrived before (RFC 2883).
    pub dsacks: u32,
    /// SRTT (RFC 6298 §2).
    pub srtt: Option<Duration>,
    /// The least round trip of late (RACK.min_RTT, RFC 8985 §5.2).
    pub min_rtt: Option<Duration>,
    /// RTTVAR (RFC 6298 §2).
    pub rttvar: Option<Duration>,
    /// RTO, backed off (RFC 6298 §5.5).
    pub rto: Duration,
    /// How often RTO was doubled since the last sample (RFC 6298 §5.5).
    pub backoffs: u32,
    /// Retransmission timeouts since something was last acknowledged.
    pub timeouts: u32,
    /// Window probes since the window was last open (RFC 9293 §3.8.6.1).
    pub window_probes: u32,
    /// Keep-alive probes since the peer last said anything (RFC 9293 §3.8.4).
    pub keep_alive_probes: u32,
    /// When what runs expires.
    pub timers: Timers,
    /// Whether an acknowledgment is due.
    pub acknowledgment: AcknowledgmentDue,

    /// SND.MSS: the most text in one segment, with the options that each carries.
    pub snd_mss: u16,
    /// The most text that the peer puts into one segment, as far as we know.
    pub rcv_mss: u16,
    /// The MSS that the peer advertised, or the default that stands for it.
    pub peer_mss: u16,
    /// The MSS that we advertise.
    pub advertised_mss: u16,
    /// Octets of the largest packet that gets through, as far as is known.
    pub path_mtu_octets: u16,
    /// Whether both sides agreed on window scaling (RFC 7323 §2).
    pub window_scaling: bool,
    /// Whether both sides agreed on timestamps (RFC 7323 §3).
    pub timestamps: bool,
    /// Whether both sides agreed on selective acknowledgments (RFC 2018).
    pub sack: bool,
    /// Whether both sides agreed on explicit congestion notification (RFC 3168 §6.1.1).
    pub ecn: bool,
    /// Segments with text that arrived with CE: the network was congested on the way to us (RFC 3168
    /// §5).
    pub marked_segments_in: u64,
    /// Acknowledgments with ECE: the peer has seen CE on what we sent (RFC 3168 §6.1.2).
    pub ecn_echoes_in: u64,
    /// Snd.Wind.Shift: what the peer's windows are shifted by (RFC 7323 §2.3).
    pub snd_wind_shift: u8,
    /// Rcv.Wind.Shift: what ours are.
    pub rcv_wind_shift: u8,
    /// TS.Recent, if timestamps were agreed on.
    pub ts_recent: Option<u32>,

    /// Text that the peer acknowledged, in all.
    pub acked_octets: u64,
    /// Text that arrived in order, in all.
    pub received_octets: u64,
    /// Segments sent again, in all.
    pub retransmissions: u64,
    /// Text that was sent, in all, each octet as often as it was.
    pub sent_octets: u64,
    /// Text that was sent again, in all.
    pub resent_octets: u64,
    /// Timeouts of RFC 4898: how often text was sent again because the retransmission timer expired.
    pub timeouts_total: u64,
    /// Segments of any kind that left.
    pub segments_out: u32,
    /// Segments of any kind that arrived.
    pub segments_in: u32,
    /// Segments with text that left.
    pub text_segments_out: u64,
    /// Segments with text that arrived.
    pub text_segments_in: u64,
    /// How long text waited to be sent or acknowledged, up to the last look.
    pub busy_time: Duration,
    /// For how much of that the peer's window was what held it back.
    pub rwnd_limited_time: Duration,
    /// For how much of that our send buffer was.
    pub sndbuf_limited_time: Duration,
    /// When text last arrived in order.
    pub last_text_at: Option<Instant>,
    /// R2 as a time: what the user chose, or what the peer's user timeout brought about (RFC 5482).
    pub user_timeout: Option<Duration>,
    /// Whether the path is being searched for larger segments, or was (RFC 4821).
    pub path_search: bool,
    /// When text, SYN or FIN was last sent.
    pub last_sent_at: Option<Instant>,
    /// When the peer was last heard of.
    pub last_heard_at: Instant,

    /// How far our FIN has come.
    pub our_fin: FinProgress,
    /// True once the peer's FIN was processed.
    pub peer_fin: bool,
    /// True while received urgent data is ahead of what RECEIVE took (RFC 9293 §3.8.5).
    pub urgent_pending: bool,
    /// The last soft error (RFC 9293 §3.9.1.8).
    pub soft_error: Option<SoftError>,
}

/// Who holds a connection's name.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Owner {
    /// A listener: the handshake goes on, or nobody accepted the connection yet.
    Listener,
    /// The user.
    User,
    /// Nobody any more: the connection ends by itself.
    Nobody,
}

/// What cwnd does when text is acknowledged (RFC 5681 §3.1).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum CongestionPhase {
    /// cwnd < ssthresh.
    SlowStart,
    /// cwnd >= ssthresh.
    Avoidance,
}

/// What an algorithm of congestion control is doing.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum CongestionMode {
    /// cwnd doubles each round (RFC 5681 §3.1).
    SlowStart,
    /// HyStart++: the round trip grew, so cwnd grows by a quarter of that (RFC 9406 §4.2).
    ConservativeSlowStart,
    /// cwnd probes gently (RFC 5681 §3.1, RFC 9438 §4.2).
    Avoidance,
    /// BBR looks for the bandwidth of the path (draft-ietf-ccwg-bbr §5.3.1).
    Startup,
    /// BBR drains the queue that this made (§5.3.2).
    Drain,
    /// BBR sends slower than the path delivers (§5.3.3.1).
    ProbeBwDown,
    /// BBR sends as fast as the path delivers (§5.3.3.2).
    ProbeBwCruise,
    /// BBR fills the path before it probes (§5.3.3.3).
    ProbeBwRefill,
    /// BBR probes for more bandwidth (§5.3.3.4).
    ProbeBwUp,
    /// BBR looks for the shortest round trip (§5.3.4).
    ProbeRtt,
}

impl CongestionMode {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SlowStart => "slow start",
            Self::ConservativeSlowStart => "conservative slow start",
            Self::Avoidance => "congestion avoidance",
            Self::Startup => "Startup",
            Self::Drain => "Drain",
            Self::ProbeBwDown => "ProbeBW_DOWN",
            Self::ProbeBwCruise => "ProbeBW_CRUISE",
            Self::ProbeBwRefill => "ProbeBW_REFILL",
            Self::ProbeBwUp => "ProbeBW_UP",
            Self::ProbeRtt => "ProbeRTT",
        }
    }

    /// The clause that has it.
    pub const fn clause(self) -> &'static str {
        match self {
            Self::SlowStart => "RFC 5681 §3.1",
            Self::ConservativeSlowStart => "RFC 9406 §4.2",
            Self::Avoidance => "RFC 5681 §3.1, RFC 9438 §4.2",
            Self::Startup => "draft-ietf-ccwg-bbr §5.3.1",
            Self::Drain => "draft-ietf-ccwg-bbr §5.3.2",
            Self::ProbeBwDown => "draft-ietf-ccwg-bbr §5.3.3.1",
            Self::ProbeBwCruise => "draft-ietf-ccwg-bbr §5.3.3.2",
            Self::ProbeBwRefill => "draft-ietf-ccwg-bbr §5.3.3.3",
            Self::ProbeBwUp => "draft-ietf-ccwg-bbr §5.3.3.4",
            Self::ProbeRtt => "draft-ietf-ccwg-bbr §5.3.4",
        }
    }
}

/// Whether something is being repaired.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum RecoveryPhase {
    /// Nothing is known to be lost.
    Open,
    /// Fast recovery (RFC 5681 §3.2, RFC 6582, RFC 6675).
    FastRecovery,
    /// Everything in flight is sent again: after a timeout, or because it did not fit the path.
    Resending,
}

/// Whether an acknowledgment is due (RFC 9293 §3.8.6.3).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum AcknowledgmentDue {
    /// None is.
    No,
    /// One may wait for its timer, or for text to ride on.
    Delayed,
    /// One goes out at once.
    Now,
}

/// How far a FIN has come.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum FinProgress {
    /// It was not sent.
    NotSent,
    /// It was sent.
    InFlight,
    /// It was acknowledged.
    Acked,
}

/// When each timer of a connection expires; `None` while it does not run.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Timers {
    /// RFC 6298 §5.
    pub retransmission: Option<Instant>,
    /// RFC 9293 §3.8.6.1, and the override of §3.8.6.2.1.
    pub persist: Option<Instant>,
    /// RFC 9293 §3.8.6.3.
    pub delayed_ack: Option<Instant>,
    /// RFC 9293 §3.8.4.
    pub keep_alive: Option<Instant>,
    /// RFC 9293 §3.8.3.
    pub user: Option<Instant>,
    /// RFC 9293 §3.6.1.
    pub time_wait: Option<Instant>,
    /// draft-ietf-ccwg-bbr §5.6.2.
    pub pacing: Option<Instant>,
    /// RFC 8985 §6.2.
    pub reordering: Option<Instant>,
    /// RFC 8985 §7.
    pub tail_loss_probe: Option<Instant>,
}

impl Timers {
    /// Those that run, earliest first.
    pub fn armed(&self) -> impl Iterator<Item = (Timer, Instant)> {
        let mut all = [
            (Timer::Retransmission, self.retransmission),
            (Timer::Persist, self.persist),
            (Timer::DelayedAck, self.delayed_ack),
            (Timer::KeepAlive, self.keep_alive),
            (Timer::User, self.user),
            (Timer::TimeWait, self.time_wait),
            (Timer::Pacing, self.pacing),
            (Timer::Reordering, self.reordering),
            (Timer::TailLossProbe, self.tail_loss_probe),
        ];
        all.sort_by_key(|(_, at)| at.unwrap_or(Instant::NEVER));
        all.into_iter()
            .filter_map(|(timer, at)| at.map(|at| (timer, at)))
    }
}
