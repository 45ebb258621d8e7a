//! What is told to `tracing`: dials, listens and look-ups as spans with their outcome, the life of the
//! packet thread, and packets that were thrown away, by reason.
//!
//! Everything is at level `debug` under the target `sidestep`. Without the feature `tracing` these
//! functions do nothing and cost nothing; none of them changes what a call returns.

use sidestep_stack::Stack;
#[cfg(feature = "tracing")]
use sidestep_stack::discard::DiscardCounters;

/// Runs a dial in a span with its network and address.
#[cfg_attr(not(feature = "tracing"), allow(unused_variables))]
pub(crate) fn dial<T, E>(
    network: &str,
    address: &str,
    act: impl FnOnce() -> Result<T, E>,
) -> Result<T, E>
where
    E: std::error::Error,
{
    #[cfg(feature = "tracing")]
    let _entered = tracing::debug_span!(target: "sidestep", "dial", network, address).entered();
    told(act())
}

/// Runs a listen in a span with its network and address.
#[cfg_attr(not(feature = "tracing"), allow(unused_variables))]
pub(crate) fn listen<T, E>(
    network: &str,
    address: &str,
    act: impl FnOnce() -> Result<T, E>,
) -> Result<T, E>
where
    E: std::error::Error,
{
    #[cfg(feature = "tracing")]
    let _entered = tracing::debug_span!(target: "sidestep", "listen", network, address).entered();
    told(act())
}

/// Runs a look-up in a span with the name that is looked up.
#[cfg_attr(not(feature = "tracing"), allow(unused_variables))]
pub(crate) fn look_up<T, E>(name: &str, act: impl FnOnce() -> Result<T, E>) -> Result<T, E>
where
    E: std::error::Error,
{
    #[cfg(feature = "tracing")]
    let _entered = tracing::debug_span!(target: "sidestep", "look_up", name).entered();
    told(act())
}

/// Says how a call ended.
fn told<T, E: std::error::Error>(outcome: Result<T, E>) -> Result<T, E> {
    #[cfg(feature = "tracing")]
    match &outcome {
        Ok(_) => tracing::debug!(target: "sidestep", "done"),
        Err(error) => tracing::debug!(target: "sidestep", error = %error, "failed"),
    }
    outcome
}

/// What was told of one packet thread.
#[derive(Debug, Default)]
pub(crate) struct ThreadTrace {
    #[cfg(feature = "tracing")]
    discards: DiscardCounters,
}

impl ThreadTrace {
    /// The packet thread begins.
    pub(crate) fn started() -> Self {
        #[cfg(feature = "tracing")]
        tracing::debug!(target: "sidestep", "packet thread started");
        Self::default()
    }

    /// The packet thread has nothing to do for now: what it threw away since it last said so.
    #[cfg_attr(not(feature = "tracing"), allow(unused_variables))]
    pub(crate) fn idle(&mut self, stack: &Stack) {
        #[cfg(feature = "tracing")]
        if tracing::enabled!(target: "sidestep", tracing::Level::DEBUG) {
            let discards = stack.counters().discards;
            for (reason, count) in discards.iter() {
                let packets = count - self.discards.get(reason);
                if packets > 0 {
                    let (reason, clause) = (reason.name(), reason.clause());
                    tracing::debug!(target: "sidestep", reason, clause, packets, "discarded");
                }
            }
            self.discards = discards;
        }
    }

    /// The packet thread ends.
    pub(crate) fn ended(&mut self, stack: &Stack) {
        self.idle(stack);
        #[cfg(feature = "tracing")]
        tracing::debug!(target: "sidestep", "packet thread ended");
    }
}
