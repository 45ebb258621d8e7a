//! F7: the TCP header and its options (RFC 9293 §3.1, RFC 7323, RFC 2018, RFC 5482).
//!
//! Every octet string is read by the stack's parser, by etherparse and by a walk of its own; they must
//! agree. What was read is written and read again.

use etherparse::TcpHeaderSlice;
use sidestep_stack::wire::packet::HeaderOctets;
use sidestep_stack::wire::tcp::{TcpHeader, TcpRejected};

use crate::fuzz::outcome::{Outcome, Promise};
use crate::fuzz::record::{Input, Record, noise};

/// See the module.
pub(crate) fn run(input: Input<'_>, outcome: &mut Outcome) {
    for record in input.records() {
        let octets = header_of(&record);
        look(&octets, outcome);
        if outcome.is_broken() {
            return;
        }
    }
    look(input.octets(), outcome);
}

/// A header with up to 40 octets of options, most of which make sense.
fn header_of(record: &Record) -> Vec<u8> {
    let mut octets = noise(record.word(1), 12);
    let mut options = Vec::new();
    for at in 6..usize::from(record.byte(5)) % 10 + 6 {
        option(record.byte(at), record.byte(at + 1), &mut options);
    }
    options.truncate(40);
    while options.len() % 4 != 0 {
        options.push(record.pick(15, [0, 1, 0, 4]));
    }
    let words = 5 + options.len() as u8 / 4;
    let words = match record.byte(0) % 16 {
        14 => words.wrapping_add(1),
        15 => record.byte(4),
        _ => words,
    };
    octets.extend([words << 4 | record.byte(3) & 15, record.byte(4)]);
    octets.extend(noise(record.word(2), 6));
    octets.extend(options);
    if record.byte(0) & 0x80 != 0 {
        octets.truncate(usize::from(record.byte(0) & 0x7f));
    }
    octets
}

fn option(which: u8, value: u8, options: &mut Vec<u8>) {
    match which % 16 {
        0 => options.push(1),
        1 | 2 => options.extend([2, 4, value, which]),
        3 => options.extend([3, 3, value]),
        4 => options.extend([4, 2]),
        5 => {
            let blocks = value % 5;
            options.extend([5, 2 + 8 * blocks]);
            options.extend(noise(u32::from(which), 8 * usize::from(blocks)));
        }
        6 | 7 => {
            options.extend([8, 10]);
            options.extend(noise(u32::from(value), 8));
        }
        8 => options.extend([28, 4, value, which]),
        9 => options.extend([which, value % 6, 0, 0]),
        10 => options.extend([2, 3, value]),
        11 => options.extend([5, value]),
        12 => options.push(0),
        13 => options.extend([254, 4, 0xf9, 0x89]),
        _ => options.extend([which, value]),
    }
}

fn look(octets: &[u8], outcome: &mut Outcome) {
    let ours = TcpHeader::parse(octets);
    let their = TcpHeaderSlice::from_slice(octets);
    let (parsed, slice) = match (ours, their) {
        (Ok(parsed), Ok(slice)) => (parsed, slice),
        (Err(TcpRejected::Option(_)), Ok(slice)) => {
            let bad = walk(slice.options()).is_none();
            outcome.reached.guide(23, 1);
            return outcome.require(bad, Promise::AsModel, || {
                format!(
                    "options refused, but they are right: {:02x?}",
                    slice.options()
                )
            });
        }
        (Err(_), Err(_)) => return,
        (ours, their) => {
            return outcome.require(false, Promise::AsModel, || {
                format!("we read {ours:?}, etherparse {their:?}")
            });
        }
    };
    let header = &parsed.header;
    outcome.digest(format!("{header:?}").as_bytes());
    let same = header.source_port == slice.source_port()
        && header.destination_port == slice.destination_port()
        && header.seq.raw() == slice.sequence_number()
        && header.ack.raw() == slice.acknowledgment_number()
        && header.window == slice.window_size()
        && header.urgent_pointer == slice.urgent_pointer()
        && parsed.header_octets == slice.slice().len();
    outcome.require(same, Promise::AsModel, || {
        format!("{header:?} differs from {:?}", slice.to_header())
    });
    options_alike(header, slice.options(), outcome);
    round_trip(header, outcome);
}

/// What a plain walk finds: the first option of each kind, value octets only.
type Found = Vec<(u8, Vec<u8>)>;

/// `None` if a length is impossible.
fn walk(area: &[u8]) -> Option<Found> {
    let mut found = Found::new();
    let mut at = 0;
    while at < area.len() {
        match area[at] {
            0 => break,
            1 => at += 1,
            kind => {
                let length = usize::from(*area.get(at + 1)?);
                if length < 2 {
                    return None;
                }
                let value = area.get(at + 2..at + length)?;
                found.push((kind, value.to_vec()));
                at += length;
            }
        }
    }
    Some(found)
}

fn options_alike(header: &TcpHeader, area: &[u8], outcome: &mut Outcome) {
    let Some(found) = walk(area) else {
        return outcome.require(false, Promise::AsModel, || {
            format!("impossible options were read: {area:02x?}")
        });
    };
    let first = |kind: u8, octets: usize| {
        found
            .iter()
            .find(|(it, value)| *it == kind && value.len() == octets)
            .map(|(_, value)| value.clone())
    };
    let half = |value: Vec<u8>| u16::from_be_bytes([value[0], value[1]]);
    let word = |value: &[u8]| u32::from_be_bytes([value[0], value[1], value[2], value[3]]);
    let options = &header.options;
    let stamps = options.timestamps.map(|it| (it.value, it.echo_reply));
    let alike = options.mss == first(2, 2).map(half)
        && options.window_scale == first(3, 1).map(|value| value[0])
        && options.sack_permitted == first(4, 0).is_some()
        && stamps == first(8, 8).map(|value| (word(&value[..4]), word(&value[4..])))
        && options.user_timeout == first(28, 2).map(half);
    outcome.reached.guide(
        24,
        found.iter().fold(0, |sum: u32, (kind, _)| {
            sum.wrapping_mul(31) + u32::from(*kind)
        }) % 256,
    );
    outcome.require(alike, Promise::AsModel, || {
        format!("{options:?} of {area:02x?}")
    });
}

fn round_trip(header: &TcpHeader, outcome: &mut Outcome) {
    let options = &header.options;
    // With the padding that we send; what is tighter than that was not sent by us.
    let needed = 4 * usize::from(options.mss.is_some())
        + 4 * usize::from(options.window_scale.is_some())
        + 4 * usize::from(options.sack_permitted)
        + 12 * usize::from(options.timestamps.is_some())
        + 4 * usize::from(options.user_timeout.is_some())
        + match options.sack.as_slice().len() {
            0 => 0,
            blocks => 4 + 8 * blocks,
        };
    if needed > 40 {
        return;
    }
    let mut out = HeaderOctets::new();
    header.emit(&mut out);
    let again = TcpHeader::parse(out.as_slice()).map(|parsed| parsed.header);
    outcome.require(again.as_ref() == Ok(header), Promise::RoundTrip, || {
        format!("{header:?} became {again:?}")
    });
}
