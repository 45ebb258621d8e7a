use core::time::Duration;

use super::{Extent, ladder};
use crate::drill::ast::Position;
use crate::drill::report::{Backend, Failure, Outcome, Report, Row, Said, Verdict};

fn said(millis: u64, text: &str) -> Said {
    Said {
        at: Duration::from_millis(millis),
        until: None,
        text: text.to_owned(),
    }
}

fn at(line: u32) -> Option<Position> {
    Some(Position { line, column: 1 })
}

fn report() -> Report {
    let agrees = Row {
        position: at(9),
        expected: Some(said(0, "< S 0:0(0) win 1000")),
        actual: Some(said(0, "< S 0:0(0) win 1000")),
        ..Row::default()
    };
    let differs = Row {
        position: at(10),
        expected: Some(said(100, "> S. 0:0(0) ack 1 win 500 <mss 1460>")),
        actual: Some(said(
            140,
            "> S. 0:0(0) ack 1 win 400 <mss 1460,nop,wscale 7>",
        )),
        verdict: Verdict::Differs,
        reasons: vec!["RFC 9293 §3.10.1: SYN or SYN-ACK".to_owned()],
    };
    let after = Row {
        position: at(11),
        expected: Some(said(200, "< . 1:1(0) ack 1 win 1000")),
        verdict: Verdict::After,
        ..Row::default()
    };
    Report {
        file: "x.pkt".to_owned(),
        backend: Backend::Stack,
        outcome: Outcome::Failed(Failure {
            position: at(10),
            message: "the window is 400, not 500".to_owned(),
        }),
        rows: vec![agrees, differs, after],
        packets: Vec::new(),
        lasted: Duration::from_millis(140),
    }
}

#[test]
fn the_first_difference_is_marked_and_explained() {
    let drawn = ladder(
        &report(),
        Extent {
            side_characters: 40,
            ..Extent::default()
        },
    );
    let expected = "\
x.pkt:10:1: failed on stack: the window is 400, not 500
    line         time  the script says                           what happened
       9     0.000000  < S 0:0(0) win 1000                       < S 0:0(0) win 1000
  *   10     0.140000  > S. 0:0(0) ack 1 win 500 <mss 1460>      > S. 0:0(0) ack 1 win 400 <mss 1460,nop,
                                                                   wscale 7>
                       expected at 0.100000, happened at 0.140000
                                                                 └ RFC 9293 §3.10.1: SYN or SYN-ACK
      11     0.200000  < . 1:1(0) ack 1 win 1000
";
    assert_eq!(drawn, expected);
}

#[test]
fn what_is_far_from_the_difference_is_left_out() {
    let drawn = ladder(
        &report(),
        Extent {
            rows_before: 0,
            rows_after: 0,
            ..Extent::default()
        },
    );
    assert!(drawn.contains("(1 rows before these agree)"));
    assert!(!drawn.contains("< S 0:0(0)"));
    assert!(!drawn.contains("< . 1:1(0)"));
}

#[test]
fn what_did_not_happen_is_said() {
    let mut report = report();
    report.rows[1].actual = None;
    assert!(ladder(&report, Extent::default()).contains("(nothing)"));
}

#[test]
fn a_word_that_is_too_long_is_cut() {
    let mut report = report();
    report.rows[1].actual = Some(said(100, &"x".repeat(1_000)));
    let extent = Extent {
        side_characters: 30,
        ..Extent::default()
    };
    for line in ladder(&report, extent).lines().skip(1) {
        assert!(line.chars().count() <= 23 + 2 + 2 * 30 + 20, "{line}");
    }
}
