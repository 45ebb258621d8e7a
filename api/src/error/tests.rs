use std::error::Error as _;
use std::io;

use sidestep_stack::call::CallRefused;
use sidestep_stack::event::{ConnectionError, LookupError, SocketError};

use super::*;
use crate::address::{IPAddr, NetAddr, TCPAddr, UDPAddr};

fn tcp(text: &str) -> NetAddr {
    text.parse::<TCPAddr>().expect("a literal").into()
}

fn sys(call: SysCall, errno: Errno) -> Cause {
    Cause::sys(call, errno)
}

#[test]
fn the_text_of_every_error_that_was_seen_in_go() {
    let listen = |err: Cause| OpError::new(Op::Listen, "tcp", err);
    let dial = |net: &'static str, err: Cause| OpError::new(Op::Dial, net, err);
    let addr_error = |kind, text| Cause::Addr(AddrError::new(kind, text));
    let cases = [
        (
            listen(addr_error(AddrErrorKind::InvalidPort, "99999")),
            "listen tcp: address 99999: invalid port",
        ),
        (
            dial("tcp4", addr_error(AddrErrorKind::NoSuitableAddress, "::1")),
            "dial tcp4: address ::1: no suitable address found",
        ),
        (
            OpError::new(
                Op::Listen,
                "udp",
                addr_error(AddrErrorKind::UnexpectedAddressType, ":0"),
            )
            .with_addr(NetAddr::from(UDPAddr::default())),
            "listen udp :0: address :0: unexpected address type",
        ),
        (
            dial("tcp", Cause::MissingAddress),
            "dial tcp: missing address",
        ),
        (
            dial(
                "tcp",
                addr_error(AddrErrorKind::MismatchedLocalAddressType, ":0"),
            ),
            "dial tcp: address :0: mismatched local address type",
        ),
        (
            OpError::new(Op::Listen, "foo", UnknownNetworkError("foo".into())),
            "listen foo: unknown network foo",
        ),
        (
            dial("tcp", sys(SysCall::Connect, Errno::ECONNREFUSED)).with_addr(tcp("192.0.2.1:80")),
            "dial tcp 192.0.2.1:80: connect: connection refused",
        ),
        (
            OpError::new(Op::Read, "tcp", sys(SysCall::Read, Errno::ECONNRESET))
                .with_source(tcp("192.0.2.2:1"))
                .with_addr(tcp("[2001:db8::1]:80")),
            "read tcp 192.0.2.2:1->[2001:db8::1]:80: read: connection reset by peer",
        ),
        (
            OpError::new(Op::Write, "tcp", sys(SysCall::Write, Errno::EPIPE)),
            "write tcp: write: broken pipe",
        ),
        (
            OpError::new(Op::Accept, "tcp", Cause::Closed).with_addr(tcp("[::]:80")),
            "accept tcp [::]:80: use of closed network connection",
        ),
        (
            OpError::new(Op::Write, "udp", Cause::WriteToConnected),
            "write udp: use of WriteTo with pre-connected connection",
        ),
        (
            dial("tcp", Cause::Canceled),
            "dial tcp: operation was canceled",
        ),
        (dial("tcp", Cause::Timeout), "dial tcp: i/o timeout"),
        (
            dial(
                "tcp",
                DNSError::new(DNSErrorKind::NoSuchHost, "nowhere")
                    .with_server(Some("192.0.2.53:53"))
                    .into(),
            ),
            "dial tcp: lookup nowhere on 192.0.2.53:53: no such host",
        ),
        (
            dial(
                "ip4",
                IPAddr::default()
                    .to_string()
                    .parse::<IPAddr>()
                    .expect_err("none")
                    .into(),
            ),
            "dial ip4: not an IP address",
        ),
        (
            OpError::new(Op::Set, "tcp", sys(SysCall::SetSockOpt, Errno::EINVAL)),
            "set tcp: setsockopt: invalid argument",
        ),
        (
            OpError::new(Op::Close, "", Cause::Closed),
            "close: use of closed network connection",
        ),
        (
            OpError::new(Op::Read, "tcp", Cause::StackGone).with_source(tcp("192.0.2.2:1")),
            "read tcp 192.0.2.2:1: the network stack is gone",
        ),
        (
            OpError::new(
                Op::ReadFrom,
                "udp",
                sys(SysCall::ReadFrom, Errno::ECONNREFUSED),
            ),
            "readfrom udp: recvfrom: connection refused",
        ),
        (
            OpError::new(Op::File, "unix", Cause::NotSupported),
            "file unix: network not supported",
        ),
        (
            OpError::new(
                Op::Dial,
                "tcp",
                ParseError {
                    kind: "CIDR address",
                    text: "192.0.2.0/33".into(),
                },
            ),
            "dial tcp: invalid CIDR address: 192.0.2.0/33",
        ),
    ];
    for (error, text) in cases {
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn the_text_of_every_look_up_error() {
    let cases = [
        (LookupError::NotFound, "lookup a.example: no such host"),
        (LookupError::NameInvalid, "lookup a.example: no such host"),
        (LookupError::TimedOut, "lookup a.example: i/o timeout"),
        (
            LookupError::ServerFailed,
            "lookup a.example: server misbehaving",
        ),
        (
            LookupError::ServerMisbehaving,
            "lookup a.example: server misbehaving",
        ),
        (
            LookupError::NoServer,
            "lookup a.example: no server can be reached",
        ),
    ];
    for (error, text) in cases {
        assert_eq!(
            DNSError::from_lookup("a.example", &error, None).to_string(),
            text
        );
    }
    let with_server =
        DNSError::from_lookup("a.example", &LookupError::NotFound, Some("192.0.2.53:53"));
    assert_eq!(
        with_server.to_string(),
        "lookup a.example on 192.0.2.53:53: no such host"
    );
}

#[test]
fn the_flags_of_a_look_up_error_say_what_its_kind_is() {
    let of = |error| DNSError::from_lookup("a", &error, None);
    let flags = |e: &DNSError| [e.is_timeout, e.is_temporary, e.is_not_found];
    assert_eq!(flags(&of(LookupError::NotFound)), [false, false, true]);
    assert_eq!(flags(&of(LookupError::TimedOut)), [true, false, false]);
    assert_eq!(flags(&of(LookupError::ServerFailed)), [false, true, false]);
    assert_eq!(
        flags(&of(LookupError::ServerMisbehaving)),
        [false, false, false]
    );
    assert!(of(LookupError::TimedOut).temporary());
    assert!(of(LookupError::ServerFailed).temporary());
    assert!(!of(LookupError::NotFound).temporary());
}

#[test]
fn a_deadline_and_etimedout_are_timeouts_and_nothing_else_is() {
    let op = |err: Cause| OpError::new(Op::Read, "tcp", err);
    assert!(op(Cause::Timeout).timeout());
    assert!(op(sys(SysCall::Read, Errno::ETIMEDOUT)).timeout());
    assert!(op(DNSError::new(DNSErrorKind::Timeout, "a").into()).timeout());
    for cause in [
        Cause::Closed,
        Cause::Canceled,
        Cause::MissingAddress,
        Cause::StackGone,
        sys(SysCall::Connect, Errno::ECONNREFUSED),
        DNSError::new(DNSErrorKind::NoSuchHost, "a").into(),
    ] {
        assert!(!op(cause.clone()).timeout(), "{cause}");
        assert!(!op(cause.clone()).temporary(), "{cause}");
    }
}

#[test]
fn an_aborted_connection_is_temporary_on_accept_only() {
    for errno in [Errno::ECONNABORTED, Errno::ECONNRESET] {
        let cause = sys(SysCall::Accept, errno);
        assert!(OpError::new(Op::Accept, "tcp", cause.clone()).temporary());
        assert!(!OpError::new(Op::Read, "tcp", cause).temporary());
    }
}

#[test]
fn an_io_error_has_the_kind_and_keeps_the_op_error_inside() {
    let cases = [
        (Cause::Timeout, io::ErrorKind::TimedOut),
        (Cause::Closed, io::ErrorKind::NotConnected),
        (Cause::MissingAddress, io::ErrorKind::InvalidInput),
        (
            sys(SysCall::Connect, Errno::ECONNREFUSED),
            io::ErrorKind::ConnectionRefused,
        ),
        (
            sys(SysCall::Read, Errno::ECONNRESET),
            io::ErrorKind::ConnectionReset,
        ),
        (sys(SysCall::Write, Errno::EPIPE), io::ErrorKind::BrokenPipe),
        (
            sys(SysCall::Bind, Errno::EADDRINUSE),
            io::ErrorKind::AddrInUse,
        ),
        (
            sys(SysCall::Bind, Errno::EADDRNOTAVAIL),
            io::ErrorKind::AddrNotAvailable,
        ),
        (
            sys(SysCall::Connect, Errno::EHOSTUNREACH),
            io::ErrorKind::HostUnreachable,
        ),
        (
            sys(SysCall::Connect, Errno::ENETUNREACH),
            io::ErrorKind::NetworkUnreachable,
        ),
        (
            sys(SysCall::Connect, Errno::ETIMEDOUT),
            io::ErrorKind::TimedOut,
        ),
        (sys(SysCall::Read, Errno::EAGAIN), io::ErrorKind::TimedOut),
        (
            sys(SysCall::SetSockOpt, Errno::EINVAL),
            io::ErrorKind::InvalidInput,
        ),
    ];
    for (cause, kind) in cases {
        let error = OpError::new(Op::Read, "tcp", cause).with_written(7);
        let io_error = io::Error::from(error.clone());
        assert_eq!(io_error.kind(), kind, "{error}");
        assert_eq!(OpError::in_io_error(&io_error), Some(&error));
        assert_eq!(
            OpError::in_io_error(&io_error).map(OpError::written),
            Some(7)
        );
        assert_eq!(io_error.to_string(), error.to_string());
    }
}

#[test]
fn the_cause_is_the_source_of_the_error() {
    let error = OpError::new(Op::Dial, "tcp", Cause::Timeout);
    assert_eq!(
        error.source().map(ToString::to_string),
        Some("i/o timeout".into())
    );
    assert!(OpError::new(Op::Close, "tcp", Cause::Closed).is_closed());
    assert!(!error.is_closed());
}

#[test]
fn every_failure_of_the_stack_has_the_number_that_the_kernel_would_give() {
    let connection = [
        (ConnectionError::Refused, Errno::ECONNREFUSED),
        (ConnectionError::Reset, Errno::ECONNRESET),
        (ConnectionError::TimedOut, Errno::ETIMEDOUT),
        (ConnectionError::HostUnreachable, Errno::EHOSTUNREACH),
        (ConnectionError::NetworkUnreachable, Errno::ENETUNREACH),
    ];
    for (error, errno) in connection {
        assert_eq!(Errno::from(error), errno);
        assert_eq!(error.to_string(), errno.to_string(), "the texts agree");
    }
    let socket = [
        (SocketError::Refused, Errno::ECONNREFUSED),
        (SocketError::HostUnreachable, Errno::EHOSTUNREACH),
        (SocketError::NetworkUnreachable, Errno::ENETUNREACH),
        (SocketError::MessageTooLong, Errno::EMSGSIZE),
    ];
    for (error, errno) in socket {
        assert_eq!(Errno::from(error), errno);
        assert_eq!(error.to_string(), errno.to_string(), "the texts agree");
    }
    let refused = |r| Cause::refused(SysCall::Bind, r).errno();
    assert_eq!(refused(CallRefused::AddressInUse), Some(Errno::EADDRINUSE));
    assert_eq!(
        refused(CallRefused::AddressNotOurs),
        Some(Errno::EADDRNOTAVAIL)
    );
    assert_eq!(refused(CallRefused::Closing), Some(Errno::EPIPE));
    assert_eq!(
        refused(CallRefused::Pending(SocketError::Refused)),
        Some(Errno::ECONNREFUSED)
    );
    assert_eq!(
        Cause::refused(SysCall::Read, CallRefused::NoSuchEntry),
        Cause::Closed
    );
}

#[test]
fn an_unknown_number_prints_as_in_go() {
    assert_eq!(Errno::from_raw(133).to_string(), "errno 133");
    assert_eq!(format!("{:?}", Errno::EPIPE), "EPIPE");
}

#[test]
fn a_result_is_small() {
    assert_eq!(size_of::<OpError>(), size_of::<usize>());
}
