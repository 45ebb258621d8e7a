//! OPEN, active (RFC 9293 §3.10.1): a connection in SYN-SENT whose SYN is due.
//!
//! `mod.rs` has checked the addresses and found the port. The passive OPEN is a listener and needs no
//! file of its own: see `listener.rs`.

use core::net::IpAddr;

use crate::call::CallRefused;
use crate::config::millis;
use crate::context::Context;
use crate::observe::{Observation, State};
use crate::tcp::connection::{Connection, NewConnection};
use crate::tcp::settings::Patience;
use crate::tcp::timers::Timer;

/// MUST-46: only one host can be spoken to.
///
/// # Errors
///
/// The address is that of a group, or of nobody; or the families differ.
pub(crate) fn check_addresses(source: IpAddr, remote: IpAddr) -> Result<(), CallRefused> {
    if source.is_ipv4() != remote.is_ipv4() {
        return Err(CallRefused::FamilyMismatch);
    }
    if is_one_host(remote) {
        Ok(())
    } else {
        Err(CallRefused::RemoteNotUnicast)
    }
}

/// True if `address` can be that of one host.
pub(crate) fn is_one_host(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !(v4.is_unspecified() || v4.is_multicast() || v4.is_broadcast()),
        IpAddr::V6(v6) => !(v6.is_unspecified() || v6.is_multicast()),
    }
}

/// The connection that sends a SYN next.
pub(crate) fn user_calls(new: NewConnection, cx: &mut Context<'_>) -> Connection {
    let mut connection = Connection::new(new, State::SynSent, cx.config, cx.now);
    connection.owed.syn = true;
    let patience = match connection.settings.patience {
        Patience::Retransmissions => Some(millis(cx.config.syn_give_up_ms)),
        Patience::Time(patience) => Some(patience),
        Patience::Unlimited => None,
    };
    if let Some(patience) = patience {
        connection.timers.set(Timer::User, cx.now + patience);
    }
    let id = connection.id;
    cx.observe(|| Observation::StateChanged {
        connection: id,
        from: State::Closed,
        to: State::SynSent,
        clause: "RFC 9293 §3.10.1",
    });
    connection
}
