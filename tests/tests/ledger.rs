//! The ledger and the tests agree, and no requirement has been lost.
//!
//! If this fails after tests were added or renamed: `cargo run -p sidestep-tests --bin ledger`.

#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use sidestep_tests::ledger::{
    Line, RFCS_OF_TCP, Share, Standing, disagreements, id_of_test, ledger_path, read, refresh,
    tests_in, tests_of_workspace,
};

/// How many lines each RFC has, and how many classes of hostile input there are: nobody can take a
/// line out without saying so here.
const LINES: &[(&str, usize)] = &[
    ("768", 2),
    ("791", 6),
    ("826", 1),
    ("1035", 8),
    ("1122", 23),
    ("1191", 6),
    ("1337", 1),
    ("2018", 6),
    ("2181", 2),
    ("2308", 1),
    ("2883", 3),
    ("3042", 1),
    ("3168", 6),
    ("4443", 10),
    ("4821", 3),
    ("4861", 13),
    ("4862", 6),
    ("4987", 3),
    ("5095", 1),
    ("5227", 1),
    ("5452", 5),
    ("5482", 2),
    ("5681", 11),
    ("5737", 1),
    ("5927", 3),
    ("5961", 6),
    ("6056", 3),
    ("6191", 1),
    ("6298", 8),
    ("6528", 2),
    ("6582", 1),
    ("6675", 3),
    ("6724", 4),
    ("6761", 3),
    ("6762", 1),
    ("6864", 4),
    ("6891", 4),
    ("6928", 1),
    ("6937", 1),
    ("6980", 1),
    ("7323", 13),
    ("7413", 5),
    ("7686", 1),
    ("7766", 4),
    ("8200", 18),
    ("8201", 5),
    ("8305", 5),
    ("8504", 1),
    ("8985", 9),
    ("9267", 1),
    ("9293", 137),
    ("9406", 3),
    ("9438", 7),
    ("9937", 2),
    ("BAD", 71),
];

fn lines() -> Vec<Line> {
    let text = std::fs::read_to_string(ledger_path()).unwrap();
    read(&text).unwrap()
}

#[test]
fn every_must_of_tcp_is_tested_or_decided_and_nine_of_ten_shoulds_are_tested() {
    let lines = lines();
    let mut should = Share::default();
    for rfc in RFCS_OF_TCP {
        let must = Share::of(&lines, rfc, "MUST");
        assert_eq!(must.todo, 0, "RFC {rfc}");
        // What of RFC 1122 is todo is of the link layer.
        if *rfc != "1122" {
            should = should + Share::of(&lines, rfc, "SHOULD");
        }
    }
    assert_eq!(should.todo, 0);
    assert!(should.tested_percent() >= 90, "{should:?}");
    let hostile = lines.iter().filter(|line| line.section == "TCP");
    let hostile = Share::of(hostile, "BAD", "MUST");
    assert_eq!(hostile.test, hostile.applicable());
}

#[test]
fn a_share_counts_what_applies() {
    let line = |standing, level: &str| Line {
        id: String::new(),
        standing,
        evidence: String::new(),
        rfc: "9293".to_owned(),
        section: String::new(),
        level: level.to_owned(),
        requirement: String::new(),
    };
    let lines = [
        line(Standing::Test, "SHOULD"),
        line(Standing::Test, "SHOULD"),
        line(Standing::Deviation, "SHOULD"),
        line(Standing::NotApplicable, "SHOULD"),
        line(Standing::Todo, "MUST"),
    ];
    let share = Share::of(&lines, "9293", "SHOULD");
    assert_eq!((share.applicable(), share.tested_percent()), (3, 66));
    assert_eq!(Share::of(&lines, "9293", "MUST").tested_percent(), 0);
    assert_eq!(Share::of(&lines, "768", "MUST").tested_percent(), 100);
}

#[test]
fn no_requirement_is_lost() {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for line in lines() {
        *counts.entry(line.rfc).or_default() += 1;
    }
    let expected: BTreeMap<String, usize> = LINES
        .iter()
        .map(|(rfc, count)| ((*rfc).to_owned(), *count))
        .collect();
    assert_eq!(counts, expected);
}

#[test]
fn every_id_stands_in_its_place() {
    let ids: BTreeSet<String> = lines().into_iter().map(|line| line.id).collect();
    for number in 1..=69 {
        assert!(ids.contains(&format!("9293-MUST-{number}")));
    }
    for number in 1..=31 {
        assert!(ids.contains(&format!("9293-SHLD-{number}")));
    }
    for number in 1..=18 {
        assert!(ids.contains(&format!("9293-MAY-{number}")));
        assert!(ids.contains(&format!("9293-S{number:02}")));
    }
    for line in lines() {
        let prefix = format!("{}-", line.rfc);
        assert!(line.id.starts_with(&prefix), "{} of {}", line.id, line.rfc);
        assert!(
            ["MUST", "SHOULD", "MAY"].contains(&line.level.as_str()),
            "{}",
            line.id
        );
        assert!(!line.requirement.is_empty(), "{}", line.id);
    }
}

#[test]
fn the_ledger_and_the_tests_agree() {
    let tests: BTreeSet<String> = tests_of_workspace().unwrap().into_keys().collect();
    let list = disagreements(&lines(), &tests);
    assert!(
        list.is_empty(),
        "{}\nafter adding or renaming tests: cargo run -p sidestep-tests --bin ledger",
        list.join("\n")
    );
}

#[test]
fn at_least_sixty_musts_of_rfc_9293_have_a_test() {
    let musts: Vec<Line> = lines()
        .into_iter()
        .filter(|line| line.id.starts_with("9293-MUST-"))
        .collect();
    assert_eq!(musts.len(), 69);
    let tested = musts
        .iter()
        .filter(|line| line.standing == Standing::Test)
        .count();
    assert!(tested >= 60, "only {tested} of 69");
}

#[test]
fn every_hostile_class_of_tcp_ip_icmp_and_udp_has_a_test_or_a_reason() {
    for line in lines().iter().filter(|line| line.rfc == "BAD") {
        if ["IP", "ICMP", "TCP", "UDP"].contains(&line.section.as_str()) {
            assert!(
                matches!(line.standing, Standing::Test | Standing::Todo),
                "{} is {}",
                line.id,
                line.standing.word()
            );
        }
    }
}

#[test]
fn names_of_tests_say_which_requirement_they_are_after() {
    let id = |name| id_of_test(name).unwrap_or_default();
    assert_eq!(
        id("rfc9293_must_13_the_active_closer_lingers"),
        "9293-MUST-13"
    );
    assert_eq!(
        id("rfc9293_shld_3_unread_text_draws_a_reset"),
        "9293-SHLD-3"
    );
    assert_eq!(id("rfc9293_s06_the_four_cases"), "9293-S06");
    assert_eq!(id("rfc9293_rec_1_windows_have_32_bits"), "9293-REC-1");
    assert_eq!(id("rfc1122_07_options"), "1122-07");
    assert_eq!(id("bad_43_flag_soup"), "BAD-43");
    assert_eq!(id("rfc5961_3_2_a_section"), "");
    assert_eq!(id("a_sentence"), "");
}

#[test]
fn only_functions_under_a_test_attribute_count() {
    let source =
        "#[test]\nfn rfc768_01_a() {}\nfn rfc768_02_b() {}\n#[test]\n#[ignore]\nfn c_d() {}";
    assert_eq!(tests_in(source), ["rfc768_01_a", "c_d"]);
}

fn line(id: &str, standing: Standing, evidence: &str) -> Line {
    Line {
        id: id.to_owned(),
        standing,
        evidence: evidence.to_owned(),
        rfc: "768".to_owned(),
        section: "Fields".to_owned(),
        level: "MUST".to_owned(),
        requirement: "something".to_owned(),
    }
}

#[test]
fn each_kind_of_disagreement_is_found() {
    let tests: BTreeSet<String> = ["rfc768_01_a", "rfc768_09_b", "rfc768_03_c"]
        .map(str::to_owned)
        .into();
    let ledger = [
        line("768-01", Standing::Test, "rfc768_02_gone"),
        line("768-03", Standing::Todo, "comes with a later part"),
        line("768-03", Standing::Todo, ""),
        line("768-04", Standing::Test, "words only"),
    ];
    let list = disagreements(&ledger, &tests).join("\n");
    for part in [
        "768-01 names rfc768_02_gone, which is no test",
        "rfc768_01_a is not named in the line of 768-01",
        "rfc768_09_b is named after 768-09, which has no line",
        "rfc768_03_c is not named in the line of 768-03",
        "768-03 stands twice",
        "768-03 gives no reason",
        "768-04 has status test and names none",
    ] {
        assert!(list.contains(part), "{part} is not in:\n{list}");
    }
}

#[test]
fn refreshing_names_new_tests_and_forgets_those_that_are_gone() {
    let tests: BTreeSet<String> = ["rfc768_01_a", "also_shows_it"].map(str::to_owned).into();
    let mut ledger = [
        line("768-01", Standing::Todo, "comes later or so"),
        line("768-02", Standing::Test, "rfc768_02_gone"),
        line("768-03", Standing::Test, "also_shows_it, rfc768_03_gone"),
    ];
    refresh(&mut ledger, &tests);
    assert_eq!(ledger[0], line("768-01", Standing::Test, "rfc768_01_a"));
    assert_eq!(ledger[1].standing, Standing::Todo);
    assert_eq!(ledger[2], line("768-03", Standing::Test, "also_shows_it"));
}
