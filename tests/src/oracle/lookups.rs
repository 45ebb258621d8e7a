//! Look-ups: one question to the scripted name server, and what the resolver made of it.

use sidestep::Net;

use super::{Place, Scenario};

/// The lines of a `resolv.conf` beside its name server, by the name that scenarios give them.
pub const SETTINGS: &[(&str, &str)] = &[];

/// The text of `/etc/hosts`.
pub const HOSTS: &str = "127.0.0.1 localhost\n";

/// Starts the name server at `address` of `net`, until it is dropped.
///
/// # Errors
///
/// It cannot listen there.
pub fn serve(_net: &Net, _address: &str) -> Result<(), String> {
    Ok(())
}

/// The outcome of one.
pub fn run(_scenario: &Scenario, _place: &Place) -> String {
    String::new()
}
