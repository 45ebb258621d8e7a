//! Sockets that came as descriptors, and descriptors of sockets: on the host's kernel, in a network
//! namespace of the test's own.

mod support;

use std::fs::File;
use std::io::Read;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixDatagram;

use sidestep::{
    AnyListener, Cause, Errno, Net, conn_from_fd, listener_from_fd, packet_conn_from_fd,
};
use support::{PATIENCE, on_kernel};

#[test]
fn a_tcp_connection_of_std_becomes_one_of_ours_and_back() {
    on_kernel("127.0.0.1", "tcp4", "udp4", |_| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let dialled = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut accepted, _) = listener.accept().unwrap();
        let conn = conn_from_fd(dialled.into()).unwrap();
        let conn = conn.as_tcp().unwrap();
        let local = listener.local_addr().unwrap();
        assert_eq!(conn.remote_addr().to_string(), local.to_string());
        conn.set_deadline(PATIENCE).unwrap();
        conn.write(b"hello").unwrap();
        let mut octets = [0; 5];
        accepted.read_exact(&mut octets).unwrap();

        // The descriptor that is given out outlives the connection.
        let kept = TcpStream::from(conn.file().unwrap());
        conn.close().unwrap();
        assert!(conn.file().unwrap_err().is_closed());
        std::io::Write::write_all(&mut &kept, b"again").unwrap();
        accepted.read_exact(&mut octets).unwrap();
        assert_eq!(&octets, b"again");
    });
}

#[test]
fn a_listener_of_std_becomes_one_of_ours() {
    on_kernel("127.0.0.1", "tcp4", "udp4", |_| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let listener = listener_from_fd(listener.into()).unwrap();
        assert_eq!(listener.addr().to_string(), address);
        listener.set_deadline(PATIENCE).unwrap();
        let conn = Net::host().dial("tcp", &address).unwrap();
        let accepted = listener.accept().unwrap();
        assert_eq!(accepted.remote_addr(), Some(conn.local_addr()));
        let AnyListener::TCP(listener) = &listener else {
            panic!("{listener:?}");
        };
        let kept = listener.file().unwrap();
        listener.close().unwrap();
        assert!(Net::host().dial("tcp", &address).is_ok());
        drop(kept);
        assert!(Net::host().dial("tcp", &address).is_err());
    });
}

#[test]
fn sockets_of_datagrams_become_ours() {
    on_kernel("127.0.0.1", "tcp4", "udp4", |_| {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let socket = UdpSocket::bind(address).unwrap();
            let address = socket.local_addr().unwrap().to_string();
            let socket = packet_conn_from_fd(socket.into()).unwrap();
            assert_eq!(socket.local_addr().to_string(), address);
            socket.set_deadline(PATIENCE).unwrap();
            let conn = Net::host().dial("udp", &address).unwrap();
            conn.set_deadline(PATIENCE).unwrap();
            conn.write(b"hello").unwrap();
            let mut octets = [0; 8];
            let (len, from) = socket.read_from(&mut octets).unwrap();
            assert_eq!((len, &from), (5, &conn.local_addr()));
            assert_eq!(socket.write_to(b"back", &from).unwrap(), 4);
            assert_eq!(conn.read(&mut octets).unwrap(), 4);
            let kept = conn.as_udp().unwrap().file().unwrap();
            conn.close().unwrap();
            let again = conn_from_fd(kept).unwrap();
            assert_eq!(again.remote_addr().unwrap().to_string(), address);
        }
    });
}

#[test]
fn a_pair_of_unix_datagrams_becomes_ours() {
    let (ours, theirs) = UnixDatagram::pair().unwrap();
    let ours = packet_conn_from_fd(ours.into()).unwrap();
    assert_eq!(ours.local_addr().to_string(), "@");
    let conn = ours.as_unix().unwrap();
    assert_eq!(conn.remote_addr().unwrap().to_string(), "@");
    assert_eq!(conn.write(b"hello").unwrap(), 5);
    assert_eq!(theirs.recv(&mut [0; 8]).unwrap(), 5);
}

#[test]
fn what_is_no_such_socket_is_refused_in_gos_words() {
    let file = || OwnedFd::from(File::open("/dev/null").unwrap());
    let text = "file file+net: getsockopt: socket operation on non-socket";
    assert_eq!(conn_from_fd(file()).unwrap_err().to_string(), text);
    assert_eq!(listener_from_fd(file()).unwrap_err().to_string(), text);
    assert_eq!(packet_conn_from_fd(file()).unwrap_err().to_string(), text);

    let (one, _other) = UnixDatagram::pair().unwrap();
    let error = listener_from_fd(one.into()).unwrap_err();
    assert_eq!(error.to_string(), "file file+net: invalid argument");
    assert_eq!(error.err(), &Cause::Errno(Errno::EINVAL));
}

#[test]
fn a_descriptor_is_closed_with_what_was_made_of_it() {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let conn = conn_from_fd(ours.into()).unwrap();
    assert!(theirs.as_fd().try_clone_to_owned().is_ok());
    drop(conn);
    assert_eq!((&theirs).read(&mut [0; 1]).unwrap(), 0);
}

#[test]
fn connections_of_the_userspace_stack_have_no_descriptor() {
    let (client, server) = Net::memory_pair().unwrap();
    let listener = server.listen("tcp", ":80").unwrap();
    let conn = client.dial("tcp", "192.0.2.2:80").unwrap();
    let error = conn.as_tcp().unwrap().file().unwrap_err();
    assert_eq!(error.err(), &Cause::NotSupported);
    let error = listener.as_tcp().unwrap().file().unwrap_err();
    assert_eq!(error.err(), &Cause::NotSupported);
}
