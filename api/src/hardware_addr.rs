//! Hardware addresses of interfaces and their text: Go's `HardwareAddr` and `ParseMAC`.
//!
//! Interfaces carry them and users print them. EUI-48, EUI-64 and the 20 octets of IP over
//! InfiniBand (RFC 4391 §9.1.1) are known; nothing here sends or resolves anything.

#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use crate::error::{AddrError, AddrErrorKind};

/// The most octets that a hardware address has: those of InfiniBand.
pub const HARDWARE_ADDR_OCTETS_MAX: usize = 20;

/// The address of an interface on its link; none at all for one without, such as a loopback.
///
/// ```
/// use sidestep::HardwareAddr;
/// let addr: HardwareAddr = "00-00-5E-00-53-01".parse()?;
/// assert_eq!(addr.to_string(), "00:00:5e:00:53:01");
/// # Ok::<(), sidestep::AddrError>(())
/// ```
#[derive(Clone, Copy, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[doc(alias = "net.HardwareAddr")]
pub struct HardwareAddr {
    /// Zero beyond `len`, so that comparisons may look at all of it.
    octets: [u8; HARDWARE_ADDR_OCTETS_MAX],
    len: u8,
}

impl HardwareAddr {
    /// No address.
    pub const NONE: Self = Self {
        octets: [0; HARDWARE_ADDR_OCTETS_MAX],
        len: 0,
    };

    /// The address that is `octets`; `None` if they are more than
    /// [`HARDWARE_ADDR_OCTETS_MAX`].
    pub fn new(octets: &[u8]) -> Option<Self> {
        let mut addr = Self::NONE;
        addr.octets.get_mut(..octets.len())?.copy_from_slice(octets);
        addr.len = u8::try_from(octets.len()).ok()?;
        Some(addr)
    }

    /// The octets, in the order of the wire.
    pub fn as_octets(&self) -> &[u8] {
        self.octets.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// True if there is no address.
    pub const fn is_none(&self) -> bool {
        self.len == 0
    }
}

impl From<[u8; 6]> for HardwareAddr {
    fn from(eui48: [u8; 6]) -> Self {
        Self::new(&eui48).unwrap_or_default()
    }
}

impl From<[u8; 8]> for HardwareAddr {
    fn from(eui64: [u8; 8]) -> Self {
        Self::new(&eui64).unwrap_or_default()
    }
}

/// Lower-case octets with colons between them, whatever was parsed.
impl fmt::Display for HardwareAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, octet) in self.as_octets().iter().enumerate() {
            let colon = if at == 0 { "" } else { ":" };
            write!(f, "{colon}{octet:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for HardwareAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HardwareAddr({self})")
    }
}

impl FromStr for HardwareAddr {
    type Err = AddrError;

    fn from_str(text: &str) -> Result<Self, AddrError> {
        parse_mac(text)
    }
}

/// Reads 6, 8 or 20 octets, written as `00:00:5e:00:53:01`, `00-00-5e-00-53-01` or
/// `0000.5e00.5301`, in either case.
///
/// # Errors
///
/// `invalid MAC address`: another length or form, or not all separators are the same.
#[doc(alias = "ParseMAC")]
pub fn parse_mac(text: &str) -> Result<HardwareAddr, AddrError> {
    parse(text).ok_or_else(|| AddrError::new(AddrErrorKind::InvalidMAC, text))
}

fn parse(text: &str) -> Option<HardwareAddr> {
    let text = text.as_bytes();
    let (separator, digits_between) = match (text.get(2)?, text.get(4)?) {
        (separator @ (b':' | b'-'), _) => (*separator, 2),
        (_, b'.') => (b'.', 4),
        _ => return None,
    };
    let mut addr = HardwareAddr::NONE;
    for group in text.split(|octet| *octet == separator) {
        if group.len() != digits_between {
            return None;
        }
        for pair in group.chunks_exact(2) {
            let high = char::from(*pair.first()?).to_digit(16)?;
            let low = char::from(*pair.last()?).to_digit(16)?;
            *addr.octets.get_mut(usize::from(addr.len))? = u8::try_from(high * 16 + low).ok()?;
            addr.len += 1;
        }
    }
    matches!(addr.len, 6 | 8 | 20).then_some(addr)
}
