use std::fs;
use std::path::PathBuf;

use super::{run_all, scripts};
use crate::drill::report::Backend;
use crate::drill::run::Settings;

/// A directory of its own, gone at the end.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sidestep-{name}-{}", std::process::id()));
        fs::create_dir_all(path.join("inner")).expect("a directory");
        Self(path)
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.0.join(file), text).expect("a file");
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn files_are_told_in_order_and_counted() {
    let directory = Directory::new("suite");
    directory.write("a.pkt", "0 < S 0:0(0) win 1\n+0 > R. 0:0(0) ack 1\n");
    directory.write("b.pkt", "0 < S 0:0(0) win 1\n+0 > R. 0:0(0) ack 2\n");
    directory.write("c.pkt", "0 frobnicate(3) = 0\n");
    directory.write("inner/d.pkt", "0 epoll_wait(3) = 0\n");
    directory.write("e.txt", "no script");
    let files = scripts(std::slice::from_ref(&directory.0)).expect("is readable");
    assert_eq!(files.len(), 4);
    let mut told = Vec::new();
    let tally = run_all(&files, Backend::Stack, &Settings::default(), 3, |judged| {
        told.push(match judged {
            Ok(report) => report.passed().to_string(),
            Err(error) => error
                .to_string()
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned(),
        });
    });
    assert_eq!((tally.passed, tally.failed, tally.unsupported), (1, 2, 1));
    assert_eq!(told[..2], ["true", "false"]);
    assert!(told[2].ends_with("c.pkt:1:3: there is no system call `frobnicate`"));
    assert!(told[3].contains("d.pkt:1:3: epoll_wait cannot be done here"));
}
