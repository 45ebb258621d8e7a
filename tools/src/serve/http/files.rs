//! From the path of a request to an open file below one directory.
//!
//! `connection.rs` asks for a path and gets something to send. The kernel itself keeps the look-up
//! below the directory (`openat2` with `RESOLVE_BENEATH`), so no `..`, link or race leads out.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Dir, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use thiserror::Error;

#[cfg(test)]
mod tests;

/// The most names that a listing shows.
pub const LISTING_ENTRIES_MAX: usize = 10_000;
/// The file that stands for its directory.
const INDEX: &str = "index.html";

/// A directory and all that is below it.
#[derive(Debug)]
pub struct Root {
    directory: OwnedFd,
}

/// What a path leads to.
#[derive(Debug)]
pub enum Found {
    /// A file.
    File {
        /// Open at its first octet.
        file: File,
        /// How many octets it has now.
        octets: u64,
        /// What it holds, by its name (RFC 9110 §8.3).
        media_type: &'static str,
    },
    /// A directory without an index: a page that lists it.
    Listing(String),
    /// A directory asked for without its last slash: ask again there.
    MovedTo(String),
}

/// Why a path leads to nothing that we send.
#[derive(Debug, Error)]
pub enum NotFound {
    /// The peer's path is none: bad percent signs, a NUL, or a name that is `..`.
    #[error("malformed path")]
    Malformed,
    /// Nothing is there, or it is no file, or it lies outside.
    #[error("no such file")]
    Missing,
    /// It is there, and we may not read it.
    #[error("not allowed to read it")]
    Forbidden,
    /// The disk failed, or a limit of the process was reached.
    #[error(transparent)]
    Failed(#[from] io::Error),
}

impl From<Errno> for NotFound {
    fn from(errno: Errno) -> Self {
        match errno {
            // XDEV is what RESOLVE_BENEATH says of a path that leads out.
            Errno::NOENT
            | Errno::NOTDIR
            | Errno::XDEV
            | Errno::LOOP
            | Errno::NAMETOOLONG
            | Errno::NXIO => Self::Missing,
            Errno::ACCESS | Errno::PERM => Self::Forbidden,
            other => Self::Failed(other.into()),
        }
    }
}

impl Root {
    /// Serves what is below `directory`.
    ///
    /// # Errors
    ///
    /// It is no directory, or we may not read it.
    pub fn open(directory: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::open(directory, flags, Mode::empty())?;
        Ok(Self { directory })
    }

    /// Follows the path of a request, as it was sent.
    ///
    /// # Errors
    ///
    /// See [`NotFound`].
    pub fn find(&self, request_path: &str) -> Result<Found, NotFound> {
        let path = decode(request_path)?;
        let opened = self.open_below(&path)?;
        let status = rustix::fs::fstat(&opened)?;
        match FileType::from_raw_mode(status.st_mode) {
            // A slash asks for a directory.
            FileType::RegularFile if request_path.ends_with('/') => Err(NotFound::Missing),
            FileType::RegularFile => Ok(regular(opened, status.st_size, &path)),
            FileType::Directory if !request_path.ends_with('/') => {
                // Two slashes in front would name another host (RFC 3986 §4.2).
                let path = request_path.trim_start_matches('/');
                Ok(Found::MovedTo(format!("/{path}/")))
            }
            FileType::Directory => self.directory(opened, &path, request_path),
            _ => Err(NotFound::Missing),
        }
    }

    fn open_below(&self, path: &Path) -> Result<OwnedFd, NotFound> {
        // NONBLOCK: a pipe that nobody writes must not hold us.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        Ok(rustix::fs::openat2(
            &self.directory,
            path,
            flags,
            Mode::empty(),
            resolve,
        )?)
    }

    fn directory(
        &self,
        opened: OwnedFd,
        path: &Path,
        request_path: &str,
    ) -> Result<Found, NotFound> {
        let index = path.join(INDEX);
        match self.open_below(&index) {
            Ok(file) => {
                let status = rustix::fs::fstat(&file)?;
                if FileType::from_raw_mode(status.st_mode) == FileType::RegularFile {
                    return Ok(regular(file, status.st_size, &index));
                }
            }
            Err(NotFound::Missing) => {}
            Err(other) => return Err(other),
        }
        Ok(Found::Listing(list(&opened, request_path)?))
    }
}

fn regular(opened: OwnedFd, size: i64, path: &Path) -> Found {
    Found::File {
        file: File::from(opened),
        octets: u64::try_from(size).unwrap_or(0),
        media_type: media_type(path),
    }
}

/// Undoes percent-encoding (RFC 3986 §2.1) and makes the path relative.
fn decode(request_path: &str) -> Result<PathBuf, NotFound> {
    let mut octets = Vec::with_capacity(request_path.len());
    let mut rest = request_path.bytes();
    while let Some(octet) = rest.next() {
        let octet = if octet == b'%' {
            let (Some(high), Some(low)) = (hex(rest.next()), hex(rest.next())) else {
                return Err(NotFound::Malformed);
            };
            high << 4 | low
        } else {
            octet
        };
        if octet == 0 {
            return Err(NotFound::Malformed);
        }
        octets.push(octet);
    }
    let mut path = PathBuf::from(".");
    for name in octets.split(|octet| *octet == b'/') {
        match name {
            b"" | b"." => {}
            // A client removes these itself (RFC 3986 §5.2.4); what is left wants to get out.
            b".." => return Err(NotFound::Malformed),
            name => path.push(OsStr::from_bytes(name)),
        }
    }
    Ok(path)
}

fn hex(digit: Option<u8>) -> Option<u8> {
    let digit = char::from(digit?).to_digit(16)?;
    u8::try_from(digit).ok()
}

/// A page with a link to each name, in order.
fn list(directory: impl AsFd, request_path: &str) -> Result<String, NotFound> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory)?.take(LISTING_ENTRIES_MAX) {
        let entry = entry?;
        let name = entry.file_name().to_bytes().to_vec();
        if name == b"." || name == b".." {
            continue;
        }
        names.push((name, entry.file_type() == FileType::Directory));
    }
    names.sort();

    let title = escape(request_path);
    let mut page = format!(
        "<!DOCTYPE html>\n<meta charset=\"utf-8\">\n<title>{title}</title>\n<h1>{title}</h1>\n<ul>\n"
    );
    if request_path != "/" {
        page.push_str("<li><a href=\"../\">../</a>\n");
    }
    for (name, is_directory) in names {
        let slash = if is_directory { "/" } else { "" };
        let link = encode(&name);
        let shown = escape(&String::from_utf8_lossy(&name));
        page.push_str(&format!(
            "<li><a href=\"./{link}{slash}\">{shown}{slash}</a>\n"
        ));
    }
    page.push_str("</ul>\n");
    Ok(page)
}

/// Percent-encodes all but the unreserved characters (RFC 3986 §2.3).
fn encode(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    for octet in name {
        match octet {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                text.push(char::from(*octet));
            }
            _ => text.push_str(&format!("%{octet:02X}")),
        }
    }
    text
}

/// Text that means itself in HTML.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            letter => safe.push(letter),
        }
    }
    safe
}

fn media_type(path: &Path) -> &'static str {
    match path.extension().and_then(OsStr::to_str) {
        Some("html" | "htm") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("txt" | "md" | "rs" | "toml" | "log") => "text/plain; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("gif") => "image/gif",
        Some("pdf") => "application/pdf",
        Some("wasm") => "application/wasm",
        _ => "application/octet-stream",
    }
}
