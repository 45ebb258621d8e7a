//! Many slices that are written as one: [`Buffers`], Go's `net.Buffers`.
//!
//! [`Buffers::write_to`] hands them to a connection in one go: under one turn of a stream of our
//! stack, with `writev` on the host's. What was sent is taken out, what was not is left. Nothing
//! here copies an octet, except reading out of it.

use std::collections::VecDeque;
use std::io::{self, Read};

use bytes::{Buf, Bytes};

use crate::any_conn::Conn;
use crate::error::OpError;

/// Octets in slices, to be written in order.
///
/// ```
/// use sidestep::{Buffers, Net};
///
/// let (client, server) = Net::memory_pair()?;
/// let listener = server.listen("tcp", ":7000")?;
/// let conn = client.dial("tcp", "192.0.2.2:7000")?;
/// let accepted = listener.accept()?;
///
/// let mut buffers = Buffers::from_iter(["head", "er and ", "text"]);
/// assert_eq!(buffers.write_to(&conn)?, 15);
/// assert!(buffers.is_empty());
/// conn.close()?;
/// let mut text = String::new();
/// std::io::Read::read_to_string(&mut &accepted, &mut text)?;
/// assert_eq!(text, "header and text");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[doc(alias = "net.Buffers")]
pub struct Buffers(VecDeque<Bytes>);

impl Buffers {
    /// No slices.
    pub const fn new() -> Self {
        Self(VecDeque::new())
    }

    /// Adds a slice behind the others.
    pub fn push(&mut self, slice: impl Into<Bytes>) {
        self.0.push_back(slice.into());
    }

    /// How many octets there are in all slices.
    pub fn octets(&self) -> usize {
        self.0.iter().map(Bytes::len).sum()
    }

    /// How many slices there are, empty ones too: Go's `len`.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there is no slice.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The slices in order.
    pub fn iter(&self) -> impl Iterator<Item = &Bytes> {
        self.0.iter()
    }

    /// Writes all slices to `conn`, together where the connection can, and takes out what was
    /// written: how many octets that was. On a network of datagrams they are one datagram.
    ///
    /// # Errors
    ///
    /// With op `writev` or `write`; [`OpError::written`] says how many octets were taken. The rest
    /// is left, to be written once it is possible.
    #[doc(alias = "WriteTo")]
    pub fn write_to(&mut self, conn: &(impl Conn + ?Sized)) -> Result<usize, OpError> {
        conn.write_buffers(self)
    }

    /// Moves octets from the front into `octets`: how many; 0 if there are none.
    #[doc(alias = "Read")]
    pub fn read(&mut self, octets: &mut [u8]) -> usize {
        let mut copied = 0;
        while let Some(slice) = self.0.front_mut() {
            let rest = octets.get_mut(copied..).unwrap_or_default();
            let count = slice.len().min(rest.len());
            if count < slice.len() && rest.len() == count {
                slice.copy_to_slice(rest);
                return copied + count;
            }
            let (fits, _) = rest.split_at_mut(count);
            slice.copy_to_slice(fits);
            copied += count;
            self.0.pop_front();
        }
        copied
    }

    /// Takes the first `octets` out, and empty slices with them.
    pub fn consume(&mut self, octets: usize) {
        crate::host::end::consume(&mut self.0, octets);
    }

    /// For connections, which take out what they have sent.
    pub(crate) fn slices_mut(&mut self) -> &mut VecDeque<Bytes> {
        &mut self.0
    }

    /// Writes one slice after the other: what a connection does that has nothing better.
    pub(crate) fn write_each(
        &mut self,
        mut write: impl FnMut(&[u8]) -> Result<usize, OpError>,
    ) -> Result<usize, OpError> {
        let mut written = 0;
        while let Some(slice) = self.0.front_mut() {
            match write(slice) {
                Ok(octets) => written += octets,
                Err(error) => {
                    let octets = error.written();
                    slice.advance(octets.min(slice.len()));
                    return Err(error.with_written(written + octets));
                }
            }
            self.0.pop_front();
        }
        Ok(written)
    }

    /// Writes all slices as one: what a connection does whose calls are messages.
    pub(crate) fn write_joined(
        &mut self,
        write: impl FnOnce(&[u8]) -> Result<usize, OpError>,
    ) -> Result<usize, OpError> {
        if self.0.is_empty() {
            return Ok(0);
        }
        let written = match self.0.make_contiguous() {
            [one] => write(one)?,
            many => write(&many.concat())?,
        };
        self.0.clear();
        Ok(written)
    }
}

/// Never fails, and 0 is the end, unless `octets` is empty.
impl Read for Buffers {
    fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
        Ok(Self::read(self, octets))
    }
}

impl<T: Into<Bytes>> FromIterator<T> for Buffers {
    fn from_iter<I: IntoIterator<Item = T>>(slices: I) -> Self {
        Self(slices.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Bytes>> Extend<T> for Buffers {
    fn extend<I: IntoIterator<Item = T>>(&mut self, slices: I) {
        self.0.extend(slices.into_iter().map(Into::into));
    }
}

impl From<Vec<Bytes>> for Buffers {
    fn from(slices: Vec<Bytes>) -> Self {
        Self(slices.into())
    }
}

impl IntoIterator for Buffers {
    type Item = Bytes;
    type IntoIter = std::collections::vec_deque::IntoIter<Bytes>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
