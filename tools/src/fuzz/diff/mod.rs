//! The stack and the host's kernel, given the same packets and calls: what do they do differently?
//!
//! Random sequences are played to our stack in virtual time and to the kernel behind a TUN in a network
//! namespace of their own, and after each step what came out is compared: reply class, relative numbers,
//! options, delivered octets. Differences that the RFCs allow are named in a short list
//! ([`known`]); any other one is shrunk and told as a drill script.

mod compare;
mod kernel;
pub mod known;
mod ours;
mod step;

use rand::rngs::ChaCha12Rng;
use rand::{Rng, RngExt, SeedableRng};
use thiserror::Error;

use super::record::{Input, RECORD_OCTETS};
use super::rig::Family;
use super::script::{Ip, Teller};
use super::trace::Said;
use compare::first_difference;
pub use compare::{Difference, What};
use kernel::Kernel;
pub use kernel::KernelError;
use known::Known;
use ours::play;
use step::{Answer, Played, Step, Turn};

/// Records of one sequence.
const RECORDS_MAX: usize = 14;
/// Runs that one shrinking may take.
const TRIES_MAX: usize = 400;
/// A difference counts if it is there so often in a row: the kernel's time is real, and may be late.
const REPEATS: usize = 3;

/// Why the comparison stopped.
#[derive(Debug, Error)]
pub enum DiffError {
    /// The kernel cannot be asked.
    #[error(transparent)]
    Kernel(#[from] KernelError),
}

/// What became of one sequence.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Both did the same.
    Alike,
    /// They differ as the list says, at some step; what follows was not compared.
    Known(Known),
    /// They differ, and nobody knows why.
    Differs(Box<Finding>),
}

/// An unexplained difference.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Which sequence it was, from 0 on.
    pub number: u64,
    /// The sequence, as small as it became.
    pub input: Vec<u8>,
    /// What is different.
    pub difference: Difference,
    /// A drill script that ends with the kernel's answer: it fails on our stack.
    pub script: String,
}

/// See the module. The calling thread must be in a network namespace of its own.
#[derive(Debug)]
pub struct Diff {
    random: ChaCha12Rng,
    kernel: Kernel,
    number: u64,
}

impl Diff {
    /// Makes the TUN. All sequences follow from `seed`.
    ///
    /// # Errors
    ///
    /// The kernel gives no TUN or no sockets.
    pub fn new(seed: u64) -> Result<Self, DiffError> {
        Ok(Self {
            random: ChaCha12Rng::seed_from_u64(seed),
            kernel: Kernel::new()?,
            number: 0,
        })
    }

    /// Plays the next sequence to both.
    ///
    /// # Errors
    ///
    /// The kernel cannot be asked any more.
    pub fn step(&mut self) -> Result<Verdict, DiffError> {
        let input = self.next_input();
        let number = self.number;
        self.number += 1;
        let Some(difference) = self.differs(&input)? else {
            return Ok(Verdict::Alike);
        };
        if let Some(known) = difference.known {
            return Ok(Verdict::Known(known));
        }
        let (input, difference) = self.shrink(input, difference)?;
        let script = self.script(&input, &difference)?;
        Ok(Verdict::Differs(Box::new(Finding {
            number,
            input,
            difference,
            script,
        })))
    }

    fn next_input(&mut self) -> Vec<u8> {
        let records = 2 + self.random.random_range(0..RECORDS_MAX - 1);
        let mut input = vec![0; RECORD_OCTETS * (1 + records)];
        self.random.fill_bytes(&mut input);
        for octet in &mut input {
            if self.random.random_range(0..3) == 0 {
                *octet = 0;
            }
        }
        input
    }

    /// Plays one input to both, more often if they differ: a late timer of the kernel does not repeat.
    fn differs(&mut self, input: &[u8]) -> Result<Option<Difference>, DiffError> {
        let mut found = None;
        for _ in 0..REPEATS {
            found = self.compare_once(input)?;
            if found
                .as_ref()
                .is_none_or(|it: &Difference| it.known.is_some())
            {
                break;
            }
        }
        Ok(found)
    }

    fn compare_once(&mut self, input: &[u8]) -> Result<Option<Difference>, DiffError> {
        let Some(ours) = play(Input::new(input)) else {
            return Ok(None);
        };
        let theirs = self.kernel.play(&ours)?;
        Ok(first_difference(&ours, &theirs))
    }

    fn shrink(
        &mut self,
        mut best: Vec<u8>,
        mut difference: Difference,
    ) -> Result<(Vec<u8>, Difference), DiffError> {
        let mut tries = 0;
        loop {
            let before = best.len();
            let mut at = RECORD_OCTETS;
            while at < best.len() && tries < TRIES_MAX {
                let mut candidate = best.clone();
                candidate.drain(at..(at + RECORD_OCTETS).min(best.len()));
                tries += 1;
                match self.differs(&candidate)? {
                    Some(found) if found.known.is_none() => {
                        best = candidate;
                        difference = found;
                    }
                    _ => at += RECORD_OCTETS,
                }
            }
            if best.len() == before {
                break;
            }
        }
        for at in 0..best.len() {
            if best[at] == 0 || tries >= TRIES_MAX {
                continue;
            }
            let mut candidate = best.clone();
            candidate[at] = 0;
            tries += 1;
            if let Some(found) = self.differs(&candidate)?
                && found.known.is_none()
            {
                best = candidate;
                difference = found;
            }
        }
        Ok((best, difference))
    }

    /// What happened up to the difference, and what the kernel did there.
    fn script(&mut self, input: &[u8], difference: &Difference) -> Result<String, DiffError> {
        let Some(ours) = play(Input::new(input)) else {
            return Ok(String::new());
        };
        let theirs = self.kernel.play(&ours)?;
        let ip = match ours.family {
            Family::V4 => Ip::V4,
            Family::V6 => Ip::V6,
        };
        let title = format!(
            "Found by `sidestep fuzz diff`: at the end stands what the kernel does, before it what both do, \
             as our stack does it.\n{difference}"
        );
        let mut teller = Teller::new(&title, ip);
        for turn in ours.turns.iter().take(difference.step) {
            tell(turn, &mut teller);
        }
        if let (Some(our), Some(their)) = (
            ours.turns.get(difference.step),
            theirs.turns.get(difference.step),
        ) {
            let their = in_numbers_of(our, their);
            match our.out.last() {
                Some(segment) if difference.what == What::Sack => {
                    tell_done(&their, &mut teller);
                    for reporting in &their.out {
                        teller.leaves_reporting(their.at, reporting, segment);
                    }
                }
                _ => tell(&their, &mut teller),
            }
        }
        Ok(teller.finish())
    }

    /// Sequences that were played.
    pub const fn played(&self) -> u64 {
        self.number
    }
}

/// What the kernel did, as if its numbers had begun where ours did.
fn in_numbers_of(our: &Turn, their: &Turn) -> Turn {
    let (ours, theirs) = (our.iss.unwrap_or(0), their.iss.unwrap_or(0));
    let mut turn = their.clone();
    turn.wire.clone_from(&our.wire);
    for segment in &mut turn.out {
        let counts_from_syn = segment.seq != 0;
        if counts_from_syn {
            segment.seq = segment.seq.wrapping_sub(theirs).wrapping_add(ours);
        }
    }
    turn
}

/// One step with the answer to it.
fn tell(turn: &Turn, teller: &mut Teller) {
    tell_done(turn, teller);
    for segment in &turn.out {
        teller.leaves(turn.at, segment);
    }
}

/// One step, without what left for it.
fn tell_done(turn: &Turn, teller: &mut Teller) {
    match (&turn.step, turn.answer) {
        (Step::Call(Said::Send(_)), Answer::Octets(octets)) => {
            teller.call(turn.at, Said::Send(octets));
        }
        (Step::Call(Said::Receive(_)), Answer::Octets(octets)) => {
            teller.call(turn.at, Said::Receive(octets));
        }
        (Step::Call(said), Answer::Octets(_)) => teller.call(turn.at, *said),
        (Step::Call(_), _) => {}
        (Step::Segment(_), _) => {
            if let Some(wire) = &turn.wire {
                teller.arrives(turn.at, wire);
            }
        }
    }
}

/// Plays one input, as [`Finding::input`] has it, to both.
///
/// # Errors
///
/// The kernel cannot be asked.
pub fn replay(input: &[u8]) -> Result<Option<Difference>, DiffError> {
    Diff::new(0)?.differs(input)
}

impl Played {
    /// What a step was, for a person.
    fn describe(&self, step: usize) -> String {
        self.turns
            .get(step)
            .map_or_else(|| "the end".to_owned(), |turn| turn.step.to_string())
    }
}
