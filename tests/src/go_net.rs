//! The table of Go's `net`: what each of its names is called here, and which test shows it.
//!
//! The table is the page `docs/src/go-net.md` of the book. The test `go_net` reads it with this
//! module and holds it against the tests, the public names and Go's own list. Nothing here runs a
//! test of the table.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// How much a user of Go's `net` misses a row.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mark {
    /// Sidestep must have had it first.
    Seed,
    /// Users of Go's `net` expect it.
    Expected,
    /// Later, or optional.
    Later,
    /// Deprecated in Go, or about a machine's own resolver library.
    Omitted,
}

impl Mark {
    /// The letter in the table.
    pub const fn letter(self) -> &'static str {
        match self {
            Self::Seed => "S",
            Self::Expected => "E",
            Self::Later => "L",
            Self::Omitted => "–",
        }
    }

    fn parse(letter: &str) -> Option<Self> {
        [Self::Seed, Self::Expected, Self::Later, Self::Omitted]
            .into_iter()
            .find(|mark| mark.letter() == letter)
    }

    /// True if the row must be done.
    pub const fn is_due(self) -> bool {
        matches!(self, Self::Seed | Self::Expected)
    }
}

/// One row.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Row {
    /// What Go calls it; a row in brackets is of our own.
    pub go: Vec<String>,
    /// What it is called here; empty if it is left out.
    pub rust: Vec<String>,
    /// How much it is missed.
    pub mark: Mark,
    /// True if it is there.
    pub done: bool,
    /// The names of tests if it is there, else the reason.
    pub evidence: String,
}

impl Row {
    /// The tests that show it.
    pub fn tests(&self) -> Vec<&str> {
        let words = self.evidence.split('`').skip(1).step_by(2);
        words.collect()
    }

    /// True if Go has no such thing.
    pub fn is_ours(&self) -> bool {
        self.go.first().is_some_and(|name| name.starts_with('('))
    }
}

/// Where the table is.
pub fn table_path() -> PathBuf {
    workspace().join("docs/src/go-net.md")
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Reads the table. A row that makes no sense is an error in words.
pub fn read(text: &str) -> Result<Vec<Row>, String> {
    let rows = text.lines().filter(|line| {
        line.starts_with('|') && !line.starts_with("| Go |") && !line.starts_with("|-")
    });
    rows.map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [go, rust, mark, done, evidence] = cells[..] else {
            return Err(format!("{} cells instead of 5: {line}", cells.len()));
        };
        let mark = Mark::parse(mark).ok_or_else(|| format!("unknown mark: {line}"))?;
        let done = match done {
            "done" => true,
            "left out" => false,
            _ => return Err(format!("neither done nor left out: {line}")),
        };
        let quoted = rust.split('`').skip(1).step_by(2);
        Ok(Row {
            go: if go.starts_with('(') {
                vec![go.to_owned()]
            } else {
                go.split(',').map(|name| name.trim().to_owned()).collect()
            },
            rust: quoted.map(str::to_owned).collect(),
            mark,
            done,
            evidence: evidence.to_owned(),
        })
    })
    .collect()
}

/// Every file of the public crate, and what it exports of the core, as one text.
pub fn api_source() -> io::Result<String> {
    let mut text = String::new();
    gather(&workspace().join("api/src"), &mut text)?;
    text.push_str(&fs::read_to_string(workspace().join("stack/src/event.rs"))?);
    Ok(text)
}

fn gather(folder: &Path, text: &mut String) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            gather(&path, text)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&fs::read_to_string(&path)?);
        }
    }
    Ok(())
}

/// The names of all tests of the workspace, those included that a macro makes for several worlds:
/// `in_all_worlds! { name … }` and `on_both_families! { name … }`.
pub fn tests_by_name() -> io::Result<BTreeSet<String>> {
    let mut names: BTreeSet<String> = crate::ledger::tests_of_workspace()?.into_keys().collect();
    let mut text = String::new();
    for folder in ["api/tests", "tests/tests"] {
        gather(&workspace().join(folder), &mut text)?;
    }
    for opening in ["in_all_worlds! {", "on_both_families! {"] {
        for block in text.split(opening).skip(1) {
            let block = block.split('}').next().unwrap_or_default();
            let lines = block.lines().map(str::trim);
            let listed = lines.filter(|line| !line.starts_with('#') && !line.is_empty());
            names.extend(listed.map(str::to_owned));
        }
    }
    Ok(names)
}

/// Everything in which the table disagrees with the tests and the public names, one sentence each.
pub fn disagreements(rows: &[Row], tests: &BTreeSet<String>, source: &str) -> Vec<String> {
    let mut list = Vec::new();
    let mut seen = BTreeSet::new();
    for row in rows {
        let name = row.go.first().map_or("", String::as_str);
        for go in &row.go {
            if !seen.insert(go) {
                list.push(format!("{go} stands twice"));
            }
        }
        if row.mark.is_due() && !row.done {
            list.push(format!("{name} is due and left out"));
        }
        if !row.done {
            if row.evidence.split_whitespace().count() < 3 {
                list.push(format!("{name} is left out without a reason"));
            }
            continue;
        }
        let named = row.tests();
        if named.is_empty() {
            list.push(format!("{name} names no test"));
        }
        for test in named {
            if !tests.contains(test) {
                list.push(format!("{name} names {test}, which is no test"));
            }
        }
        for rust in &row.rust {
            if !is_public(rust, source) {
                list.push(format!("{name}: there is no public {rust}"));
            }
        }
        if row.is_ours() {
            continue;
        }
        for go in &row.go {
            let last = go.rsplit('.').next().unwrap_or(go);
            // Fields and methods that are called alike are found by the name that they share.
            if !is_alias(last, source) && !is_public(last, source) {
                list.push(format!("nothing is found by Go's name {go}"));
            }
        }
    }
    list
}

/// True if something is documented to be Go's `name`.
fn is_alias(name: &str, source: &str) -> bool {
    match name {
        // Go's `String` and `Error` are what `Display` is here, which has no aliases.
        "String" | "Error" => source.contains("Display for"),
        // A macro takes the name as a literal.
        _ => ["\"", "\"net."]
            .iter()
            .any(|opening| source.contains(&format!("{opening}{name}\""))),
    }
}

/// True if `name`, or the last part of a path, is declared public somewhere in `source`.
fn is_public(name: &str, source: &str) -> bool {
    let last = name.rsplit("::").next().unwrap_or(name);
    let exported = source.split("pub use ").skip(1).any(|statement| {
        let statement = statement.split(';').next().unwrap_or_default();
        let mut words = statement.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
        words.any(|word| word == last)
    });
    if exported {
        return true;
    }
    ["fn", "struct", "enum", "trait", "const", "type", "static"]
        .iter()
        .any(|kind| {
            [" ", "(", "<", ":", ";", "{", "\n"]
                .iter()
                .any(|end| source.contains(&format!("{kind} {last}{end}")))
        })
        || source.contains(&format!("    {last},\n"))
        || source.contains(&format!("    {last}("))
        || source.contains(&format!("pub {last}:"))
}

/// Go's own list of what its `net` exports: `api/go1*.txt` of an installed Go, if there is one.
pub fn go_exports(goroot: &Path) -> io::Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(goroot.join("api"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "txt") {
            names.extend(fs::read_to_string(&path)?.lines().filter_map(export));
        }
    }
    Ok(names)
}

/// The name in a line such as `pkg net, method (*TCPConn) Close() error`.
fn export(line: &str) -> Option<String> {
    let text = line.strip_prefix("pkg net, ")?;
    let word = |text: &str| -> String {
        text.trim_start_matches(['(', '*'])
            .chars()
            .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
            .collect()
    };
    let (kind, rest) = text.split_once(' ')?;
    match kind {
        "func" | "const" | "var" => Some(word(rest)),
        "method" => {
            let (of, method) = rest.split_once(' ')?;
            Some(format!("{}.{}", word(of), word(method)))
        }
        "type" => match rest.split_once(", ") {
            Some((of, member))
                if !member.starts_with("embedded") && member != "unexported methods" =>
            {
                Some(format!("{}.{}", word(of), word(member)))
            }
            _ => Some(word(rest)),
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(go: &str, done: bool, evidence: &str) -> Row {
        Row {
            go: vec![go.to_owned()],
            rust: vec!["dial".to_owned()],
            mark: Mark::Seed,
            done,
            evidence: evidence.to_owned(),
        }
    }

    #[test]
    fn each_kind_of_disagreement_in_the_table_is_found() {
        let tests = BTreeSet::from(["a_test".to_owned()]);
        let source = "#[doc(alias = \"Dial\")]\npub fn dial(";
        let good = row("Dial", true, "`a_test`");
        assert_eq!(
            disagreements(std::slice::from_ref(&good), &tests, source),
            Vec::<String>::new()
        );
        for (rows, words) in [
            (vec![good.clone(), good.clone()], "stands twice"),
            (vec![row("Dial", false, "not now, for a reason")], "is due"),
            (vec![row("Dial", true, "words")], "names no test"),
            (vec![row("Dial", true, "`gone`")], "is no test"),
            (vec![row("Pipe", true, "`a_test`")], "nothing is found"),
        ] {
            let list = disagreements(&rows, &tests, source).join("\n");
            assert!(list.contains(words), "{words} is not in {list}");
        }
        let list = disagreements(&[good], &tests, "doc(alias = \"Dial\")").join("\n");
        assert!(list.contains("no public dial"), "{list}");
    }

    #[test]
    fn exports_are_read_as_go_lists_them() {
        let name = |line| export(line).unwrap_or_default();
        assert_eq!(
            name("pkg net, func Dial(string, string) (Conn, error)"),
            "Dial"
        );
        assert_eq!(
            name("pkg net, method (*TCPConn) Close() error"),
            "TCPConn.Close"
        );
        assert_eq!(
            name("pkg net, type Addr interface, Network() string"),
            "Addr.Network"
        );
        assert_eq!(name("pkg net, type TCPAddr struct, IP IP"), "TCPAddr.IP");
        assert_eq!(name("pkg net, type Buffers [][]uint8"), "Buffers");
        assert_eq!(
            name("pkg net, type UDPConn struct, embedded conn"),
            "UDPConn"
        );
        assert_eq!(export("pkg net/http, func Get(string)"), None);
    }
}
