use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::thread;

use super::*;

fn own_namespace(kind: &str) -> PathBuf {
    fs::read_link(format!("/proc/thread-self/ns/{kind}")).expect("/proc is mounted")
}

fn loopback_works() {
    for address in ["127.0.0.1:7000", "[::1]:7000"] {
        let listener = TcpListener::bind(address).expect("nobody else is here");
        TcpStream::connect(address).expect("lo is up");
        drop(listener);
    }
}

#[test]
fn a_thread_with_the_right_enters_alone() {
    let outside = own_namespace("net");
    let entered = thread::spawn(move || {
        match enter_own_network() {
            Ok(Namespace::Network) => {}
            Ok(Namespace::UserAndNetwork) => panic!("a test has several threads"),
            Err(NamespaceError::SeveralThreads(threads)) => {
                assert!(threads > 1);
                eprintln!("SKIPPED: only root can enter from a thread; run the tests as root");
                return;
            }
            Err(error) => {
                eprintln!("SKIPPED: {error}; {}", error.hint().unwrap_or_default());
                return;
            }
        }
        assert_ne!(own_namespace("net"), outside);
        loopback_works();
        // Threads inherit it.
        let here = own_namespace("net");
        let there = thread::spawn(|| own_namespace("net")).join();
        assert_eq!(there.ok(), Some(here));
    });
    entered.join().expect("the thread ends well");
}

#[test]
fn every_refusal_names_its_reason_and_what_would_help() {
    let cases = [
        (Errno::EPERM, NamespaceError::NotPermitted(Errno::EPERM)),
        (Errno::ENOSPC, NamespaceError::LimitReached(Errno::ENOSPC)),
        (Errno::EUSERS, NamespaceError::LimitReached(Errno::EUSERS)),
        (Errno::EINVAL, NamespaceError::NotSupported(Errno::EINVAL)),
    ];
    for (errno, error) in cases {
        assert_eq!(sort(errno), error);
        assert!(error.hint().is_some());
    }
    assert_eq!(
        NamespaceError::SeveralThreads(3).to_string(),
        "the process has 3 threads, but may have only one when it enters a user namespace"
    );
    assert_eq!(
        NamespaceError::NotMapped {
            file: "/proc/self/uid_map",
            errno: Errno::EPERM
        }
        .to_string(),
        "/proc/self/uid_map: operation not permitted"
    );
}
