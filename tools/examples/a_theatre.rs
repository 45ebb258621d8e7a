//! Code for real networks, in virtual time. `cargo run --example a_theatre`

use std::error::Error;
use std::net::SocketAddr;

// ANCHOR: application
use sidestep::{Conn, Deadline, Listener, NetError, OpError};

/// Answers one client, word by word. It knows nothing of a simulator.
fn serve(listener: &dyn Listener) -> Result<(), OpError> {
    let conn = listener.accept()?;
    let mut word = [0; 64];
    loop {
        let octets = conn.read(&mut word)?;
        if octets == 0 {
            return conn.close();
        }
        conn.write(&word[..octets])?;
    }
}

/// Asks, and gives up on an answer that takes more than a minute.
fn ask(conn: &dyn Conn, question: &[u8]) -> Result<Vec<u8>, OpError> {
    conn.write(question)?;
    conn.set_read_deadline(Deadline::from(std::time::Duration::from_secs(60)))?;
    let mut answer = vec![0; 64];
    let octets = conn.read(&mut answer)?;
    answer.truncate(octets);
    Ok(answer)
}
// ANCHOR_END: application

// ANCHOR: theatre
use sidestep_stack::{Config, Duration};
use sidestep_tools::sim::theatre::Theatre;
use sidestep_tools::sim::transfer::Family;
use sidestep_tools::sim::{Limits, NewHost, World, seed_of};

fn play(seed: u64) -> Result<String, Box<dyn Error>> {
    let mut world = World::new(seed);
    let mut hosts = Vec::new();
    for number in [1, 2] {
        hosts.push(world.add_host(&NewHost {
            config: Config::default(),
            seed: seed_of(seed + u64::from(number)),
            addresses: vec![Family::V6.interface(0, number)],
            up_for: Duration::ZERO,
        })?);
    }
    let recipe = "delay=40ms,loss=20%".parse()?;
    world.connect(hosts[0], hosts[1], &recipe, &recipe)?;

    let mut theatre = Theatre::new(world);
    theatre.add_program(hosts[1], "server", |stage| serve(&stage.listen(80)?))?;
    let answer = theatre.add_program(hosts[0], "client", |stage| {
        stage.sleep(Duration::from_millis(1));
        let remote = SocketAddr::new(Family::V6.address(0, 2), 80);
        let conn = stage.dial(remote, Deadline::NONE)?;
        let answer = ask(&conn, b"is this real?")?;
        // An hour passes in no time.
        stage.sleep(Duration::from_secs(3_600));
        conn.set_read_deadline(Deadline::past())?;
        assert!(conn.read(&mut [0; 1]).is_err_and(|error| error.timeout()));
        conn.close()?;
        Ok(answer)
    })?;
    let world = theatre.run(Limits::default())?;
    assert_eq!(answer.take(), Some(Ok(b"is this real?".to_vec())));
    Ok(world.digest())
}
// ANCHOR_END: theatre

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let digest = play(7)?;
    assert_eq!(digest, play(7)?);
    assert_ne!(digest, play(8)?);
    println!("twice {digest}");
    Ok(())
}
