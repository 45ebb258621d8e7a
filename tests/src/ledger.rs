//! The ledger: every requirement of every RFC that we follow, and what shows that we do.
//!
//! `requirements.tsv` has one line for each id: status, evidence, RFC, section, level, words. The
//! test `ledger` reads it with this module and holds it against the tests that really exist; the
//! program `ledger` writes the names of new tests into it. Nothing here runs a test.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What is known about a requirement.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing {
    /// The tests named as evidence show it.
    Test,
    /// We do something else on purpose; the evidence says why, and may name tests.
    Deviation,
    /// Not shown yet; the evidence says what it waits for.
    Todo,
    /// It cannot apply to us; the evidence says why.
    NotApplicable,
}

impl Standing {
    /// The word in the file.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Deviation => "deviation",
            Self::Todo => "todo",
            Self::NotApplicable => "not-applicable",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Test, Self::Deviation, Self::Todo, Self::NotApplicable]
            .into_iter()
            .find(|standing| standing.word() == word)
    }
}

/// One line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Line {
    /// `9293-MUST-13`, `1122-07`, `BAD-43`.
    pub id: String,
    /// What is known.
    pub standing: Standing,
    /// Names of tests, or a reason in words.
    pub evidence: String,
    /// The number of the RFC, or `BAD` for a class of hostile input.
    pub rfc: String,
    /// Where in the RFC, or the group of the class.
    pub section: String,
    /// MUST, SHOULD or MAY.
    pub level: String,
    /// What is required.
    pub requirement: String,
}

impl Line {
    /// The names of tests in the evidence: words that look like the name of a function.
    pub fn tests(&self) -> Vec<&str> {
        self.evidence
            .split([',', ' ', ';', '(', ')'])
            .filter(|word| word.contains('_') && word.chars().all(is_name_char))
            .collect()
    }

    fn to_text(&self) -> String {
        [
            self.id.as_str(),
            self.standing.word(),
            &self.evidence,
            &self.rfc,
            &self.section,
            &self.level,
            &self.requirement,
        ]
        .join("\t")
    }
}

const fn is_name_char(letter: char) -> bool {
    letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_'
}

/// Where the ledger is.
pub fn ledger_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("requirements.tsv")
}

/// Reads the ledger. A line that makes no sense is an error in words.
pub fn read(text: &str) -> Result<Vec<Line>, String> {
    let mut lines = text.lines().enumerate();
    let header = "id\tstatus\tevidence\trfc\tsection\tlevel\trequirement";
    if lines.next().map(|(_, line)| line) != Some(header) {
        return Err(format!("the first line is not {header:?}"));
    }
    lines
        .map(|(number, line)| {
            let fields: Vec<&str> = line.split('\t').collect();
            let [id, status, evidence, rfc, section, level, requirement] = fields[..] else {
                return Err(format!("line {} has {} fields", number + 1, fields.len()));
            };
            let standing = Standing::parse(status)
                .ok_or_else(|| format!("line {}: unknown status {status:?}", number + 1))?;
            Ok(Line {
                id: id.to_owned(),
                standing,
                evidence: evidence.to_owned(),
                rfc: rfc.to_owned(),
                section: section.to_owned(),
                level: level.to_owned(),
                requirement: requirement.to_owned(),
            })
        })
        .collect()
}

/// The ledger as text.
pub fn to_text(lines: &[Line]) -> String {
    let mut text = "id\tstatus\tevidence\trfc\tsection\tlevel\trequirement\n".to_owned();
    for line in lines {
        text.push_str(&line.to_text());
        text.push('\n');
    }
    text
}

/// The id that a test is named after: `rfc9293_must_13_…`, `rfc9293_s06_…`, `rfc1122_07_…`,
/// `bad_43_…`. A name such as `rfc5961_3_2_…` speaks of a section and is after no id.
pub fn id_of_test(name: &str) -> Option<String> {
    let words: Vec<&str> = name.split('_').collect();
    if words[0] == "bad" {
        let number = words.get(1).filter(|word| is_number(word, 2))?;
        return Some(format!("BAD-{number}"));
    }
    let rfc = words[0]
        .strip_prefix("rfc")
        .filter(|rfc| !rfc.is_empty() && rfc.chars().all(|digit| digit.is_ascii_digit()))?;
    let word = *words.get(1)?;
    match word {
        "must" | "shld" | "may" | "rec" => {
            let number = words.get(2)?;
            number
                .chars()
                .all(|digit| digit.is_ascii_digit())
                .then(|| format!("{rfc}-{}-{number}", word.to_uppercase()))
        }
        word if is_number(word, 2) => Some(format!("{rfc}-{word}")),
        word if word.starts_with('s') && is_number(&word[1..], 2) => {
            Some(format!("{rfc}-S{}", &word[1..]))
        }
        _ => None,
    }
}

fn is_number(word: &str, digits: usize) -> bool {
    word.len() == digits && word.chars().all(|digit| digit.is_ascii_digit())
}

/// The names of all tests in the workspace, each with the files that have one of that name.
pub fn tests_of_workspace() -> io::Result<BTreeMap<String, Vec<PathBuf>>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = BTreeMap::new();
    for part in ["stack", "api", "tools", "tests"] {
        scan(&root.join(part), &mut found)?;
    }
    Ok(found)
}

fn scan(folder: &Path, found: &mut BTreeMap<String, Vec<PathBuf>>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() && !path.ends_with("target") {
            scan(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            for name in tests_in(&fs::read_to_string(&path)?) {
                found.entry(name).or_default().push(path.clone());
            }
        }
    }
    Ok(())
}

/// The names of the functions under `#[test]` in a source text.
pub fn tests_in(source: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut marked = false;
    for line in source.lines().map(str::trim) {
        if line == "#[test]" {
            marked = true;
        } else if let Some(rest) = line.strip_prefix("fn ").filter(|_| marked) {
            names.push(
                rest.chars()
                    .take_while(|letter| is_name_char(*letter))
                    .collect(),
            );
            marked = false;
        } else if !line.starts_with("#[") && !line.starts_with("//") && !line.is_empty() {
            marked = false;
        }
    }
    names
}

/// Everything in which the ledger and the tests disagree, one sentence each.
pub fn disagreements(lines: &[Line], tests: &BTreeSet<String>) -> Vec<String> {
    let mut list = Vec::new();
    let mut by_id: BTreeMap<&str, &Line> = BTreeMap::new();
    for line in lines {
        if by_id.insert(&line.id, line).is_some() {
            list.push(format!("{} stands twice in the ledger", line.id));
        }
        let named = line.tests();
        for name in &named {
            if !tests.contains(*name) {
                list.push(format!("{} names {name}, which is no test", line.id));
            }
        }
        match line.standing {
            Standing::Test if named.is_empty() => {
                list.push(format!("{} has status test and names none", line.id));
            }
            Standing::Deviation | Standing::Todo | Standing::NotApplicable
                if line.evidence.split_whitespace().count() < 3 =>
            {
                list.push(format!("{} gives no reason", line.id));
            }
            _ => {}
        }
    }
    for name in tests {
        let Some(id) = id_of_test(name) else { continue };
        match by_id.get(id.as_str()) {
            None => list.push(format!("{name} is named after {id}, which has no line")),
            Some(line) if !line.tests().contains(&name.as_str()) => {
                list.push(format!("{name} is not named in the line of {id}"));
            }
            Some(line) if line.standing == Standing::Todo => {
                list.push(format!("{id} is todo, but {name} exists"));
            }
            Some(_) => {}
        }
    }
    list
}

/// The RFCs of TCP, in the order of what they are about.
pub const RFCS_OF_TCP: &[&str] = &[
    "9293", "1122", "5961", "6528", "6298", "7323", "2018", "2883", "6675", "8985", "5681", "6582",
    "6928", "9438", "9406", "9937", "3168", "7413", "1191", "8201", "5927", "4821", "5482", "6191",
];

/// How the requirements of one level of one RFC stand.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Share {
    /// Shown by tests.
    pub test: usize,
    /// Decided otherwise.
    pub deviation: usize,
    /// Not shown yet.
    pub todo: usize,
    /// They cannot apply to us.
    pub not_applicable: usize,
}

impl Share {
    /// The requirements with the level `level`, `MUST` or `SHOULD`, of an RFC, or of `BAD` for hostile
    /// input.
    pub fn of<'a>(lines: impl IntoIterator<Item = &'a Line>, rfc: &str, level: &str) -> Self {
        let mut share = Self::default();
        let lines = lines.into_iter();
        for line in lines.filter(|line| line.rfc == rfc && line.level == level) {
            *match line.standing {
                Standing::Test => &mut share.test,
                Standing::Deviation => &mut share.deviation,
                Standing::Todo => &mut share.todo,
                Standing::NotApplicable => &mut share.not_applicable,
            } += 1;
        }
        share
    }

    /// Those that apply.
    pub const fn applicable(&self) -> usize {
        self.test + self.deviation + self.todo
    }

    /// How many of a hundred of those that apply have a test.
    pub const fn tested_percent(&self) -> usize {
        match self.applicable() {
            0 => 100,
            applicable => 100 * self.test / applicable,
        }
    }
}

impl std::ops::Add for Share {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            test: self.test + other.test,
            deviation: self.deviation + other.deviation,
            todo: self.todo + other.todo,
            not_applicable: self.not_applicable + other.not_applicable,
        }
    }
}

/// How the RFCs of TCP, and the hostile input for TCP, stand: a table for people.
pub fn table_of_tcp(lines: &[Line]) -> String {
    let mut text = String::from(
        "RFC    MUST: test  deviation  todo    SHOULD: test  deviation  todo  tested\n",
    );
    let mut all = [Share::default(); 2];
    let mut row = |name: &str, must: Share, should: Share| {
        text.push_str(&format!(
            "{name:<6}{:>11}{:>11}{:>6}{:>16}{:>11}{:>6}{:>6} %\n",
            must.test,
            must.deviation,
            must.todo,
            should.test,
            should.deviation,
            should.todo,
            should.tested_percent()
        ));
    };
    for rfc in RFCS_OF_TCP {
        let shares = ["MUST", "SHOULD"].map(|level| Share::of(lines, rfc, level));
        all = [all[0] + shares[0], all[1] + shares[1]];
        row(rfc, shares[0], shares[1]);
    }
    row("all", all[0], all[1]);
    let hostile = lines.iter().filter(|line| line.section == "TCP");
    row("BAD", Share::of(hostile, "BAD", "MUST"), Share::default());
    text
}

/// Writes the tests that exist into the lines that they are named after, and takes out those that
/// are gone. A `todo` with a test becomes a `test`; one that lost its last becomes a `todo`.
pub fn refresh(lines: &mut [Line], tests: &BTreeSet<String>) {
    let mut named: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for name in tests {
        if let Some(id) = id_of_test(name) {
            named.entry(id).or_default().push(name);
        }
    }
    for line in lines {
        let after_it = named.remove(&line.id).unwrap_or_default();
        let mut names: BTreeSet<&str> = after_it.into_iter().collect();
        let before = line.evidence.clone();
        let old = Line {
            evidence: before,
            ..line.clone()
        };
        names.extend(old.tests().into_iter().filter(|name| tests.contains(*name)));
        let names: Vec<&str> = names.into_iter().collect();
        match line.standing {
            Standing::Test if names.is_empty() => {
                line.standing = Standing::Todo;
                "its test is gone: write it again".clone_into(&mut line.evidence);
            }
            Standing::Test => line.evidence = names.join(", "),
            Standing::Todo if !names.is_empty() => {
                line.standing = Standing::Test;
                line.evidence = names.join(", ");
            }
            Standing::Deviation | Standing::NotApplicable => {
                let reason = match line.evidence.split_once(" (tests: ") {
                    Some((reason, _)) => reason.to_owned(),
                    None => line.evidence.clone(),
                };
                line.evidence = if names.is_empty() {
                    reason
                } else {
                    format!("{reason} (tests: {})", names.join(", "))
                };
            }
            Standing::Todo => {}
        }
    }
}
