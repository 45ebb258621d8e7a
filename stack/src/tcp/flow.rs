//! What only a connection with text on its way needs: how its cwnd is used, how fast the path delivers,
//! and the pace. An idle connection does not pay for it.
//!
//! `output.rs` and `arrives/congestion.rs` use it through [`Connection`]. It decides nothing.

use alloc::boxed::Box;

use super::congestion::validation::Validation;
use super::congestion::{Congestion, CongestionControl, Mode};
use super::connection::Connection;
use super::delivery::{Delivery, DeliverySnapshot};
use super::pacing::{Growth, Pace, Pacing, rate_of_window};
use super::recovery::LossRecovery;
use super::timers::Timer;
use crate::base::Instant;
use crate::context::Context;

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flow {
    /// Whether cwnd is what holds us back.
    pub(crate) validation: Validation,
    /// How fast the path delivers.
    pub(crate) delivery: Delivery,
    /// When more may leave.
    pub(crate) pacing: Pacing,
}

impl Flow {
    /// `octets` leave while `pipe` octets are on their way.
    pub(crate) fn on_sent(&mut self, pipe: u32, octets: u32, now: Instant) -> DeliverySnapshot {
        self.validation.on_sent(pipe.saturating_add(octets));
        self.pacing.on_sent(octets);
        self.delivery.on_sent(pipe, octets, now)
    }
}

impl Connection {
    /// The flow, made if need be.
    pub(crate) fn flow(&mut self) -> &mut Flow {
        self.flow.get_or_insert_with(Box::default)
    }

    /// There is nothing to send: if cwnd had room, the application is what holds us back.
    pub(crate) fn note_application_limited(&mut self) {
        let pipe = self.recovery.pipe_octets(self.snd.window.nxt);
        let cwnd = self.congestion.cwnd_octets();
        if let Some(flow) = &mut self.flow
            && pipe < cwnd
        {
            flow.delivery.on_application_limited(pipe);
        }
    }

    /// `octets` leave now: what is known at this moment.
    pub(crate) fn note_departure(&mut self, octets: u32, now: Instant) -> DeliverySnapshot {
        let pipe = self.recovery.pipe_octets(self.snd.window.nxt);
        if pipe == 0 && self.flow().delivery.is_app_limited() {
            self.congestion.on_restart(now);
        }
        self.flow().on_sent(pipe, octets, now)
    }

    /// How much may leave now by the pace. Where nothing may, the timer is set for when it does.
    pub(crate) fn paced_octets(&mut self, cx: &Context<'_>) -> u32 {
        let Some(rate) = self.pacing_rate(cx) else {
            return u32::MAX;
        };
        let smss = self.smss();
        let pacing = &mut self.flow().pacing;
        pacing.set_rate(Some(rate), smss, cx.now);
        match pacing.pace(smss, cx.now) {
            Pace::Octets(octets) => octets,
            Pace::Until(at) => {
                self.timers.set(Timer::Pacing, at);
                0
            }
        }
    }

    /// Octets a second that may leave; `None` if the connection is not paced.
    pub(crate) fn pacing_rate(&self, cx: &Context<'_>) -> Option<u64> {
        let srtt = self.rtt.srtt();
        match self.congestion.pacing_rate(srtt) {
            Some(rate) => Some(rate),
            None if cx.config.pacing == 0 => None,
            None => {
                let growth = match self.congestion.mode() {
                    Mode::SlowStart | Mode::ConservativeSlowStart => Growth::Doubling,
                    _ => Growth::Gentle,
                };
                rate_of_window(self.congestion.cwnd_octets(), srtt, growth)
            }
        }
    }

    /// Nothing is in flight.
    pub(crate) fn rest_flow(&mut self) {
        match self.congestion {
            Congestion::Reno(_) | Congestion::Cubic(_) => self.flow = None,
            // Its rounds count what was delivered.
            Congestion::Bbr(_) => {}
        }
    }
}
