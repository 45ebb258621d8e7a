//! Writes the generated pages of the book: `cargo run -p sidestep-tools --bin book-pages`.
//!
//! It takes no arguments and works on the project that it was built from.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let outcome = sidestep_tools::book::write_pages(&root);
    let said = match &outcome {
        Ok(pages) => pages
            .iter()
            .try_for_each(|page| writeln!(io::stdout(), "{}", page.path.display())),
        Err(error) => writeln!(io::stderr(), "book-pages: {error}"),
    };
    if outcome.is_ok() && said.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
