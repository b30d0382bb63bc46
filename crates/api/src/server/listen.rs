//! The listeners: a unix socket, a loopback TCP port, or both.

use super::{connection::Peer, socket::Socket};
use crate::Error;
use std::{
    future, io,
    net::SocketAddr,
    path::{Path, PathBuf},
};
use tokio::net::{TcpListener, TcpStream, UnixStream};

/// Where to listen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bind {
    /// The unix socket.
    pub socket: Option<PathBuf>,
    /// The TCP address, which must be a loopback one; port 0 takes a free port.
    pub tcp: Option<SocketAddr>,
}

/// Bound listeners.
pub struct Listeners {
    unix: Option<Socket>,
    tcp: Option<TcpListener>,
}

impl Listeners {
    /// Binds all of them, or fails and leaves none.
    pub async fn bind(bind: &Bind) -> Result<Self, Error> {
        let tcp = match bind.tcp {
            Some(address) => Some(bind_tcp(address).await?),
            None => None,
        };
        let unix = bind.socket.as_deref().map(Path::new).map(Socket::bind).transpose()?;
        Ok(Self { unix, tcp })
    }

    /// The TCP address that was bound, with the port that was taken.
    pub fn tcp_address(&self) -> Option<SocketAddr> {
        self.tcp.as_ref().and_then(|listener| listener.local_addr().ok())
    }

    /// The next connection, from whichever has one. Never done when there is no listener at all.
    pub(super) async fn accept(&self) -> io::Result<Accepted> {
        tokio::select! {
            accepted = accept_unix(self.unix.as_ref()) => accepted,
            accepted = accept_tcp(self.tcp.as_ref()) => accepted,
        }
    }
}

/// A connection that was accepted.
pub(super) enum Accepted {
    Unix(UnixStream, Peer),
    Tcp(TcpStream, Peer),
}

async fn bind_tcp(address: SocketAddr) -> Result<TcpListener, Error> {
    if !address.ip().is_loopback() {
        return Err(Error::NotLoopback { address });
    }
    TcpListener::bind(address).await.map_err(|source| Error::Tcp { address, source })
}

async fn accept_unix(socket: Option<&Socket>) -> io::Result<Accepted> {
    let Some(socket) = socket else { return future::pending().await };
    let (stream, _) = socket.listener.accept().await?;
    let uid = stream.peer_cred()?.uid();
    Ok(Accepted::Unix(stream, Peer::Unix { uid }))
}

async fn accept_tcp(listener: Option<&TcpListener>) -> io::Result<Accepted> {
    let Some(listener) = listener else { return future::pending().await };
    let (stream, address) = listener.accept().await?;
    // Answers are small and complete: nothing is gained by holding them back.
    stream.set_nodelay(true)?;
    Ok(Accepted::Tcp(stream, Peer::Tcp(address)))
}
