//! When files are read again.

use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

/// A directory for one test, gone with it.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("sidestep-files-{}-{next}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.join(name), text).unwrap();
    }

    fn files(&self) -> Files {
        Files::new(ResolverFiles::in_directory(&self.0))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn servers(snapshot: &Snapshot) -> Vec<String> {
    let servers = snapshot.conf.servers.iter();
    servers.map(|(ip, _)| ip.to_string()).collect()
}

#[test]
fn files_are_read_again_after_five_seconds_and_not_before() {
    let directory = Directory::new();
    directory.write("resolv.conf", "nameserver 192.0.2.1\n");
    directory.write("hosts", "192.0.2.7 seven\n");
    directory.write("nsswitch.conf", "hosts: dns files\n");
    let files = directory.files();
    let begin = Instant::now();
    let first = files.snapshot_at(begin);
    assert_eq!(servers(&first), ["192.0.2.1"]);
    assert_eq!(first.hosts.addresses("seven").len(), 1);
    assert_eq!(first.order, Order::DnsFiles);

    directory.write(
        "resolv.conf",
        "nameserver 192.0.2.1\nnameserver 192.0.2.2\n",
    );
    directory.write("hosts", "192.0.2.7 seven eight\n");
    directory.write("nsswitch.conf", "hosts: files\n");
    let edge = files.snapshot_at(begin + FRESH - Duration::from_nanos(1));
    assert!(Arc::ptr_eq(&edge.conf, &first.conf));
    assert!(edge.hosts.addresses("eight").is_empty());
    assert_eq!(edge.order, Order::DnsFiles);

    let later = files.snapshot_at(begin + FRESH);
    assert_eq!(servers(&later), ["192.0.2.1", "192.0.2.2"]);
    assert_eq!(later.hosts.addresses("eight").len(), 1);
    assert_eq!(later.order, Order::Files);
}

#[test]
fn files_that_did_not_change_are_the_same_value() {
    let directory = Directory::new();
    directory.write("resolv.conf", "nameserver 192.0.2.1\n");
    directory.write("hosts", "192.0.2.7 seven\n");
    let files = directory.files();
    let begin = Instant::now();
    let first = files.snapshot_at(begin);
    let later = files.snapshot_at(begin + FRESH);
    assert!(Arc::ptr_eq(&first.conf, &later.conf));
    assert!(Arc::ptr_eq(&first.hosts, &later.hosts));
}

#[test]
fn missing_files_say_nothing_until_they_are_there_and_again_when_they_are_gone() {
    let directory = Directory::new();
    let files = directory.files();
    let begin = Instant::now();
    let first = files.snapshot_at(begin);
    assert_eq!(*first.conf, ResolvConf::default());
    assert_eq!(first.order, Order::FilesDns);
    directory.write("resolv.conf", "nameserver 192.0.2.1\n");
    let there = files.snapshot_at(begin + FRESH);
    assert_eq!(servers(&there), ["192.0.2.1"]);
    fs::remove_file(directory.0.join("resolv.conf")).unwrap();
    let gone = files.snapshot_at(begin + 2 * FRESH);
    assert_eq!(*gone.conf, ResolvConf::default());
}

#[test]
fn a_file_is_read_up_to_its_bound_and_need_not_be_text() {
    let directory = Directory::new();
    let mut long = "x".repeat(CONF_OCTETS_MAX as usize);
    long.push_str("\nnameserver 192.0.2.1\n");
    directory.write("resolv.conf", &long);
    fs::write(
        directory.0.join("hosts"),
        b"192.0.2.7 seven\n\xff\xfe\x00\n192.0.2.8 eight\n",
    )
    .unwrap();
    let snapshot = directory.files().snapshot_at(Instant::now());
    assert!(snapshot.conf.servers.is_empty());
    assert_eq!(snapshot.hosts.addresses("eight").len(), 1);
}
