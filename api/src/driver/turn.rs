//! One turn: a batch of packets in, what the application wants, time, news, packets out.
//!
//! A function of the desk, the device and the moment; `thread.rs` calls it in a loop, and tests
//! call it with devices that misbehave. It never waits. Output is pulled after the whole batch came
//! in, so one acknowledgment answers all of it.

use std::io;

use sidestep_stack::Instant;

use super::carry_out::GoOn;
use super::desk::Desk;
use crate::channel::mailbox::Letter;
use crate::device::{Device, is_gone};

/// So many packets come in before anything else is done.
pub(crate) const BATCH_PACKETS_MAX: usize = 64;

/// So many batches leave before the next ones are let in.
const BATCHES_OUT_MAX: usize = 4;

/// What a turn came to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Turned {
    /// Whether anything was done: if so, there may be more.
    pub(crate) work: Work,
    /// How the device took it.
    pub(crate) device: DeviceState,
}

/// Whether a turn did anything.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Work {
    /// It did.
    Some,
    /// There was nothing to do.
    None,
}

/// How the device is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum DeviceState {
    /// It took what there was.
    Ready,
    /// Packets wait for room.
    Full,
    /// It failed, but may recover.
    Failing,
}

/// Why there is no next turn.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum TheEnd {
    /// The device is gone.
    DeviceGone,
    /// The owner closed the `Net`.
    Closed,
}

/// Takes one turn at `now`.
pub(crate) fn turn(
    desk: &mut Desk,
    device: &mut dyn Device,
    now: Instant,
) -> Result<Turned, TheEnd> {
    desk.tally.turns += 1;
    let mut state = DeviceState::Ready;
    let mut work = Work::None;

    let received = device.receive(&mut desk.arrived, BATCH_PACKETS_MAX);
    if !desk.arrived.is_empty() {
        work = Work::Some;
        desk.tally.packets_received += desk.arrived.len() as u64;
        let mut arrived = std::mem::take(&mut desk.arrived);
        for packet in arrived.drain(..) {
            desk.packet_arrives(now, packet);
        }
        desk.arrived = arrived;
    }
    // What came before the device failed has come.
    note(desk, received, &mut state)?;

    if take_mail(desk, now, &mut work) == GoOn::No {
        // The last words: resets to those who were connected.
        let _ = transmit(desk, device, now, &mut state, &mut work);
        return Err(TheEnd::Closed);
    }
    desk.stack.time_passes(now);
    tell_news(desk, now, &mut work);
    transmit(desk, device, now, &mut state, &mut work)?;
    // Packets to ourselves arrive while packets are pulled.
    tell_news(desk, now, &mut work);
    desk.happens(now);
    if !desk.blocked.is_empty() && state == DeviceState::Ready {
        // The packets that were in the way have left.
        work = Work::Some;
        for source in std::mem::take(&mut desk.blocked) {
            desk.attend(now, source);
        }
    }
    Ok(Turned {
        work,
        device: state,
    })
}

/// Requests, and channels that called for attention.
fn take_mail(desk: &mut Desk, now: Instant, work: &mut Work) -> GoOn {
    let mut mail = std::mem::take(&mut desk.mail);
    desk.mailbox.take(&mut mail);
    if mail.farewell && desk.farewell_since.is_none() {
        desk.farewell_since = Some(now);
    }
    let mut verdict = GoOn::Yes;
    while let Some(letter) = mail.letters.pop_front() {
        *work = Work::Some;
        match letter {
            Letter::Request(request) => {
                if desk.carry_out(now, request) == GoOn::No {
                    verdict = GoOn::No;
                    break;
                }
            }
            // One that waits for packets to leave has its turn then.
            Letter::Attention(source) if desk.blocked.contains(&source) => {}
            Letter::Attention(source) => desk.attend(now, source),
        }
    }
    mail.letters.clear();
    desk.mail = mail;
    verdict
}

fn tell_news(desk: &mut Desk, now: Instant, work: &mut Work) {
    while let Some(event) = desk.stack.next_event() {
        *work = Work::Some;
        desk.event(now, event);
    }
}

/// Pulls packets and hands them to the device, until there are none or it is full.
fn transmit(
    desk: &mut Desk,
    device: &mut dyn Device,
    now: Instant,
    state: &mut DeviceState,
    work: &mut Work,
) -> Result<(), TheEnd> {
    for _ in 0..BATCHES_OUT_MAX {
        let mut pulled_all = false;
        while desk.departing.len() < BATCH_PACKETS_MAX {
            match desk.next_packet(now) {
                Some(packet) => desk.departing.push_back(packet),
                None => {
                    pulled_all = true;
                    break;
                }
            }
        }
        hand_over(desk, device, state, work)?;
        if pulled_all || *state != DeviceState::Ready {
            return Ok(());
        }
    }
    Ok(())
}

/// Hands the batch to the device. An error tells of one packet that is lost (the link is down, or
/// this packet was refused): the others are tried at once, for their flows are not to blame.
fn hand_over(
    desk: &mut Desk,
    device: &mut dyn Device,
    state: &mut DeviceState,
    work: &mut Work,
) -> Result<(), TheEnd> {
    while !desk.departing.is_empty() {
        let waiting = desk.departing.len();
        let transmitted = device.transmit(&mut desk.departing);
        let mut sent = waiting - desk.departing.len();
        if sent > 0 {
            *work = Work::Some;
        }
        let mut outcome = DeviceState::Ready;
        note(desk, transmitted, &mut outcome)?;
        let went_on = outcome == DeviceState::Failing && sent > 0;
        if went_on {
            sent -= 1;
        }
        desk.tally.packets_sent += sent as u64;
        if went_on {
            continue;
        }
        if outcome == DeviceState::Failing {
            *state = outcome;
        } else if !desk.departing.is_empty() && *state == DeviceState::Ready {
            *state = DeviceState::Full;
        }
        return Ok(());
    }
    Ok(())
}

/// Counts a device's error; ends the thread if the device is gone.
fn note(desk: &mut Desk, outcome: io::Result<()>, state: &mut DeviceState) -> Result<(), TheEnd> {
    match outcome {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
        Err(error) if is_gone(&error) => {
            desk.device_failed();
            Err(TheEnd::DeviceGone)
        }
        Err(_) => {
            desk.device_failed();
            *state = DeviceState::Failing;
            Ok(())
        }
    }
}
