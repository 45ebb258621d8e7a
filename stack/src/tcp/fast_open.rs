//! TCP Fast Open (RFC 7413): text on a SYN, for those who ask for it (7413-01).
//!
//! `opening.rs` asks what the option of a SYN is worth, `calls.rs` what a dialled connection may offer;
//! `arrives/fast_open.rs` has what a connection does with it. A cookie says that the peer can hear us at
//! its address, and nothing more: text on a SYN may come twice (RFC 7413 §2.1), so that it is only for
//! what may be done twice.

use alloc::collections::VecDeque;
use core::hash::{Hash, Hasher};
use core::net::IpAddr;

use siphasher::sip::SipHasher24;

use crate::base::keyed::{Keyed, KeyedMap};
use crate::base::{Instant, Random};
use crate::config::{Config, millis};
use crate::observe::FastOpenOutcome;
use crate::socket::FourTuple;
use crate::wire::tcp_options::FastOpen;

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
    pub(crate) option: FastOpen,
    /// The most text that the server takes in one segment, as far as is known.
    pub(crate) mss: u16,
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
    pub(crate) outcome: FastOpenOutcome,
    /// The cookie that it gave.
    pub(crate) cookie: Option<FastOpen>,
    /// The MSS that it advertised.
    pub(crate) mss: u16,
}

/// What a connection knows of its Fast Open until the handshake is over.
#[derive(Clone, Debug)]
pub(crate) struct FastOpening {
    /// Which end of it we are.
    pub(crate) role: Role,
    /// What goes on the SYN, or on each SYN-ACK.
    pub(crate) option: Option<FastOpen>,
    /// What is to be remembered of the server.
    pub(crate) learned: Option<Learned>,
}

/// Which end of a Fast Open a connection is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Role {
    /// It dialled.
    Client {
        /// The most text that its first SYN may carry.
        octets_max: u16,
        /// What it did carry.
        octets: u16,
    },
    /// It took text from a SYN.
    Server,
}

#[cfg(test)]
mod tests;
