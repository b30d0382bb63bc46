//! Commands that are run inside of a container, as far as they may be told: somebody is there.
//!
//! A command may hold secrets. So only a digest of it leaves the edge, enough to tell a health check
//! from a person.

use sha2::{Digest, Sha256};

/// The digest of a command with its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandDigest([u8; 8]);

impl CommandDigest {
    /// The digest of a command as engines write it: program and arguments with blanks between.
    pub fn of_text(text: &str) -> Self {
        let whole = Sha256::digest(text);
        let mut first = [0; 8];
        first.copy_from_slice(&whole[..8]);
        Self(first)
    }

    /// The same of a command in its parts.
    pub fn of(command: &[String]) -> Self {
        Self::of_text(&command.join(" "))
    }
}
