//! The stack and its six doors (RFC 9293 §3.10). (skeleton)

/// The stack.
#[derive(Clone, Debug)]
pub struct Stack {}
