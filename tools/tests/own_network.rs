//! A process with one thread and no rights enters a network of its own: without the test harness,
//! which has a thread of its own. Run as root, it runs itself again as an ordinary user.

use std::env;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use sidestep_tools::namespace::{Namespace, NamespaceError, enter_own_network};

/// Marks the copy that has no rights.
const CHILD: &str = "SIDESTEP_TEST_WITHOUT_RIGHTS";
/// The user that owns nothing.
const NOBODY: u32 = 65_534;

fn main() -> ExitCode {
    if rustix::process::geteuid().is_root() && env::var_os(CHILD).is_none() {
        return again_without_rights();
    }
    let outside = fs::read_link("/proc/self/ns/net").ok();
    match enter_own_network() {
        Ok(Namespace::Network) => {
            println!("ok: an ordinary user with the right of root");
        }
        Ok(Namespace::UserAndNetwork) => {
            assert!(rustix::process::geteuid().is_root(), "root inside");
            println!("ok: a user namespace");
        }
        Err(error @ (NamespaceError::SeveralThreads(_) | NamespaceError::Loopback(_))) => {
            eprintln!("FAILED: {error}");
            return ExitCode::FAILURE;
        }
        Err(error) => {
            let hint = error.hint().unwrap_or_default();
            println!("SKIPPED: {error}; {hint}");
            return ExitCode::SUCCESS;
        }
    }
    assert_ne!(fs::read_link("/proc/self/ns/net").ok(), outside);
    for address in ["127.0.0.1:7000", "[::1]:7000"] {
        let listener = TcpListener::bind(address);
        assert!(listener.is_ok(), "nobody else is here: {listener:?}");
        let stream = TcpStream::connect(address);
        assert!(stream.is_ok(), "lo is up: {stream:?}");
    }
    ExitCode::SUCCESS
}

fn again_without_rights() -> ExitCode {
    let status = env::current_exe().and_then(|program| {
        Command::new(program)
            .env(CHILD, "1")
            .uid(NOBODY)
            .gid(NOBODY)
            .status()
    });
    match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(status) => {
            eprintln!("FAILED: {status}");
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("SKIPPED: this program cannot be run by an ordinary user: {error}");
            ExitCode::SUCCESS
        }
    }
}
