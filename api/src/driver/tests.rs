//! Turns with devices that misbehave, and the end of the thread.
