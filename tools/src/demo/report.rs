//! What the demo found: one line for each check, as a table or as JSON.
//!
//! `demo/mod.rs` fills a [`Report`]; `cli/demo.rs` prints it and takes the exit code from it.
//! Nothing here runs a check.

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

#[cfg(test)]
mod tests;

/// What the packets crossed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Crossing {
    /// A TUN device, with the host kernel's own stack on the other side.
    Tun,
    /// A cable in memory, with a second Sidestep on the other side.
    Memory,
}

impl Crossing {
    /// The word of the JSON form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tun => "tun",
            Self::Memory => "memory",
        }
    }
}

/// One thing that holds, or does not.
#[derive(Clone, Debug)]
pub struct Check {
    /// What should hold.
    pub name: String,
    /// Whether it does.
    pub ok: bool,
    /// The numbers, or what went wrong.
    pub detail: String,
    /// How long it took to find out.
    pub time: Duration,
}

/// All that the demo found.
#[derive(Clone, Debug)]
pub struct Report {
    /// What the packets crossed.
    pub crossing: Crossing,
    /// Why it was not a TUN device, and what to do about it.
    pub why: Option<String>,
    /// What was checked, in order.
    pub checks: Vec<Check>,
}

impl Report {
    /// True if every check holds, and there is one.
    pub fn ok(&self) -> bool {
        !self.checks.is_empty() && self.checks.iter().all(|check| check.ok)
    }

    /// `{"ok", "device", "checks": [{"name", "ok", "detail", "ms"}]}`, and `"why"` if it was not a
    /// TUN device.
    pub fn to_json(&self) -> Value {
        let checks: Vec<Value> = self
            .checks
            .iter()
            .map(|check| {
                json!({
                    "name": check.name,
                    "ok": check.ok,
                    "detail": check.detail,
                    "ms": u64::try_from(check.time.as_millis()).unwrap_or(u64::MAX),
                })
            })
            .collect();
        let mut object = json!({
            "ok": self.ok(),
            "device": self.crossing.as_str(),
            "checks": checks,
        });
        if let (Some(why), Some(fields)) = (&self.why, object.as_object_mut()) {
            fields.insert("why".to_owned(), json!(why));
        }
        object
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |check: &Check| check.name.chars().count();
        let name_letters = self.checks.iter().map(width).max().unwrap_or(0);
        for check in &self.checks {
            writeln!(
                f,
                "{:4}  {:name_letters$}  {:>6} ms  {}",
                if check.ok { "ok" } else { "FAIL" },
                check.name,
                check.time.as_millis(),
                check.detail,
            )?;
        }
        let held = self.checks.iter().filter(|check| check.ok).count();
        writeln!(f, "\n{held} of {} checks hold.", self.checks.len())
    }
}
