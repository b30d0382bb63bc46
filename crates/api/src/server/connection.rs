//! Who is at the other end of a connection, and in whose name a change is recorded.
//!
//! The name comes from the kernel (SO_PEERCRED) or from the peer's address. No header can claim
//! another one.

use std::net::SocketAddr;
use tokio_util::sync::CancellationToken;

/// What every request carries of its connection.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Who is at the other end.
    pub peer: Peer,
    /// Cancelled when the server or the connection is to end, which ends what waits.
    pub closing: CancellationToken,
}

/// Who is at the other end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peer {
    /// A process of this user, over the unix socket.
    Unix {
        /// The user's number.
        uid: u32,
    },
    /// A process of this host, over TCP.
    Tcp(SocketAddr),
}

impl Peer {
    /// The name that changes are recorded under: the user's, `uid:1000` when it has none, or
    /// `tcp:127.0.0.1:51422`.
    pub async fn actor(&self) -> String {
        match self {
            Self::Unix { uid } => {
                // Without the file everyone has a number still.
                let users = tokio::fs::read_to_string("/etc/passwd").await.unwrap_or_default();
                name_in(&users, *uid).map_or_else(|| format!("uid:{uid}"), str::to_owned)
            }
            Self::Tcp(address) => format!("tcp:{address}"),
        }
    }
}

/// The name of a user in the text of `/etc/passwd`; the first line counts, as for the C library.
fn name_in(users: &str, uid: u32) -> Option<&str> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let number = fields.nth(1)?;
        (number.parse() == Ok(uid)).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: &str = "root:x:0:0:root:/root:/bin/bash\nbroken line\nalice:x:1000:1000::/home/alice:/bin/sh\ntwin:x:1000:1:::\n";

    #[test]
    fn a_user_is_called_by_the_first_name_of_its_number() {
        assert_eq!(name_in(USERS, 0), Some("root"));
        assert_eq!(name_in(USERS, 1000), Some("alice"));
        assert_eq!(name_in(USERS, 1001), None);
    }
}
