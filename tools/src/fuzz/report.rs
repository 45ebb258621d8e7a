//! A finding as files: hexadecimal for every target, a stub of a test, and a drill script for TCP.
//!
//! The command writes them; nothing here touches a file.

use std::fmt::Write as _;

use super::campaign::Crash;
use super::catch::catch;
use super::outcome::{Outcome, Violation};
use super::packets::segment_of;
use super::record::{Input, RECORD_OCTETS};
use super::rig::Family;
use super::script::{Ip, Teller};
use super::snapshot::Profile;
use super::target::socket;
use super::trace::{Act, Trace};

/// Octets in hexadecimal, a record a line.
pub fn hex(octets: &[u8]) -> String {
    let mut text = String::new();
    for record in octets.chunks(RECORD_OCTETS) {
        for octet in record {
            let _ = write!(text, "{octet:02x}");
        }
        text.push('\n');
    }
    text
}

/// The octets that [`hex`] wrote; whitespace does not matter.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|letter| !letter.is_whitespace())
        .map(|letter| letter.to_digit(16).map(|digit| digit as u8))
        .collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    let octets = pairs.iter().map(|[high, low]| high << 4 | low).collect();
    rest.is_empty().then_some(octets)
}

/// A test that fails until the finding is mended, for `tests/tests/fuzz.rs`.
pub fn test_stub(crash: &Crash) -> String {
    let violation = &crash.shrunk.violation;
    let name = crash.target.name().replace('-', "_");
    let promise = violation.promise.name().replace('-', "_");
    format!(
        "// {violation}\n#[test]\nfn {name}_keeps_{promise}() {{\n    let input = from_hex(\n        \"{}\",\n    )\n    .expect(\"hexadecimal\");\n    let outcome = run_twice(Target::{:?}, &input);\n    assert_eq!(outcome.violation, None);\n}}\n",
        hex(&crash.shrunk.input).trim_end().replace('\n', " "),
        crash.target,
    )
}

/// The finding as a drill script that fails, if it is about one TCP connection and nothing but segments
/// and calls led to it.
pub fn script(crash: &Crash) -> Option<String> {
    if !crash.target.is_scriptable() {
        return None;
    }
    let input = Input::new(&crash.shrunk.input);
    let violation = &crash.shrunk.violation;
    let mut outcome = Outcome::default();
    // A panic takes the trace with it; what came before is in the input.
    let trace = catch(|| socket::traced(input, &mut outcome))
        .ok()
        .flatten()?;
    let ip = match Profile::of(&input.head()).family {
        Family::V4 => Ip::V4,
        Family::V6 => Ip::V6,
    };
    let title = format!(
        "Found by `sidestep fuzz --target {}`, and it fails until this is mended:\n{violation}",
        crash.target
    );
    let mut teller = Teller::new(&title, ip);
    tell(&trace, violation, &mut teller)?;
    Some(teller.finish())
}

/// Tells all that happened but what is wrong; what should have happened instead stands at the end.
fn tell(trace: &Trace, violation: &Violation, teller: &mut Teller) -> Option<()> {
    let entries = trace.entries();
    let is_packet = |act: &Act| matches!(act, Act::Leaves(_));
    // What left after the last thing that came is the wrong answer.
    let last_in = entries.iter().rposition(|(_, act)| !is_packet(act))?;
    for (at, (now, act)) in entries.iter().enumerate() {
        match act {
            Act::Call(said) => teller.call(*now, *said),
            Act::Arrives(octets) => {
                teller.arrives(*now, &segment_of(octets)?);
            }
            Act::Leaves(octets) if at < last_in => {
                teller.leaves(*now, &segment_of(octets)?);
            }
            Act::Leaves(_) => {}
        }
    }
    if let Some(octets) = violation.due_octets {
        teller.comment("All of it is acceptable, and has to be acknowledged (RFC 9293 §3.10.7.4).");
        teller.expects_ack(octets);
    }
    Some(())
}
