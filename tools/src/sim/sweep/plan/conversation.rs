//! What the applications of a plan do with each other: streams, dialogues and datagrams.
//!
//! [`Plan::of`](super::Plan::of) calls it for each of them. Octets are kept to a budget, so that a
//! seed takes milliseconds.

use sidestep_stack::call::{CongestionAlgorithm, ConnectionOptions, EcnUse, KeepAlive};
use sidestep_stack::{Duration, Instant};

use super::Conversation;
use super::chooser::Chooser;
use crate::sim::app::{Dialogue, Ending, Opening, Stream, Talk, Trouble};

/// No stream is read or written in more pieces than about this, whatever it holds.
const PIECES_MAX: u64 = 4_000;

/// Two streams, and how they end.
pub(super) fn talk(chooser: &mut Chooser, seed: u64) -> Conversation {
    let mut ends = [end(chooser, seed), end(chooser, !seed)];
    let budget = chooser.one_of(20_000, &[0, 1, 1_000, 100_000, 300_000]);
    let budget = if chooser.once_in(48) { 3 << 20 } else { budget };
    for writer in [0, 1] {
        let pieces = u64::from(ends[writer].write_max.min(ends[1 - writer].read_max));
        let octets = u64::from(chooser.up_to(budget)).min(pieces * PIECES_MAX);
        let stream = Stream {
            seed: seed ^ (writer as u64 + 1),
            octets,
        };
        ends[writer].write = stream;
        ends[1 - writer].read = stream;
    }
    let mut keep_alive = None;
    match chooser.up_to(7) {
        0 => ends[0].ending = Ending::AfterPeer,
        1 => ends[1].ending = Ending::AfterPeer,
        2 | 3 => {
            end_early(chooser, &mut ends);
            // A reset can be lost, and whoever only reads would wait for ever.
            keep_alive = Some(KeepAlive {
                idle: Duration::from_secs(30),
                interval: Duration::from_secs(10),
                probes_max: 250,
            });
        }
        _ => {}
    }
    let mut options = || ConnectionOptions {
        no_delay: Some(chooser.once_in(2)),
        keep_alive: Some(keep_alive),
        receive_buffer_octets: buffer(chooser),
        send_buffer_octets: buffer(chooser),
        ..ConnectionOptions::default()
    };
    let options = Box::new([options(), options()]);
    Conversation::Talk {
        ends: Box::new(ends),
        options,
        begins_at: Instant::from_millis(1 + u64::from(chooser.up_to(200))),
    }
}

/// The default, or anything from 1 octet (of which the stack makes its minimum) to 16 MiB.
fn buffer(chooser: &mut Chooser) -> Option<usize> {
    (!chooser.once_in(4)).then(|| chooser.magnitude(24) as usize)
}

/// How fast an end is. Streams and endings come later.
fn end(chooser: &mut Chooser, seed: u64) -> Talk {
    let pauses = [
        Duration::from_micros(100),
        Duration::from_millis(5),
        Duration::from_millis(50),
        Duration::from_secs(3),
    ];
    Talk {
        write_max: chooser.magnitude(24),
        read_max: chooser.magnitude(24),
        pause_max: chooser.one_of(Duration::ZERO, &pauses),
        seed,
        ..Talk::plain(Stream::default(), Stream::default())
    }
}

/// One end aborts or closes before its time, sometimes both.
fn end_early(chooser: &mut Chooser, ends: &mut [Talk; 2]) {
    let all = ends[0].write.octets + ends[1].write.octets;
    let all = u32::try_from(all).unwrap_or(u32::MAX);
    let who = chooser.up_to(4);
    for number in [0, 1] {
        // 0 and 1: the first; 2 and 3: the second; 4: both.
        if who / 2 != number as u32 && who != 4 {
            continue;
        }
        let after_octets = u64::from(chooser.up_to(all));
        ends[number].ending = if chooser.once_in(2) {
            Ending::Abort { after_octets }
        } else {
            let read = ends[number].read.octets;
            Ending::Close {
                after_octets: after_octets.min(read),
            }
        };
        ends[1 - number].trouble = Trouble::Reset;
    }
}

pub(super) fn dialogue(chooser: &mut Chooser, seed: u64) -> Conversation {
    Conversation::Dialogue {
        dialogue: Dialogue {
            seed,
            rounds: 1 + chooser.up_to(20),
            request_octets_max: chooser.magnitude(12),
            reply_octets_max: chooser.magnitude(15),
            pause_max: Duration::from_micros(u64::from(chooser.magnitude(21))),
        },
        begins_at: Instant::from_millis(1 + u64::from(chooser.up_to(500))),
    }
}

pub(super) fn datagrams(chooser: &mut Chooser, seed: u64) -> Conversation {
    Conversation::Datagrams {
        seed,
        count: 1 + chooser.up_to(30),
        octets: 4 + chooser.up_to(4_000),
        interval: Duration::from_micros(u64::from(chooser.magnitude(17))),
    }
}

/// Connections that choose for themselves what their host would choose for them.
pub(super) fn vary(later: &mut Chooser, conversations: &mut [Conversation]) {
    for conversation in conversations {
        let Conversation::Talk { options, .. } = conversation else {
            continue;
        };
        for options in options.iter_mut() {
            let [first, rest @ ..] = CongestionAlgorithm::ALL;
            options.congestion = later.once_in(4).then(|| later.one_of(first, &rest));
            let [first, rest @ ..] = EcnUse::ALL;
            options.ecn = later.once_in(4).then(|| later.one_of(first, &rest));
            options.quick_ack = later.once_in(8).then_some(true);
            options.cork = later.once_in(16).then_some(true);
            let mss = [100, 536, 1_000, 4_000];
            options.mss_octets_max = later.once_in(8).then(|| later.one_of(1_200, &mss));
        }
    }
}

/// Streams open with text in their SYN where the server gave a cookie before: each begins a second
/// after the one before, so that the first may bring one.
pub(super) fn open_fast(conversations: &mut [Conversation]) {
    for (number, conversation) in (0..).zip(conversations) {
        if let Conversation::Talk {
            ends, begins_at, ..
        } = conversation
        {
            *begins_at += Duration::from_secs(number);
            for end in ends.iter_mut() {
                end.opening = Opening::Fast;
            }
        }
    }
}

/// Who opens has something to say. A server that answers with cookies keeps nothing of a connection
/// before it hears an acknowledgment; where that of the handshake is lost and nothing follows, it
/// never does (RFC 4987 §3.6).
pub(super) fn speak_first(conversations: &mut [Conversation]) {
    for conversation in conversations {
        if let Conversation::Talk { ends, .. } = conversation
            && ends[0].write.octets == 0
        {
            ends[0].write.octets = 1;
            ends[1].read.octets = 1;
        }
    }
}

/// Rests are short, and reads not small: no window stays closed for long.
pub(super) fn make_haste(conversations: &mut [Conversation]) {
    for conversation in conversations {
        if let Conversation::Talk { ends, .. } = conversation {
            for end in ends.iter_mut() {
                end.pause_max = end.pause_max.min(Duration::from_millis(5));
                end.read_max = end.read_max.max(1_024);
            }
        }
    }
}
