//! TCP Fast Open (RFC 7413): text on a SYN, for those who ask for it (7413-01).
//!
//! `opening.rs` asks what the option of a SYN is worth, `calls.rs` what a dialled connection may offer,
//! `arrives/syn_sent.rs` and `output.rs` what goes on and comes of a SYN. A cookie says that the peer
//! can hear us at its address, and nothing more: text on a SYN may come twice (RFC 7413 §2.1), so that
//! it is only for what may be done twice.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::hash::{Hash, Hasher};
use core::net::IpAddr;

use siphasher::sip::SipHasher24;

use super::arrives::check_ack::take_ack;
use super::arrives::take_text::take_text;
use super::congestion::{CongestionControl, Handshake};
use super::connection::Connection;
use super::recovery::LossRecovery;
use super::segment::Segment;
use super::send::in_flight::InFlight;
use super::timers::Timer;
use crate::base::keyed::{Keyed, KeyedMap};
use crate::base::{Instant, Random, SeqNumber};
use crate::config::{Config, millis};
use crate::context::Context;
use crate::observe::{FastOpenOutcome, Observation, State};
use crate::socket::FourTuple;
use crate::wire::packet::Text;
use crate::wire::tcp_options::{FastOpen, OPTIONS_OCTETS_MAX};

/// What a server does with the option of a SYN.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Offered {
    /// The option is not spoken.
    Nothing,
    /// The text counts for nothing, and the SYN-ACK brings this cookie.
    Cookie(FastOpen),
    /// The text is taken.
    Text,
    /// The text is taken, and the SYN-ACK brings a cookie of the new key.
    TextAndCookie(FastOpen),
}

/// The keys of a server and the cookies of others.
#[derive(Clone, Debug)]
pub(crate) struct FastOpens {
    key: [u8; 16],
    /// What is known of servers.
    servers: KeyedMap<IpAddr, Server>,
    /// In the order in which they came to be known.
    order: VecDeque<IpAddr>,
}

/// What a client knows of a server (RFC 7413 §4.1.3).
#[derive(Clone, Copy, Debug)]
struct Server {
    cookie: Option<FastOpen>,
    /// The MSS that it advertised.
    mss: u16,
    /// No Fast Open until then: it gave no cookie, or what was on a SYN was lost.
    paused_until: Instant,
    /// How often that happened in a row.
    failures: u32,
}

/// What a client may put on its SYN.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offer {
    option: FastOpen,
    /// The most text that the server takes in one segment, as far as is known.
    mss: u16,
}

impl FastOpens {
    /// With secrets of its own. It knows no server.
    pub(crate) fn new(random: &mut Random) -> Self {
        Self {
            key: random.key(),
            servers: KeyedMap::with_hasher(Keyed::new(random.key())),
            order: VecDeque::new(),
        }
    }

    /// What the option of a SYN between these ends is worth. Cookies of the key in use and of the one
    /// before are good; both follow from a secret and the time, so that nothing needs to be kept.
    pub(crate) fn answer(
        &self,
        tuple: &FourTuple,
        option: &FastOpen,
        now: Instant,
        key_ms: u64,
    ) -> Offered {
        let key_number = now.as_millis() / key_ms.max(1);
        let Some(fresh) = self.cookie(tuple, key_number) else {
            return Offered::Nothing;
        };
        if *option == fresh {
            return Offered::Text;
        }
        let before = key_number
            .checked_sub(1)
            .and_then(|number| self.cookie(tuple, number));
        if before.as_ref() == Some(option) {
            Offered::TextAndCookie(fresh)
        } else {
            Offered::Cookie(fresh)
        }
    }

    /// RFC 7413 §4.1.2: a code of the two addresses.
    fn cookie(&self, tuple: &FourTuple, key_number: u64) -> Option<FastOpen> {
        let mut hash = SipHasher24::new_with_key(&self.key);
        hash.write(&key_number.to_be_bytes());
        tuple.remote.ip().hash(&mut hash);
        tuple.local.ip().hash(&mut hash);
        FastOpen::new(&hash.finish().to_be_bytes())
    }

    /// What a SYN to `server` may carry; `None` while Fast Open is paused for it.
    pub(crate) fn offer(&self, server: IpAddr, default_mss: u16, now: Instant) -> Option<Offer> {
        let Some(known) = self.servers.get(&server) else {
            return Some(Offer {
                option: FastOpen::REQUEST,
                mss: default_mss,
            });
        };
        (known.paused_until <= now).then(|| Offer {
            option: known.cookie.unwrap_or(FastOpen::REQUEST),
            mss: known.mss,
        })
    }

    /// What came of a Fast Open with `server`.
    pub(crate) fn learn(
        &mut self,
        server: IpAddr,
        learned: &Learned,
        config: &Config,
        now: Instant,
    ) {
        let mut known = self.servers.get(&server).copied().unwrap_or(Server {
            cookie: None,
            mss: learned.mss,
            paused_until: now,
            failures: 0,
        });
        known.mss = learned.mss;
        match learned.outcome {
            FastOpenOutcome::TextTaken | FastOpenOutcome::CookieGiven => known.failures = 0,
            // The cookie was too old; the answer has brought another one, or none is wanted.
            FastOpenOutcome::TextIgnored if learned.cookie.is_some() => known.failures = 0,
            FastOpenOutcome::TextIgnored
            | FastOpenOutcome::NoCookie
            | FastOpenOutcome::Unanswered => {
                let pause = millis(config.fast_open_pause_ms);
                let pause = pause.saturating_mul(1 << known.failures.min(8));
                known.failures = known.failures.saturating_add(1);
                known.paused_until = now + pause;
                if learned.outcome != FastOpenOutcome::TextIgnored {
                    known.cookie = None;
                }
            }
        }
        known.cookie = learned.cookie.or(known.cookie);
        if self.servers.insert(server, known).is_none() {
            self.order.push_back(server);
        }
        while self.order.len() as u64 > config.fast_open_cookies_max {
            if let Some(oldest) = self.order.pop_front() {
                self.servers.remove(&oldest);
            }
        }
    }
}

/// What a client has learned of a server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Learned {
    /// What came of it.
    outcome: FastOpenOutcome,
    cookie: Option<FastOpen>,
    mss: u16,
}

/// What a connection knows of its Fast Open until the handshake is over.
#[derive(Clone, Debug)]
pub(crate) struct FastOpening {
    role: Role,
    /// What goes on the SYN, or on each SYN-ACK.
    option: Option<FastOpen>,
    /// What is to be remembered of the server.
    learned: Option<Learned>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Role {
    /// It may put so many octets of text on its first SYN, and has put as many.
    Client { octets_max: u16, octets: u16 },
    /// It took text from a SYN.
    Server,
}

impl Connection {
    /// A dialled connection tries a Fast Open.
    pub(crate) fn offer_fast(&mut self, offer: &Offer) {
        // RFC 7413 §4.1.3: with a cookie as much text as fits; without one none.
        let mtu = self.path.mtu_octets.min(
            offer
                .mss
                .saturating_add(super::negotiate::headers_octets(self.tuple.remote.ip())),
        );
        let headers = super::negotiate::headers_octets(self.tuple.remote.ip());
        let room = mtu
            .saturating_sub(headers)
            .saturating_sub(OPTIONS_OCTETS_MAX as u16);
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
        if octets == 0 {
            return;
        }
        let id = self.id;
        cx.observe(|| Observation::FastOpen {
            connection: id,
            outcome,
        });
        if !is_taken {
            // Nothing of it is in flight any more: it goes as text that was never sent.
            self.snd.window.nxt = start;
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

#[cfg(test)]
mod tests;
