//! The kernel's side: std's sockets with an end to every wait.

use std::io;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use sidestep::{TCPConn, TCPListener};
use sidestep_tests::namespace_net::{PATIENCE, World};

/// A connection's two ends.
#[derive(Debug)]
pub(crate) struct Pair {
    /// The kernel's.
    pub(crate) kernel: TcpStream,
    /// Sidestep's.
    pub(crate) sidestep: TCPConn,
}

/// Who dials.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Dialler {
    Kernel,
    Sidestep,
}

/// Both of them.
pub(crate) const BOTH: [Dialler; 2] = [Dialler::Kernel, Dialler::Sidestep];

/// Opens a connection.
pub(crate) fn connect(world: &World, dialler: Dialler) -> Pair {
    match dialler {
        Dialler::Kernel => {
            let listener = sidestep_listener(world);
            let kernel = dial(world, &listener);
            let sidestep = accept_from_kernel(&listener);
            Pair { kernel, sidestep }
        }
        Dialler::Sidestep => {
            let listener = kernel_listener(world);
            let sidestep = dial_kernel(world, &listener);
            let kernel = accept(&listener);
            Pair { kernel, sidestep }
        }
    }
}

/// A listener of Sidestep's on any port.
pub(crate) fn sidestep_listener(world: &World) -> TCPListener {
    let listener = world
        .net
        .listen_tcp("tcp", Some(&world.sidestep(0).into()))
        .expect("a port is free");
    listener.set_deadline(PATIENCE).expect("it is open");
    listener
}

/// The next connection that the kernel dialled.
pub(crate) fn accept_from_kernel(listener: &TCPListener) -> TCPConn {
    let conn = listener.accept_tcp().expect("the kernel dialled");
    conn.set_deadline(PATIENCE).expect("it is open");
    conn
}

/// The kernel dials a listener of Sidestep's.
pub(crate) fn dial(world: &World, listener: &TCPListener) -> TcpStream {
    let to = world.sidestep(listener.addr().port);
    patient(TcpStream::connect_timeout(&to, PATIENCE).expect("Sidestep listens"))
}

/// A listener of the kernel's on any port.
pub(crate) fn kernel_listener(world: &World) -> TcpListener {
    TcpListener::bind(world.kernel(0)).expect("a port is free")
}

/// Sidestep dials a listener of the kernel's.
pub(crate) fn dial_kernel(world: &World, listener: &TcpListener) -> TCPConn {
    let to = listener.local_addr().expect("it is bound").into();
    let conn = world
        .net
        .dial_tcp_until("tcp", None, &to, PATIENCE)
        .expect("the kernel listens");
    conn.set_deadline(PATIENCE).expect("it is open");
    conn
}

/// The next connection that Sidestep dialled.
pub(crate) fn accept(listener: &TcpListener) -> TcpStream {
    assert!(is_readable(listener, PATIENCE), "Sidestep dialled");
    patient(listener.accept().expect("one waits").0)
}

fn patient(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
    stream.set_write_timeout(Some(PATIENCE)).expect("not zero");
    stream.set_nodelay(true).expect("it is open");
    stream
}

/// A UDP socket of the kernel's.
pub(crate) fn udp(world: &World) -> UdpSocket {
    let socket = UdpSocket::bind(world.kernel(0)).expect("a port is free");
    socket.set_read_timeout(Some(PATIENCE)).expect("not zero");
    socket.set_write_timeout(Some(PATIENCE)).expect("not zero");
    socket
}

/// True if there is something to read or accept before `patience` ends.
pub(crate) fn is_readable(socket: &impl AsFd, patience: Duration) -> bool {
    let timeout = Timespec {
        tv_sec: patience.as_secs().try_into().expect("short"),
        tv_nsec: patience.subsec_nanos().into(),
    };
    let mut waiting = [PollFd::new(socket, PollFlags::IN)];
    poll(&mut waiting, Some(&timeout)).expect("poll works") > 0
}

/// True if a call of the kernel's ended because its time was up.
pub(crate) fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}
