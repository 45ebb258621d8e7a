//! An observation as one line for a person, with the clause that explains it.
//!
//! The ladder shows these beside the packets that they led to.

use sidestep_stack::observe::Observation;

/// One line: what happened, and whose rule it is. `None` for what the packet's own line says.
pub fn explain(observation: &Observation) -> Option<String> {
    let what = match observation {
        Observation::Discarded { reason } => format!("discarded: {}", reason.name()),
        Observation::StateChanged { from, to, .. } => format!("{from:?} -> {to:?}"),
        Observation::SegmentSent { .. } => return None,
        Observation::PacketSent { cause, .. } => cause.words().to_owned(),
        Observation::Failed { error, .. } => error.to_string(),
        Observation::SoftError { error, .. } => error.to_string(),
        Observation::TimerFired { timer, .. } => format!("the {} timer fires", timer.name()),
        Observation::RetransmissionTimeoutChanged { rto, .. } => {
            format!("RTO is {} ms", rto.as_millis())
        }
        Observation::CongestionWindowChanged {
            cwnd_octets,
            ssthresh_octets,
            ..
        } => format!("cwnd is {cwnd_octets}, ssthresh {ssthresh_octets}"),
        Observation::PathMtuChanged {
            destination,
            mtu_octets,
        } => format!("path MTU to {destination} is {mtu_octets}"),
        other => format!("{other:?}"),
    };
    Some(format!("{what} ({})", observation.clause()))
}
