//! Unix sockets over the host's kernel: the contract of every connection, Go's texts and names, and
//! what only they can do. Each test has a directory of its own; nothing sleeps, threads that must be
//! waiting are seen to do so.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::ffi::OsString;
use std::fs;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use sidestep::address::UnixKind;
use sidestep::{
    Addr, AnyConn, Cause, Conn, Deadline, Errno, Net, NetAddr, NetError, OpError, PacketConn,
    UDPAddr, UnixAddr, UnixConn, UnixListener,
};

/// Long enough for whatever should happen at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// A directory that goes with the test.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("sidestep-unix-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().into()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn text(result: Result<impl std::fmt::Debug, OpError>) -> String {
    result.unwrap_err().to_string()
}

fn errno(result: Result<impl std::fmt::Debug, OpError>) -> Option<Errno> {
    result.unwrap_err().errno()
}

/// A listener, the end that dialled and the end that was accepted.
fn pair(network: &str, name: &str) -> (UnixListener, UnixConn, UnixConn) {
    let net = Net::host();
    let addr = sidestep::resolve_unix_addr(network, name).unwrap();
    let listener = net.listen_unix(network, &addr).unwrap();
    let dialled = net.dial_unix(network, None, &addr).unwrap();
    let accepted = listener.accept_unix().unwrap();
    for conn in [&dialled, &accepted] {
        conn.set_deadline(PATIENCE).unwrap();
    }
    (listener, dialled, accepted)
}

fn datagram_socket(name: &str) -> UnixConn {
    let socket = Net::host()
        .listen_unixgram("unixgram", &UnixAddr::datagram(name))
        .unwrap();
    socket.set_deadline(PATIENCE).unwrap();
    socket
}

/// Waits until so many threads of this test sleep in `poll` or on a condition of ours.
fn until_blocked(handle: &thread::JoinHandle<impl Sized>, tid: &AtomicU32) {
    loop {
        assert!(!handle.is_finished(), "it should have waited");
        let tid = tid.load(Ordering::Acquire);
        if tid != 0 {
            let stat =
                fs::read_to_string(format!("/proc/self/task/{tid}/stat")).unwrap_or_default();
            let state = stat.rsplit(") ").next().unwrap_or_default();
            if state.starts_with('S') {
                return;
            }
        }
        thread::yield_now();
    }
}

fn own_tid() -> u32 {
    let link = fs::read_link("/proc/thread-self").unwrap();
    link.file_name().unwrap().to_str().unwrap().parse().unwrap()
}

#[test]
fn the_ends_are_named_as_in_go() {
    let dir = Directory::new();
    let path = dir.path("s");
    for network in ["unix", "unixpacket"] {
        let (listener, dialled, accepted) = pair(network, &path);
        assert_eq!(listener.addr().to_string(), path);
        assert_eq!(listener.addr().network(), network);
        assert_eq!(dialled.local_addr().to_string(), "@");
        assert_eq!(dialled.remote_addr().unwrap().to_string(), path);
        assert_eq!(accepted.local_addr().to_string(), path);
        assert_eq!(accepted.remote_addr().unwrap().to_string(), "@");
        listener.close().unwrap();
        dialled.close().unwrap();
        assert_eq!(listener.addr().to_string(), path, "also after close");
        assert_eq!(Conn::remote_addr(&dialled).unwrap().to_string(), path);
    }
}

#[test]
fn every_network_is_dialled_and_listened_on_by_its_name_on_every_net() {
    let dir = Directory::new();
    let (userspace, _other) = Net::memory_pair().unwrap();
    for net in [Net::host(), userspace] {
        for network in ["unix", "unixpacket"] {
            let path = dir.path(network);
            let listener = net.listen(network, &path).unwrap();
            let conn = net.dial(network, &path).unwrap();
            let accepted = listener.accept().unwrap();
            assert!(conn.as_unix().is_some() && accepted.as_unix().is_some());
            conn.write(b"ping").unwrap();
            let mut octets = [0; 8];
            assert_eq!(accepted.read(&mut octets).unwrap(), 4);
            listener.close().unwrap();
            assert!(listener.incoming().next().is_none());
        }
        let path = dir.path("gram");
        let socket = net.listen_packet("unixgram", &path).unwrap();
        let conn = net.dial("unixgram", &path).unwrap();
        conn.write(b"ping").unwrap();
        let mut octets = [0; 8];
        let (len, from) = socket.read_from(&mut octets).unwrap();
        assert_eq!((len, from.to_string().as_str()), (4, "@"));
        assert_eq!(from.network(), "unixgram");
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn what_cannot_be_dialled_or_listened_on_says_so_in_gos_words() {
    let dir = Directory::new();
    let net = Net::host();
    let (long, longer) = ("a".repeat(108), "a".repeat(109));
    let nope = dir.path("nope");
    let none = UnixAddr::stream("");
    let cases = [
        (
            text(net.dial("unix", "")),
            "dial unix: missing address".into(),
        ),
        (
            text(net.dial("unix", &nope)),
            format!("dial unix {nope}: connect: no such file or directory"),
        ),
        (
            text(net.dial("unix", &long)),
            format!("dial unix {long}: connect: invalid argument"),
        ),
        (
            text(net.listen("unix", &longer)),
            format!("listen unix {longer}: bind: invalid argument"),
        ),
        (
            text(net.listen("unix", "/nonexistent/x")),
            "listen unix /nonexistent/x: bind: no such file or directory".into(),
        ),
        (
            text(net.dial("unix", "/")),
            "dial unix /: connect: connection refused".into(),
        ),
        (
            text(net.dial_unix("unix", None, &none)),
            "dial unix : missing address".into(),
        ),
        (
            text(net.dial_unix("tcp", None, &UnixAddr::stream("x"))),
            "dial tcp x: unknown network tcp".into(),
        ),
        (
            text(net.listen_unix("unixgram", &UnixAddr::datagram("x"))),
            "listen unixgram x: unknown network unixgram".into(),
        ),
        (
            text(net.listen_unixgram("unix", &UnixAddr::stream("x"))),
            "listen unix x: unknown network unix".into(),
        ),
        (
            text(net.dial_timeout("unix", "zz", Duration::ZERO)),
            "dial unix zz: i/o timeout".into(),
        ),
        (
            text(net.listen("unixgram", "x")),
            "listen unixgram x: address x: unexpected address type".into(),
        ),
        (
            text(net.listen_packet("unixpacket", "x")),
            "listen unixpacket x: address x: unexpected address type".into(),
        ),
        (
            text(net.dial_unix("unixgram", None, &UnixAddr::datagram(""))),
            "dial unixgram : missing address".into(),
        ),
    ];
    for (got, expected) in cases {
        assert_eq!(got, expected);
    }
    let path = dir.path("s");
    let _listener = net.listen("unix", &path).unwrap();
    assert_eq!(
        text(net.listen("unix", &path)),
        format!("listen unix {path}: bind: address already in use")
    );
}

#[test]
fn a_path_may_have_107_octets_and_an_abstract_name_as_many() {
    let dir = Directory::new();
    let stem = dir.path("");
    let path = format!("{stem}{}", "p".repeat(107 - stem.len()));
    let listener = Net::host().listen("unix", &path).unwrap();
    assert_eq!(listener.addr().to_string(), path);
    assert!(Net::host().dial("unix", &path).is_ok());

    let stem = format!("@sidestep-{}-", std::process::id());
    let name = format!("{stem}{}", "n".repeat(108 - stem.len()));
    let listener = Net::host().listen("unix", &name).unwrap();
    assert_eq!(listener.addr().to_string(), name);
    assert!(Net::host().dial("unix", &name).is_ok());
    assert_eq!(
        errno(Net::host().listen("unix", &format!("{name}n"))),
        Some(Errno::EINVAL)
    );
}

#[test]
fn an_abstract_name_leaves_no_file_and_no_name_asks_for_one() {
    let name = format!("@sidestep-abstract-{}", std::process::id());
    let (listener, dialled, _accepted) = pair("unix", &name);
    assert_eq!(listener.addr(), &UnixAddr::stream(name.as_str()));
    assert_eq!(dialled.remote_addr(), Some(listener.addr()));
    assert!(!Path::new(&name).exists());
    let chosen = Net::host().listen("unix", "").unwrap();
    let chosen = chosen.addr().to_string();
    assert!(chosen.starts_with('@') && chosen.len() > 1, "{chosen}");
}

#[test]
fn names_that_are_no_text_work() {
    use std::os::unix::ffi::OsStringExt;
    let dir = Directory::new();
    let mut name = dir.path("").into_bytes();
    name.extend([0xff, 0xfe]);
    let addr = UnixAddr::stream(OsString::from_vec(name));
    let listener = Net::host().listen_unix("unix", &addr).unwrap();
    assert_eq!(listener.addr(), &addr);
    let conn = Net::host().dial_unix("unix", None, &addr).unwrap();
    assert_eq!(conn.remote_addr(), Some(&addr));
    assert!(addr.to_string().ends_with("\u{fffd}\u{fffd}"));
}

#[test]
fn closing_a_listener_removes_its_file_unless_told_otherwise() {
    let dir = Directory::new();
    let net = Net::host();
    let addr = UnixAddr::stream(dir.path("s"));
    let path = Path::new(&addr.name);
    let listener = net.listen_unix("unix", &addr).unwrap();
    assert!(path.exists());
    listener.close().unwrap();
    assert!(!path.exists());
    assert_eq!(
        text(listener.close()),
        format!("close unix {addr}: use of closed network connection")
    );

    // A second close does not remove what somebody else has made there since.
    let next = net.listen_unix("unix", &addr).unwrap();
    assert!(listener.close().is_err() && path.exists());
    drop(listener);
    assert!(path.exists());

    next.set_unlink_on_close(false);
    next.close().unwrap();
    assert!(path.exists());
    fs::remove_file(path).unwrap();

    drop(net.listen_unix("unix", &addr).unwrap());
    assert!(!path.exists(), "dropping closes");
}

#[test]
fn a_file_may_be_gone_before_its_listener_is_closed() {
    let dir = Directory::new();
    let path = dir.path("s");
    let (listener, _dialled, accepted) = pair("unix", &path);
    fs::remove_file(&path).unwrap();
    listener.close().unwrap();
    accepted.write(b"accepted connections live on").unwrap();
}

#[test]
fn octets_cross_a_stream_both_ways_and_end_after_close_write() {
    let dir = Directory::new();
    let (_listener, dialled, accepted) = pair("unix", &dir.path("s"));
    let sent: Vec<u8> = (0..3_000_000_u32).map(|i| (i % 251) as u8).collect();
    let echo = thread::spawn(move || {
        let mut octets = Vec::new();
        (&accepted).read_to_end(&mut octets).unwrap();
        (&accepted).write_all(&octets).unwrap();
        accepted.close_write().unwrap();
        accepted
    });
    assert_eq!(dialled.write(&sent).unwrap(), sent.len());
    dialled.close_write().unwrap();
    assert_eq!(errno(dialled.write(b"x")), Some(Errno::EPIPE));
    dialled.close_write().unwrap();
    let mut got = Vec::new();
    (&dialled).read_to_end(&mut got).unwrap();
    assert!(got == sent);
    let accepted = echo.join().unwrap();
    accepted.close().unwrap();
    assert_eq!(dialled.read(&mut [0; 4]).unwrap(), 0);
}

#[test]
fn records_keep_their_borders() {
    let name = format!("@sidestep-records-{}", std::process::id());
    let (_listener, dialled, accepted) = pair("unixpacket", &name);
    accepted.write(b"one").unwrap();
    accepted.write(b"two").unwrap();
    let mut octets = [0; 8];
    assert_eq!(dialled.read(&mut octets[..2]).unwrap(), 2);
    assert_eq!(&octets[..2], b"on");
    assert_eq!(dialled.read(&mut octets).unwrap(), 3);
    assert_eq!(&octets[..3], b"two");
    accepted.close().unwrap();
    assert_eq!(dialled.read(&mut octets).unwrap(), 0);
    assert_eq!(
        text(dialled.write(b"x")),
        format!("write unixpacket @->{name}: write: broken pipe")
    );
}

#[test]
fn errors_of_a_stream_have_gos_texts() {
    let dir = Directory::new();
    let path = dir.path("s");
    let (_listener, dialled, accepted) = pair("unix", &path);
    dialled.set_read_deadline(Deadline::past()).unwrap();
    let error = dialled.read(&mut [0]).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("read unix @->{path}: i/o timeout")
    );
    assert!(error.timeout());
    accepted.close().unwrap();
    assert_eq!(
        text(accepted.read(&mut [0])),
        format!("read unix {path}->@: use of closed network connection")
    );
    assert_eq!(
        text(accepted.close()),
        format!("close unix {path}->@: use of closed network connection")
    );
    assert_eq!(
        text(accepted.set_deadline(Deadline::NONE)),
        format!("set unix {path}: use of closed network connection")
    );
    assert_eq!(
        text(dialled.write(b"x")),
        format!("write unix @->{path}: write: broken pipe")
    );
    dialled.close().unwrap();
    assert_eq!(
        text(dialled.close_write()),
        format!("close unix @->{path}: use of closed network connection")
    );
}

#[test]
fn datagrams_are_whole_or_cut_and_name_their_sender() {
    let dir = Directory::new();
    let here = datagram_socket(&dir.path("here"));
    let there = datagram_socket(&dir.path("there"));
    assert_eq!(here.remote_addr(), None);
    let to = there.local_addr();
    let mut octets = [0; 16];
    for message in [&b"hello"[..], b""] {
        assert_eq!(here.write_to_unix(message, to).unwrap(), message.len());
        let (len, from) = there.read_from_unix(&mut octets).unwrap();
        assert_eq!(&octets[..len], message);
        assert_eq!(from.as_ref(), Some(here.local_addr()));
    }
    here.write_to_unix(b"longer than that", to).unwrap();
    let (len, _) = there.read_from_unix(&mut octets[..6]).unwrap();
    assert_eq!(&octets[..len], b"longer");
    here.write_to_unix(b"longer than that", to).unwrap();
    let message = there.read_msg_unix(&mut octets[..6], 0).unwrap();
    assert_eq!((message.n, message.truncated), (6, true));
    assert_eq!(message.from.as_ref(), Some(here.local_addr()));

    // A sender without a name has no address.
    let unnamed = Net::host().dial_unix("unixgram", None, to).unwrap();
    assert_eq!(unnamed.local_addr().to_string(), "@");
    unnamed.write(b"anon").unwrap();
    assert_eq!(there.read_from_unix(&mut octets).unwrap(), (4, None));
    let path = dir.path("there");
    there.close().unwrap();
    assert!(Path::new(&path).exists(), "as in Go, the file stays");
    assert_eq!(
        text(unnamed.write(b"x")),
        format!("write unixgram @->{path}: write: connection refused")
    );
}

#[test]
fn what_datagram_sockets_refuse() {
    let dir = Directory::new();
    let (path, nobody) = (dir.path("g"), dir.path("nobody"));
    let socket = datagram_socket(&path);
    let to = socket.local_addr().clone();
    assert_eq!(
        text(socket.write(b"x")),
        format!("write unixgram {path}: write: transport endpoint is not connected")
    );
    assert_eq!(
        text(socket.write_to_unix(b"x", &UnixAddr::datagram(nobody.as_str()))),
        format!("write unixgram {path}->{nobody}: sendto: no such file or directory")
    );
    assert_eq!(
        text(socket.write_to_unix(b"x", &UnixAddr::stream(nobody.as_str()))),
        format!("write unixgram {path}->{nobody}: address family not supported by protocol")
    );
    let udp = NetAddr::UDP("192.0.2.4:5".parse::<UDPAddr>().unwrap());
    assert_eq!(
        text(PacketConn::write_to(&socket, b"x", &udp)),
        format!("write unixgram {path}->192.0.2.4:5: invalid argument")
    );
    let conn = Net::host().dial_unix("unixgram", None, &to).unwrap();
    let refused = format!("write unixgram @->{path}: use of WriteTo with pre-connected connection");
    assert_eq!(text(conn.write_to_unix(b"x", &to)), refused);
    assert_eq!(text(conn.write_msg_unix(b"x", &[], Some(&to))), refused);
    assert_eq!(
        conn.write_to_unix(b"x", &to).unwrap_err().err(),
        &Cause::WriteToConnected
    );
    assert_eq!(
        text(conn.write(&vec![0; 1 << 20])),
        format!("write unixgram @->{path}: write: message too long")
    );
}

#[test]
fn a_datagram_socket_may_be_dialled_from_a_name_alone() {
    let dir = Directory::new();
    let local = UnixAddr::datagram(dir.path("h"));
    let socket = Net::host()
        .dial_unix("unixgram", Some(&local), &UnixAddr::datagram(""))
        .unwrap();
    assert_eq!((socket.local_addr(), socket.remote_addr()), (&local, None));
    let peer = Net::host().dial_unix("unixgram", None, &local).unwrap();
    peer.write(b"x").unwrap();
    assert_eq!(socket.read(&mut [0; 2]).unwrap(), 1);
    assert_eq!(UnixKind::Datagram, socket.local_addr().net);
}

#[test]
fn descriptors_travel_with_octets() {
    let dir = Directory::new();
    let file_path = dir.path("file");
    fs::write(&file_path, b"content").unwrap();
    let file = fs::File::open(&file_path).unwrap();
    let name = |kind: &str| format!("@sidestep-rights-{kind}-{}", std::process::id());
    for network in ["unix", "unixpacket"] {
        let (_listener, here, there) = pair(network, &name(network));
        let passed = [file.as_fd(), file.as_fd()];
        // With octets, and without: then one travels for them that nobody sees.
        for octets in [&b"take this"[..], b""] {
            assert_eq!(
                here.write_msg_unix(octets, &passed, None).unwrap(),
                octets.len()
            );
            let mut buffer = vec![0; octets.len()];
            let message = there.read_msg_unix(&mut buffer, 2).unwrap();
            assert_eq!((message.n, &buffer[..]), (octets.len(), octets));
            assert!(!message.truncated && !message.descriptors_truncated);
            assert_eq!(message.descriptors.len(), 2);
            for descriptor in message.descriptors {
                use std::os::unix::fs::MetadataExt;
                let got = fs::File::from(descriptor).metadata().unwrap().ino();
                assert_eq!(got, file.metadata().unwrap().ino());
            }
        }
        here.write(b"end").unwrap();
        let mut buffer = [0; 8];
        let message = there.read_msg_unix(&mut buffer, 2).unwrap();
        assert_eq!((message.n, message.descriptors.len()), (3, 0));
    }
}

#[test]
fn descriptors_that_nobody_asked_for_are_closed_and_told() {
    let dir = Directory::new();
    let socket = datagram_socket(&dir.path("g"));
    let file = fs::File::open("/dev/null").unwrap();
    let conn = Net::host()
        .dial_unix("unixgram", None, socket.local_addr())
        .unwrap();
    let mut buffer = [0; 8];
    for wanted in [0, 1] {
        conn.write_msg_unix(b"x", &[file.as_fd(); 4], None).unwrap();
        let message = socket.read_msg_unix(&mut buffer, wanted).unwrap();
        assert!(message.descriptors_truncated, "{wanted}");
        assert_eq!(message.descriptors.len(), wanted);
    }
    assert_eq!(
        errno(conn.write_msg_unix(b"x", &vec![file.as_fd(); 254], None)),
        Some(Errno::EINVAL)
    );
    assert_eq!(
        conn.write_msg_unix(b"x", &vec![file.as_fd(); 253], None)
            .unwrap(),
        1
    );
    assert_eq!(
        socket
            .read_msg_unix(&mut buffer, 253)
            .unwrap()
            .descriptors
            .len(),
        253
    );
}

#[test]
fn close_wakes_readers_writers_and_accepts() {
    let dir = Directory::new();
    let (listener, dialled, _accepted) = pair("unix", &dir.path("s"));
    dialled.set_deadline(Deadline::NONE).unwrap();
    let wait = |call: Box<dyn Fn() -> OpError + Send>| {
        let tid = std::sync::Arc::new(AtomicU32::new(0));
        let tell = std::sync::Arc::clone(&tid);
        let handle = thread::spawn(move || {
            tell.store(own_tid(), Ordering::Release);
            call()
        });
        until_blocked(&handle, &tid);
        handle
    };
    let (reader, writer, acceptor) = (dialled.clone(), dialled.clone(), listener.clone());
    let waiting = [
        wait(Box::new(move || reader.read(&mut [0]).unwrap_err())),
        wait(Box::new(move || {
            writer.write(&vec![0; 8 << 20]).unwrap_err()
        })),
        wait(Box::new(move || acceptor.accept_unix().unwrap_err())),
    ];
    dialled.close().unwrap();
    listener.close().unwrap();
    for handle in waiting {
        let error = handle.join().unwrap();
        assert!(error.is_closed(), "{error}");
    }
}

#[test]
fn a_write_that_times_out_says_how_much_was_taken() {
    let dir = Directory::new();
    let (_listener, dialled, accepted) = pair("unix", &dir.path("s"));
    dialled
        .set_write_deadline(Duration::from_millis(20))
        .unwrap();
    let error = dialled.write(&vec![7; 8 << 20]).unwrap_err();
    assert!(error.timeout() && error.written() > 0);
    dialled.close_write().unwrap();
    let mut got = Vec::new();
    (&accepted).read_to_end(&mut got).unwrap();
    assert_eq!(got.len(), error.written());
}

#[test]
fn concurrent_writes_are_not_mixed() {
    let dir = Directory::new();
    let (_listener, dialled, accepted) = pair("unix", &dir.path("s"));
    const EACH: usize = 600_000;
    let writers: Vec<_> = (1..=3_u8)
        .map(|letter| {
            let conn = dialled.clone();
            thread::spawn(move || conn.write(&vec![letter; EACH]).unwrap())
        })
        .collect();
    let mut got = vec![0; 3 * EACH];
    (&accepted).read_exact(&mut got).unwrap();
    for call in got.chunks(EACH) {
        assert!(call.iter().all(|octet| *octet == call[0]));
    }
    for writer in writers {
        assert_eq!(writer.join().unwrap(), EACH);
    }
}

#[test]
fn a_deadline_of_a_listener_holds_for_accept_only() {
    let dir = Directory::new();
    let path = dir.path("s");
    let (listener, dialled, accepted) = pair("unix", &path);
    listener.set_deadline(Deadline::past()).unwrap();
    assert_eq!(
        text(listener.accept_unix()),
        format!("accept unix {path}: i/o timeout")
    );
    dialled.write(b"x").unwrap();
    assert_eq!(accepted.read(&mut [0; 2]).unwrap(), 1);
    listener.set_deadline(Deadline::NONE).unwrap();
    let _second = Net::host().dial("unix", &path).unwrap();
    assert!(listener.accept_unix().is_ok());
    listener.close().unwrap();
    assert_eq!(
        text(listener.set_deadline(Deadline::NONE)),
        format!("set unix {path}: use of closed network connection")
    );
    assert_eq!(
        text(listener.accept()),
        format!("accept unix {path}: use of closed network connection")
    );
}

#[test]
fn a_second_descriptor_outlives_the_first() {
    let dir = Directory::new();
    let (listener, dialled, accepted) = pair("unix", &dir.path("s"));
    let kept = dialled.file().unwrap();
    dialled.close().unwrap();
    let again = sidestep::conn_from_fd(kept).unwrap();
    again.write(b"still here").unwrap();
    let mut octets = [0; 16];
    assert_eq!(accepted.read(&mut octets).unwrap(), 10);
    assert!(matches!(again, AnyConn::Unix(_)));
    assert!(dialled.file().unwrap_err().is_closed());

    let kept = listener.file().unwrap();
    listener.close().unwrap();
    let listener = sidestep::listener_from_fd(kept).unwrap();
    assert_eq!(listener.addr().to_string(), dir.path("s"));
}
