//! F4 for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    sidestep_fuzz::feed(sidestep_tools::fuzz::Target::Icmp, octets);
});
