//! Taking back calls that wait: [`CancelToken`], which stands for the cancellation of Go's contexts.
//!
//! `Dialer`, `ListenConfig` and `Resolver` take a token; the calls that wait register what wakes
//! them. It knows nothing of what is cancelled, starts no thread and never waits.

use std::collections::BTreeMap;
use std::fmt;
use std::mem;
use std::sync::Arc;

use parking_lot::Mutex;

/// A switch that takes calls back which wait: `cancel` makes them fail with
/// [`Cause::Canceled`](crate::Cause::Canceled), those that begin later as well.
///
/// Clones are the same switch. It cannot be switched back. Dropping all of its handles cancels
/// nothing.
///
/// ```
/// use sidestep::CancelToken;
///
/// let token = CancelToken::new();
/// let shared = token.clone();
/// std::thread::spawn(move || shared.cancel()).join().unwrap();
/// assert!(token.is_canceled());
/// ```
#[derive(Clone, Default)]
#[doc(alias = "context.Context")]
#[doc(alias = "WithCancel")]
pub struct CancelToken(Arc<Mutex<State>>);

/// What is done once when the token is cancelled.
type Action = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct State {
    canceled: bool,
    /// One for each call that waits, the oldest first.
    actions: BTreeMap<u64, Action>,
    registered: u64,
}

impl CancelToken {
    /// Not cancelled yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes back every call that was given this token. Repeating it does nothing.
    #[doc(alias = "CancelFunc")]
    pub fn cancel(&self) {
        let actions = {
            let mut state = self.0.lock();
            state.canceled = true;
            mem::take(&mut state.actions)
        };
        // Outside the lock: an action may drop its registration or ask the token.
        for action in actions.into_values() {
            action();
        }
    }

    /// True once it was cancelled.
    pub fn is_canceled(&self) -> bool {
        self.0.lock().canceled
    }

    /// Does `action` once when the token is cancelled: at once if it is already. Dropping the
    /// registration takes the action back, unless it has begun.
    pub(crate) fn on_cancel(&self, action: Box<dyn FnOnce() + Send>) -> Registration {
        let mut state = self.0.lock();
        if state.canceled {
            drop(state);
            action();
            return Registration { entry: None };
        }
        let key = state.registered;
        state.registered += 1;
        state.actions.insert(key, action);
        Registration {
            entry: Some((self.clone(), key)),
        }
    }
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelToken")
            .field("is_canceled", &self.is_canceled())
            .finish_non_exhaustive()
    }
}

/// An action of [`CancelToken::on_cancel`], until it is dropped.
#[derive(Debug)]
#[must_use = "the action is taken back when the registration is dropped"]
pub(crate) struct Registration {
    entry: Option<(CancelToken, u64)>,
}

impl Drop for Registration {
    fn drop(&mut self) {
        if let Some((token, key)) = self.entry.take() {
            // Dropped outside the lock: what it holds may hold the token.
            let action = token.0.lock().actions.remove(&key);
            drop(action);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::CancelToken;

    fn counter() -> (Arc<AtomicU32>, Box<dyn FnOnce() + Send>) {
        let count = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&count);
        let action = Box::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
        });
        (count, action)
    }

    #[test]
    fn an_action_is_done_once_when_any_clone_is_cancelled() {
        let token = CancelToken::new();
        let (count, action) = counter();
        let registration = token.on_cancel(action);
        assert!(!token.is_canceled());
        assert_eq!(count.load(Ordering::Relaxed), 0);
        token.clone().cancel();
        token.cancel();
        assert!(token.is_canceled());
        assert_eq!(count.load(Ordering::Relaxed), 1);
        drop(registration);
    }

    #[test]
    fn an_action_that_comes_late_is_done_at_once() {
        let token = CancelToken::new();
        token.cancel();
        let (count, action) = counter();
        let _registration = token.on_cancel(action);
        assert_eq!(count.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_registration_that_is_dropped_takes_only_its_own_action_back() {
        let token = CancelToken::new();
        let (dropped, first) = counter();
        let (kept, second) = counter();
        let first = token.on_cancel(first);
        let _second = token.on_cancel(second);
        drop(first);
        // What the action held is free at once.
        assert_eq!(Arc::strong_count(&dropped), 1);
        token.cancel();
        assert_eq!(dropped.load(Ordering::Relaxed), 0);
        assert_eq!(kept.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn an_action_may_use_the_token_and_its_registration() {
        let token = CancelToken::new();
        let inner = token.clone();
        let (count, action) = counter();
        let nested = parking_lot::Mutex::new(None);
        let nested = Arc::new(nested);
        let slot = Arc::clone(&nested);
        let outer = token.on_cancel(Box::new(move || {
            assert!(inner.is_canceled());
            drop(slot.lock().take());
            action();
        }));
        *nested.lock() = Some(outer);
        token.cancel();
        assert_eq!(count.load(Ordering::Relaxed), 1);
    }
}
