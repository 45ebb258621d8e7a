//! A network namespace for one test, so that it can use any address and device and disturb nobody.
//!
//! Namespaces belong to threads: the test runs in a new thread, and all threads that it starts
//! inherit the namespace. Without the right to make one, the test says so and is skipped.

use std::thread;

use rustix::thread::UnshareFlags;

use super::link;

/// Runs `test` in a network namespace of its own in which `lo` is up. Returns false, after saying
/// why, where that is not allowed.
pub(crate) fn in_own_network(test: impl FnOnce() + Send + 'static) -> bool {
    let run = thread::spawn(move || {
        // Its successor is unsafe for shared tables of descriptors only, which we leave alone.
        #[allow(deprecated)]
        let left = rustix::thread::unshare(UnshareFlags::NEWNET);
        if let Err(error) = left {
            eprintln!("SKIPPED: no network namespace can be made: {error}; run the tests as root");
            return false;
        }
        link::bring_up("lo").expect("lo is ours");
        test();
        true
    });
    match run.join() {
        Ok(ran) => ran,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}
