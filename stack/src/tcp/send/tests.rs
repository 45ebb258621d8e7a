//! The sending half, with plain numbers.

use bytes::Bytes;

use super::SendHalf;
use super::in_flight::InFlight;
use super::queue::SendQueue;
use super::segmentize::{Cork, Cut, Nagle, Offer, Override, Stream, cut};
use super::window::{AckStanding, SendWindow};
use crate::base::{Duration, Instant, SeqNumber};

fn seq(raw: u32) -> SeqNumber {
    SeqNumber::new(raw)
}

const OFFER: Offer = Offer {
    cork: Cork::Out,
    unsent: 10_000,
    usable: 100_000,
    cwnd_room: 100_000,
    mss: 1_000,
    max_wnd: 100_000,
    in_flight: 0,
    nagle: Nagle::On,
    stream: Stream::Open,
    sws_override: Override::Waiting,
    super_octets: 5_000,
};

#[test]
fn full_segments_are_cut_in_multiples_of_the_mss() {
    assert_eq!(cut(&OFFER), Cut::Send { octets: 5_000 });
    let one = Offer {
        super_octets: 0,
        ..OFFER
    };
    assert_eq!(cut(&one), Cut::Send { octets: 1_000 });
    let odd = Offer {
        cwnd_room: 3_999,
        ..OFFER
    };
    assert_eq!(cut(&odd), Cut::Send { octets: 3_000 });
}

#[test]
fn rfc9293_shld_7_nagle_holds_a_small_tail_back_while_something_is_in_flight() {
    let small = Offer {
        unsent: 10,
        ..OFFER
    };
    assert_eq!(cut(&small), Cut::Send { octets: 10 });
    let waiting = Offer {
        in_flight: 1,
        ..small
    };
    assert_eq!(cut(&waiting), Cut::Nagle);
    let off = Offer {
        nagle: Nagle::Off,
        ..waiting
    };
    assert_eq!(cut(&off), Cut::Send { octets: 10 });
    let ending = Offer {
        stream: Stream::Ending,
        ..waiting
    };
    assert_eq!(cut(&ending), Cut::Send { octets: 10 });
    let with_full_segments = Offer {
        unsent: 2_010,
        in_flight: 1,
        ..OFFER
    };
    assert_eq!(cut(&with_full_segments), Cut::Send { octets: 2_000 });
}

#[test]
fn rfc9293_must_38_a_sliver_of_window_is_not_used_before_the_override() {
    let sliver = Offer {
        usable: 999,
        ..OFFER
    };
    assert_eq!(cut(&sliver), Cut::WindowIsSmall);
    assert_eq!(
        cut(&Offer {
            sws_override: Override::Expired,
            ..sliver
        }),
        Cut::Send { octets: 999 }
    );
    // Half of the largest window that was ever offered is no sliver.
    let half = Offer {
        usable: 500,
        max_wnd: 1_000,
        ..OFFER
    };
    assert_eq!(cut(&half), Cut::Send { octets: 500 });
    assert_eq!(
        cut(&Offer {
            usable: 499,
            ..half
        }),
        Cut::WindowIsSmall
    );
    assert_eq!(cut(&Offer { usable: 0, ..half }), Cut::WindowIsSmall);
}

#[test]
fn a_full_congestion_window_waits_for_an_ack() {
    let full = Offer {
        cwnd_room: 0,
        in_flight: 1,
        ..OFFER
    };
    assert_eq!(cut(&full), Cut::CwndIsFull);
    let nearly = Offer {
        cwnd_room: 999,
        in_flight: 1,
        ..OFFER
    };
    assert_eq!(cut(&nearly), Cut::CwndIsFull);
    assert_eq!(cut(&Offer { unsent: 0, ..full }), Cut::Nothing);
}

#[test]
fn rfc9293_must_34_a_window_that_was_pulled_back_leaves_nothing_usable() {
    let mut window = SendWindow::new(seq(u32::MAX - 10));
    window.begin(seq(5), seq(u32::MAX - 10), 20_000);
    window.nxt = window.una + 20_000;
    assert_eq!(window.usable(), 0);
    window.update(seq(6), window.una, 10_000);
    assert_eq!(window.wnd(), 10_000);
    assert_eq!(window.usable(), 0);
    // An acknowledgment alone leaves the edge where it is.
    let edge = window.right_edge();
    window.acknowledge(window.una + 4_000);
    assert_eq!(window.right_edge(), edge);
    window.acknowledge(window.nxt);
    assert_eq!((window.wnd(), window.in_flight()), (0, 0));
}

#[test]
fn rfc9293_s11_an_older_segment_does_not_set_the_window() {
    let mut window = SendWindow::new(seq(0));
    window.begin(seq(100), seq(0), 1_000);
    window.set_shift(3);
    window.update(seq(200), seq(0), 500);
    assert_eq!(window.wnd(), 4_000);
    window.update(seq(199), seq(0), 1);
    assert_eq!(window.wnd(), 4_000);
    window.update(seq(200), seq(0), 2);
    assert_eq!(window.wnd(), 16);
    assert_eq!(window.max_wnd(), 4_000);
}

#[test]
fn rfc5961_5_2_an_ack_stands_where_it_can_be_true_or_not() {
    let mut window = SendWindow::new(seq(1_000));
    window.begin(seq(0), seq(1_000), 500);
    window.nxt = seq(2_000);
    let standing = |raw| window.standing_of(seq(raw));
    assert_eq!(standing(1_001), AckStanding::New);
    assert_eq!(standing(2_000), AckStanding::New);
    assert_eq!(standing(2_001), AckStanding::Future);
    assert_eq!(standing(1_000), AckStanding::Repeated);
    assert_eq!(standing(999), AckStanding::Old);
    assert_eq!(standing(500), AckStanding::Old);
    assert_eq!(standing(499), AckStanding::TooOld);
}

#[test]
fn the_queue_keeps_text_until_it_is_acknowledged() {
    let iss = seq(u32::MAX - 3);
    let mut queue = SendQueue::new(iss);
    queue.push(Bytes::from_static(b"abcdef"));
    queue.push(Bytes::from_static(b"ghi"));
    queue.close();
    assert_eq!(queue.fin(), Some(iss + 10));
    let text = |queue: &mut SendQueue, from: u32, most| {
        let text = queue.text(iss + from, most);
        text.slices()
            .flat_map(|it| it.iter().copied())
            .collect::<std::vec::Vec<u8>>()
    };
    assert_eq!(text(&mut queue, 1, 100), b"abcdefghi");
    assert_eq!(text(&mut queue, 6, 2), b"fg");
    queue.acknowledge(iss + 8);
    assert_eq!(text(&mut queue, 8, 100), b"hi");
    assert_eq!(text(&mut queue, 1, 100), b"");
    // The acknowledgment of the FIN covers one number more than there is text.
    queue.acknowledge(iss + 11);
    assert_eq!(queue.octets(), 0);
    assert_eq!(queue.fin(), Some(iss + 10));
}

#[test]
fn the_half_knows_how_far_the_fin_has_come() {
    let mut snd = SendHalf::new(seq(10));
    snd.window.nxt = seq(11);
    snd.window.acknowledge(seq(11));
    snd.queue.push(Bytes::from_static(b"abc"));
    assert_eq!(snd.unsent_octets(), 3);
    snd.queue.close();
    snd.window.nxt = seq(14);
    assert!(!snd.fin_is_sent());
    snd.window.nxt = seq(15);
    assert!(snd.fin_is_sent() && !snd.fin_is_acked());
    assert_eq!(snd.unsent_octets(), 0);
    snd.window.acknowledge(seq(15));
    assert!(snd.fin_is_acked());
}

#[test]
fn rfc6298_3_a_retransmission_makes_a_round_trip_ambiguous() {
    let at = Instant::from_millis;
    let mut flight = InFlight::new();
    flight.on_sent(seq(100), at(0));
    flight.on_sent(seq(200), at(5));
    assert_eq!(flight.on_acked(seq(50), seq(200), at(10)), None);
    assert_eq!(
        flight.on_acked(seq(100), seq(200), at(30)),
        Some(Duration::from_millis(30))
    );
    flight.on_sent(seq(300), at(40));
    flight.on_retransmitted(at(50));
    assert_eq!(flight.on_acked(seq(300), seq(300), at(60)), None);
    assert_eq!(flight.waiting_since(), None);
}
