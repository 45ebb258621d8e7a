//! Dials through a SYN flood in real time and prints how it went.
//!
//! `cargo run --release -p sidestep-tests --bin syn_flood -- [--rate 100000] [--seconds 10]`. A server on
//! one end of a cable in memory is flooded; on the other end somebody dials every 100 ms, sends an octet
//! and waits for it. The program ends with 1 if a dial failed or the slowest one in a hundred took a
//! second, if a connection lacked an option, or if memory grew (BAD-47, 4987-01).

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use sidestep::device::memory::{MemoryOptions, cable};
use sidestep::{Net, NetOptions, OpError, TCPConn, TCPListener};
use sidestep_stack::call::ResolverSettings;
use sidestep_tests::flood_device::{Flood, FloodDevice};

const SERVER: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 2, 2), 80);
const DIAL_EVERY: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(10);
/// No dial of a hundred may take longer.
const SLOWEST: Duration = Duration::from_secs(1);
/// What memory may grow by while the flood goes on: noise of the allocator, not entries of a table.
const GROWTH_KIB_MAX: u64 = 8 * 1_024;

#[derive(Debug, Default)]
struct Tally {
    took: Vec<Duration>,
    failed: Vec<String>,
    without_options: usize,
}

impl Tally {
    fn take(&mut self, outcome: Result<(Duration, bool), OpError>) {
        match outcome {
            Ok((took, has_options)) => {
                self.took.push(took);
                self.without_options += usize::from(!has_options);
            }
            Err(error) => self.failed.push(error.to_string()),
        }
    }

    fn percentile(&self, percent: usize) -> Duration {
        let mut sorted = self.took.clone();
        sorted.sort_unstable();
        let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
        sorted.get(at).copied().unwrap_or(PATIENCE)
    }
}

fn main() -> ExitCode {
    match arguments().map(|(rate, seconds)| run(rate, seconds)) {
        Some(Ok(true)) => ExitCode::SUCCESS,
        Some(Ok(false)) => ExitCode::FAILURE,
        Some(Err(error)) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
        None => {
            eprintln!("usage: syn_flood [--rate SYNS_PER_SECOND] [--seconds SECONDS]");
            ExitCode::from(2)
        }
    }
}

fn arguments() -> Option<(u64, u64)> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (mut rate, mut seconds) = (100_000, 10);
    for pair in arguments.chunks(2) {
        match pair {
            [name, value] if name == "--rate" => rate = value.parse().ok()?,
            [name, value] if name == "--seconds" => seconds = value.parse().ok()?,
            _ => return None,
        }
    }
    Some((rate, seconds))
}

fn run(rate: u64, seconds: u64) -> Result<bool, Box<dyn std::error::Error>> {
    let flood = Arc::new(Flood::default());
    let (ours, theirs) = cable(MemoryOptions::default())?;
    let flooded = FloodDevice::new(theirs, Arc::clone(&flood), SERVER, rate)?;
    let server = NetOptions::new()
        .device(flooded)
        .address(SERVER.0.into(), 24)
        .route([198, 18, 0, 0].into(), 15)
        .resolver(ResolverSettings::default())
        .start()?;
    let client = NetOptions::new()
        .device(ours)
        .address([192, 0, 2, 1].into(), 24)
        .resolver(ResolverSettings::default())
        .start()?;
    let listener = server.listen_tcp("tcp4", Some(&SocketAddr::from(SERVER).into()))?;
    let echo = thread::spawn({
        let listener = listener.clone();
        move || serve(&listener)
    });

    // Before: threads, buffers and the queue of half-open connections are there.
    let mut calm = Tally::default();
    dial_for(&client, Duration::from_secs(1), &mut calm);
    flood.is_on.store(true, Ordering::Relaxed);
    let mut warm = Tally::default();
    dial_for(&client, Duration::from_secs(1), &mut warm);
    let before_kib = resident_kib();
    let first = flood.syns.load(Ordering::Relaxed);
    let began = Instant::now();
    let mut flooded = Tally::default();
    let mut peak_kib = before_kib;
    let mut half_open = 0;
    while began.elapsed() < Duration::from_secs(seconds) {
        dial_for(&client, Duration::from_millis(500), &mut flooded);
        peak_kib = peak_kib.max(resident_kib());
        half_open = half_open.max(server.counters()?.stack.tcp.half_open);
    }
    let elapsed = began.elapsed();
    let syns = flood.syns.load(Ordering::Relaxed) - first;
    flood.is_on.store(false, Ordering::Relaxed);
    let counters = server.counters()?.stack;
    listener.close()?;
    let _ = echo.join();

    let reached = syns as f64 / elapsed.as_secs_f64();
    let growth_kib = peak_kib.saturating_sub(before_kib);
    println!(
        "SYNs                    {syns} in {:.1} s: {reached:.0}/s of {rate}/s",
        elapsed.as_secs_f64()
    );
    println!(
        "answers to them         {}",
        flood.answers.load(Ordering::Relaxed)
    );
    println!("SYN cookies sent        {}", counters.openings.cookies_sent);
    println!(
        "connections by cookie   {}",
        counters.openings.cookies_accepted
    );
    println!("half open, at most      {half_open}");
    println!("resident before, peak   {before_kib} KiB, {peak_kib} KiB");
    println!("dials calm              {}", line(&calm));
    println!("dials under the flood   {}", line(&flooded));
    println!("without all options     {}", flooded.without_options);
    for error in flooded.failed.iter().take(5) {
        println!("failed                  {error}");
    }
    let verdicts = [
        (
            "every dial succeeds",
            flooded.failed.is_empty() && !flooded.took.is_empty(),
        ),
        ("p99 below 1 s", flooded.percentile(99) < SLOWEST),
        ("options kept", flooded.without_options == 0),
        ("memory flat", growth_kib <= GROWTH_KIB_MAX),
        (
            "the SYN queue is bounded",
            half_open as u64 <= server_queue(),
        ),
        ("the flood has its rate", reached >= 0.9 * rate as f64),
    ];
    for (what, holds) in verdicts {
        println!("{:<26}{}", what, if holds { "yes" } else { "NO" });
    }
    Ok(verdicts.iter().all(|(_, holds)| *holds))
}

fn server_queue() -> u64 {
    sidestep::Config::default().syn_queue_segments_max
}

fn line(tally: &Tally) -> String {
    format!(
        "{} of {}: p50 {:?}, p99 {:?}",
        tally.took.len(),
        tally.took.len() + tally.failed.len(),
        tally.percentile(50),
        tally.percentile(99)
    )
}

/// Echoes one octet on each connection.
fn serve(listener: &TCPListener) {
    for conn in listener.incoming() {
        let Ok(conn) = conn else { return };
        thread::spawn(move || {
            let mut octet = [0; 1];
            if conn.read(&mut octet).is_ok() {
                let _ = conn.write(&octet);
            }
            // The client closes first.
            let _ = conn.read(&mut octet);
        });
    }
}

fn dial_for(client: &Net, span: Duration, tally: &mut Tally) {
    let began = Instant::now();
    while began.elapsed() < span {
        let next = Instant::now() + DIAL_EVERY;
        tally.take(dial(client));
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}

fn dial(client: &Net) -> Result<(Duration, bool), OpError> {
    let began = Instant::now();
    let conn: TCPConn = client.dialer().timeout(PATIENCE).dial_tcp(
        "tcp4",
        None,
        &SocketAddr::from(SERVER).into(),
    )?;
    conn.set_deadline(Instant::now() + PATIENCE)?;
    conn.write(b"?")?;
    conn.read(&mut [0; 1])?;
    let took = began.elapsed();
    let info = conn.info()?;
    let has_options = info.window_scaling && info.sack && info.timestamps;
    Ok((took, has_options))
}

/// Resident size of this process.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.and_then(|it| it.parse().ok()).unwrap_or(0)
}
