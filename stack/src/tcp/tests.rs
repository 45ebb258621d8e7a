//! Two ends in virtual time, joined by a wire that may misbehave.

mod lifecycle;
mod lossy;
#[allow(dead_code)]
mod world;
