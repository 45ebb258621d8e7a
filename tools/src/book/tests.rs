//! The generated pages are those of the code, and a broken ledger is refused.

use super::*;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn the_committed_pages_are_those_of_the_code() {
    for page in pages(&root()).unwrap() {
        let committed = fs::read_to_string(root().join(&page.path)).unwrap_or_default();
        assert!(
            committed == page.text,
            "{} is stale: cargo run -p sidestep-tools --bin book-pages",
            page.path.display()
        );
    }
}

#[test]
fn the_example_of_the_readme_is_one_that_compiles() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let example = fs::read_to_string(root().join("tools/examples/two_stacks.rs")).unwrap();
    let (_, example) = example.split_once("// ANCHOR: example\n").unwrap();
    let (example, _) = example.split_once("// ANCHOR_END").unwrap();
    assert!(readme.contains(&format!("```rust\n{example}```\n")));
}

#[test]
fn every_dependency_has_its_line_in_the_decisions() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let decisions = fs::read_to_string(root().join("docs/src/decisions.md")).unwrap();
    let (_, dependencies) = manifest.split_once("[workspace.dependencies]\n").unwrap();
    let (dependencies, _) = dependencies.split_once("\n[").unwrap();
    for line in dependencies.lines().filter(|line| line.contains('=')) {
        let name = line.split(' ').next().unwrap();
        if !name.starts_with("sidestep") {
            assert!(decisions.contains(&format!("| `{name}` |")), "{name}");
        }
    }
}

#[test]
fn every_file_that_the_book_names_is_there() {
    for entry in fs::read_dir(root().join(PAGES)).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        for word in text.split('`').skip(1).step_by(2) {
            let is_path = word.contains('/') && !word.contains([' ', '*', '(', ':', '$']);
            let from_root = ["stack/", "api/", "tools/", "tests/", "docs/"]
                .iter()
                .any(|folder| word.starts_with(folder));
            let file = match (from_root, path.ends_with("reading-tcp.md")) {
                (true, _) => root().join(word),
                // That page leaves out what all its paths begin with.
                (false, true) => root().join("stack/src/tcp").join(word),
                (false, false) => continue,
            };
            assert!(!is_path || file.exists(), "{}: {word}", path.display());
        }
    }
}

#[test]
fn every_limit_has_its_line() {
    let page = limits();
    for limit in Config::LIMITS {
        assert!(page.contains(&format!("| `{}` |", limit.name)));
    }
    assert!(page.contains("| 200 (strict: 1,000) |"), "{page}");
}

#[test]
fn the_ledger_becomes_a_table() {
    let ledger = "id\tstatus\tevidence\trfc\tsection\tlevel\trequirement\n\
                  A-1\ttest\tone two\t791\t3.1\tMUST\tDo <it>.\n\
                  BAD-1\ttodo\tlater\tBAD\tIP\t\tA | B\n";
    let page = conformance(ledger).unwrap();
    assert!(page.contains("| [791](#rfc-791) | 1 | 1 | 0 | 0 | 0 |\n"));
    assert!(page.contains("| **all** | 2 | 1 | 0 | 1 | 0 |\n"));
    assert!(page.contains("| A-1 | 3.1 | **MUST** Do &lt;it>. | test | `one`, `two` |\n"));
    assert!(page.contains("| BAD-1 | IP | A \\| B | todo | later |\n"));
}

#[test]
fn a_broken_line_is_named() {
    let ledger = "id\tstatus\nA-1\ttest\n";
    let broken = conformance(ledger);
    assert!(matches!(broken, Err(BookError::Ledger { line: 2 })));
}

#[test]
fn numbers_are_grouped() {
    for (number, text) in [
        (0, "0"),
        (999, "999"),
        (1_000, "1,000"),
        (1_234_567, "1,234,567"),
    ] {
        assert_eq!(grouped(number), text);
    }
}
