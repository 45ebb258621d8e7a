use std::sync::mpsc::{Receiver, Sender, channel};

use sidestep_stack::observe::{Cause, Observation, SendReason};
use sidestep_stack::wire::flow::Flow;

use super::*;
use crate::device::memory::{MemoryDevice, MemoryOptions, cable};
use crate::{Deadline, Net};

fn net(device: MemoryDevice, address: &str, watcher: Option<impl PacketWatcher + 'static>) -> Net {
    let mut options = Net::builder().device(device).cidr(address).expect("a CIDR");
    if let Some(watcher) = watcher {
        options = options.watch(watcher);
    }
    options.start().expect("it starts")
}

/// A network that `watcher` looks at, and one that nobody does.
fn watched_pair(watcher: impl PacketWatcher + 'static) -> (Net, Net) {
    let (here, there) = cable(MemoryOptions::default()).expect("descriptors are left");
    let watched = net(here, "192.0.2.2/24", Some(watcher));
    let other = net(there, "192.0.2.1/24", None::<Nobody>);
    (watched, other)
}

#[derive(Debug)]
struct Nobody;

impl PacketWatcher for Nobody {
    fn sees(&mut self, _watched: &Watched) -> io::Result<()> {
        Ok(())
    }
}

/// Sends `text` across and back.
fn talk(ours: &Net, theirs: &Net, text: &[u8]) {
    let listener = theirs.listen("tcp", "192.0.2.1:7").expect("it listens");
    let conn = ours.dial("tcp", "192.0.2.1:7").expect("it opens");
    let accepted = listener.accept().expect("it came");
    let deadline = Deadline::from(Duration::from_secs(20));
    for end in [&conn, &accepted] {
        end.set_deadline(deadline).expect("it is open");
    }
    let mut room = vec![0; text.len()];
    std::thread::scope(|scope| {
        scope.spawn(|| conn.write(text).expect("it is taken"));
        let mut read = 0;
        while read < room.len() {
            read += accepted.read(&mut room[read..]).expect("it comes");
        }
    });
    assert_eq!(room, text);
}

#[derive(Debug)]
struct Tell {
    tells: Sender<Watched>,
    ended: Sender<WatchEnd>,
}

impl PacketWatcher for Tell {
    fn begins(&mut self, about: &Watching) -> io::Result<()> {
        assert!(about.mtu_octets > 0 && !about.device_name.is_empty());
        Ok(())
    }

    fn sees(&mut self, watched: &Watched) -> io::Result<()> {
        let _ = self.tells.send(watched.clone());
        Ok(())
    }

    fn ends(&mut self, how: WatchEnd) -> io::Result<()> {
        let _ = self.ended.send(how);
        Ok(())
    }
}

fn tell() -> (Tell, Receiver<Watched>, Receiver<WatchEnd>) {
    let ((tells, told), (ended, end)) = (channel(), channel());
    (Tell { tells, ended }, told, end)
}

#[test]
fn every_packet_is_shown_with_its_reason_and_the_end_comes_last() {
    let (watcher, told, end) = tell();
    let (ours, theirs) = watched_pair(watcher);
    talk(&ours, &theirs, &[7; 5_000]);
    let counters = ours.counters().expect("it runs");
    assert_eq!(counters.packets_unwatched, 0);
    drop(ours);
    assert_eq!(
        end.recv(),
        Ok(WatchEnd::InOrder),
        "before the last handle is gone"
    );
    let all: Vec<Watched> = told.try_iter().collect();
    let left: Vec<&Watched> = all
        .iter()
        .filter(|it| matches!(it.crossing, Crossing::Left(_)))
        .collect();
    let reasons: Vec<SendReason> = left
        .iter()
        .filter_map(|it| match it.observed.last() {
            Some((_, Observation::PacketSent { cause, .. })) => Some(*cause),
            _ => None,
        })
        .filter_map(|cause| match cause {
            Cause::Segment { reason, .. } => Some(reason),
            _ => None,
        })
        .collect();
    assert_eq!(reasons.first(), Some(&SendReason::Open));
    assert!(reasons.contains(&SendReason::NewText), "{reasons:?}");
    let tcp = |watched: &&&Watched| match &watched.crossing {
        Crossing::Left(packet) => Flow::of(&packet.to_vec()).is_some_and(|it| it.protocol.0 == 6),
        _ => false,
    };
    assert_eq!(
        reasons.len(),
        left.iter().filter(tcp).count(),
        "each has one"
    );
    let arrived = all
        .iter()
        .filter(|it| matches!(it.crossing, Crossing::Arrived(_)));
    let with_status = arrived.filter(|it| it.status.is_some()).count();
    assert!(with_status > 0, "what came belongs to a connection");
}

#[derive(Debug)]
struct Stuck {
    release: Receiver<()>,
}

impl PacketWatcher for Stuck {
    fn sees(&mut self, _watched: &Watched) -> io::Result<()> {
        // Until the test has ended.
        let _ = self.release.recv();
        Ok(())
    }
}

#[test]
fn a_watcher_that_never_returns_holds_nobody_up_and_its_losses_are_counted() {
    let (go_on, release) = channel();
    let (ours, theirs) = watched_pair(Stuck { release });
    // Far more octets than wait for a watcher.
    talk(&ours, &theirs, &vec![7; 2 * OCTETS_MAX]);
    let counters = ours.counters().expect("it runs");
    assert!(counters.packets_unwatched > 0);
    drop(go_on);
}

#[derive(Debug)]
enum Fails {
    WithAnError(Sender<()>),
    ByPanic(Sender<()>),
}

impl PacketWatcher for Fails {
    fn sees(&mut self, _watched: &Watched) -> io::Result<()> {
        match self {
            Self::WithAnError(called) => {
                let _ = called.send(());
                Err(io::ErrorKind::StorageFull.into())
            }
            Self::ByPanic(called) => {
                let _ = called.send(());
                panic!("as the test wants it");
            }
        }
    }
}

#[test]
fn a_watcher_that_fails_or_panics_is_not_called_again_and_the_network_goes_on() {
    for make in [Fails::WithAnError, Fails::ByPanic] {
        let (calls, called) = channel();
        let (ours, theirs) = watched_pair(make(calls));
        talk(&ours, &theirs, &[7; 100_000]);
        drop(ours);
        assert_eq!(called.try_iter().count(), 1);
    }
}
