//! Which subnet of a range a network gets: pure arithmetic on IPv4 blocks.
//!
//! Invariant: what is chosen lies in the range and overlaps nothing that is taken. Deliberately
//! absent: IPv6, and subnets of other sizes; sixteen addresses suffice for one workspace.

use std::{fmt, net::Ipv4Addr, str::FromStr};

/// The size of what is handed out: /28, the network, the gateway, broadcast and 13 containers.
const PREFIX: u32 = 28;

/// An IPv4 block, `10.200.0.0/16`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Block {
    first: u32,
    prefix: u32,
}

impl Block {
    const fn size(self) -> u64 {
        1 << (32 - self.prefix)
    }

    const fn last(self) -> u64 {
        self.first as u64 + self.size() - 1
    }

    /// How many subnets it has room for.
    const fn count(self) -> u64 {
        self.size() >> (32 - PREFIX)
    }
}

impl FromStr for Block {
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

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", Ipv4Addr::from_bits(self.first), self.prefix)
    }
}

/// Whether subnets can be taken from `range`.
///
/// # Errors
/// Why not, in words for whoever wrote the configuration.
pub fn check_range(range: &str) -> Result<(), String> {
    match range.parse::<Block>()?.count() {
        0 => Err(format!("`{range}` has no room for a /{PREFIX}")),
        _ => Ok(()),
    }
}

/// The first free subnet of `range`, looked for from the place that `seed` gives; `None` when all
/// are taken.
pub(crate) fn choose(range: Block, taken: &[Block], seed: u64) -> Option<Block> {
    let count = range.count();
    if count == 0 {
        return None;
    }
    let mut free = vec![true; usize::try_from(count).ok()?];
    for block in taken {
        occupy(&mut free, range, *block);
    }
    let start = usize::try_from(seed % count).ok()?;
    let index = (start..free.len()).chain(0..start).find(|index| free[*index])?;
    let offset = u32::try_from(index).ok()? << (32 - PREFIX);
    Some(Block { first: range.first + offset, prefix: PREFIX })
}

/// Marks all subnets of `range` that `block` touches.
fn occupy(free: &mut [bool], range: Block, block: Block) {
    let start = u64::from(range.first);
    let (first, last) = (u64::from(block.first).max(start), block.last().min(range.last()));
    if first > last {
        return;
    }
    let index = |address: u64| usize::try_from((address - start) >> (32 - PREFIX)).ok();
    if let (Some(first), Some(last)) = (index(first), index(last))
        && let Some(touched) = free.get_mut(first..=last)
    {
        touched.fill(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(text: &str) -> Block {
        text.parse().unwrap()
    }

    fn chosen(range: &str, taken: &[&str], seed: u64) -> Option<String> {
        let taken: Vec<Block> = taken.iter().map(|text| block(text)).collect();
        choose(block(range), &taken, seed).map(|block| block.to_string())
    }

    #[test]
    fn a_block_is_read_with_its_host_bits_cleared() {
        assert_eq!(block("10.200.3.9/16").to_string(), "10.200.0.0/16");
        assert_eq!(block("0.0.0.0/0").to_string(), "0.0.0.0/0");
        for bad in ["", "10.0.0.0", "10.0.0/8", "10.0.0.0/33", "fd00::/64", "10.0.0.0/x"] {
            assert!(bad.parse::<Block>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_search_begins_where_the_seed_says_and_goes_round() {
        assert_eq!(chosen("10.0.0.0/24", &[], 0).as_deref(), Some("10.0.0.0/28"));
        assert_eq!(chosen("10.0.0.0/24", &[], 15).as_deref(), Some("10.0.0.240/28"));
        assert_eq!(chosen("10.0.0.0/24", &[], 17).as_deref(), Some("10.0.0.16/28"));
        assert_eq!(chosen("10.0.0.0/24", &["10.0.0.240/28"], 15).as_deref(), Some("10.0.0.0/28"));
    }

    #[test]
    fn nothing_that_overlaps_is_chosen_whatever_its_size() {
        let taken = ["10.0.0.0/25", "10.0.0.129/32", "10.0.0.144/29", "192.168.0.0/16"];
        assert_eq!(chosen("10.0.0.0/24", &taken, 0).as_deref(), Some("10.0.0.160/28"));
        assert_eq!(chosen("10.0.0.0/24", &["10.0.0.0/8"], 3), None);
        assert_eq!(chosen("10.0.0.0/24", &["0.0.0.0/0"], 3), None);
    }

    #[test]
    fn a_full_range_has_nothing_left() {
        let taken: Vec<String> = (0..16).map(|n| format!("10.0.0.{}/28", n * 16)).collect();
        let taken: Vec<&str> = taken.iter().map(String::as_str).collect();
        assert_eq!(chosen("10.0.0.0/24", &taken, 5), None);
        assert_eq!(chosen("10.0.0.0/24", &taken[1..], 5).as_deref(), Some("10.0.0.0/28"));
        assert_eq!(chosen("10.0.0.0/29", &[], 0), None);
    }

    #[test]
    fn every_seed_of_a_large_range_finds_a_subnet_of_its_own() {
        let mut taken = Vec::new();
        for seed in 0..200 {
            let chosen = choose(block("10.200.0.0/16"), &taken, seed * 7919).unwrap();
            assert!(taken.iter().all(|other: &Block| other.first != chosen.first));
            taken.push(chosen);
        }
    }
}
