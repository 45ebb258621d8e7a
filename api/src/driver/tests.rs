//! Single turns with devices that are slow, ill or gone.

use std::collections::VecDeque;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use bytes::Bytes;
use rustix::io::Errno;
use sidestep_stack::call::{InterfaceAddress, Local, OpenSocket, SendDatagram};
use sidestep_stack::{Call, Config, Instant, Offload, Stack};

use super::desk::Desk;
use super::request::Request;
use super::turn::{BATCH_PACKETS_MAX, DeviceState, TheEnd, Turned, Work, turn};
use crate::bell::Bell;
use crate::channel::datagram::{DatagramChannel, DatagramLimits};
use crate::channel::failure::{Failure, Gone, StreamLimits};
use crate::channel::mailbox::Mailbox;
use crate::channel::ticket;
use crate::deadline::Deadline;
use crate::device::{Capabilities, Device, OutPacket, Packet};

/// A device that does as it is told.
#[derive(Debug)]
struct Puppet {
    bell: Bell,
    arriving: VecDeque<Packet>,
    /// How many packets it takes before it is full.
    room: usize,
    sent: Vec<Vec<u8>>,
    receive_error: Option<Errno>,
    transmit_error: Option<Errno>,
}

impl Puppet {
    fn new() -> Self {
        Self {
            bell: Bell::new().unwrap(),
            arriving: VecDeque::new(),
            room: usize::MAX,
            sent: Vec::new(),
            receive_error: None,
            transmit_error: None,
        }
    }
}

impl Device for Puppet {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            mtu_octets: 1_500,
            partial_checksum: false,
            segmentation: false,
        }
    }

    fn receive(&mut self, batch: &mut Vec<Packet>, packets_max: usize) -> io::Result<()> {
        let count = packets_max.min(self.arriving.len());
        batch.extend(self.arriving.drain(..count));
        self.receive_error.map_or(Ok(()), |error| Err(error.into()))
    }

    fn transmit(&mut self, batch: &mut VecDeque<OutPacket>) -> io::Result<()> {
        if let Some(error) = self.transmit_error {
            batch.pop_front();
            return Err(error.into());
        }
        while self.room > 0
            && let Some(packet) = batch.pop_front()
        {
            self.room -= 1;
            self.sent.push(packet.to_vec());
        }
        Ok(())
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        self.bell.descriptor()
    }
}

fn desk() -> Desk {
    let mut stack = Stack::new(Config::default(), [7; 32], Offload::default()).unwrap();
    let address = InterfaceAddress {
        address: "192.0.2.1".parse().unwrap(),
        prefix_bits: 24,
    };
    stack
        .user_calls(Instant::ZERO, Call::AddAddress(address))
        .unwrap();
    let mailbox = Arc::new(Mailbox::new(16, Box::new(|| ())));
    let limits = StreamLimits {
        receive_octets: 4_096,
        send_octets: 4_096,
    };
    Desk::new(stack, mailbox, limits)
}

/// A UDP socket with the peer 192.0.2.2, and `datagrams` in its queue.
fn socket(desk: &mut Desk, device: &mut Puppet, datagrams: u8) -> Arc<DatagramChannel> {
    let limits = DatagramLimits {
        datagrams: 1_000,
        octets: 1_000_000,
    };
    let channel = Arc::new(DatagramChannel::new(limits, desk.attention()));
    let (ticket, answer) = ticket::pair();
    let request = Request::OpenSocket {
        open: OpenSocket {
            local: Local::default(),
            remote: Some("192.0.2.2:9".parse().unwrap()),
            ..Default::default()
        },
        channel: Arc::clone(&channel),
        answer,
    };
    desk.mailbox.post(request, Deadline::NONE).unwrap();
    at(desk, device, 1).unwrap();
    ticket.wait(Deadline::past()).unwrap().unwrap();
    for number in 0..datagrams {
        channel
            .send(SendDatagram {
                remote: None,
                source: None,
                octets: Bytes::copy_from_slice(&[number]),
                hop_limit: None,
                traffic_class: None,
            })
            .unwrap();
    }
    channel
}

fn at(desk: &mut Desk, device: &mut Puppet, millis: u64) -> Result<Turned, TheEnd> {
    turn(desk, device, Instant::from_millis(millis))
}

fn last_octets(device: &Puppet) -> Vec<u8> {
    device
        .sent
        .iter()
        .map(|packet| *packet.last().unwrap())
        .collect()
}

#[test]
fn a_turn_without_work_says_so() {
    let (mut desk, mut device) = (desk(), Puppet::new());
    let turned = at(&mut desk, &mut device, 1).unwrap();
    assert_eq!(turned.work, Work::None);
    assert_eq!(turned.device, DeviceState::Ready);
}

#[test]
fn packets_that_the_device_has_no_room_for_keep_their_order() {
    let (mut desk, mut device) = (desk(), Puppet::new());
    let _socket = socket(&mut desk, &mut device, 5);
    device.room = 2;
    let turned = at(&mut desk, &mut device, 2).unwrap();
    assert_eq!(turned.device, DeviceState::Full);
    device.room = 0;
    let turned = at(&mut desk, &mut device, 3).unwrap();
    assert_eq!(
        (turned.work, turned.device),
        (Work::None, DeviceState::Full)
    );
    device.room = 100;
    let turned = at(&mut desk, &mut device, 4).unwrap();
    assert_eq!(turned.device, DeviceState::Ready);
    assert_eq!(last_octets(&device), [0, 1, 2, 3, 4]);
    assert_eq!(desk.tally.packets_sent, 5);
}

#[test]
fn an_error_of_the_device_is_counted_and_the_stack_goes_on() {
    let (mut desk, mut device) = (desk(), Puppet::new());
    let _socket = socket(&mut desk, &mut device, 2);
    device.transmit_error = Some(Errno::NOBUFS);
    let turned = at(&mut desk, &mut device, 2).unwrap();
    assert_eq!(
        turned.device,
        DeviceState::Ready,
        "each error lost one packet, and the next one was tried at once"
    );
    assert_eq!(desk.tally.device_errors, 2);
    assert_eq!(desk.tally.packets_sent, 0);
    device.transmit_error = None;
    at(&mut desk, &mut device, 3).unwrap();
    assert!(device.sent.is_empty(), "what met the error is gone");

    device.receive_error = Some(Errno::IO);
    let turned = at(&mut desk, &mut device, 4).unwrap();
    assert_eq!(turned.device, DeviceState::Failing);
    assert_eq!(desk.tally.device_errors, 3);
}

#[test]
fn a_device_that_is_gone_ends_the_turns_and_everybody_is_told() {
    let (mut desk, mut device) = (desk(), Puppet::new());
    let socket = socket(&mut desk, &mut device, 0);
    device.receive_error = Some(Errno::BADFD);
    assert_eq!(at(&mut desk, &mut device, 2), Err(TheEnd::DeviceGone));
    desk.gone = Gone::Device;
    let mailbox = Arc::clone(&desk.mailbox);
    drop(desk);
    let gone = Failure::Gone(Gone::Device);
    assert_eq!(socket.receive(), Err(gone));
    assert_eq!(mailbox.post(Request::Close, Deadline::NONE), Err(gone));
}

#[test]
fn a_batch_is_bounded() {
    let (mut desk, mut device) = (desk(), Puppet::new());
    for _ in 0..=BATCH_PACKETS_MAX {
        device
            .arriving
            .push_back(Packet::new(Bytes::from_static(b"nonsense")));
    }
    let turned = at(&mut desk, &mut device, 1).unwrap();
    assert_eq!(turned.work, Work::Some);
    assert_eq!(device.arriving.len(), 1);
    assert_eq!(desk.tally.packets_received, BATCH_PACKETS_MAX as u64);
}

#[test]
fn the_owner_ends_everything() {
    let (mut desk, mut device) = (desk(), Puppet::new());
    desk.mailbox.post(Request::Close, Deadline::NONE).unwrap();
    assert_eq!(at(&mut desk, &mut device, 1), Err(TheEnd::Closed));
    assert_eq!(desk.gone, Gone::Closed);
}

#[test]
fn a_desk_that_is_dropped_in_a_panic_fails_those_who_wait() {
    let mut desk = desk();
    let mut device = Puppet::new();
    let channel = socket(&mut desk, &mut device, 0);
    let thread = std::thread::spawn(move || {
        let _desk = desk;
        std::panic::resume_unwind(Box::new("a bug of ours"));
    });
    assert_eq!(channel.receive(), Err(Failure::Gone(Gone::Died)));
    assert!(thread.join().is_err());
}
