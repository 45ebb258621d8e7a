//! The forms of a report, and when it holds.

use super::*;

fn report(oks: &[bool]) -> Report {
    Report {
        crossing: Crossing::Memory,
        why: Some("no right".to_owned()),
        checks: oks
            .iter()
            .map(|ok| Check {
                name: "a check".to_owned(),
                ok: *ok,
                detail: "1 octet".to_owned(),
                time: Duration::from_millis(5),
            })
            .collect(),
    }
}

#[test]
fn a_report_holds_if_all_checks_hold_and_there_is_one() {
    assert!(report(&[true, true]).ok());
    assert!(!report(&[true, false]).ok());
    assert!(!report(&[]).ok());
}

#[test]
fn the_json_has_the_promised_fields() {
    assert_eq!(
        report(&[false]).to_json(),
        json!({
            "ok": false,
            "device": "memory",
            "why": "no right",
            "checks": [{"name": "a check", "ok": false, "detail": "1 octet", "ms": 5}],
        })
    );
}

#[test]
fn the_table_says_which_check_failed() {
    let text = report(&[true, false]).to_string();
    assert!(
        text.contains("ok    a check       5 ms  1 octet\nFAIL  a check"),
        "{text}"
    );
    assert!(text.ends_with("1 of 2 checks hold.\n"), "{text}");
}
