//! Promises of anything that is tokio's `AsyncRead` and `AsyncWrite`: [`Streams`].
//!
//! They need no runtime but the [`Spawner`]'s, and no time: what has no deadline cannot be asked for
//! one. What deadlines and `close` promise to tasks is asked with [`Tasked`](super::Tasked).

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::background::Background;
use super::kit::{Ability, Bench, Promise};
use super::say::{Step, breach, equal, holds, pattern, same_octets, works};
use super::tasks::Spawner;

/// See the module.
pub(super) const PROMISES: &[Promise<Streams>] = &[
    Promise {
        name: "async_basic_io",
        source: "nettest BasicIO",
        text: "What one end writes the other reads, octet for octet, and back again.",
        needs: &[],
        check: basic_io,
    },
    Promise {
        name: "async_ping_pong",
        source: "nettest PingPong",
        text: "Two tasks that answer each other never miss a turn.",
        needs: &[],
        check: ping_pong,
    },
    Promise {
        name: "async_full_duplex",
        source: "nettest ConcurrentMethods",
        text: "A task that reads and one that writes each have their own wake-ups.",
        needs: &[],
        check: full_duplex,
    },
    Promise {
        name: "async_shutdown_ends",
        source: "points 10 and 12",
        text: "After `shutdown` the peer drains and reads the end; the other direction goes on.",
        needs: &[Ability::HalfClose],
        check: shutdown_ends,
    },
    Promise {
        name: "async_dropped_read_takes_nothing",
        source: "cancel by drop",
        text: "A read that is dropped takes nothing, and leaves its wake-up to the next.",
        needs: &[],
        check: dropped_read_takes_nothing,
    },
    Promise {
        name: "async_drop_closes",
        source: "Rust: the last handle is the connection",
        text: "Dropping an end delivers what was written, then the end of the stream.",
        needs: &[],
        check: drop_closes,
    },
];

/// Something that tasks read from and write to.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// One end; its lock is held for a poll and no longer, as in tokio's `split`.
#[derive(Clone)]
struct End(Arc<Mutex<Box<dyn Stream>>>);

/// Two connected ends for tasks, and the runtime to use them in.
pub struct Streams {
    ends: Mutex<Option<[End; 2]>>,
    spawner: Spawner,
}

impl Streams {
    /// Two ends that are connected.
    pub fn new<A, B>(here: A, there: B, spawner: &Spawner) -> Self
    where
        A: AsyncRead + AsyncWrite + Send + Unpin + 'static,
        B: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let ends = [
            End(Arc::new(Mutex::new(Box::new(here)))),
            End(Arc::new(Mutex::new(Box::new(there)))),
        ];
        Self {
            ends: Mutex::new(Some(ends)),
            spawner: spawner.clone(),
        }
    }

    /// The ends, once: who has them may drop them.
    fn take(&self) -> Step<[End; 2]> {
        match self.ends.lock().take() {
            Some(ends) => Ok(ends),
            None => breach("two ends", "none"),
        }
    }

    /// Begins a task.
    fn begin<T: Send + 'static>(
        &self,
        what: &'static str,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Background<T> {
        let (tell, told) = channel();
        self.spawner.spawn(async move {
            let _ = tell.send(work.await);
        });
        Background::told(what, told)
    }
}

impl fmt::Debug for Streams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Streams")
    }
}

impl End {
    fn poll_read(&self, cx: &mut Context<'_>, octets: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buf = ReadBuf::new(octets);
        let polled = Pin::new(&mut **self.0.lock()).poll_read(cx, &mut buf);
        polled.map_ok(|()| buf.filled().len())
    }

    async fn read_up_to(&self, octets: usize) -> Step<Vec<u8>> {
        let mut got = vec![0; octets];
        let mut filled = 0;
        while filled < octets {
            let read = poll_fn(|cx| self.poll_read(cx, &mut got[filled..])).await;
            match works("a read", read)? {
                0 => break,
                len => filled += len,
            }
        }
        got.truncate(filled);
        Ok(got)
    }

    async fn write_all(&self, octets: &[u8]) -> Step {
        let mut written = 0;
        while written < octets.len() {
            let write =
                poll_fn(|cx| Pin::new(&mut **self.0.lock()).poll_write(cx, &octets[written..]))
                    .await;
            match works("a write", write)? {
                0 => return breach("a write to take octets", "none"),
                len => written += len,
            }
        }
        let flush = poll_fn(|cx| Pin::new(&mut **self.0.lock()).poll_flush(cx)).await;
        works("a flush", flush)
    }

    async fn shutdown(&self) -> Step {
        let shutdown = poll_fn(|cx| Pin::new(&mut **self.0.lock()).poll_shutdown(cx)).await;
        works("a shutdown", shutdown)
    }
}

impl Streams {
    fn reads(&self, end: &End, octets: usize) -> Background<Step<Vec<u8>>> {
        let end = end.clone();
        self.begin("the reads of a transfer", async move {
            end.read_up_to(octets).await
        })
    }

    fn writes(&self, end: &End, octets: Vec<u8>) -> Background<Step> {
        let end = end.clone();
        self.begin("the writes of a transfer", async move {
            end.write_all(&octets).await
        })
    }
}

fn basic_io(streams: &Streams, bench: &Bench) -> Step {
    let [here, there] = streams.take()?;
    let want = pattern(bench.octets, 11);
    for (from, to) in [(&here, &there), (&there, &here)] {
        let written = streams.writes(from, want.clone());
        let got = streams.reads(to, want.len()).within(bench.patience)??;
        written.within(bench.patience)??;
        same_octets("a transfer", &got, &want)?;
    }
    Ok(())
}

fn ping_pong(streams: &Streams, bench: &Bench) -> Step {
    const TURNS: u8 = 100;
    let [here, there] = streams.take()?;
    let answers = streams.begin("one end of a ping-pong", async move {
        for turn in 0..TURNS {
            equal("a ball", &there.read_up_to(2).await?, &vec![turn, 1])?;
            there.write_all(&[turn, 2]).await?;
        }
        Ok(())
    });
    let serves = streams.begin("the other end of a ping-pong", async move {
        for turn in 0..TURNS {
            here.write_all(&[turn, 1]).await?;
            equal("a ball", &here.read_up_to(2).await?, &vec![turn, 2])?;
        }
        Ok(())
    });
    answers.within(bench.patience)??;
    serves.within(bench.patience)?
}

fn full_duplex(streams: &Streams, bench: &Bench) -> Step {
    let [here, there] = streams.take()?;
    let (up, down) = (pattern(bench.octets, 12), pattern(bench.octets, 13));
    let writing = [
        streams.writes(&here, up.clone()),
        streams.writes(&there, down.clone()),
    ];
    let (got_up, got_down) = (
        streams.reads(&there, up.len()),
        streams.reads(&here, down.len()),
    );
    same_octets("the way there", &got_up.within(bench.patience)??, &up)?;
    same_octets("the way back", &got_down.within(bench.patience)??, &down)?;
    writing
        .into_iter()
        .try_for_each(|task| task.within(bench.patience)?)
}

fn shutdown_ends(streams: &Streams, bench: &Bench) -> Step {
    let [here, there] = streams.take()?;
    let want = pattern(bench.octets / 8, 14);
    let (octets, end) = (want.clone(), there.clone());
    let writing = streams.begin("writes and a shutdown", async move {
        end.write_all(&octets).await?;
        end.shutdown().await
    });
    let got = streams
        .reads(&here, want.len() + 1)
        .within(bench.patience)??;
    writing.within(bench.patience)??;
    same_octets("what was written before shutdown", &got, &want)?;
    let more = streams.reads(&here, 1).within(bench.patience)??;
    equal("what is read after the end", &more, &Vec::new())?;
    let late = streams.begin("a write after shutdown", {
        let end = there.clone();
        async move { poll_fn(|cx| Pin::new(&mut **end.0.lock()).poll_write(cx, b"x")).await }
    });
    match late.within(bench.patience)? {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        other => return breach("a write after shutdown: BrokenPipe", format!("{other:?}")),
    }
    let sent = streams.writes(&here, want.clone());
    let got = streams.reads(&there, want.len()).within(bench.patience)??;
    sent.within(bench.patience)??;
    same_octets("the other direction", &got, &want)
}

fn dropped_read_takes_nothing(streams: &Streams, bench: &Bench) -> Step {
    let [here, there] = streams.take()?;
    for round in 0..10 {
        // Polled by somebody who goes away: what comes is not for them.
        let mut cx = Context::from_waker(Waker::noop());
        let polled = here.poll_read(&mut cx, &mut [0; 8]);
        holds("a read to wait where nothing was sent", polled.is_pending())?;
        let reading = streams.reads(&here, 2);
        streams
            .writes(&there, vec![round, 1])
            .within(bench.patience)??;
        let got = reading.within(bench.patience)??;
        equal("what the next read gets", &got, &vec![round, 1])?;
    }
    Ok(())
}

fn drop_closes(streams: &Streams, bench: &Bench) -> Step {
    let [here, there] = streams.take()?;
    let want = pattern(bench.octets / 8, 15);
    let octets = want.clone();
    let writing = streams.begin("writes and a drop", async move {
        there.write_all(&octets).await?;
        drop(there);
        Ok(())
    });
    let got = streams
        .reads(&here, want.len() + 1)
        .within(bench.patience)??;
    writing.within(bench.patience)??;
    same_octets("what was written before the drop", &got, &want)
}
