//! What a connection does with a Fast Open (RFC 7413 §4.2): text on its SYN, or text of the peer's.
//!
//! `calls.rs` and `opening.rs` begin one, `output.rs` asks what goes on a SYN, `syn_sent.rs` and
//! `check_ack.rs` tell that our SYN was acknowledged. Once the handshake is over nothing of it is left.

use alloc::boxed::Box;

use super::check_ack::take_ack;
use super::take_text::take_text;
use crate::base::{Instant, SeqNumber};
use crate::context::Context;
use crate::observe::{FastOpenOutcome, Observation, State};
use crate::tcp::congestion::{CongestionControl, Handshake};
use crate::tcp::connection::Connection;
use crate::tcp::fast_open::{FastOpening, Learned, Offer, Role};
use crate::tcp::negotiate::headers_octets;
use crate::tcp::recovery::LossRecovery;
use crate::tcp::segment::Segment;
use crate::tcp::send::in_flight::InFlight;
use crate::tcp::timers::Timer;
use crate::wire::packet::Text;
use crate::wire::tcp_options::{FastOpen, OPTIONS_OCTETS_MAX};

impl Connection {
    /// A dialled connection tries a Fast Open.
    pub(crate) fn offer_fast(&mut self, offer: &Offer) {
        // RFC 7413 §4.1.3: with a cookie as much text as fits; without one none.
        let headers = headers_octets(self.tuple.remote.ip());
        let most = self.path.mtu_octets.saturating_sub(headers).min(offer.mss);
        let room = most.saturating_sub(OPTIONS_OCTETS_MAX as u16);
        let octets_max = if offer.option.is_request() { 0 } else { room };
        self.fast_open = Some(Box::new(FastOpening {
            role: Role::Client {
                octets_max,
                octets: 0,
            },
            option: Some(offer.option),
            learned: None,
        }));
    }

    /// The text that goes on the SYN that is sent now. Only the first one carries any, and the option:
    /// where those are lost, a plain SYN may get through (RFC 7413 §4.2.1).
    pub(crate) fn take_text_for_syn(&mut self) -> Text {
        if self.state != State::SynSent {
            return Text::new();
        }
        let is_first = self.snd.window.nxt == self.snd.iss;
        let iss = self.snd.iss;
        let Some(fast_open) = &mut self.fast_open else {
            return Text::new();
        };
        let Role::Client { octets_max, octets } = &mut fast_open.role else {
            return Text::new();
        };
        if !is_first {
            if fast_open.option.take().is_some() {
                fast_open.learned = Some(Learned {
                    outcome: FastOpenOutcome::Unanswered,
                    cookie: None,
                    mss: self.path.peer_mss,
                });
            }
            return Text::new();
        }
        let text = self.snd.queue.text(iss + 1, usize::from(*octets_max));
        *octets = text.octets() as u16;
        text
    }

    /// What our SYN or SYN-ACK says of Fast Open.
    pub(crate) fn fast_open_option(&self) -> Option<FastOpen> {
        let fast_open = self.fast_open.as_ref()?;
        match fast_open.role {
            // The SYN-ACK of a simultaneous open offers nothing.
            Role::Client { .. } if self.state != State::SynSent => None,
            Role::Client { .. } | Role::Server => fast_open.option,
        }
    }

    /// Our SYN was acknowledged just now by `segment`, which may acknowledge text as well: of the SYN,
    /// or what a Fast Open had us send at once.
    pub(crate) fn take_ack_beyond_syn(&mut self, segment: &Segment, cx: &mut Context<'_>) {
        self.on_fast_open_answered(segment, cx);
        let start = self.snd.iss + 1;
        if start.is_before(segment.ack) {
            take_ack(self, segment, cx);
        }
    }

    /// What was on our SYN was taken, or is sent again (7413-05).
    fn on_fast_open_answered(&mut self, segment: &Segment, cx: &mut Context<'_>) {
        let Some(fast_open) = &mut self.fast_open else {
            return;
        };
        let Role::Client { octets, .. } = fast_open.role else {
            return;
        };
        let start = self.snd.iss + 1;
        let cookie = segment.options.fast_open.filter(|it| !it.is_request());
        let is_taken = start.is_before(segment.ack);
        let outcome = match (octets > 0, is_taken, cookie) {
            (true, true, _) => FastOpenOutcome::TextTaken,
            (true, false, _) => FastOpenOutcome::TextIgnored,
            (false, _, Some(_)) => FastOpenOutcome::CookieGiven,
            (false, _, None) => FastOpenOutcome::NoCookie,
        };
        if is_taken || fast_open.learned.is_none() {
            fast_open.learned = Some(Learned {
                outcome,
                cookie,
                mss: self.path.peer_mss,
            });
        }
        let id = self.id;
        cx.observe(|| Observation::FastOpen {
            connection: id,
            outcome,
        });
        if octets > 0 {
            // What was not taken is not in flight any more: it goes as text that was never sent.
            self.snd.window.nxt = segment.ack;
        }
    }

    /// SND.NXT after our SYN with `text`.
    pub(crate) fn nxt_after_syn(&self, text: &Text) -> SeqNumber {
        let end = self.snd.iss + 1 + text.octets() as u32;
        end.later_of(self.snd.window.nxt)
    }

    /// A passive connection begins with its SYN-ACK not sent, and may send before that is
    /// acknowledged. It is given up at `give_up_at`.
    pub(crate) fn begin_fast(&mut self, option: Option<FastOpen>, give_up_at: Instant) {
        self.fast_open = Some(Box::new(FastOpening {
            role: Role::Server,
            option,
            learned: None,
        }));
        self.snd.window.nxt = self.snd.iss;
        self.snd.in_flight = InFlight::new();
        // What it sends before the handshake is over is governed by the same rules.
        self.recovery.on_established(self.snd.iss, self.sack);
        let smss = self.smss();
        self.congestion.on_established(smss, Handshake::Clean);
        self.owed.syn = true;
        self.timers.set(Timer::User, give_up_at);
    }

    /// The text of the SYN that began it.
    pub(crate) fn take_syn_text(&mut self, segment: &mut Segment, cx: &mut Context<'_>) {
        segment.trim_front(self.rcv.nxt);
        segment.trim_back(self.rcv.window.edge());
        // Text within the window of a connection that just began: there is nothing to refuse.
        let _ = take_text(self, segment, cx);
    }

    /// What is to be remembered of the server, once.
    pub(crate) fn take_learned(&mut self) -> Option<Learned> {
        self.fast_open.as_mut()?.learned.take()
    }

    /// The handshake is over, one way or the other: nothing is kept. True if its listener counted
    /// it among those that are pending.
    pub(crate) fn ends_pending_fast_open(&mut self) -> bool {
        if !(self.is_synchronized() || self.state == State::Closed) {
            return false;
        }
        let fast_open = self.fast_open.take();
        fast_open.is_some_and(|it| it.role == Role::Server)
    }

    /// Octets in flight, without our SYN: Nagle's algorithm waits for text only.
    pub(crate) fn text_in_flight(&self) -> u32 {
        let window = &self.snd.window;
        window.in_flight() - u32::from(window.una == self.snd.iss && window.nxt != window.una)
    }

    /// True for a passive Fast Open whose handshake goes on.
    pub(crate) fn is_pending_fast_open(&self) -> bool {
        let is_server = self
            .fast_open
            .as_ref()
            .is_some_and(|it| it.role == Role::Server);
        is_server && self.state == State::SynReceived
    }
}
