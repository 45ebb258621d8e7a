//! Errors are typed: who is to blame, and the system's number. `cargo run --example errors`

use std::time::Duration;

use sidestep::{Deadline, Errno, Net, NetError as _};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (here, there) = Net::memory_pair()?;
    let listener = there.listen("tcp", ":7")?;

    // ANCHOR: example
    // Nobody listens at port 9.
    let Err(error) = here.dial("tcp", "192.0.2.2:9") else {
        return Err("this should fail".into());
    };
    assert_eq!(error.errno(), Some(Errno::ECONNREFUSED));

    // Nobody writes.
    let conn = here.dial("tcp", "192.0.2.2:7")?;
    conn.set_read_deadline(Deadline::from(Duration::from_millis(10)))?;
    let Err(error) = conn.read(&mut [0; 1]) else {
        return Err("this should fail".into());
    };
    assert!(error.timeout());

    // We ended it ourselves.
    conn.close()?;
    let Err(error) = conn.read(&mut [0; 1]) else {
        return Err("this should fail".into());
    };
    assert!(error.is_closed());
    // ANCHOR_END: example

    listener.close()?;
    Ok(())
}
