//! Scripts: steps on sockets, one after another, and what each came to.
//!
//! `A=listen tcp $H:0; C=dial tcp $A; write C 5`: things have names, `$NAME` is the address of one and
//! its port after a colon, `$H` and `$H6` are the place's host, `$T` a directory of the script's own.
//! What a step does is in `step.rs`.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use sidestep::{AnyConn, AnyListener, AnyPacketConn, NetAddr};

use super::Place;
use super::step;

/// What a step has made.
#[derive(Clone, Debug)]
pub enum Thing {
    /// By `listen`.
    Listener(AnyListener),
    /// By `dial`, `accept` or `pipe`.
    Conn(AnyConn),
    /// By `listen_packet`.
    Packet(AnyPacketConn),
}

impl Thing {
    fn address(&self) -> NetAddr {
        match self {
            Self::Listener(listener) => listener.addr(),
            Self::Conn(conn) => conn.local_addr(),
            Self::Packet(conn) => conn.local_addr(),
        }
    }
}

/// What the steps of one script share.
#[derive(Debug)]
pub struct World {
    /// Where it runs.
    pub place: Place,
    things: Mutex<HashMap<String, Thing>>,
    tasks: Mutex<HashMap<String, Receiver<String>>>,
    directory: PathBuf,
}

/// Takes the steps one after another and says what each came to.
pub fn run(script: &str, place: &Place) -> String {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let run = RUNS.fetch_add(1, Ordering::Relaxed);
    let name = format!("sidestep-oracle-{}-{run}", std::process::id());
    let directory = std::env::temp_dir().join(name);
    let _ = fs::create_dir_all(&directory);
    let world = Arc::new(World {
        place: place.clone(),
        things: Mutex::default(),
        tasks: Mutex::default(),
        directory: directory.clone(),
    });
    let said: Vec<_> = script
        .split(';')
        .map(|step| world.step(&step.split_whitespace().collect::<Vec<_>>()))
        .collect();
    let said = said
        .join(" | ")
        .replace(&*directory.to_string_lossy(), "TMP");
    let _ = fs::remove_dir_all(directory);
    place.named(&said)
}

impl World {
    /// The thing that the first of `words` names.
    pub fn thing(&self, words: &[&str]) -> Option<Thing> {
        self.get(words.first()?)
    }

    fn get(&self, name: &str) -> Option<Thing> {
        let things = self.things.lock().unwrap_or_else(PoisonError::into_inner);
        things.get(name).cloned()
    }

    /// Keeps a thing under a name. Whatever had the name before is dropped.
    pub fn put(&self, name: &str, thing: Thing) {
        let mut things = self.things.lock().unwrap_or_else(PoisonError::into_inner);
        things.insert(name.to_owned(), thing);
    }

    /// What a word of a step stands for.
    pub fn text(&self, word: &str) -> String {
        let word = word
            .replace("$H6", self.place.v6)
            .replace("$H", self.place.v4)
            .replace("$T", &self.directory.to_string_lossy());
        if word == "_" {
            return String::new();
        }
        let Some((before, name)) = word.split_once('$') else {
            return word;
        };
        let address = self.get(name).map(|thing| thing.address());
        let address = address.map_or("NOTHING".to_owned(), |address| address.to_string());
        if before.is_empty() {
            return address;
        }
        let port = address.rsplit_once(':').map_or("", |(_, port)| port);
        format!("{before}{port}")
    }

    /// Takes one step: `NAME=make …` or `verb NAME …`.
    fn step(self: &Arc<Self>, words: &[&str]) -> String {
        let [verb, rest @ ..] = words else {
            return "NO STEP".to_owned();
        };
        if let Some((name, verb)) = verb.split_once('=') {
            return match step::make(self, verb, rest) {
                Ok(thing) => {
                    let said = step::made(&thing);
                    self.put(name, thing);
                    said
                }
                Err(said) => said,
            };
        }
        match *verb {
            "wait" => {
                thread::sleep(self.place.wait);
                "waited".to_owned()
            }
            "spawn" => self.spawn(rest),
            "join" => self.join(rest),
            verb => {
                let name = rest.first().copied().unwrap_or_default();
                self.get(name).map_or("NO SUCH THING".to_owned(), |thing| {
                    step::act(self, &thing, verb, rest.get(1..).unwrap_or_default())
                })
            }
        }
    }

    fn spawn(self: &Arc<Self>, words: &[&str]) -> String {
        let [name, words @ ..] = words else {
            return "NO TASK".to_owned();
        };
        let (done, said) = channel();
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let world = Arc::clone(self);
        thread::spawn(move || {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let _ = done.send(world.step(&words));
        });
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.insert((*name).to_owned(), said);
        "spawned".to_owned()
    }

    fn join(&self, words: &[&str]) -> String {
        let name = words.first().copied().unwrap_or_default();
        let task = {
            let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
            tasks.remove(name)
        };
        task.and_then(|said| said.recv().ok())
            .unwrap_or_else(|| "NO TASK".to_owned())
    }
}
