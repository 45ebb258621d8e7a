//! How long it takes until a blocked call knows: after a `close`, and after its deadline.
//!
//! `contract_latency` prints the distributions of `all`; a test of the contract takes the best of
//! a few trials, which fails only if the wake-up is missing by design. One [`Trial`] is one blocked
//! call; its thread has the time [`SETTLE`] to reach the call before anything happens to it. The
//! promises are about an idle machine, so a [`Watch`] tells the trials apart that fell on one.

pub mod idle;

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketType, bind, getsockname, listen, socket};
use sidestep::{
    Conn, Deadline, Net, NetError, OpError, TCPConn, TCPListener, UDPConn, UnixAddr, future,
};
use tokio::runtime::Handle;

use idle::Watch;

/// A blocked call may take so long to be reached.
pub const SETTLE: Duration = Duration::from_millis(2);

/// A deadline lies so far ahead when the call begins.
const AHEAD: Duration = Duration::from_millis(5);

/// A call that does not return for so long never will.
const PATIENCE: Duration = Duration::from_secs(10);

/// More than the buffers between two ends hold.
const TOO_MUCH: usize = 48 << 20;

/// What is done to a blocked call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Wake {
    /// Its connection, listener or socket is closed.
    Close,
    /// Its deadline comes.
    Deadline,
}

impl Wake {
    /// What the contract allows on an idle machine.
    pub const fn limit(self) -> Duration {
        match self {
            Self::Close => Duration::from_millis(10),
            Self::Deadline => Duration::from_millis(2),
        }
    }
}

/// A way to find out once how long it takes.
pub type Trial = Box<dyn FnMut() -> Result<Duration, Box<dyn std::error::Error>>>;

/// Something to measure.
pub struct Measurement {
    /// What call, on what.
    pub name: String,
    /// What happens to it.
    pub wake: Wake,
    /// Finds out once.
    pub trial: Trial,
}

/// How long it took, over several trials.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Distribution {
    /// The shortest.
    pub min: Duration,
    /// Half are shorter.
    pub median: Duration,
    /// One in a hundred is longer.
    pub p99: Duration,
    /// The longest.
    pub max: Duration,
}

impl Distribution {
    /// Of at least one time.
    pub fn of(mut times: Vec<Duration>) -> Option<Self> {
        times.sort();
        let last = times.len().checked_sub(1)?;
        let at = |part: usize| times[last * part / 100];
        Some(Self {
            min: at(0),
            median: at(50),
            p99: at(99),
            max: at(100),
        })
    }
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = |time: Duration| time.as_secs_f64() * 1e6;
        write!(
            f,
            "{:>9.1} {:>9.1} {:>9.1} {:>9.1}",
            micros(self.min),
            micros(self.median),
            micros(self.p99),
            micros(self.max)
        )
    }
}

impl Measurement {
    fn new(
        name: impl Into<String>,
        wake: Wake,
        trial: impl FnMut() -> Result<Duration, Box<dyn std::error::Error>> + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            wake,
            trial: Box::new(trial),
        }
    }

    /// Finds out until `trials` trials, at least one, fell on an idle machine. One that did not is set
    /// aside; as many of those end it early.
    ///
    /// # Errors
    ///
    /// A call did not return, or not with what it must.
    pub fn run(
        &mut self,
        trials: usize,
        watch: &Watch,
    ) -> Result<Measured, Box<dyn std::error::Error>> {
        let trials = trials.max(1);
        let mut times = Vec::new();
        let mut set_aside = Vec::new();
        while times.len() < trials && set_aside.len() <= trials {
            let time = (self.trial)()?;
            let returned = Instant::now();
            if watch.was_idle(returned - time - MARGIN, returned) {
                times.push(time);
            } else {
                set_aside.push(time);
            }
        }
        Ok(Measured { times, set_aside })
    }
}

/// So long before the moment that wakes a call, the machine has to be idle, too.
const MARGIN: Duration = Duration::from_millis(1);

/// What was found out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Measured {
    /// How long the call took to know, each time.
    pub times: Vec<Duration>,
    /// The same when a watcher of the machine was not woken in time either.
    pub set_aside: Vec<Duration>,
}

impl Measured {
    /// Whether one in a hundred took longer than `limit`.
    pub fn is_late(&self, limit: Duration) -> bool {
        Distribution::of(self.times.clone()).is_none_or(|times| times.p99 > limit)
    }

    /// Whether too few trials fell on an idle machine to know.
    pub const fn was_disturbed(&self) -> bool {
        self.set_aside.len() > self.times.len()
    }
}

/// When a call returned, and how.
type Returned = (Instant, Option<OpError>);

/// Blocks `call` in a thread, does `wake`, and says how long after that moment the call returned.
fn blocked<T>(
    call: impl FnOnce() -> Result<T, OpError> + Send + 'static,
    wake: impl FnOnce() -> Result<Instant, OpError>,
) -> Result<(Duration, OpError), Box<dyn std::error::Error>> {
    let (tell, told) = channel::<Returned>();
    thread::spawn(move || {
        let result = call();
        let _ = tell.send((Instant::now(), result.err()));
    });
    woken(&told, wake)
}

/// As [`blocked`], for a call that is a task of `runtime`.
fn blocked_task<T>(
    runtime: &Handle,
    call: impl Future<Output = Result<T, OpError>> + Send + 'static,
    wake: impl FnOnce() -> Result<Instant, OpError>,
) -> Result<(Duration, OpError), Box<dyn std::error::Error>> {
    let (tell, told) = channel::<Returned>();
    runtime.spawn(async move {
        let result = call.await;
        let _ = tell.send((Instant::now(), result.err()));
    });
    woken(&told, wake)
}

fn woken(
    told: &Receiver<Returned>,
    wake: impl FnOnce() -> Result<Instant, OpError>,
) -> Result<(Duration, OpError), Box<dyn std::error::Error>> {
    thread::sleep(SETTLE);
    let woken = wake()?;
    let (returned, error) = told
        .recv_timeout(PATIENCE)
        .map_err(|_| "a call never returned")?;
    let error = error.ok_or("a call succeeded that should have been blocked")?;
    if returned < woken {
        return Err(format!("a call returned before its time: {error}").into());
    }
    Ok((returned - woken, error))
}

fn after_close<T>(
    call: impl FnOnce() -> Result<T, OpError> + Send + 'static,
    close: impl FnOnce() -> Result<(), OpError>,
) -> Result<Duration, Box<dyn std::error::Error>> {
    was_closed(blocked(call, || {
        let now = Instant::now();
        close()?;
        Ok(now)
    })?)
}

fn was_closed((time, error): (Duration, OpError)) -> Result<Duration, Box<dyn std::error::Error>> {
    if !error.is_closed() {
        return Err(format!("not closed: {error}").into());
    }
    Ok(time)
}

fn after_deadline<T>(
    at: Instant,
    call: impl FnOnce() -> Result<T, OpError> + Send + 'static,
) -> Result<Duration, Box<dyn std::error::Error>> {
    timed_out(blocked(call, || Ok(at))?)
}

fn timed_out((time, error): (Duration, OpError)) -> Result<Duration, Box<dyn std::error::Error>> {
    if !error.timeout() {
        return Err(format!("no timeout: {error}").into());
    }
    Ok(time)
}

/// A network to measure on.
#[derive(Clone, Debug)]
pub struct Place {
    /// What it is called.
    pub name: &'static str,
    /// Who dials.
    pub client: Net,
    /// Who listens.
    pub server: Net,
    /// The server's IPv4 address.
    pub host: &'static str,
    /// An address and port to dial that never answers.
    pub silent: String,
}

impl Place {
    /// Two stacks on a cable in memory.
    pub fn stack() -> Self {
        let (client, server) = Net::memory_pair().expect("memory is enough");
        Self {
            name: "stack",
            client,
            server,
            host: "192.0.2.2",
            silent: "192.0.2.77:9".into(),
        }
    }

    /// The kernel, over the loopback of this thread's namespace.
    ///
    /// # Errors
    ///
    /// It gives no socket.
    pub fn kernel() -> io::Result<(Self, Deaf)> {
        let deaf = Deaf::new()?;
        let place = Self {
            name: "kernel",
            client: Net::host(),
            server: Net::host(),
            host: "127.0.0.1",
            silent: deaf.address.to_string(),
        };
        Ok((place, deaf))
    }

    fn listen(&self) -> Result<TCPListener, Box<dyn std::error::Error>> {
        let local = format!("{}:0", self.host).parse()?;
        Ok(self.server.listen_tcp("tcp", Some(&local))?)
    }

    fn pair(&self) -> Result<(TCPConn, TCPConn), Box<dyn std::error::Error>> {
        let listener = self.listen()?;
        let dialled = self.client.dial_tcp("tcp", None, listener.addr())?;
        Ok((dialled, listener.accept_tcp()?))
    }

    fn socket(&self) -> Result<UDPConn, Box<dyn std::error::Error>> {
        let local = format!("{}:0", self.host).parse()?;
        Ok(self.server.listen_udp("udp", Some(&local))?)
    }
}

/// A listener of the kernel's whose queue is full: who dials it gets no answer.
#[derive(Debug)]
pub struct Deaf {
    address: SocketAddrV4,
    /// Kept open.
    _listener: OwnedFd,
    _queued: Vec<sidestep::AnyConn>,
}

impl Deaf {
    fn new() -> io::Result<Self> {
        let listener = socket(AddressFamily::INET, SocketType::STREAM, None)?;
        bind(&listener, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
        listen(&listener, 0)?;
        let address = SocketAddrV4::try_from(getsockname(&listener)?)?;
        let mut queued = Vec::new();
        let soon = Duration::from_millis(50);
        // The queue takes one or two; from then on SYNs are dropped.
        while let Ok(conn) = Net::host().dial_timeout("tcp", &address.to_string(), soon) {
            queued.push(conn);
        }
        Ok(Self {
            address,
            _listener: listener,
            _queued: queued,
        })
    }
}

/// Every blocked call of a stream whose pairs `make` makes; a write of `blocking_octets` blocks.
fn of_pairs<C: Conn + Clone + 'static>(
    name: &str,
    blocking_octets: usize,
    make: impl Fn() -> Result<(C, C), Box<dyn std::error::Error>> + Clone + 'static,
) -> Vec<Measurement> {
    let read = |conn: &C| {
        let conn = conn.clone();
        move || conn.read(&mut [0; 64])
    };
    let write = move |conn: &C| {
        let conn = conn.clone();
        // Allocated before the call is blocked, and never touched.
        let octets = vec![0; blocking_octets];
        move || conn.write(&octets)
    };
    let makes = [make.clone(), make.clone(), make.clone(), make];
    let [for_read, for_write, for_read_at, for_write_at] = makes;
    vec![
        Measurement::new(format!("{name} read"), Wake::Close, move || {
            let (here, _there) = for_read()?;
            after_close(read(&here), || here.close())
        }),
        Measurement::new(format!("{name} write"), Wake::Close, move || {
            let (here, _there) = for_write()?;
            after_close(write(&here), || here.close())
        }),
        Measurement::new(format!("{name} read"), Wake::Deadline, move || {
            let (here, _there) = for_read_at()?;
            let call = read(&here);
            let at = Instant::now() + AHEAD;
            here.set_deadline(at.into())?;
            after_deadline(at, call)
        }),
        Measurement::new(format!("{name} write"), Wake::Deadline, move || {
            let (here, _there) = for_write_at()?;
            let call = write(&here);
            // Filling the buffers takes its time, too.
            let at = Instant::now() + AHEAD * 4;
            here.set_deadline(at.into())?;
            after_deadline(at, call)
        }),
    ]
}

/// Everything that can be blocked on a pipe and on Unix sockets.
pub fn of_local() -> Vec<Measurement> {
    let mut all = of_pairs("pipe", 64, || Ok(sidestep::pipe()));
    all.extend(of_pairs("unix", TOO_MUCH, || {
        let host = Net::host();
        let listener = host.listen_unix("unix", &UnixAddr::stream(""))?;
        let dialled = host.dial_unix("unix", None, listener.addr())?;
        Ok((dialled, listener.accept_unix()?))
    }));
    all
}

/// Everything that can be blocked on a network.
pub fn of_place(place: &Place) -> Vec<Measurement> {
    let pairs = place.clone();
    let name = place.name;
    let mut all = of_pairs(&format!("{name} tcp"), TOO_MUCH, move || pairs.pair());
    let here = || place.clone();
    let (one, two, three, four, five) = (here(), here(), here(), here(), here());
    all.push(Measurement::new(
        format!("{name} accept"),
        Wake::Close,
        move || {
            let listener = one.listen()?;
            let call = listener.clone();
            after_close(move || call.accept(), || listener.close())
        },
    ));
    all.push(Measurement::new(
        format!("{name} accept"),
        Wake::Deadline,
        move || {
            let listener = two.listen()?;
            let call = listener.clone();
            let at = Instant::now() + AHEAD;
            listener.set_deadline(at)?;
            after_deadline(at, move || call.accept())
        },
    ));
    all.push(Measurement::new(
        format!("{name} dial"),
        Wake::Deadline,
        move || {
            let (client, silent) = (three.client.clone(), three.silent.clone());
            let at = Instant::now() + AHEAD;
            let deadline = Deadline::from(at);
            after_deadline(at, move || client.dial_until("tcp", &silent, deadline))
        },
    ));
    all.push(Measurement::new(
        format!("{name} udp read"),
        Wake::Close,
        move || {
            let socket = four.socket()?;
            let call = socket.clone();
            after_close(move || call.read_from(&mut [0; 64]), || socket.close())
        },
    ));
    all.push(Measurement::new(
        format!("{name} udp read"),
        Wake::Deadline,
        move || {
            let socket = five.socket()?;
            let call = socket.clone();
            let at = Instant::now() + AHEAD;
            socket.set_deadline(at)?;
            after_deadline(at, move || call.read_from(&mut [0; 64]))
        },
    ));
    all
}

/// What one trial of a task finds out; `wake` says which of the two.
fn task_trial<T, F>(
    runtime: &Handle,
    wake: Wake,
    set_deadline: impl FnOnce(Deadline) -> Result<(), OpError>,
    close: impl FnOnce() -> Result<(), OpError>,
    call: F,
) -> Result<Duration, Box<dyn std::error::Error>>
where
    F: Future<Output = Result<T, OpError>> + Send + 'static,
{
    match wake {
        Wake::Close => was_closed(blocked_task(runtime, call, || {
            let now = Instant::now();
            close()?;
            Ok(now)
        })?),
        Wake::Deadline => {
            let at = Instant::now() + AHEAD * 4;
            set_deadline(at.into())?;
            timed_out(blocked_task(runtime, call, || Ok(at))?)
        }
    }
}

/// Everything that can be blocked on a network, as tasks of `runtime`.
pub fn of_tasks(place: &Place, runtime: &Handle) -> Vec<Measurement> {
    let mut all = Vec::new();
    for wake in [Wake::Close, Wake::Deadline] {
        let name = |what: &str| format!("{} task {what}", place.name);
        let (here, on) = (place.clone(), runtime.clone());
        all.push(Measurement::new(name("read"), wake, move || {
            let (conn, _peer) = here.pair()?;
            let task = future::TCPConn::from(conn.clone());
            let call = async move { task.read(&mut [0; 64]).await };
            let set = |deadline| conn.set_read_deadline(deadline);
            task_trial(&on, wake, set, || conn.close(), call)
        }));
        let (here, on) = (place.clone(), runtime.clone());
        all.push(Measurement::new(name("write"), wake, move || {
            let (conn, _peer) = here.pair()?;
            let task = future::TCPConn::from(conn.clone());
            let octets = vec![0; TOO_MUCH];
            let call = async move { task.write(&octets).await };
            let set = |deadline| conn.set_write_deadline(deadline);
            task_trial(&on, wake, set, || conn.close(), call)
        }));
        let (here, on) = (place.clone(), runtime.clone());
        all.push(Measurement::new(name("accept"), wake, move || {
            let listener = here.listen()?;
            let task = future::TCPListener::from(listener.clone());
            let call = async move { task.accept().await };
            let set = |deadline| listener.set_deadline(deadline);
            task_trial(&on, wake, set, || listener.close(), call)
        }));
        let (here, on) = (place.clone(), runtime.clone());
        all.push(Measurement::new(name("udp read"), wake, move || {
            let socket = here.socket()?;
            let task = future::UDPConn::from(socket.clone());
            let call = async move { task.read_from(&mut [0; 64]).await };
            let set = |deadline| socket.set_read_deadline(deadline);
            task_trial(&on, wake, set, || socket.close(), call)
        }));
    }
    all
}

/// A runtime for [`of_tasks`].
///
/// # Errors
///
/// No threads are left.
pub fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
}
