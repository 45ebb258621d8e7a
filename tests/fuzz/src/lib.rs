//! What every target does with libFuzzer's input: one run of its body, and a panic if a promise is broken.
//!
//! The bodies are in `tools/src/fuzz`; the generator on stable calls the same ones. Nothing is decided
//! here.

use sidestep_tools::fuzz::{Target, report, run, run_twice};

/// Every so many inputs, by their octets, one is run twice.
const TWICE_EVERY: u32 = 16;

/// Feeds `octets` to `target`.
///
/// # Panics
///
/// A promise is broken: libFuzzer then writes the input down. The message has it in the form that
/// `sidestep fuzz --input` takes.
pub fn feed(target: Target, octets: &[u8]) {
    let sum = octets.iter().fold(0_u32, |sum, octet| sum.wrapping_mul(31).wrapping_add(u32::from(*octet)));
    let outcome = if sum % TWICE_EVERY == 0 {
        run_twice(target, octets)
    } else {
        run(target, octets)
    };
    if let Some(violation) = outcome.violation {
        panic!("{target}: {violation}\n{}", report::hex(octets));
    }
}
