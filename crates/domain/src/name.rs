//! The names that users choose, checked where they enter and never again.

use crate::checked::checked_text;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The owner that a manifest has which names none.
pub const DEFAULT_OWNER: &str = "default";

const LONGEST_LABEL: usize = 63;

/// Why `text` is no DNS label (RFC 1123): 1–63 of `a-z`, `0-9`, `-`, no `-` at either end.
fn check_dns_label(what: &str, text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err(format!("{what} is empty"));
    }
    if text.len() > LONGEST_LABEL {
        return Err(format!(
            "{what} `{text}` has {} characters; {LONGEST_LABEL} at most",
            text.len()
        ));
    }
    if let Some(bad) =
        text.chars().find(|c| !(c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-'))
    {
        return Err(format!(
            "{what} `{text}` has the character `{bad}`; use lower-case letters, digits and `-`"
        ));
    }
    if text.starts_with('-') || text.ends_with('-') {
        return Err(format!("{what} `{text}` must begin and end with a letter or a digit"));
    }
    Ok(())
}

checked_text! {
    /// A workspace's name, a DNS label, unique per owner.
    Name, |text: &str| check_dns_label("name", text)
}
checked_text! {
    /// Who a workspace belongs to, a DNS label.
    Owner, |text: &str| check_dns_label("owner", text)
}
checked_text! {
    /// The name of a named volume within its workspace, a DNS label.
    VolumeName, |text: &str| check_dns_label("volume name", text)
}

impl Default for Owner {
    fn default() -> Self {
        Self(DEFAULT_OWNER.to_owned())
    }
}

/// What a user calls a workspace by: `owner/name`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct WorkspaceKey {
    /// Whose it is.
    pub owner: Owner,
    /// What its owner calls it.
    pub name: Name,
}

impl fmt::Display for WorkspaceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_dns_label() {
        for good in ["a", "payments-api", "9lives", &"x".repeat(63)] {
            assert_eq!(good.parse::<Name>().map(String::from), Ok(good.to_owned()));
        }
        for bad in ["", "-a", "a-", "A", "a_b", "a.b", "ä", &"x".repeat(64)] {
            assert!(bad.parse::<Name>().is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn a_refusal_names_the_bad_character() {
        assert_eq!(
            "Pay ments".parse::<Name>().unwrap_err(),
            "name `Pay ments` has the character `P`; use lower-case letters, digits and `-`"
        );
    }
}
