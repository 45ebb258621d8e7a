//! `sidestep nc`: standard input to a connection, and the connection to standard output.
//!
//! Each direction ends by itself (RFC 9293 §3.6, case 3): the end of the input is a FIN, and what the
//! peer still has to say is printed. The command ends when both have ended.

use std::io::{self, Read as _, Write as _};
use std::thread;
use std::time::Duration;

use clap::Args;
use sidestep::{
    AnyConn, AnyPacketConn, Deadline, Net, NetAddr, NetError as _, OpError, join_host_port,
};

use super::options::{FamilyOptions, StackOptions, seconds};
use super::{Failure, output};

const HELP: &str = "\
Each line or block of input is one datagram with -u. With -u the command ends when the input has ended
and no datagram came for -w seconds (2 without it).

Examples:
  sidestep nc -l 7000                       # then: nc 192.0.2.2 7000
  sidestep nc 192.0.2.1 7000 < file
  sidestep nc -6 -w 5 example.com 80
  sidestep nc -u 192.0.2.1 7000
  sidestep nc --memory 192.0.2.1 7          # no rights needed: the peer echoes";

/// Connects standard input and output with a TCP connection or a UDP peer
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// HOST PORT to dial; PORT alone, or HOST PORT of our own, to listen
    #[arg(required = true, num_args = 1..=2, value_names = ["HOST", "PORT"])]
    words: Vec<String>,
    /// Waits for one peer instead of dialing
    #[arg(short = 'l', long)]
    listen: bool,
    /// UDP instead of TCP
    #[arg(short = 'u', long)]
    udp: bool,
    /// Seconds after which dialing, or a silent peer, is given up
    #[arg(short = 'w', long, value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<Duration>,
    #[command(flatten)]
    family: FamilyOptions,
    #[command(flatten)]
    stack: StackOptions,
}

/// Octets that are read and written at a time.
const CHUNK_OCTETS: usize = 64 * 1024;
/// The most octets of a datagram over IPv4.
const DATAGRAM_OCTETS_MAX: usize = 65_507;
/// How long a UDP peer may stay silent after the end of the input.
const UDP_SILENCE: Duration = Duration::from_secs(2);

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let address = arguments.address()?;
    let up = arguments.stack.bring_up()?;
    let net = up.net();
    match (arguments.udp, arguments.listen) {
        (false, false) => {
            let conn = arguments.dial(net, arguments.family.tcp(), &address)?;
            stream(&conn, arguments.timeout)
        }
        (false, true) => {
            let listener = net.listen(arguments.family.tcp(), &address)?;
            output::remark(format_args!("listening at tcp {}", listener.addr()));
            let conn = listener.accept()?;
            listener.close()?;
            if let Some(peer) = conn.remote_addr() {
                output::remark(format_args!("connection from {peer}"));
            }
            stream(&conn, arguments.timeout)
        }
        (true, false) => {
            let conn = arguments.dial(net, arguments.family.udp(), &address)?;
            datagrams(&Peer::Dialed(conn), arguments.timeout)
        }
        (true, true) => {
            let socket = net.listen_packet(arguments.family.udp(), &address)?;
            output::remark(format_args!("listening at udp {}", socket.local_addr()));
            let peer = first_datagram(socket)?;
            datagrams(&peer, arguments.timeout)
        }
    }
}

impl Arguments {
    /// What `dial` or `listen` takes.
    fn address(&self) -> Result<String, Failure> {
        match (self.words.as_slice(), self.listen) {
            ([host, port], _) => Ok(join_host_port(host, port)),
            ([port], true) => Ok(join_host_port("", port)),
            _ => Err(Failure::Usage("nc needs HOST and PORT, or -l and PORT")),
        }
    }

    fn dial(&self, net: &Net, network: &str, address: &str) -> Result<AnyConn, OpError> {
        match self.timeout {
            Some(timeout) => net.dial_timeout(network, address, timeout),
            None => net.dial(network, address),
        }
    }
}

/// Both directions of a stream, each to its own end.
fn stream(conn: &AnyConn, timeout: Option<Duration>) -> Result<(), Failure> {
    let sending = conn.clone();
    let sender = thread::Builder::new()
        .name("sidestep-stdin".to_owned())
        .spawn(move || send_input(&sending))
        .map_err(Failure::Machine)?;
    print_stream(conn, timeout)?;
    match sender.join() {
        Ok(outcome) => outcome?,
        Err(_) => return Err(Failure::Said),
    }
    conn.close()?;
    Ok(())
}

fn send_input(conn: &AnyConn) -> Result<(), Failure> {
    let mut input = io::stdin().lock();
    let mut room = vec![0; CHUNK_OCTETS];
    loop {
        let octets = input.read(&mut room).map_err(Failure::Terminal)?;
        if octets == 0 {
            // Only a stream has two directions that end apart.
            if let Some(stream) = conn.as_tcp() {
                stream.close_write()?;
            }
            return Ok(());
        }
        conn.write(room.get(..octets).unwrap_or_default())?;
    }
}

fn print_stream(conn: &AnyConn, timeout: Option<Duration>) -> Result<(), Failure> {
    let mut room = vec![0; CHUNK_OCTETS];
    loop {
        if let Some(timeout) = timeout {
            conn.set_read_deadline(Deadline::from(timeout))?;
        }
        let octets = conn.read(&mut room)?;
        if octets == 0 {
            return Ok(());
        }
        print(room.get(..octets).unwrap_or_default())?;
    }
}

fn print(octets: &[u8]) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    output
        .write_all(octets)
        .and_then(|()| output.flush())
        .map_err(Failure::Terminal)
}

/// One UDP peer.
#[derive(Clone, Debug)]
enum Peer {
    Dialed(AnyConn),
    Heard {
        socket: AnyPacketConn,
        address: NetAddr,
    },
}

impl Peer {
    fn send(&self, octets: &[u8]) -> Result<(), OpError> {
        match self {
            Self::Dialed(conn) => conn.write(octets).map(|_| ()),
            Self::Heard { socket, address } => socket.write_to(octets, address).map(|_| ()),
        }
    }

    fn receive(&self, room: &mut [u8], deadline: Deadline) -> Result<usize, OpError> {
        match self {
            Self::Dialed(conn) => {
                conn.set_read_deadline(deadline)?;
                conn.read(room)
            }
            Self::Heard { socket, address } => {
                socket.set_read_deadline(deadline)?;
                loop {
                    let (octets, from) = socket.read_from(room)?;
                    // The first peer has the word; the others are not heard.
                    if from == *address {
                        return Ok(octets);
                    }
                }
            }
        }
    }
}

fn first_datagram(socket: AnyPacketConn) -> Result<Peer, Failure> {
    let mut room = vec![0; 65_535];
    let (octets, address) = socket.read_from(&mut room)?;
    output::remark(format_args!("datagrams from {address}"));
    print(room.get(..octets).unwrap_or_default())?;
    Ok(Peer::Heard { socket, address })
}

fn datagrams(peer: &Peer, timeout: Option<Duration>) -> Result<(), Failure> {
    let sending = peer.clone();
    let sender = thread::Builder::new()
        .name("sidestep-stdin".to_owned())
        .spawn(move || send_datagrams(&sending))
        .map_err(Failure::Machine)?;
    let silence = timeout.unwrap_or(UDP_SILENCE);
    let mut room = vec![0; 65_535];
    loop {
        match peer.receive(&mut room, Deadline::from(silence)) {
            Ok(octets) => print(room.get(..octets).unwrap_or_default())?,
            Err(error) if error.timeout() && timeout.is_none() && !sender.is_finished() => {}
            Err(error) if error.timeout() => break,
            Err(error) => return Err(error.into()),
        }
    }
    if sender.is_finished() {
        return sender.join().unwrap_or(Err(Failure::Said));
    }
    Ok(())
}

fn send_datagrams(peer: &Peer) -> Result<(), Failure> {
    let mut input = io::stdin().lock();
    let mut room = vec![0; DATAGRAM_OCTETS_MAX];
    loop {
        let octets = input.read(&mut room).map_err(Failure::Terminal)?;
        if octets == 0 {
            return Ok(());
        }
        peer.send(room.get(..octets).unwrap_or_default())?;
    }
}
