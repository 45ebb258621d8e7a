//! The pages of the book that follow from the code: limits, conformance, keys of a link's recipe.
//!
//! The program `book-pages` writes them; a test fails while the committed pages are not what this
//! makes. Nothing else in the book is generated.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sidestep_stack::Config;
use thiserror::Error;

use crate::link::KEYS;

#[cfg(test)]
mod tests;

/// Where the ledger is, from the root of the project.
const LEDGER: &str = "tests/requirements.tsv";
/// Where the pages are.
const PAGES: &str = "docs/src";
/// The groups of the ledger's lines on hostile input have this instead of the number of an RFC.
const HOSTILE: &str = "BAD";

/// Why there are no pages.
#[derive(Debug, Error)]
pub enum BookError {
    /// A file of the project cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line of the ledger does not have its seven fields.
    #[error("{LEDGER}, line {line}: not seven fields, or an unknown status")]
    Ledger {
        /// Which line, from 1.
        line: usize,
    },
}

/// A page: where it belongs, and what it says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Page {
    /// From the root of the project.
    pub path: PathBuf,
    /// Markdown.
    pub text: String,
}

/// Makes all pages of the project at `root`.
///
/// # Errors
///
/// See [`BookError`].
pub fn pages(root: &Path) -> Result<Vec<Page>, BookError> {
    let path = root.join(LEDGER);
    let ledger = fs::read_to_string(&path).map_err(|source| BookError::File { path, source })?;
    let page = |name: &str, text| Page {
        path: Path::new(PAGES).join(name),
        text,
    };
    Ok(vec![
        page("limits.md", limits()),
        page("conformance.md", conformance(&ledger)?),
        page("link-keys.md", link_keys()),
    ])
}

/// Writes all pages of the project at `root`.
///
/// # Errors
///
/// See [`BookError`].
pub fn write_pages(root: &Path) -> Result<Vec<Page>, BookError> {
    let pages = pages(root)?;
    for page in &pages {
        let path = root.join(&page.path);
        fs::write(&path, &page.text).map_err(|source| BookError::File { path, source })?;
    }
    Ok(pages)
}

/// The keys of a recipe; the chapter on links includes it.
fn link_keys() -> String {
    let mut page = String::from(
        "<!-- Written by `cargo run -p sidestep-tools --bin book-pages`. -->\n\n\
         | key | value | meaning | default | needs |\n\
         |---|---|---|---|---|\n",
    );
    for key in KEYS {
        // Writing to a string cannot fail.
        let _ = writeln!(
            page,
            "| `{}` | {} | {} | {} | {} |",
            key.name,
            cell(key.value),
            cell(key.meaning),
            cell(key.default),
            cell(key.needs),
        );
    }
    page
}

/// The table of `config.rs`.
fn limits() -> String {
    let mut page = String::from(
        "<!-- Written by `cargo run -p sidestep-tools --bin book-pages`. -->\n\
         # Limits\n\n\
         Every queue, table and time of the stack has a bound, and every bound has its home in\n\
         `stack/src/config.rs`, from which this page is made. The last word of a name is its unit.\n\
         `Config::default()` has the defaults below; `Config::strict()` follows the RFCs to the letter\n\
         where the defaults follow what is deployed. A value outside its range is refused before the\n\
         stack begins.\n\n\
         | name | bounds | default | from | to | source |\n\
         |---|---|--:|--:|--:|---|\n",
    );
    let strict = Config::strict().values();
    for (limit, strict) in Config::LIMITS.iter().zip(strict) {
        let strictly = if strict == limit.default {
            String::new()
        } else {
            format!(" (strict: {})", grouped(strict))
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            page,
            "| `{}` | {} | {}{strictly} | {} | {} | {} |",
            limit.name,
            cell(limit.meaning.trim().trim_end_matches('.')),
            grouped(limit.default),
            grouped(limit.least),
            grouped(limit.most),
            cell(limit.source),
        );
    }
    page
}

/// 1234567 as 1,234,567.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Text that does not end a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}

/// A line of the ledger.
struct Entry<'a> {
    id: &'a str,
    status: Status,
    evidence: &'a str,
    rfc: &'a str,
    section: &'a str,
    level: &'a str,
    requirement: &'a str,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Status {
    Test,
    Deviation,
    Todo,
    NotApplicable,
}

impl Status {
    fn parse(word: &str) -> Option<Self> {
        match word {
            "test" => Some(Self::Test),
            "deviation" => Some(Self::Deviation),
            "todo" => Some(Self::Todo),
            "not-applicable" => Some(Self::NotApplicable),
            _ => None,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Deviation => "deviation",
            Self::Todo => "todo",
            Self::NotApplicable => "not applicable",
        }
    }
}

impl<'a> Entry<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let fields: Vec<&str> = line.split('\t').collect();
        let [id, status, evidence, rfc, section, level, requirement] = fields.try_into().ok()?;
        Some(Self {
            id,
            status: Status::parse(status)?,
            evidence,
            rfc,
            section,
            level,
            requirement,
        })
    }
}

/// How many lines of each status.
#[derive(Clone, Copy, Default)]
struct Counts {
    tests: usize,
    deviations: usize,
    todos: usize,
    not_applicable: usize,
}

impl Counts {
    fn of<'a>(entries: impl IntoIterator<Item = &'a Entry<'a>>) -> Self {
        let mut counts = Self::default();
        for entry in entries {
            match entry.status {
                Status::Test => counts.tests += 1,
                Status::Deviation => counts.deviations += 1,
                Status::Todo => counts.todos += 1,
                Status::NotApplicable => counts.not_applicable += 1,
            }
        }
        counts
    }

    const fn total(self) -> usize {
        self.tests + self.deviations + self.todos + self.not_applicable
    }

    fn row(self, name: &str) -> String {
        format!(
            "| {name} | {} | {} | {} | {} | {} |\n",
            self.total(),
            self.tests,
            self.deviations,
            self.todos,
            self.not_applicable
        )
    }
}

/// The table of the ledger: in numbers, then line by line.
fn conformance(ledger: &str) -> Result<String, BookError> {
    let entries = ledger
        .lines()
        .enumerate()
        .skip(1)
        .map(|(at, line)| Entry::parse(line).ok_or(BookError::Ledger { line: at + 1 }))
        .collect::<Result<Vec<Entry<'_>>, BookError>>()?;
    // By number, the hostile inputs last.
    let mut groups: BTreeMap<(u32, &str), Vec<&Entry<'_>>> = BTreeMap::new();
    for entry in &entries {
        let number = entry.rfc.parse().unwrap_or(u32::MAX);
        groups.entry((number, entry.rfc)).or_default().push(entry);
    }

    let mut page = String::from(
        "<!-- Written by `cargo run -p sidestep-tools --bin book-pages`. -->\n\
         # Conformance\n\n\
         What the RFCs require of a host, and what shows that Sidestep does it. The page is made from\n\
         the ledger, `tests/requirements.tsv`; a test holds the ledger against the tests that exist.\n\
         *Deviation* means that we do something else on purpose, and why; *todo* what it waits for.\n\n\
         | RFC | requirements | test | deviation | todo | not applicable |\n\
         |---|--:|--:|--:|--:|--:|\n",
    );
    for ((_, rfc), group) in &groups {
        let name = if *rfc == HOSTILE {
            "hostile input".to_owned()
        } else {
            format!("[{rfc}](#rfc-{rfc})")
        };
        page.push_str(&Counts::of(group.iter().copied()).row(&name));
    }
    page.push_str(&Counts::of(&entries).row("**all**"));

    for ((_, rfc), group) in &groups {
        if *rfc == HOSTILE {
            page.push_str("\n## Hostile input\n\n| id | group | class | status | evidence |\n");
        } else {
            let _ = write!(
                page,
                "\n## RFC {rfc}\n\n| id | § | requirement | status | evidence |\n"
            );
        }
        page.push_str("|---|---|---|---|---|\n");
        for entry in group {
            page.push_str(&row(entry));
        }
    }
    Ok(page)
}

fn row(entry: &Entry<'_>) -> String {
    let level = if entry.level.is_empty() || entry.rfc == HOSTILE {
        String::new()
    } else {
        format!("**{}** ", entry.level)
    };
    format!(
        "| {} | {} | {level}{} | {} | {} |\n",
        entry.id,
        cell(entry.section),
        cell(entry.requirement),
        entry.status.word(),
        evidence(entry)
    )
}

/// Names of tests as code, reasons as text.
fn evidence(entry: &Entry<'_>) -> String {
    if entry.status != Status::Test {
        return cell(entry.evidence);
    }
    entry
        .evidence
        .split([',', ' '])
        .filter(|name| !name.is_empty())
        .map(|name| format!("`{name}`"))
        .collect::<Vec<String>>()
        .join(", ")
}
