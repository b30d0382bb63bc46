//! Where a controller listens: a unix socket or a loopback address.
//!
//! Both ends take the default from here, so that they meet without being configured.

use std::{
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

/// Where a controller is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A unix socket, `unix:///run/trueup/trueup.sock`.
    Unix(PathBuf),
    /// HTTP over TCP, `http://127.0.0.1:7117`.
    Http(String),
}

impl Default for Address {
    fn default() -> Self {
        Self::Unix(default_socket())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Http(url) => f.write_str(url),
        }
    }
}

impl FromStr for Address {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix://") {
            return if path.starts_with('/') {
                Ok(Self::Unix(PathBuf::from(path)))
            } else {
                Err(format!("`{text}` needs an absolute path, as in `unix:///run/trueup.sock`"))
            };
        }
        if text.starts_with('/') {
            return Ok(Self::Unix(PathBuf::from(text)));
        }
        match text.strip_prefix("http://").map(|rest| rest.trim_end_matches('/')) {
            Some(authority)
                if !authority.is_empty() && !authority.contains(['/', '?', '#', '@']) =>
            {
                Ok(Self::Http(format!("http://{authority}")))
            }
            _ => Err(format!(
                "`{text}` is no address; write `/path/to/socket` or `http://127.0.0.1:7117`"
            )),
        }
    }
}

/// The socket that the controller listens on, and clients try, when nothing else is said:
/// `/run/trueup/trueup.sock` for root, `$XDG_RUNTIME_DIR/trueup/trueup.sock` for everyone else.
pub fn default_socket() -> PathBuf {
    let uid = rustix::process::geteuid();
    socket_of(uid.as_raw(), std::env::var_os("XDG_RUNTIME_DIR"))
}

fn socket_of(uid: u32, runtime_dir: Option<OsString>) -> PathBuf {
    let base = match runtime_dir {
        _ if uid == 0 => PathBuf::from("/run"),
        // The specification has a relative path ignored.
        Some(dir) if Path::new(&dir).is_absolute() => PathBuf::from(dir),
        _ => PathBuf::from(format!("/run/user/{uid}")),
    };
    base.join("trueup/trueup.sock")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_and_written_alike() {
        for text in ["unix:///run/trueup/trueup.sock", "http://127.0.0.1:7117", "http://[::1]:80"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        let trimmed: Address = "http://localhost:7117/".parse().unwrap();
        assert_eq!(trimmed.to_string(), "http://localhost:7117");
        let path: Address = "/run/trueup.sock".parse().unwrap();
        assert_eq!(path, Address::Unix(PathBuf::from("/run/trueup.sock")));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for bad in ["", "localhost:7117", "unix://relative", "https://x", "http://", "http://a/b"] {
            assert!(bad.parse::<Address>().is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn root_and_others_have_sockets_of_their_own() {
        let some = |text: &str| Some(OsString::from(text));
        let path = |uid, dir| socket_of(uid, dir).display().to_string();
        assert_eq!(path(0, some("/run/user/0")), "/run/trueup/trueup.sock");
        assert_eq!(path(1000, some("/run/user/1000")), "/run/user/1000/trueup/trueup.sock");
        assert_eq!(path(1000, some("/elsewhere")), "/elsewhere/trueup/trueup.sock");
        assert_eq!(path(1000, some("relative")), "/run/user/1000/trueup/trueup.sock");
        assert_eq!(path(1000, None), "/run/user/1000/trueup/trueup.sock");
    }
}
