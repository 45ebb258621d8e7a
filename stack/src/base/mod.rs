//! What every protocol is written with: time, sequence numbers, tables, sets of ranges, deadlines.
//!
//! Everybody may use this module. It imports nothing of ours and knows no protocol.

pub mod aged;
pub mod deadlines;
pub mod keyed;
pub mod random;
pub mod ranges;
pub mod seq;
pub mod table;
pub mod time;

pub use random::Random;
pub use seq::SeqNumber;
pub use table::{Key, Table};
pub use time::{Duration, Instant};
