use std::collections::BTreeMap;

use super::evaluate::{EvaluationError, Variables};
use super::{ExpressionError, evaluate, parse};
use crate::drill::ast::Position;

const START: Position = Position { line: 7, column: 5 };

fn fields() -> BTreeMap<String, i64> {
    [
        ("tcpi_cwnd", 10),
        ("tcpi_ssthresh", 7),
        ("tcpi_snd_ssthresh", 7),
        ("tcpi_ca_state", 3),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// Parses, checks that the printed text parses to the same, and evaluates.
fn run(text: &str) -> Result<super::Outcome, EvaluationError> {
    let program = parse(text, START, &mut Vec::new()).expect(text);
    let printed = program.to_string();
    let again = parse(&printed, START, &mut Vec::new()).expect(&printed);
    assert_eq!(again.to_string(), printed);
    evaluate(&program, &mut Variables::new(), &fields()).map_err(|(_, error)| error)
}

fn holds(text: &str) -> bool {
    run(&format!("assert {text}")).expect(text).failed.is_none()
}

fn refused(text: &str) -> (Position, ExpressionError) {
    parse(text, START, &mut Vec::new()).expect_err(text)
}

#[test]
fn arithmetic_follows_pythons_precedence() {
    assert!(holds("1 + 2 * 3 == 7"));
    assert!(holds("(1 + 2) * 3 == 9"));
    assert!(holds("7 // 2 == 3 and -7 // 2 == -4"));
    assert!(holds("7 / 2 == 3.5"));
    assert!(holds("-7 % 3 == 2"));
    assert!(holds("1 << 4 | 1 == 17"));
    assert!(holds("6 & 3 ^ 1 == 3"));
    assert!(holds("~0 == -1"));
    assert!(holds("0x10 == 16 and 2e3 == 2000 and .5 + .5 == 1"));
}

#[test]
fn thirds_are_exact() {
    assert!(holds("1 / 3 + 1 / 3 + 1 / 3 == 1"));
    assert!(!holds("1 / 3 == 0.333333333"));
}

#[test]
fn comparisons_chain() {
    assert!(holds("1 < 2 <= 2 < 3"));
    assert!(!holds("1 < 3 < 2"));
    assert!(holds("tcpi_cwnd in (9, 10, 11)"));
    assert!(holds("tcpi_cwnd not in [1, 2]"));
    assert!(holds("not tcpi_cwnd == 9"));
    assert!(holds("tcpi_cwnd == 10 or 1 / 0 == 1"));
    assert!(holds("\"b\" in \"abc\""));
}

#[test]
fn functions_and_choices_work() {
    assert!(holds(
        "abs(-3) == 3 and min(3, 1, 2) == 1 and max([3, 1]) == 3"
    ));
    assert!(holds(
        "int(7 / 2) == 3 and len([1, 2]) == 2 and str(5) == '5'"
    ));
    assert!(holds("(1 if tcpi_cwnd > 5 else 2) == 1"));
}

#[test]
fn constants_have_the_kernels_numbers() {
    assert!(holds("tcpi_ca_state == TCP_CA_Recovery"));
}

#[test]
fn a_failed_assertion_says_what_the_names_are() {
    let outcome = run("assert tcpi_cwnd == 12, 'slow start'").expect("evaluates");
    let failed = outcome.failed.expect("10 is not 12");
    assert_eq!(failed.position, START);
    assert_eq!(
        failed.text,
        "assert tcpi_cwnd == 12 does not hold: tcpi_cwnd is 10 (slow start)"
    );
}

#[test]
fn statements_end_at_a_line_end_that_is_not_in_brackets() {
    let outcome =
        run("x = (1 +\n 2) # three\nprint(x, 'and', x)\nassert x == 3; print x").expect("ok");
    assert_eq!(outcome.printed, ["3 and 3", "3"]);
    assert_eq!(outcome.failed, None);
}

#[test]
fn messages_can_be_filled_in() {
    let outcome = run("print('%d%% of %s' % (5, 'x'))").expect("ok");
    assert_eq!(outcome.printed, ["5% of x"]);
}

#[test]
fn mistakes_are_typed() {
    assert_eq!(
        run("assert 'a' + 1 == 2"),
        Err(EvaluationError::Type {
            operation: "+",
            what: "a text"
        })
    );
    assert_eq!(
        run("assert 1 / 0 == 1"),
        Err(EvaluationError::NoResult { operation: "/" })
    );
    assert_eq!(
        run("assert tcpi_rtt > 0"),
        Err(EvaluationError::Unknown {
            name: "tcpi_rtt".to_owned()
        })
    );
    assert_eq!(
        run("assert 170141183460469231731687303715884105727 + 1 > 0"),
        Err(EvaluationError::NoResult { operation: "+" })
    );
}

#[test]
fn errors_point_into_the_script() {
    let at = |line, column| Position { line, column };
    assert_eq!(
        refused("assert 1 == 1\nimport os"),
        (at(8, 1), ExpressionError::NotOurs("import".to_owned()))
    );
    assert_eq!(
        refused("assert tcpi_cwmd == 1"),
        (
            at(7, 12),
            ExpressionError::UnknownName("tcpi_cwmd".to_owned())
        )
    );
    assert_eq!(
        refused("assert open('x')"),
        (
            at(7, 12),
            ExpressionError::UnknownFunction("open".to_owned())
        )
    );
    assert_eq!(
        refused("assert $"),
        (at(7, 12), ExpressionError::Character('$'))
    );
    assert_eq!(refused("assert 'a"), (at(7, 12), ExpressionError::OpenText));
    assert!(matches!(
        refused("assert (1"),
        (_, ExpressionError::Expected { .. })
    ));
}

#[test]
fn nesting_is_bounded() {
    let deep = "(".repeat(500);
    assert!(matches!(
        refused(&format!("assert {deep}")),
        (_, ExpressionError::TooDeep)
    ));
    let many = "-".repeat(500);
    assert!(matches!(
        refused(&format!("assert {many}1")),
        (_, ExpressionError::TooDeep)
    ));
    let nots = "not ".repeat(500);
    assert!(matches!(
        refused(&format!("assert {nots}1")),
        (_, ExpressionError::TooDeep)
    ));
    let long = "1+".repeat(5_000);
    assert!(matches!(
        refused(&format!("assert {long}1")),
        (_, ExpressionError::TooLong)
    ));
}
