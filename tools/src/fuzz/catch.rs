//! A panic of a stack, caught and turned into a [`Violation`].
//!
//! The hook that would print it is silenced only in the thread that runs an input, and only for so
//! long; elsewhere panics are as loud as before.

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use super::outcome::{Promise, Violation};

thread_local! {
    static CATCHING: Cell<bool> = const { Cell::new(false) };
    static MESSAGE: RefCell<String> = const { RefCell::new(String::new()) };
}

static HOOK: Once = Once::new();

/// Runs `body`; a panic of it is a broken promise.
pub(crate) fn catch<T>(body: impl FnOnce() -> T) -> Result<T, Violation> {
    HOOK.call_once(|| {
        let loud = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if CATCHING.with(Cell::get) {
                MESSAGE.with(|message| *message.borrow_mut() = info.to_string());
            } else {
                loud(info);
            }
        }));
    });
    let before = CATCHING.replace(true);
    // The body owns all that it changes, and nobody looks at what a panic left of it.
    let result = panic::catch_unwind(AssertUnwindSafe(body));
    CATCHING.set(before);
    result.map_err(|_| Violation {
        promise: Promise::NoPanic,
        detail: MESSAGE.with(|message| message.borrow().clone()),
        due_octets: None,
    })
}
