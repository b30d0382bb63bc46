//! IPv4 subnets, as far as networks must not overlap.

use std::{fmt, net::Ipv4Addr, str::FromStr};

/// An IPv4 subnet, `10.200.0.0/28`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subnet {
    first: u32,
    prefix: u32,
}

/// What a network of a configured range gets: sixteen addresses.
const PREFIX: u32 = 28;

impl Subnet {
    pub(super) const fn new(address: [u8; 4], prefix: u32) -> Self {
        Self { first: u32::from_be_bytes(address), prefix }
    }

    const fn last(self) -> u64 {
        self.first as u64 + (1 << (32 - self.prefix)) - 1
    }

    /// Whether they share an address.
    pub const fn overlaps(self, other: Self) -> bool {
        self.first as u64 <= other.last() && other.first as u64 <= self.last()
    }

    /// The first /28 of the range that overlaps nothing taken, looked for from the place that `seed`
    /// gives; `None` when there is none.
    pub fn choose(self, taken: &[Self], seed: u64) -> Option<Self> {
        let count = (1_u64 << (32 - self.prefix)) >> (32 - PREFIX);
        let start = seed.checked_rem(count)?;
        let place = |index: u64| {
            let offset = u32::try_from(index).ok()? << (32 - PREFIX);
            Some(Self { first: self.first + offset, prefix: PREFIX })
        };
        let mut places = (start..count).chain(0..start).filter_map(place);
        places.find(|place| !taken.iter().any(|other| other.overlaps(*place)))
    }
}

impl FromStr for Subnet {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let unusable = || format!("`{text}` is no IPv4 range such as 10.200.0.0/16");
        let (address, prefix) = text.split_once('/').ok_or_else(unusable)?;
        let address: Ipv4Addr = address.parse().map_err(|_| unusable())?;
        let prefix: u32 = prefix.parse().ok().filter(|n| *n <= 32).ok_or_else(unusable)?;
        let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
        Ok(Self { first: address.to_bits() & mask, prefix })
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", Ipv4Addr::from_bits(self.first), self.prefix)
    }
}
