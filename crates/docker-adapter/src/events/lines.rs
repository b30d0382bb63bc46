//! A body that never ends, cut into lines.
//!
//! Invariant: no more than one line is kept, and a line that grows past the bound ends the stream, as
//! its end cannot be told any more. Giving up a wait loses nothing.

use crate::transport::Body;
use futures::TryStreamExt;

/// An event has some hundred bytes, and all labels of its container.
const LONGEST: usize = 1 << 20;

/// The lines of an answer.
pub(crate) struct Lines {
    body: Body,
    /// What has come and was not taken yet.
    rest: Vec<u8>,
    /// How much of `rest` holds no line end.
    searched: usize,
}

impl Lines {
    pub(crate) fn new(body: Body) -> Self {
        Self { body, rest: Vec::new(), searched: 0 }
    }

    /// The next line that is not empty; `None` at the end, whatever ended it.
    pub(crate) async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(line) = self.take() {
                if line.iter().all(u8::is_ascii_whitespace) {
                    continue;
                }
                return Some(line);
            }
            if self.rest.len() > LONGEST {
                return None;
            }
            let piece = self.body.try_next().await.ok().flatten()?;
            self.rest.extend_from_slice(&piece);
        }
    }

    fn take(&mut self) -> Option<Vec<u8>> {
        let end = self.rest[self.searched..].iter().position(|byte| *byte == b'\n');
        let Some(end) = end.map(|offset| self.searched + offset) else {
            self.searched = self.rest.len();
            return None;
        };
        self.searched = 0;
        Some(self.rest.drain(..=end).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bollard::errors::Error as Refusal;
    use bytes::Bytes;
    use futures::{FutureExt, StreamExt, stream};

    fn lines(pieces: Vec<Result<&'static str, std::io::Error>>) -> Vec<String> {
        let pieces = pieces.into_iter().map(|piece| piece.map(Bytes::from).map_err(Refusal::from));
        let mut lines = Lines::new(stream::iter(pieces).boxed());
        std::iter::from_fn(|| lines.next().now_or_never().unwrap())
            .map(|line| String::from_utf8(line).unwrap())
            .collect()
    }

    #[test]
    fn lines_are_cut_wherever_the_pieces_end() {
        let pieces = vec![Ok("on"), Ok("e\ntwo\n\r\n"), Ok("thr"), Ok("ee\n"), Ok("half")];
        assert_eq!(lines(pieces), ["one\n", "two\n", "three\n"]);
    }

    #[test]
    fn a_broken_connection_is_an_end() {
        let broken = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        assert_eq!(lines(vec![Ok("one\n"), Err(broken)]), ["one\n"]);
    }

    #[test]
    fn a_line_without_an_end_is_given_up() {
        let piece = "x".repeat(LONGEST / 2 + 1).leak();
        assert_eq!(lines(vec![Ok(piece), Ok(piece), Ok("\n")]), Vec::<String>::new());
    }
}
