//! The kernel's files, from their bytes to numbers.
//!
//! Invariant: a text that is cut off, or that is not of the form that the kernel writes, gives no
//! number. Every file ends with a line feed, so that a missing one is a cut. Deliberately absent:
//! reading, and what the numbers mean.

use trueup_domain::usage::Transfer;

/// What is wrong with a text, as the end of a sentence that begins with the file's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed(pub(super) &'static str);

type Parsed<T> = Result<T, Malformed>;

const CUT: Malformed = Malformed("does not end with a whole line");
const NO_NUMBER: Malformed = Malformed("has no number where one belongs");
const TOO_MUCH: Malformed = Malformed("has numbers beyond 64 bits");
const ODD: Malformed = Malformed("has a line of an unknown form");

/// A file that is one number.
pub(super) fn number(text: &[u8]) -> Parsed<u64> {
    digits(text.strip_suffix(b"\n").ok_or(CUT)?)
}

/// A file that is one number, or the word for no limit: then the largest number.
pub(super) fn limit(text: &[u8]) -> Parsed<u64> {
    if text == b"max\n" { Ok(u64::MAX) } else { number(text) }
}

/// The number beside `key` in a file of lines of one key and one number.
pub(super) fn keyed(text: &[u8], key: &str) -> Parsed<u64> {
    for line in lines(text)? {
        if let Some(value) = line.strip_prefix(key.as_bytes()).and_then(|it| it.strip_prefix(b" "))
        {
            return digits(value);
        }
    }
    Err(Malformed("lacks the line that is looked for"))
}

/// Bytes from and to all devices, in the form of version 1: `8:0 Read 4096`, and at the end the
/// total, which shows that nothing is missing.
pub(super) fn throttled(text: &[u8]) -> Parsed<Transfer> {
    let mut sum = Transfer::default();
    let mut total = None;
    for line in lines(text)? {
        let mut words = words(line);
        match (words.next(), words.next(), words.next(), words.next(), total) {
            (Some(b"Total"), Some(all), None, None, None) => total = Some(digits(all)?),
            (Some(device), Some(kind), Some(count), None, None) if device.contains(&b':') => {
                let count = digits(count)?;
                match kind {
                    b"Read" => add(&mut sum.inward, count)?,
                    b"Write" => add(&mut sum.outward, count)?,
                    _ => {}
                }
            }
            _ => return Err(ODD),
        }
    }
    let both = sum.inward.checked_add(sum.outward).ok_or(TOO_MUCH)?;
    match total {
        Some(total) if total >= both => Ok(sum),
        Some(_) => Err(Malformed("has a total less than its parts")),
        None => Err(Malformed("lacks its total")),
    }
}

/// Bytes from and to all devices, in the form of version 2: `8:0 rbytes=4096 wbytes=0 …`. Some
/// kernels write devices without figures, also several of them on one line.
pub(super) fn io_stat(text: &[u8]) -> Parsed<Transfer> {
    let mut sum = Transfer::default();
    for word in lines(text)?.flat_map(words) {
        if let Some(count) = word.strip_prefix(b"rbytes=") {
            add(&mut sum.inward, digits(count)?)?;
        } else if let Some(count) = word.strip_prefix(b"wbytes=") {
            add(&mut sum.outward, digits(count)?)?;
        } else if !word.iter().any(|byte| b":=".contains(byte)) {
            return Err(ODD);
        }
    }
    Ok(sum)
}

/// Bytes through all network interfaces but loopback: after two lines of headings one line each,
/// `eth0: ` and sixteen numbers.
pub(super) fn net_dev(text: &[u8]) -> Parsed<Transfer> {
    const SENT: usize = 8;
    const COLUMNS: usize = 16;
    let mut lines = lines(text)?;
    for heading in [&b"Inter-|"[..], b" face |"] {
        if !lines.next().is_some_and(|line| line.starts_with(heading)) {
            return Err(Malformed("lacks its headings"));
        }
    }
    let mut sum = Transfer::default();
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':').ok_or(ODD)?;
        let name = line[..colon].trim_ascii_start();
        let mut columns = 0;
        for (column, word) in words(&line[colon + 1..]).enumerate() {
            let count = digits(word)?;
            columns = column + 1;
            match column {
                _ if name == b"lo" => {}
                0 => add(&mut sum.inward, count)?,
                SENT => add(&mut sum.outward, count)?,
                _ => {}
            }
        }
        if name.is_empty() || columns < COLUMNS {
            return Err(ODD);
        }
    }
    Ok(sum)
}

/// All memory of the host in bytes: `MemTotal:       24683656 kB`.
pub(super) fn host_memory(text: &[u8]) -> Parsed<u64> {
    let line = lines(text)?.find_map(|line| line.strip_prefix(b"MemTotal:")).ok_or(ODD)?;
    let mut words = words(line);
    match (words.next(), words.next(), words.next()) {
        (Some(count), Some(b"kB"), None) => digits(count)?.checked_mul(1024).ok_or(TOO_MUCH),
        _ => Err(ODD),
    }
}

/// The lines without their ends; none at all for an empty text.
fn lines(text: &[u8]) -> Parsed<impl Iterator<Item = &[u8]>> {
    let body = match text.split_last() {
        None => None,
        Some((b'\n', body)) => Some(body),
        Some(_) => return Err(CUT),
    };
    Ok(body.into_iter().flat_map(|body| body.split(|byte| *byte == b'\n')))
}

fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| *byte == b' ').filter(|word| !word.is_empty())
}

/// Digits and nothing else: no sign, no space, no separator.
fn digits(text: &[u8]) -> Parsed<u64> {
    if text.is_empty() {
        return Err(NO_NUMBER);
    }
    text.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit <= 9).ok_or(NO_NUMBER)?;
        number.checked_mul(10).and_then(|it| it.checked_add(u64::from(digit))).ok_or(TOO_MUCH)
    })
}

fn add(sum: &mut u64, more: u64) -> Parsed<()> {
    *sum = sum.checked_add(more).ok_or(TOO_MUCH)?;
    Ok(())
}
