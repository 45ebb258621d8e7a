//! RCV.UP (RFC 9293 §3.8.5): urgent text is delivered in line; the user can ask whether some is ahead.
//!
//! `arrives/check_urgent.rs` moves it, `call/status.rs` asks. No octet ever leaves the stream for it
//! (RFC 6093).

/// How far the urgent text reaches.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Urgent {
    /// The position after the last urgent octet (MUST-62).
    end: Option<u64>,
}

impl Urgent {
    /// No urgent text was ever announced.
    pub(crate) const fn new() -> Self {
        Self { end: None }
    }

    /// A segment says that urgent text reaches to `end`. True if that is news (MUST-32): `end` is
    /// beyond what was known and beyond `taken`, which the user has read.
    pub(crate) fn announce(&mut self, end: u64, taken: u64) -> bool {
        let news = end > taken && self.end.is_none_or(|known| known < end);
        if news {
            self.end = Some(end);
        }
        news
    }

    /// True while urgent text lies ahead of `taken` (MUST-33).
    pub(crate) fn is_pending(&self, taken: u64) -> bool {
        self.end.is_some_and(|end| taken < end)
    }
}
