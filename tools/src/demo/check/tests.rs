//! Checks end, whatever their body does.

use super::*;

#[test]
fn a_check_that_hangs_is_left_behind() {
    let outcome = bounded(Duration::from_millis(1), || {
        thread::park();
        Ok(String::new())
    });
    assert!(matches!(outcome, Err(Unmet::OutOfTime { .. })));
}

#[test]
fn a_check_that_panics_does_not_hold() {
    let mut checks = Checks::begin();
    let check = checks.run("panics", || panic!("on purpose"));
    assert!(!check.ok);
    assert!(check.detail.contains("on purpose"));
}

#[test]
fn what_a_check_says_is_its_detail() {
    let mut checks = Checks::begin();
    checks.run("holds", || Ok("3 octets".to_owned()));
    checks.run("does not", || Err(Unmet::found("1", 2)));
    let checks = checks.into_vec();
    assert!(checks[0].ok && checks[0].detail == "3 octets");
    assert!(!checks[1].ok && checks[1].detail == "expected 1, found 2");
}
