//! A drill script as a value: read, run and judged. `cargo run --example drill_script`

// ANCHOR: example
use sidestep_tools::drill::ladder::{Extent, ladder};
use sidestep_tools::drill::report::Backend;
use sidestep_tools::drill::{Settings, parse, run};

const SCRIPT: &str = "
// RFC 9293 §3.10.7.1: a SYN for a port that nobody listens on is answered with a RST.
+0.1 < S 0:0(0) win 65535 <mss 1000>
+0   > R. 0:0(0) ack 1
";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let script = parse("refused.pkt", SCRIPT)?;
    let report = run(&script, Backend::Stack, &Settings::default());
    assert!(report.passed(), "{}", ladder(&report, Extent::default()));

    // What a script prints parses to the same script.
    assert_eq!(parse("again.pkt", &script.to_string())?.events.len(), 2);

    // A mistake is told with its place.
    let mistake = parse("wrong.pkt", "+0 frobnicate(3) = 0").err();
    let place = mistake.map(|it| (it.position.line, it.position.column));
    assert_eq!(place, Some((1, 4)));
    Ok(())
}
// ANCHOR_END: example
