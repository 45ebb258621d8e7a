//! Datagrams against full queues, close, deadlines and the end of the packet thread.

use std::net::SocketAddr;
use std::ops::ControlFlow;

use bytes::Bytes;
use shuttle::thread;
use sidestep_stack::call::{CallRefused, ReceivedDatagram, SendDatagram};
use sidestep_stack::event::SocketError;
use sidestep_stack::wire::protocol::TrafficClass;

use super::datagram::{DatagramChannel, DatagramLimits};
use super::failure::{Attention, Failure, Gone};
use super::stream::Which;
use super::sync::{Arc, Mutex};
use super::{explore, office, serve, socket};
use crate::deadline::Deadline;

const ONE: DatagramLimits = DatagramLimits {
    datagrams: 1,
    octets: 10_000,
};

pub(super) fn channel(attention: Arc<dyn Attention>) -> Arc<DatagramChannel> {
    let channel = DatagramChannel::new(ONE, attention);
    channel.attach(socket());
    Arc::new(channel)
}

pub(super) fn peer() -> SocketAddr {
    "192.0.2.1:7".parse().unwrap()
}

pub(super) fn arrived(octet: u8) -> ReceivedDatagram {
    ReceivedDatagram {
        remote: peer(),
        destination: "192.0.2.2".parse().unwrap(),
        octets: Bytes::copy_from_slice(&[octet]),
        hop_limit: 64,
        traffic_class: TrafficClass::default(),
        ip_header: Bytes::new(),
    }
}

pub(super) fn departing(remote: Option<SocketAddr>) -> SendDatagram {
    SendDatagram {
        remote,
        source: None,
        octets: Bytes::from_static(b"d"),
        hop_limit: None,
        traffic_class: None,
    }
}

#[test]
fn a_full_queue_is_filled_again_as_it_is_read() {
    explore(|| {
        let (mailbox, bell) = office();
        let channel = channel(Arc::clone(&mailbox) as _);
        let reader = Arc::clone(&channel);
        let done = Arc::new(Mutex::new(false));
        let finished = Arc::clone(&done);
        let bell_of_reader = Arc::clone(&mailbox);
        let reader = thread::spawn(move || {
            let got: Vec<u8> = (0..3)
                .map(|_| reader.receive().unwrap().octets[0])
                .collect();
            *finished.lock() = true;
            bell_of_reader.attend(socket());
            got
        });
        let mut stack = vec![3, 2, 1];
        serve(&mailbox, &bell, |_| {
            channel.attended();
            while !stack.is_empty() && channel.has_room() {
                channel.deliver(arrived(stack.pop().unwrap()));
            }
            if *done.lock() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        assert_eq!(reader.join().unwrap(), [1, 2, 3]);
    });
}

#[test]
fn senders_share_a_full_queue_and_hear_the_first_verdict() {
    explore(|| {
        let (mailbox, bell) = office();
        let channel = channel(Arc::clone(&mailbox) as _);
        let senders: Vec<_> = (0..2)
            .map(|_| {
                let channel = Arc::clone(&channel);
                thread::spawn(move || {
                    channel.send(departing(Some(peer())))?;
                    channel.send(departing(Some(peer())))
                })
            })
            .collect();
        let mut sent = 0;
        serve(&mailbox, &bell, |_| {
            channel.attended();
            for datagram in channel.take_departing() {
                sent += 1;
                if let Some(answer) = datagram.answer {
                    let _ = answer.give(Ok(()));
                }
            }
            if sent == 4 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        for sender in senders {
            assert_eq!(sender.join().unwrap(), Ok(()));
        }
    });
}

#[test]
fn an_error_is_told_to_one_call() {
    explore(|| {
        let (mailbox, _bell) = office();
        let channel = channel(mailbox);
        let reader = Arc::clone(&channel);
        let reader = thread::spawn(move || reader.receive());
        channel.fail(Failure::Socket(SocketError::Refused));
        assert_eq!(
            reader.join().unwrap(),
            Err(Failure::Socket(SocketError::Refused))
        );
        assert_eq!(channel.send(departing(None)), Ok(()));
    });
}

#[test]
fn what_was_sent_before_close_leaves_before_it() {
    explore(|| {
        let (mailbox, bell) = office();
        let channel = channel(Arc::clone(&mailbox) as _);
        let sender = Arc::clone(&channel);
        let sender = thread::spawn(move || {
            sender.send(departing(None)).unwrap();
            sender.send(departing(None)).unwrap();
            sender.close().unwrap();
        });
        let mut left = 0;
        serve(&mailbox, &bell, |_| {
            channel.attended();
            left += channel.take_departing().len();
            if channel.take_close() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        assert_eq!(left, 2);
        sender.join().unwrap();
    });
}

#[test]
fn close_deadline_and_death_wake_everybody() {
    explore(|| {
        for how in 0..3 {
            let (mailbox, _bell) = office();
            let channel = channel(mailbox);
            // One datagram fills the queue, so that the sender waits for room.
            channel.send(departing(None)).unwrap();
            let reader = Arc::clone(&channel);
            let reader = thread::spawn(move || reader.receive().map(|_| ()));
            let sender = Arc::clone(&channel);
            let sender = thread::spawn(move || sender.send(departing(None)));
            let expected = match how {
                0 => {
                    channel.close().unwrap();
                    Failure::Closed
                }
                1 => {
                    channel.set_deadline(Which::Both, Deadline::past()).unwrap();
                    Failure::Timeout
                }
                _ => {
                    channel.die(Gone::Device);
                    Failure::Gone(Gone::Device)
                }
            };
            assert_eq!(reader.join().unwrap(), Err(expected));
            assert_eq!(sender.join().unwrap(), Err(expected));
        }
    });
}

#[test]
fn a_sender_that_waits_for_a_verdict_hears_of_the_end_of_the_thread() {
    explore(|| {
        let (mailbox, _bell) = office();
        let channel = channel(mailbox);
        let sender = Arc::clone(&channel);
        let sender = thread::spawn(move || sender.send(departing(Some(peer()))));
        channel.die(Gone::Device);
        assert_eq!(sender.join().unwrap(), Err(Failure::Gone(Gone::Device)));
    });
}

#[test]
fn a_refused_destination_is_told_to_its_sender() {
    explore(|| {
        let (mailbox, bell) = office();
        let channel = channel(Arc::clone(&mailbox) as _);
        let sender = Arc::clone(&channel);
        let sender = thread::spawn(move || sender.send(departing(Some(peer()))));
        serve(&mailbox, &bell, |_| {
            channel.attended();
            if let Some(datagram) = channel.take_departing().pop_front() {
                let refused = Err(CallRefused::NoRoute);
                let _ = datagram.answer.unwrap().give(refused);
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        assert_eq!(
            sender.join().unwrap(),
            Err(Failure::Refused(CallRefused::NoRoute))
        );
    });
}
