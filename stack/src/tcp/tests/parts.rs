//! The small parts that stand alone.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::vec::Vec;

use bytes::Bytes;

use super::world::seq;
use crate::base::{Duration, Instant, Random};
use crate::observe::State;
use crate::socket::FourTuple;
use crate::tcp::challenge::ChallengeLimiter;
use crate::tcp::initial_sequence::InitialSequence;
use crate::tcp::negotiate::{advertised_mss, agree, shift_for};
use crate::tcp::segment::Segment;
use crate::tcp::slices::Slices;
use crate::tcp::state::{self, OurFin};
use crate::tcp::timers::{Timer, Timers};
use crate::tcp::timestamps::{TimestampOffsets, TimestampState};
use crate::wire::tcp::{TcpFlags, TcpHeader};
use crate::wire::tcp_options::{TcpOptions, Timestamps};

const STATES: [State; 11] = [
    State::Closed,
    State::Listen,
    State::SynSent,
    State::SynReceived,
    State::Established,
    State::FinWait1,
    State::FinWait2,
    State::CloseWait,
    State::Closing,
    State::LastAck,
    State::TimeWait,
];

fn tuple(port: u16) -> FourTuple {
    FourTuple {
        local: SocketAddr::from(([192, 0, 2, 1], port)),
        remote: SocketAddr::from(([192, 0, 2, 2], 80)),
    }
}

#[test]
fn rfc9293_s12_a_fin_leads_from_each_state_where_figure_5_says() {
    use State::*;
    let after = |from, fin| state::after_fin(from, fin);
    for fin in [OurFin::NotSent, OurFin::InFlight, OurFin::Acked] {
        for from in [Closed, Listen, SynSent] {
            assert_eq!(after(from, fin), None);
        }
        for from in [SynReceived, Established] {
            assert_eq!(after(from, fin), Some(CloseWait));
        }
        assert_eq!(after(FinWait2, fin), Some(TimeWait));
        for from in [CloseWait, Closing, LastAck, TimeWait] {
            assert_eq!(after(from, fin), Some(from));
        }
    }
    assert_eq!(after(FinWait1, OurFin::NotSent), Some(Closing));
    assert_eq!(after(FinWait1, OurFin::InFlight), Some(Closing));
    assert_eq!(after(FinWait1, OurFin::Acked), Some(TimeWait));
}

#[test]
fn rfc9293_s12_close_and_the_ack_of_our_fin_lead_where_figure_5_says() {
    use State::*;
    for from in STATES {
        let close = match from {
            SynReceived | Established => FinWait1,
            CloseWait => LastAck,
            other => other,
        };
        assert_eq!(state::after_close(from), close);
        let acked = match from {
            FinWait1 => FinWait2,
            Closing => TimeWait,
            LastAck => Closed,
            other => other,
        };
        assert_eq!(state::after_our_fin_is_acked(from), acked);
    }
}

#[test]
fn rfc9293_s17_abort_sends_a_reset_in_five_states() {
    let with: Vec<_> = STATES
        .into_iter()
        .filter(|it| state::abort_sends_reset(*it))
        .collect();
    assert_eq!(
        with,
        [
            State::SynReceived,
            State::Established,
            State::FinWait1,
            State::FinWait2,
            State::CloseWait
        ]
    );
}

#[test]
fn rfc9293_must_8_initial_numbers_step_every_four_microseconds() {
    let isn = InitialSequence::new(&mut Random::new([1; 32]));
    let first = isn.iss(&tuple(1), Instant::from_secs(5));
    let later = isn.iss(&tuple(1), Instant::from_secs(15));
    assert_eq!(first.distance_to(later), 2_500_000);
}

#[test]
fn rfc9293_must_9_bad_57_initial_numbers_of_neighbours_are_unrelated() {
    let isn = InitialSequence::new(&mut Random::new([1; 32]));
    let other = InitialSequence::new(&mut Random::new([2; 32]));
    let at = Instant::from_secs(5);
    let mut distances = BTreeSet::new();
    for port in 1..2_000 {
        let one = isn.iss(&tuple(port), at);
        assert_ne!(one, other.iss(&tuple(port), at));
        distances.insert(one.distance_to(isn.iss(&tuple(port + 1), at)));
    }
    assert_eq!(distances.len(), 1_999);
}

#[test]
fn rfc7323_13_clocks_of_two_flows_are_unrelated_and_of_one_monotone() {
    let offsets = TimestampOffsets::new(&mut Random::new([1; 32]));
    assert_ne!(offsets.offset(&tuple(1)), offsets.offset(&tuple(2)));
    assert_eq!(offsets.offset(&tuple(1)), offsets.offset(&tuple(1)));
}

#[test]
fn rfc7323_11_after_24_days_an_old_timestamp_is_believed() {
    let day = Duration::from_secs(86_400);
    let begin = Instant::from_secs(1);
    let mut state = TimestampState::new(0, 1_000, begin);
    assert!(state.is_old(999, begin + day));
    assert!(!state.is_old(1_000, begin + day));
    assert!(state.is_old(999, begin + day * 23));
    assert!(!state.is_old(999, begin + day * 25));
    state.remember(999, begin + day * 25);
    assert_eq!(state.ts_recent(), 999);
    state.remember(998, begin + day * 25);
    assert_eq!(state.ts_recent(), 999);
}

#[test]
fn rfc7323_08_an_echo_that_we_cannot_have_sent_measures_nothing() {
    let state = TimestampState::new(u32::MAX, 5, Instant::ZERO);
    let now = Instant::from_millis(1_000);
    let sent = state.option(now).value;
    assert_eq!(
        state.round_trip(sent.wrapping_sub(30), now),
        Some(Duration::from_millis(30))
    );
    assert_eq!(state.round_trip(sent.wrapping_add(1), now), None);
    assert_eq!(state.round_trip(sent.wrapping_sub(1_001), now), None);
}

#[test]
fn rfc7323_01_the_shift_is_what_the_buffer_needs_and_14_at_most() {
    assert_eq!(shift_for(65_535), 0);
    assert_eq!(shift_for(65_536), 1);
    assert_eq!(shift_for(524_288), 4);
    assert_eq!(shift_for(usize::MAX), 14);
    let peer = [192, 0, 2, 1].into();
    let theirs = TcpOptions {
        window_scale: Some(15),
        ..TcpOptions::default()
    };
    assert_eq!(
        agree(&theirs, 3, peer, 64).shifts.map(|it| it.snd),
        Some(14)
    );
    assert_eq!(agree(&TcpOptions::default(), 3, peer, 64).shifts, None);
}

#[test]
fn rfc9293_must_15_must_67_mss_by_default_and_by_link() {
    let v4 = [192, 0, 2, 1].into();
    let v6 = [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into();
    let none = TcpOptions::default();
    assert_eq!(agree(&none, 0, v4, 64).peer_mss, 536);
    assert_eq!(agree(&none, 0, v6, 64).peer_mss, 1_220);
    assert_eq!(advertised_mss(v4, 1_500, 64), 1_460);
    assert_eq!(advertised_mss(v6, 1_500, 64), 1_440);
    assert_eq!(advertised_mss(v4, 68, 64), 64);
    // BAD-52: a floor under what the peer says.
    let tiny = TcpOptions {
        mss: Some(1),
        ..none
    };
    assert_eq!(agree(&tiny, 0, v4, 64).peer_mss, 64);
}

#[test]
fn rfc5961_05_challenges_are_limited_by_the_second() {
    let mut limiter = ChallengeLimiter::default();
    let mut sent = 0;
    for millis in 0..10_000 {
        if limiter.permits(Instant::from_millis(millis), 2) {
            sent += 1;
        }
    }
    assert_eq!(sent, 20);
}

#[test]
fn the_earliest_timer_expires_first_and_once() {
    let mut timers = Timers::default();
    assert_eq!(timers.earliest(), Instant::NEVER);
    timers.set(Timer::KeepAlive, Instant::from_secs(5));
    timers.set(Timer::Retransmission, Instant::from_secs(3));
    timers.set_if_idle(Timer::Retransmission, Instant::from_secs(1));
    assert_eq!(timers.earliest(), Instant::from_secs(3));
    assert_eq!(timers.pop_due(Instant::from_secs(2)), None);
    let late = Instant::from_secs(9);
    assert_eq!(timers.pop_due(late), Some(Timer::Retransmission));
    assert_eq!(timers.pop_due(late), Some(Timer::KeepAlive));
    assert_eq!(timers.pop_due(late), None);
}

fn segment(at: u32, flags: TcpFlags, text: &'static [u8]) -> Segment {
    let header = TcpHeader {
        seq: seq(at),
        flags,
        options: TcpOptions {
            timestamps: Some(Timestamps::default()),
            ..TcpOptions::default()
        },
        ..TcpHeader::default()
    };
    Segment::new(tuple(1), &header, Bytes::from_static(text), text.len())
}

#[test]
fn rfc9293_s08_a_segment_is_trimmed_from_both_sides() {
    let fin = TcpFlags::FIN;
    let mut one = segment(u32::MAX - 1, fin, b"abcdef");
    assert_eq!(one.seg_len(), 7);
    one.trim_front(seq(1));
    assert_eq!((&one.text[..], one.seq), (&b"def"[..], seq(1)));
    assert!(one.has(fin));
    one.trim_back(seq(4));
    assert_eq!(&one.text[..], b"def");
    assert!(!one.has(fin));
    one.trim_back(seq(2));
    assert_eq!(&one.text[..], b"d");
    one.trim_back(seq(0));
    assert_eq!(one.seg_len(), 0);

    let mut old = segment(10, fin, b"abc");
    old.trim_front(seq(14));
    assert_eq!((old.seg_len(), old.seq), (0, seq(14)));
    let mut syn = segment(10, TcpFlags::SYN, b"abc");
    syn.trim_front(seq(12));
    assert_eq!(&syn.text[..], b"bc");
    assert!(!syn.has(TcpFlags::SYN));
}

#[test]
fn tiny_slices_in_a_row_become_one_and_the_octets_stay() {
    let mut random = Random::new([5; 32]);
    let mut slices = Slices::new();
    let mut expected: Vec<u8> = Vec::new();
    let mut gone = 0;
    for at in 0..20_000_u32 {
        let octets = 1 + random.below(if at % 100 == 0 { 2_000 } else { 5 }) as usize;
        let octets: Vec<u8> = (0..octets).map(|it| (it as u32 + at) as u8).collect();
        expected.extend_from_slice(&octets);
        slices.push(octets.into());
        if random.below(10) == 0 {
            let drop = random.below(slices.octets() as u32 / 20 + 1) as usize;
            slices.advance(drop);
            gone += drop;
        }
        if random.below(10) == 0 {
            let from = random.below(slices.octets() as u32 + 1) as usize;
            let most = random.below(3_000) as usize;
            let text = slices.text(from, most);
            let text: Vec<u8> = text.slices().flat_map(|it| it.to_vec()).collect();
            let end = (gone + from + most).min(expected.len());
            assert!(text == expected[gone + from..end]);
        }
    }
    assert!(slices.slice_count() < 2_000, "{}", slices.slice_count());
    let rest = slices.take(usize::MAX).concat();
    assert!(rest == expected[gone..]);
    assert!(slices.is_empty());
}
