//! The contract of go-net §1.4 on one thread: order of checks, counts, errors told once.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use sidestep_stack::base::Table;
use sidestep_stack::call::{CallRefused, ConnectionId, Release};
use sidestep_stack::event::ConnectionError;

use super::accept::Acceptor;
use super::failure::{Attention, Failure, Gone, Source, StreamLimits, WriteFailure};
use super::mailbox::{Mail, Mailbox, MaySleep};
use super::stream::{Linger, Stream, Which};
use super::stream_thread::EndOfStream;
use crate::deadline::Deadline;

const LIMITS: StreamLimits = StreamLimits {
    receive_octets: 4_096,
    send_octets: 100_000,
};

/// Counts the calls for attention.
#[derive(Debug, Default)]
struct Calls(Mutex<Vec<Source>>);

impl Attention for Calls {
    fn attend(&self, source: Source) {
        self.0.lock().push(source);
    }
}

impl Calls {
    fn count(&self) -> usize {
        self.0.lock().len()
    }
}

fn local() -> std::net::SocketAddr {
    "192.0.2.2:1".parse().unwrap()
}

fn stream() -> (Stream, Arc<Calls>) {
    let calls = Arc::new(Calls::default());
    let stream = Stream::open(LIMITS, Arc::clone(&calls) as Arc<dyn Attention>);
    stream.attach(
        Source::Connection(ConnectionId(Table::new().insert(()))),
        local(),
    );
    (stream, calls)
}

fn deliver(stream: &Stream, octets: &'static [u8]) {
    stream.deliver(vec![Bytes::from_static(octets)], EndOfStream::NotYet);
}

fn end(stream: &Stream) {
    stream.deliver(Vec::new(), EndOfStream::Reached);
}

fn written(stream: &Stream) -> Vec<u8> {
    let mut text = Vec::new();
    stream.take_text(&mut text);
    let octets: Vec<u8> = text.concat();
    stream.text_sent(octets.len(), &mut Vec::new());
    octets
}

const RESET: ConnectionError = ConnectionError::Reset;

#[test]
fn contract_1_the_second_close_says_closed() {
    let (stream, _) = stream();
    assert_eq!(stream.close(), Ok(()));
    assert_eq!(stream.close(), Err(Failure::Closed));
    assert_eq!(stream.read(&mut [0]), Err(Failure::Closed));
    assert_eq!(stream.read(&mut []), Err(Failure::Closed));
    let error = stream.write(b"x").unwrap_err();
    assert_eq!((error.written, error.failure), (0, Failure::Closed));
    assert_eq!(stream.close_write(), Err(Failure::Closed));
    assert_eq!(
        stream.set_deadline(Which::Both, Deadline::NONE),
        Err(Failure::Closed)
    );
}

#[test]
fn contract_2_close_keeps_what_was_written_unless_linger_is_zero() {
    let (patient, _) = stream();
    patient.write(b"goodbye").unwrap();
    patient.close().unwrap();
    assert_eq!(patient.wants().release, Some(Release::Close));
    assert_eq!(written(&patient), b"goodbye");

    let (abrupt, _) = stream();
    abrupt.set_linger(Linger::Abort).unwrap();
    abrupt.close().unwrap();
    assert_eq!(abrupt.wants().release, Some(Release::Abort));
}

#[test]
fn contract_3_unread_text_is_known_to_the_release() {
    let (unread, _) = stream();
    deliver(&unread, b"x");
    unread.close().unwrap();
    assert_eq!(unread.wants().release, Some(Release::CloseUnread));

    let (read, _) = stream();
    deliver(&read, b"x");
    read.read(&mut [0]).unwrap();
    read.close().unwrap();
    assert_eq!(read.wants().release, Some(Release::Close));
}

#[test]
fn contract_4_a_past_deadline_moves_nothing_and_a_new_one_revives() {
    let (stream, _) = stream();
    deliver(&stream, b"data");
    stream.set_deadline(Which::Both, Deadline::past()).unwrap();
    assert_eq!(stream.read(&mut [0; 4]), Err(Failure::Timeout));
    assert_eq!(stream.read(&mut [0; 4]), Err(Failure::Timeout));
    let error = stream.write(b"text").unwrap_err();
    assert_eq!((error.written, error.failure), (0, Failure::Timeout));
    assert!(stream.text_is_empty());
    stream.set_deadline(Which::Both, Deadline::NONE).unwrap();
    assert_eq!(stream.read(&mut [0; 4]), Ok(4));
    assert_eq!(stream.write(b"text"), Ok(4));
}

#[test]
fn contract_5_zero_octets_read_at_once_and_write_past_the_deadline_times_out() {
    let (stream, _) = stream();
    assert_eq!(stream.read(&mut []), Ok(0));
    assert_eq!(stream.write(&[]), Ok(0));
    stream.set_deadline(Which::Both, Deadline::past()).unwrap();
    assert_eq!(stream.read(&mut []), Ok(0));
    assert_eq!(stream.write(&[]).unwrap_err().failure, Failure::Timeout);
}

#[test]
fn contract_7_a_write_that_times_out_says_how_much_was_taken() {
    let (stream, _) = stream();
    let soon = Deadline::from(std::time::Duration::from_millis(20));
    stream.set_deadline(Which::Write, soon).unwrap();
    let octets: Vec<u8> = (0..150_000u32).map(|n| n as u8).collect();
    let error = stream.write(&octets).unwrap_err();
    assert_eq!(
        error,
        WriteFailure {
            written: 100_000,
            failure: Failure::Timeout
        }
    );
    assert_eq!(written(&stream), &octets[..100_000]);
}

#[test]
fn contract_8_small_large_and_owned_pieces_keep_their_order() {
    let (stream, _) = stream();
    let large = vec![7; 20_000];
    stream.write(b"one").unwrap();
    stream.write(&large).unwrap();
    stream.write(b"two").unwrap();
    stream.write_bytes(Bytes::from_static(b"three")).unwrap();
    stream.write_some(b"four").unwrap();
    let expected = [b"one", &large[..], b"two", b"three", b"four"].concat();
    assert_eq!(written(&stream), expected);
}

#[test]
fn contract_10_after_fin_reads_drain_then_end_for_ever_and_writes_go_on() {
    let (stream, _) = stream();
    deliver(&stream, b"last");
    end(&stream);
    let mut octets = [0; 3];
    assert_eq!(stream.read(&mut octets), Ok(3));
    assert_eq!(stream.read(&mut octets), Ok(1));
    assert_eq!(stream.read(&mut octets), Ok(0));
    assert_eq!(stream.read(&mut octets), Ok(0));
    assert_eq!(stream.read_bytes(9), Ok(Bytes::new()));
    assert_eq!(stream.write(b"still"), Ok(5));
}

#[test]
fn contract_11_a_reset_is_told_once_by_a_read() {
    let (stream, _) = stream();
    stream.fail(RESET);
    assert_eq!(stream.close_write(), Err(Failure::NotConnected));
    assert_eq!(stream.read(&mut [0]), Err(Failure::Ended(RESET)));
    assert_eq!(stream.read(&mut [0]), Ok(0));
    assert_eq!(stream.write(b"x").unwrap_err().failure, Failure::BrokenPipe);
    assert_eq!(stream.close_write(), Err(Failure::NotConnected));
    assert_eq!(stream.close(), Ok(()));
}

#[test]
fn contract_11_a_reset_is_told_once_by_a_write() {
    let (stream, _) = stream();
    stream.fail(RESET);
    let error = stream.write(b"x").unwrap_err();
    assert_eq!(error.failure, Failure::Ended(RESET));
    assert_eq!(stream.write(b"x").unwrap_err().failure, Failure::BrokenPipe);
    assert_eq!(stream.read(&mut [0]), Ok(0));
}

#[test]
fn contract_11_text_that_arrived_before_the_reset_is_read_first() {
    let (stream, _) = stream();
    deliver(&stream, b"ab");
    stream.fail(RESET);
    assert_eq!(stream.read(&mut [0; 9]), Ok(2));
    assert_eq!(stream.read(&mut [0; 9]), Err(Failure::Ended(RESET)));
}

#[test]
fn contract_12_own_close_write_and_close_read() {
    let (stream, _) = stream();
    stream.write(b"x").unwrap();
    assert_eq!(stream.close_write(), Ok(()));
    assert_eq!(stream.close_write(), Ok(()));
    assert!(stream.wants().end_write);
    assert_eq!(stream.write(b"y").unwrap_err().failure, Failure::BrokenPipe);
    assert_eq!(stream.close_read(), Ok(()));
    assert_eq!(stream.read(&mut [0]), Ok(0));
    assert_eq!(written(&stream), b"x");
}

#[test]
fn a_dial_hears_why_it_failed() {
    let calls = Arc::new(Calls::default());
    let new = || Stream::opening(LIMITS, Arc::clone(&calls) as Arc<dyn Attention>);
    let refused = new();
    refused.fail(ConnectionError::Refused);
    assert_eq!(
        refused.wait_open(Deadline::NONE),
        Err(Failure::Ended(ConnectionError::Refused))
    );
    let unroutable = new();
    unroutable.refuse(CallRefused::NoRoute);
    assert_eq!(
        unroutable.wait_open(Deadline::NONE),
        Err(Failure::Refused(CallRefused::NoRoute))
    );
    let slow = new();
    assert_eq!(slow.wait_open(Deadline::past()), Err(Failure::Timeout));
    let open = new();
    open.attach(
        Source::Connection(ConnectionId(Table::new().insert(()))),
        local(),
    );
    open.established();
    assert_eq!(open.wait_open(Deadline::past()), Ok(local()));
}

#[test]
fn a_thread_that_is_gone_fails_everything_but_close_and_what_was_received() {
    let (stream, _) = stream();
    deliver(&stream, b"ab");
    stream.die(Gone::Device);
    let gone = Failure::Gone(Gone::Device);
    assert_eq!(stream.read(&mut [0; 9]), Ok(2));
    assert_eq!(stream.read(&mut [0; 9]), Err(gone));
    assert_eq!(stream.read(&mut [0; 9]), Err(gone));
    assert_eq!(stream.write(b"x").unwrap_err().failure, gone);
    assert_eq!(stream.close_write(), Err(gone));
    assert_eq!(stream.close(), Ok(()));
}

#[test]
fn attention_is_called_for_once_until_the_thread_has_looked() {
    let (stream, calls) = stream();
    stream.write(b"a").unwrap();
    stream.write(b"b").unwrap();
    assert_eq!(calls.count(), 1);
    stream.attended();
    stream.write(b"c").unwrap();
    assert_eq!(calls.count(), 2);
}

#[test]
fn a_full_queue_is_reopened_by_the_reader_once_half_of_it_is_free() {
    let (stream, calls) = stream();
    let first = stream.receive_room();
    assert_eq!(first, 4_096);
    deliver(&stream, &[1; 3_000]);
    let room = stream.receive_room();
    assert_eq!(room, 4_096 - 3_000 - 128);
    deliver(&stream, &[2; 968]);
    assert_eq!(stream.receive_room(), 0);
    assert_eq!(stream.read(&mut [0; 1_000]), Ok(1_000));
    assert_eq!(calls.count(), 0, "more than half is still full");
    assert_eq!(stream.read(&mut [0; 1_200]), Ok(1_200));
    assert_eq!(calls.count(), 1);
    assert_eq!(stream.read(&mut [0; 2_000]), Ok(1_768));
    assert_eq!(calls.count(), 1);
}

#[test]
fn many_tiny_slices_are_charged_for_their_keep() {
    let (stream, _) = stream();
    let mut slices = 0;
    while stream.receive_room() > 0 {
        deliver(&stream, b"x");
        slices += 1;
    }
    assert!(slices <= 4_096 / 128);
}

#[test]
fn what_the_stack_did_not_take_comes_first_next_time() {
    let (stream, _) = stream();
    stream.write(b"abcdef").unwrap();
    let mut text = Vec::new();
    stream.take_text(&mut text);
    stream.write(b"ghi").unwrap();
    let mut rest = vec![text[0].slice(2..)];
    stream.text_sent(2, &mut rest);
    assert_eq!(written(&stream), b"cdefghi");
    assert!(stream.text_is_empty());
}

#[test]
fn an_idle_stream_is_small() {
    assert!(size_of::<Stream>() <= 400, "{}", size_of::<Stream>());
}

#[test]
fn contract_13_accept_after_close_says_closed_and_drops_what_waited() {
    let calls = Arc::new(Calls::default());
    let acceptor = Acceptor::new(4, Arc::clone(&calls) as Arc<dyn Attention>);
    let waiting = Arc::new(());
    acceptor.deliver(Arc::clone(&waiting)).unwrap();
    assert_eq!(acceptor.close(), Ok(()));
    assert_eq!(Arc::strong_count(&waiting), 1);
    assert_eq!(acceptor.accept(), Err(Failure::Closed));
    assert_eq!(acceptor.deliver(waiting), Err(Arc::new(())));
    assert!(acceptor.take_close() && !acceptor.take_close());
}

#[test]
fn the_thread_is_woken_only_while_it_sleeps() {
    let rings = Arc::new(Mutex::new(0));
    let bell = Arc::clone(&rings);
    let mailbox = Mailbox::new(8, Box::new(move || *bell.lock() += 1));
    mailbox.post(1, Deadline::NONE).unwrap();
    assert_eq!(*rings.lock(), 0);
    assert_eq!(mailbox.try_sleep(), MaySleep::No);
    let mut mail = Mail::default();
    mailbox.take(&mut mail);
    assert_eq!(mailbox.try_sleep(), MaySleep::Yes);
    mailbox.post(2, Deadline::NONE).unwrap();
    mailbox.post(3, Deadline::NONE).unwrap();
    assert_eq!(*rings.lock(), 1);
}

#[test]
fn a_farewell_said_while_the_thread_was_awake_keeps_it_awake() {
    let mailbox: Mailbox<u8> = Mailbox::new(8, Box::new(|| ()));
    let mut mail = Mail::default();
    mailbox.take(&mut mail);
    mailbox.say_farewell();
    assert_eq!(mailbox.try_sleep(), MaySleep::No);
    mailbox.take(&mut mail);
    assert!(mail.farewell);
    // It knows now, and may sleep until its connections have said goodbye.
    assert_eq!(mailbox.try_sleep(), MaySleep::Yes);
}
