//! What commands in back quotes do here: settings of the kernel, and sleeping.
//!
//! Called by the parser for each command. No command is ever run; what is not listed below has no
//! effect, as the book's chapter says.

use super::seconds;
use crate::drill::ast::Effect;

/// The effects of a command, in its order.
pub(super) fn effects(text: &str) -> Vec<Effect> {
    simple_commands(text)
        .iter()
        .flat_map(|words| effects_of(words))
        .collect()
}

fn effects_of(words: &[String]) -> Vec<Effect> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        // The helper of packetdrill's own sets: files and what is written into them.
        [helper, settings @ ..] if helper.ends_with("set_sysctls.py") => settings
            .iter()
            .filter_map(|it| it.strip_prefix("/proc/sys/")?.split_once('='))
            .map(|(name, value)| setting(name.replace('/', "."), value))
            .collect(),
        ["sysctl" | "/sbin/sysctl", settings @ ..] => settings
            .iter()
            .filter_map(|it| it.split_once('='))
            .map(|(name, value)| setting(name.replace('/', "."), value))
            .collect(),
        ["echo", value @ .., ">", file] => match file.strip_prefix("/proc/sys/") {
            Some(name) => vec![setting(name.replace('/', "."), &value.join(" "))],
            None => Vec::new(),
        },
        ["sleep", time] => seconds_or_none(time)
            .map(Effect::Sleep)
            .into_iter()
            .collect(),
        ["ip", rest @ ..] => rest
            .windows(2)
            .filter(|it| it[0] == "initcwnd")
            .map(|it| setting("route.initcwnd".to_owned(), it[1]))
            .collect(),
        _ => Vec::new(),
    }
}

fn setting(name: String, value: &str) -> Effect {
    Effect::Sysctl {
        name,
        value: value.trim().to_owned(),
    }
}

fn seconds_or_none(text: &str) -> Option<core::time::Duration> {
    let is_number = text.chars().all(|it| it.is_ascii_digit() || it == '.')
        && text.matches('.').count() <= 1
        && text.chars().any(|it| it.is_ascii_digit());
    if is_number { seconds(text) } else { None }
}

/// Cuts a text at line ends, `;`, `&&` and `||` into commands, and those into words, with the quotes
/// of a shell.
fn simple_commands(text: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    // A line may go on behind a backslash. A character that cannot be in a word ends the last one.
    let text = text.replace("\\\n", " ");
    for character in text.chars().chain(['\n']) {
        match (quote, character) {
            (Some(open), it) if it == open => quote = None,
            (Some(_), it) => word.get_or_insert_default().push(it),
            (None, '"' | '\'') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, it) if it.is_whitespace() || matches!(it, ';' | '&' | '|' | '>') => {
                if let (Some(word), Some(command)) = (word.take(), commands.last_mut()) {
                    command.push(word);
                }
                if it == '>'
                    && let Some(command) = commands.last_mut()
                {
                    command.push(">".to_owned());
                }
                if matches!(it, '\n' | ';' | '&' | '|') {
                    commands.push(Vec::new());
                }
            }
            (None, it) => word.get_or_insert_default().push(it),
        }
    }
    commands
}
