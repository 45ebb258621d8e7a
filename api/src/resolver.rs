//! Names, over whichever network: Go's `Resolver`.

pub(crate) mod files;
mod records;

pub use files::ResolverFiles;
pub use records::{MX, NS, SRV};
