//! Paths that lead to files, and paths that try to lead out.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

/// A directory with some files in it, and a secret beside it.
struct Place {
    path: PathBuf,
}

impl Place {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "sidestep-files-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(path.join("root/a b")).unwrap();
        fs::create_dir_all(path.join("root/site")).unwrap();
        fs::write(path.join("secret"), "secret").unwrap();
        fs::write(path.join("root/one.txt"), "1").unwrap();
        fs::write(path.join("root/a b/<&>"), "2").unwrap();
        fs::write(path.join("root/site/index.html"), "<p>index").unwrap();
        symlink("../secret", path.join("root/out")).unwrap();
        symlink("one.txt", path.join("root/in")).unwrap();
        Self { path }
    }

    fn find(&self, path: &str) -> Result<Found, NotFound> {
        Root::open(&self.path.join("root")).unwrap().find(path)
    }

    fn text(&self, path: &str) -> String {
        match self.find(path).unwrap() {
            Found::File { mut file, .. } => {
                let mut text = String::new();
                file.read_to_string(&mut text).unwrap();
                text
            }
            Found::Listing(text) | Found::MovedTo(text) => text,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

#[test]
fn a_path_leads_to_its_file() {
    let place = Place::new();
    assert_eq!(place.text("/one.txt"), "1");
    assert_eq!(place.text("//./one.txt"), "1");
    assert_eq!(place.text("/%6fne.txt"), "1");
    assert_eq!(place.text("/a%20b/%3C&%3e"), "2");
    assert_eq!(place.text("/in"), "1", "a link inside is followed");
    let Found::File {
        octets, media_type, ..
    } = place.find("/one.txt").unwrap()
    else {
        panic!("not a file");
    };
    assert_eq!((octets, media_type), (1, "text/plain; charset=utf-8"));
}

#[test]
fn no_path_leads_out() {
    let place = Place::new();
    for path in [
        "/../secret",
        "/%2e%2e/secret",
        "/..%2fsecret",
        "/a%20b/../../secret",
        "/one.txt%00",
        "/%",
        "/%4",
        "/%zz",
    ] {
        assert!(
            matches!(place.find(path), Err(NotFound::Malformed)),
            "{path}"
        );
    }
    for path in ["/out", "/none", "/one.txt/", "/one.txt/x"] {
        let found = place.find(path);
        // A regular file with a slash behind it is not there.
        assert!(matches!(found, Err(NotFound::Missing)), "{path}: {found:?}");
    }
}

#[test]
fn a_directory_is_its_index_or_a_list() {
    let place = Place::new();
    assert_eq!(place.text("/site/"), "<p>index");
    assert_eq!(place.text("/site"), "/site/");
    assert_eq!(place.text("//site"), "/site/");
    let list = place.text("/");
    assert!(list.contains("<a href=\"./a%20b/\">a b/</a>"), "{list}");
    let list = place.text("/a%20b/");
    assert!(
        list.contains("<a href=\"./%3C%26%3E\">&lt;&amp;&gt;</a>"),
        "{list}"
    );
}

#[test]
fn a_pipe_that_nobody_writes_holds_nobody() {
    let place = Place::new();
    let pipe = place.path.join("root/pipe");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        FileType::Fifo,
        Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    assert!(matches!(place.find("/pipe"), Err(NotFound::Missing)));
}
