//! Other people's programs: found, run for a bounded time, and ended by their own id.

use std::env;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use sidestep_tests::namespace_net::skip;

/// A program may run so long.
const SECONDS_MAX: i64 = 60;

/// Where it is, or `None` after saying that it is missing.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path)
        // Servers are not on everybody's path.
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|directory| directory.join(program))
        .find(|file| file.is_file());
    if found.is_none() {
        skip(&format!("{program} is not installed"));
    }
    found
}

/// What a program left behind.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) out: Vec<u8>,
    pub(crate) err: String,
}

impl Ended {
    /// What it said, if it succeeded.
    pub(crate) fn expect_success(self) -> Vec<u8> {
        assert!(self.status.success(), "{}: {}", self.status, self.err);
        self.out
    }

    /// As text.
    pub(crate) fn expect_text(self) -> String {
        String::from_utf8(self.expect_success()).expect("it speaks text")
    }
}

/// A program that runs until this is dropped.
#[derive(Debug)]
pub(crate) struct Running(Child);

impl Running {
    /// Starts it, with nothing to read and nobody to listen.
    pub(crate) fn start(command: &mut Command) -> Self {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("it is installed");
        Self(child)
    }

    /// Fails with what it is if it has ended already.
    pub(crate) fn expect_running(&mut self) {
        let status = self.0.try_wait().expect("it is our child");
        assert!(status.is_none(), "it has ended: {status:?}");
    }

    /// Waits for its end; false if that does not come in time.
    fn has_ended_in_time(&self) -> bool {
        let pid = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw);
        let pidfd = pidfd_open(pid.expect("it has an id"), PidfdFlags::empty());
        let pidfd = pidfd.expect("it was not waited for");
        let limit = Timespec {
            tv_sec: SECONDS_MAX,
            tv_nsec: 0,
        };
        poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&limit)).expect("poll works") > 0
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a program to its end with `input` on its standard input.
pub(crate) fn run(command: &mut Command, input: &[u8]) -> Ended {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it is installed");
    let mut stdin = child.stdin.take().expect("it is piped");
    let mut stdout = child.stdout.take().expect("it is piped");
    let mut stderr = child.stderr.take().expect("it is piped");
    let mut running = Running(child);
    thread::scope(|scope| {
        scope.spawn(move || {
            // A program may end before it has read all.
            let _ = stdin.write_all(input);
        });
        let out = scope.spawn(move || {
            let mut out = Vec::new();
            stdout.read_to_end(&mut out).map(|_| out)
        });
        let err = scope.spawn(move || {
            let mut err = Vec::new();
            stderr.read_to_end(&mut err).map(|_| err)
        });
        let in_time = running.has_ended_in_time();
        if !in_time {
            let _ = running.0.kill();
        }
        let status = running.0.wait().expect("it is our child");
        let out = out.join().expect("reads").expect("a pipe");
        let err = err.join().expect("reads").expect("a pipe");
        let err = String::from_utf8_lossy(&err).into_owned();
        assert!(in_time, "it did not end in {SECONDS_MAX} s: {err}");
        Ended { status, out, err }
    })
}

/// A directory for one test, gone with it.
#[derive(Debug)]
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new(name: &str) -> Self {
        let directory =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&directory).expect("cargo's directory can be written");
        Self(directory)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
