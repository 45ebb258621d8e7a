//! Addresses, networks and hardware addresses as serde writes them: their text, in every format.
//!
//! Only with the feature `serde`. What cannot be read back without a look-up (a name, a service) is
//! an error, for a file must not ask anybody.

use std::fmt;

use serde::de::{Deserializer, Error, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use super::{IPAddr, TCPAddr, UDPAddr};
use crate::hardware_addr::HardwareAddr;
use crate::ip_net::IPNet;

/// Reads a text, which stands for the value that has an empty text if it is empty.
struct Text<T>(fn(&str) -> Result<T, AnyError>);

type AnyError = Box<dyn std::error::Error>;

impl<T> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the text of an address")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.0)(text).map_err(E::custom)
    }
}

macro_rules! as_text {
    ($($name:ident = $read:expr;)*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Text($read))
            }
        }
    )*};
}

as_text! {
    TCPAddr = |text| Ok(text.parse()?);
    UDPAddr = |text| Ok(text.parse()?);
    IPAddr = |text| if text.is_empty() { Ok(IPAddr::default()) } else { Ok(text.parse()?) };
    IPNet = |text| Ok(text.parse()?);
    HardwareAddr = |text| if text.is_empty() { Ok(HardwareAddr::NONE) } else { Ok(text.parse()?) };
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde::de::IntoDeserializer;
    use serde::de::value::{Error, StrDeserializer};

    use super::*;

    fn read<T: for<'de> Deserialize<'de>>(text: &str) -> Result<T, Error> {
        let text: StrDeserializer<'_, Error> = text.into_deserializer();
        T::deserialize(text)
    }

    #[test]
    fn what_is_written_as_text_is_read_back() {
        for text in ["[2001:db8::1%eth0]:80", "192.0.2.1:80", ":0"] {
            assert_eq!(read::<TCPAddr>(text).unwrap().to_string(), text);
            assert_eq!(read::<UDPAddr>(text).unwrap().to_string(), text);
        }
        for text in ["", "192.0.2.1", "fe80::1%eth0"] {
            assert_eq!(read::<IPAddr>(text).unwrap().to_string(), text);
        }
        for text in ["", "00:00:5e:00:53:01"] {
            assert_eq!(read::<HardwareAddr>(text).unwrap().to_string(), text);
        }
        assert_eq!(
            read::<IPNet>("192.0.2.0/24").unwrap().to_string(),
            "192.0.2.0/24"
        );
        assert!(read::<TCPAddr>("localhost:80").is_err());
        assert!(read::<IPNet>("").is_err());
    }
}
