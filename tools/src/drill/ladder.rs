//! Draws a report as a ladder: what the script says on the left, what happened on the right, the first
//! difference marked, and why the stack did it below.
//!
//! A pure function of a [`Report`]; the command prints what it returns. It never looks at a packet.

use core::time::Duration;

use super::report::{Failure, Outcome, Report, Row, Said, Verdict};

#[cfg(test)]
mod tests;

/// How much of a report is drawn.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Extent {
    /// Rows before the first difference.
    pub rows_before: usize,
    /// Rows after it.
    pub rows_after: usize,
    /// Characters of each side.
    pub side_characters: usize,
}

impl Default for Extent {
    fn default() -> Self {
        Self {
            rows_before: 12,
            rows_after: 6,
            side_characters: 58,
        }
    }
}

impl Extent {
    /// All rows.
    pub fn whole() -> Self {
        Self {
            rows_before: usize::MAX,
            rows_after: usize::MAX,
            ..Self::default()
        }
    }
}

/// The ladder of a report, with a line end after each line. The first line says how it ended.
pub fn ladder(report: &Report, extent: Extent) -> String {
    let mut text = headline(report);
    let differs = report
        .rows
        .iter()
        .position(|it| it.verdict == Verdict::Differs);
    let centre = differs.unwrap_or(report.rows.len().saturating_sub(1));
    let first = centre.saturating_sub(extent.rows_before);
    let last = centre
        .saturating_add(extent.rows_after)
        .min(report.rows.len().saturating_sub(1));
    if report.rows.is_empty() {
        return text;
    }
    let side = extent.side_characters.max(20);
    text.push_str(&format!(
        "    line         time  {:side$}  {}\n",
        "the script says", "what happened"
    ));
    if first > 0 {
        text.push_str(&format!("         ({first} rows before these agree)\n"));
    }
    for row in report.rows.iter().take(last.saturating_add(1)).skip(first) {
        draw(row, side, &mut text);
    }
    text
}

fn headline(report: &Report) -> String {
    let file = &report.file;
    let backend = report.backend.name();
    match &report.outcome {
        Outcome::Passed => format!("{file}: passed on {backend}\n"),
        Outcome::Failed(Failure { position, message }) => match position {
            Some(position) => format!("{file}:{position}: failed on {backend}: {message}\n"),
            None => format!("{file}: failed on {backend} after the last line: {message}\n"),
        },
        Outcome::Unsupported { position, what } => {
            format!("{file}:{position}: cannot be done on {backend}: {what}\n")
        }
        Outcome::Unavailable { what } => format!("{file}: not run on {backend}: {what}\n"),
    }
}

fn draw(row: &Row, side: usize, text: &mut String) {
    let mark = match row.verdict {
        Verdict::Agrees | Verdict::After => ' ',
        Verdict::Differs => '*',
    };
    let line = row.position.map_or(String::new(), |it| it.line.to_string());
    let at = row.actual.as_ref().or(row.expected.as_ref());
    let at = at.map_or(String::new(), |it| time(it.at));
    let left = cells(row.expected.as_ref(), row, side, "(nothing)");
    let right = cells(row.actual.as_ref(), row, side, "(nothing)");
    for index in 0..left.len().max(right.len()) {
        let (mark, line, at) = if index == 0 {
            (mark, line.as_str(), at.as_str())
        } else {
            (' ', "", "")
        };
        let left = left.get(index).map_or("", String::as_str);
        let right = right.get(index).map_or("", String::as_str);
        let drawn = format!("  {mark} {line:>4}  {at:>11}  {left:side$}  {right}");
        text.push_str(drawn.trim_end());
        text.push('\n');
    }
    if row.verdict == Verdict::Differs
        && let (Some(expected), Some(actual)) = (&row.expected, &row.actual)
        && let Some(times) = different_times(expected, actual)
    {
        text.push_str(&format!("{:23}{times}\n", ""));
    }
    for reason in &row.reasons {
        text.push_str(&format!("{:23}{:side$}  └ {reason}\n", "", ""));
    }
}

/// One side of a row, cut into lines of at most `side` characters.
fn cells(said: Option<&Said>, row: &Row, side: usize, nothing: &str) -> Vec<String> {
    match said {
        Some(said) => wrapped(&said.text, side),
        // Of rows that agree, the side that has nothing to say stays empty.
        None if row.verdict == Verdict::Differs => vec![nothing.to_owned()],
        None => Vec::new(),
    }
}

fn different_times(expected: &Said, actual: &Said) -> Option<String> {
    let latest = expected.until.unwrap_or(expected.at);
    if expected.at <= actual.at && actual.at <= latest {
        return None;
    }
    let when = if latest == expected.at {
        time(expected.at)
    } else {
        format!("{} to {}", time(expected.at), time(latest))
    };
    Some(format!(
        "expected at {when}, happened at {}",
        time(actual.at)
    ))
}

/// Cuts at blanks and commas where there are some.
fn wrapped(text: &str, side: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut line_characters = 0;
    for part in text.split_inclusive([' ', ',']) {
        let characters = part.trim_end().chars().count();
        if line_characters > 0 && line_characters + characters > side {
            lines.push(line.trim_end().to_owned());
            line = "  ".to_owned();
            line_characters = 2;
        }
        for character in part.chars() {
            if line_characters == side {
                lines.push(core::mem::replace(&mut line, "  ".to_owned()));
                line_characters = 2;
            }
            line.push(if character.is_control() {
                ' '
            } else {
                character
            });
            line_characters += 1;
        }
    }
    lines.push(line.trim_end().to_owned());
    lines
}

/// Seconds with microseconds.
fn time(at: Duration) -> String {
    format!("{}.{:06}", at.as_secs(), at.subsec_micros())
}
