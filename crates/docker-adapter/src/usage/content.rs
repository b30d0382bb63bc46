//! A kernel file that is kept open and read again and again.
//!
//! Invariant: what is returned is what one reading of the file gave, whole: a file longer than is
//! provided for is an error and not cut. The kernel writes such a file anew whenever it is read from
//! its beginning, so that one descriptor serves for the whole run of a container. Deliberately
//! absent: seeking, and paths; a descriptor of a control group that was removed gives an error for
//! ever, also if another of that name is made.

use super::parse::Malformed;
use rustix::io::Errno;
use smallvec::SmallVec;
use std::{fs::File, io, os::unix::fs::FileExt};
use trueup_domain::port::UsageError;

/// Room for one reading, on the stack unless a file is long: one of a host with many devices or
/// interfaces. It is made for a reading and not kept, as there may be thousands of containers.
pub(super) type Room = SmallVec<[u8; 4096]>;

/// No file of a container comes near it: it is for about a thousand network interfaces.
const LONGEST: usize = 256 << 10;

/// A piece that is shorter is the last one: there was room for another record on the kernel's page.
const WHOLE: usize = 4096 - 512;

/// A number of 64 bits, its line feed, and one more to notice that there is more.
const LONGEST_NUMBER: usize = 22;

/// An open file and what it is called in messages.
#[derive(Debug)]
pub(super) struct Content {
    name: &'static str,
    file: File,
}

impl Content {
    pub(super) fn new(name: &'static str, file: File) -> Self {
        Self { name, file }
    }

    /// Room for [`look`](Self::look), to be used for several files in turn.
    pub(super) fn room() -> Room {
        Room::from_buf([0; 4096])
    }

    /// What the whole file says.
    pub(super) fn look<T>(
        &self,
        room: &mut Room,
        parse: impl FnOnce(&[u8]) -> Result<T, Malformed>,
    ) -> Result<T, UsageError> {
        let read_at = |piece: &mut [u8], from| self.file.read_at(piece, from);
        let length = fill(room, read_at).map_err(|error| self.failed(&error))?;
        parse(&room[..length]).map_err(|problem| self.malformed(problem))
    }

    /// What a file of one number says. It is read at one go, as the line feed at its end shows that it
    /// is whole.
    pub(super) fn number(
        &self,
        parse: impl FnOnce(&[u8]) -> Result<u64, Malformed>,
    ) -> Result<u64, UsageError> {
        let mut room = [0; LONGEST_NUMBER];
        let length = self.file.read_at(&mut room, 0).map_err(|error| self.failed(&error))?;
        parse(&room[..length]).map_err(|problem| self.malformed(problem))
    }

    fn failed(&self, error: &io::Error) -> UsageError {
        failed(self.name, error)
    }

    fn malformed(&self, Malformed(problem): Malformed) -> UsageError {
        UsageError::Unreadable(format!("{} {problem}", self.name))
    }
}

/// Reads to the end. The kernel fills a page of its own, record by record, and gives what is in it: less
/// than there is room for when it has more to say, but never much less than a page.
fn fill(
    room: &mut Room,
    read_at: impl Fn(&mut [u8], u64) -> io::Result<usize>,
) -> io::Result<usize> {
    let mut length = 0;
    loop {
        if length == room.len() {
            if length >= LONGEST {
                return Err(io::Error::other(format!("longer than {LONGEST} bytes")));
            }
            room.resize(length * 4, 0);
        }
        let more = read_at(&mut room[length..], length as u64)?;
        length += more;
        if more < WHOLE && length < room.len() {
            return Ok(length);
        }
    }
}

/// What a failure to read means.
pub(super) fn failed(name: &str, error: &io::Error) -> UsageError {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    match errno {
        // The group, or the process, is no more.
        Some(Errno::NODEV | Errno::SRCH) => UsageError::Gone,
        _ => UsageError::Unreadable(format!("{name} cannot be read: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(text: &str) -> Content {
        let mut file = tempfile::tempfile().unwrap();
        io::Write::write_all(&mut file, text.as_bytes()).unwrap();
        Content::new("some.file", file)
    }

    #[test]
    fn a_long_file_is_read_whole_or_not_at_all() {
        let length = |wanted: usize| {
            let text = "x".repeat(wanted);
            content(&text).look(&mut Content::room(), |text| Ok(text.len()))
        };
        for fine in [0, 1, WHOLE - 1, WHOLE, 4095, 4096, 4097, 100_000, LONGEST - 1] {
            assert_eq!(length(fine), Ok(fine));
        }
        assert!(matches!(length(LONGEST), Err(UsageError::Unreadable(_))));
    }

    /// As the kernel gives a file of such records: whole ones, a page at most, and no more than there is
    /// room for.
    fn page_by_page(text: &[u8], record: usize, piece: &mut [u8], from: u64) -> usize {
        let rest = &text[usize::try_from(from).unwrap()..];
        let in_record = usize::try_from(from).unwrap() % record;
        let page = (4096 + in_record) / record * record - in_record;
        let given = rest.len().min(page).min(piece.len());
        piece[..given].copy_from_slice(&rest[..given]);
        given
    }

    #[test]
    fn a_file_of_many_records_is_read_to_its_end_and_a_short_one_at_one_go() {
        for record in [1, 60, 133, 499, 512] {
            for records in [0, 1, 5, 8, 30, 31, 32, 69, 400] {
                let text: Vec<u8> = (0..=255).cycle().take(record * records).collect();
                let (mut room, looks) = (Content::room(), std::cell::Cell::new(0));
                let read = |piece: &mut [u8], from| {
                    looks.set(looks.get() + 1);
                    Ok(page_by_page(&text, record, piece, from))
                };
                let length = fill(&mut room, read).unwrap();
                assert_eq!(&room[..length], &text, "{records} records of {record}");
                assert!(text.len() >= WHOLE || looks.get() == 1, "{}", looks.get());
            }
        }
    }

    #[test]
    fn the_room_of_a_longer_file_leaves_nothing_behind_for_the_next() {
        let mut room = Content::room();
        for text in ["long ".repeat(2_000), "short".to_owned()] {
            let read = content(&text).look(&mut room, |read| Ok(read == text.as_bytes()));
            assert_eq!(read, Ok(true));
        }
    }

    #[test]
    fn a_number_that_is_too_long_for_its_room_is_none() {
        let number = |text: &str| content(text).number(super::super::parse::number);
        assert_eq!(number("18446744073709551615\n"), Ok(u64::MAX));
        let problem = number(&"1".repeat(40)).unwrap_err().to_string();
        assert_eq!(problem, "some.file does not end with a whole line");
    }

    #[test]
    fn only_what_is_removed_is_gone() {
        let of = |errno: Errno| failed("f", &io::Error::from_raw_os_error(errno.raw_os_error()));
        assert_eq!(of(Errno::NODEV), UsageError::Gone);
        assert_eq!(of(Errno::SRCH), UsageError::Gone);
        assert!(matches!(of(Errno::IO), UsageError::Unreadable(_)));
        assert!(matches!(of(Errno::MFILE), UsageError::Unreadable(_)));
    }
}
