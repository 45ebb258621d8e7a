//! The arguments fit together, and every example in a help text is a command.

use clap::CommandFactory as _;

use super::*;

#[test]
fn the_arguments_fit_together() {
    Arguments::command().debug_assert();
}

#[test]
fn every_command_has_examples_that_parse() {
    fn walk(command: &clap::Command, path: &str) {
        let path = format!("{path} {}", command.get_name());
        if command.get_subcommands().next().is_none() {
            let help = command.get_after_help().map(ToString::to_string);
            let help = help.unwrap_or_default();
            assert!(help.contains("Examples:\n  "), "{path} has none");
            for line in help.lines().filter(|line| line.starts_with("  sidestep")) {
                let text = line.split(['#', '|', '<', '>']).next().unwrap_or(line);
                let parsed = Arguments::try_parse_from(text.split_whitespace());
                assert!(parsed.is_ok(), "{line}: {parsed:?}");
            }
        }
        for inner in command.get_subcommands() {
            walk(inner, &path);
        }
    }
    walk(&Arguments::command(), "");
}
