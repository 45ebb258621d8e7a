//! Domain names: labels, compression pointers and limits (RFC 1035 §2.3.4, §3.1, §4.1.4).
//!
//! Called by `wire/dns_message.rs` and `dns/*`. Every pointer must lead strictly backwards, and
//! their number and the name's length are bounded, so no name costs more than a few hundred steps
//! (RFC 9267 §2, §3). It never asks whether a name exists or should be asked for.

use alloc::vec::Vec;
use core::fmt::{self, Write as _};

use thiserror::Error;

#[cfg(test)]
mod tests;

/// The most octets in one label (RFC 1035 §2.3.4).
pub const LABEL_OCTETS_MAX: usize = 63;
/// The most octets in one name: all lengths, all labels and the root (RFC 1035 §2.3.4).
pub const NAME_OCTETS_MAX: usize = 255;
/// The most compression pointers followed for one name. Honest servers need about ten; without a
/// bound a chain of pointers to pointers would make us work for nothing (RFC 9267 §2).
pub const NAME_POINTERS_MAX: usize = 32;
/// Where the first name of a message can be: just after the header (RFC 1035 §4.1).
const FIRST_NAME_AT: usize = 12;

/// Why octets or a text are no domain name.
#[derive(Clone, Copy, Debug, Eq, Error, Hash, PartialEq)]
pub enum NameRejected {
    /// The message ends before the name does (RFC 9267 §4).
    #[error("name runs past the end of the message")]
    Truncated,
    /// A label has more than 63 octets.
    #[error("label of more than 63 octets")]
    LabelTooLong,
    /// A label's length begins with the bits 01 or 10, which have no meaning (RFC 6891 §5).
    #[error("label of a reserved type")]
    LabelReserved,
    /// Two dots meet, or a text is empty.
    #[error("empty label")]
    LabelEmpty,
    /// More than 255 octets in all.
    #[error("name of more than 255 octets")]
    NameTooLong,
    /// A compression pointer does not lead to an earlier name.
    #[error("compression pointer does not lead backwards to a name")]
    PointerNotBackwards,
    /// More than [`NAME_POINTERS_MAX`] compression pointers.
    #[error("too many compression pointers")]
    PointersTooMany,
    /// Only digits and dots, or an octet that no host name has.
    #[error("not the name of a host")]
    NotHostName,
}

/// A domain name, fully qualified. Equality does not look at case (RFC 4343 §3).
#[derive(Clone)]
pub struct Name {
    /// The name as on the wire, without compression: length, label, …, 0.
    wire: Vec<u8>,
}

/// A name found in a message, and where the octets after it begin.
#[derive(Clone, Debug)]
pub struct ParsedName {
    /// The name.
    pub name: Name,
    /// Offset of the octet after the name's own octets in the message.
    pub next: usize,
}

impl Name {
    /// The root of all names.
    pub fn root() -> Self {
        Self {
            wire: alloc::vec![0],
        }
    }

    /// Reads labels between dots; one dot at the end changes nothing. Every octet stands for itself.
    pub fn from_text(text: &str) -> Result<Self, NameRejected> {
        if text == "." {
            return Ok(Self::root());
        }
        let text = text.strip_suffix('.').unwrap_or(text);
        // Before any work: a text of more octets cannot be a name (255 less two lengths).
        if text.len() > NAME_OCTETS_MAX - 2 {
            return Err(NameRejected::NameTooLong);
        }
        let mut wire = Vec::with_capacity(text.len() + 2);
        for label in text.split('.') {
            if label.is_empty() {
                return Err(NameRejected::LabelEmpty);
            }
            if label.len() > LABEL_OCTETS_MAX {
                return Err(NameRejected::LabelTooLong);
            }
            wire.push(label.len() as u8);
            wire.extend_from_slice(label.as_bytes());
        }
        wire.push(0);
        Ok(Self { wire })
    }

    /// As [`from_text`](Self::from_text), and the text must look like a host's name: letters,
    /// digits, `_` and inner `-`, not digits and dots only (RFC 1123 §2.1, as Go reads it).
    ///
    /// `127.1` is thus no name: it would be one label away from an address (RFC 1123 §2.1).
    pub fn from_host_text(text: &str) -> Result<Self, NameRejected> {
        let name = Self::from_text(text)?;
        if text == "." {
            return Ok(name);
        }
        if is_host_name(&name) {
            Ok(name)
        } else {
            Err(NameRejected::NotHostName)
        }
    }

    /// Reads the name that begins at `offset` of `message`, following its pointers.
    ///
    /// A run of labels may only point to before its own beginning, so every jump leads strictly
    /// backwards and the walk ends (RFC 1035 §4.1.4: "a prior occurrence").
    pub fn parse(message: &[u8], offset: usize) -> Result<ParsedName, NameRejected> {
        let mut wire = Vec::new();
        let mut run_begins = offset;
        let mut at = offset;
        let mut next = None;
        let mut pointers = 0;
        loop {
            let length = *message.get(at).ok_or(NameRejected::Truncated)?;
            match length >> 6 {
                0b00 if length == 0 => {
                    wire.push(0);
                    let next = next.unwrap_or(at + 1);
                    return Ok(ParsedName {
                        name: Self { wire },
                        next,
                    });
                }
                0b00 => {
                    let end = at + 1 + usize::from(length);
                    let label = message.get(at..end).ok_or(NameRejected::Truncated)?;
                    // One octet must be left for the root.
                    if wire.len() + label.len() >= NAME_OCTETS_MAX {
                        return Err(NameRejected::NameTooLong);
                    }
                    wire.extend_from_slice(label);
                    at = end;
                }
                0b11 => {
                    let low = *message.get(at + 1).ok_or(NameRejected::Truncated)?;
                    let target = usize::from(length & 0x3f) << 8 | usize::from(low);
                    if target >= run_begins || target < FIRST_NAME_AT {
                        return Err(NameRejected::PointerNotBackwards);
                    }
                    pointers += 1;
                    if pointers > NAME_POINTERS_MAX {
                        return Err(NameRejected::PointersTooMany);
                    }
                    next.get_or_insert(at + 2);
                    run_begins = target;
                    at = target;
                }
                _ => return Err(NameRejected::LabelReserved),
            }
        }
    }

    /// The octets on the wire, without compression.
    pub fn as_wire(&self) -> &[u8] {
        &self.wire
    }

    /// The labels, from the host to the top; the root has none.
    pub fn labels(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.wire.as_slice();
        core::iter::from_fn(move || {
            let (&length, after) = rest.split_first()?;
            if length == 0 {
                return None;
            }
            let (label, after) = after.split_at_checked(usize::from(length))?;
            rest = after;
            Some(label)
        })
    }

    /// True if the last label is `label`, in any case: the name is in that top-level domain.
    pub fn is_under_top(&self, label: &str) -> bool {
        self.labels()
            .last()
            .is_some_and(|top| top.eq_ignore_ascii_case(label.as_bytes()))
    }

    /// True if this name is `domain` or ends with its labels (RFC 1034 §3.1).
    pub fn is_at_or_under(&self, domain: &Self) -> bool {
        let above = self.labels().count().checked_sub(domain.labels().count());
        above.is_some_and(|above| {
            let own = self.labels().skip(above);
            own.zip(domain.labels())
                .all(|(own, domain)| own.eq_ignore_ascii_case(domain))
        })
    }

    /// True if both have the same octets: equal in case, too.
    pub fn is_identical_to(&self, other: &Self) -> bool {
        self.wire == other.wire
    }

    /// The same name with each letter in the case that `upper` says for it (RFC 4343 §3 has all of
    /// them mean the same).
    #[must_use]
    pub fn with_case(&self, mut upper: impl FnMut() -> bool) -> Self {
        // A length is at most 63, which is below every letter.
        let wire = self.wire.iter().map(|octet| {
            if !octet.is_ascii_alphabetic() {
                *octet
            } else if upper() {
                octet.to_ascii_uppercase()
            } else {
                octet.to_ascii_lowercase()
            }
        });
        Self {
            wire: wire.collect(),
        }
    }

    /// True if the text of this name would be taken for the name of a host: what Go asks of names in
    /// answers.
    pub fn is_host_name(&self) -> bool {
        *self == Self::root() || is_host_name(self)
    }

    /// This name's labels, then those of `domain`; `None` if that is longer than a name may be.
    pub fn within(&self, domain: &Self) -> Option<Self> {
        let labels = self.wire.split_last()?.1;
        if labels.len() + domain.wire.len() > NAME_OCTETS_MAX {
            return None;
        }
        let mut wire = labels.to_vec();
        wire.extend_from_slice(&domain.wire);
        Some(Self { wire })
    }
}

/// Letters, digits, `_` and inner `-`, not digits and dots only (RFC 1123 §2.1, as Go reads it).
fn is_host_name(name: &Name) -> bool {
    let mut only_digits = true;
    for label in name.labels() {
        let inner_hyphens = label.first() != Some(&b'-') && label.last() != Some(&b'-');
        let known = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
        if !inner_hyphens || !label.iter().all(known) {
            return false;
        }
        only_digits &= label.iter().all(u8::is_ascii_digit);
    }
    !only_digits
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        // A length is at most 63, which is below every letter: it cannot be mistaken for one.
        self.wire.eq_ignore_ascii_case(&other.wire)
    }
}

impl Eq for Name {}

impl fmt::Display for Name {
    /// As in a zone file (RFC 1035 §5.1): a dot at the end, odd octets escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.wire.len() <= 1 {
            return f.write_char('.');
        }
        for label in self.labels() {
            for &octet in label {
                match octet {
                    b'.' | b'\\' => write!(f, "\\{}", char::from(octet))?,
                    0x21..=0x7e => f.write_char(char::from(octet))?,
                    _ => write!(f, "\\{octet:03}")?,
                }
            }
            f.write_char('.')?;
        }
        Ok(())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}
