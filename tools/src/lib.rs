//! The `sidestep-tools` library.
