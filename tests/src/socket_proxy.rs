//! A proxy before an engine's socket that misbehaves on request.
//!
//! Each connection behaves as was last ordered when it was accepted, and an order says what becomes of
//! the older ones. Nothing in here is random, and nothing understands HTTP: bytes are passed on, or
//! not. Deliberately absent: TCP, delays and altered bytes.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, copy_bidirectional};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::engine::Endpoint;

/// What happens to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Everything is passed on.
    Faithful,
    /// It is closed at once.
    Cutting,
    /// It is accepted, and nothing is read or said.
    Silent,
    /// The question is passed on, and the connection closed in the middle of the answer.
    Truncating,
}

/// What an order does to the connections that are open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Older {
    Cut,
    /// Open until the next order, and silent.
    Frozen,
}

#[derive(Clone, Copy, Debug)]
struct Order {
    behaviour: Behaviour,
    older: Older,
}

/// A listening proxy; dropping it closes all connections.
#[derive(Debug)]
pub struct SocketProxy {
    socket: PathBuf,
    orders: watch::Sender<Order>,
    task: JoinHandle<()>,
    _folder: TempDir,
}

/// More connections than these wait in the system's queue.
const MOST_CONNECTIONS: usize = 512;
/// The shortest and the longest beginning of an answer that a truncated one has, in bytes: from within
/// the status line to somewhere in the body.
const SHORTEST_BEGINNING: usize = 7;
const LONGEST_BEGINNING: usize = 2_000;
/// Spreads the lengths of the beginnings over their range.
const STRIDE: usize = 389;

impl SocketProxy {
    /// Listens on a socket of its own, faithfully, for an engine that listens on `engine`.
    ///
    /// # Errors
    /// If the engine's endpoint is no unix socket.
    pub fn before(engine: &Endpoint) -> Result<Self> {
        let path = engine.as_str().strip_prefix("unix://").context("only unix sockets")?;
        let folder = tempfile::Builder::new().prefix("trueup-proxy-").tempdir()?;
        let socket = folder.path().join("p.sock");
        let listener = UnixListener::bind(&socket).context("listen before the engine")?;
        let first = Order { behaviour: Behaviour::Faithful, older: Older::Cut };
        let (orders, receiver) = watch::channel(first);
        let task = tokio::spawn(accept(listener, PathBuf::from(path), receiver));
        Ok(Self { socket, orders, task, _folder: folder })
    }

    /// Where it listens.
    pub fn endpoint(&self) -> Result<Endpoint> {
        Endpoint::parse(&format!("unix://{}", self.socket.display()))
    }

    /// Behaves so from now on. Open connections are cut, or freeze if silence was ordered.
    pub fn behave(&self, behaviour: Behaviour) {
        let silent = behaviour == Behaviour::Silent;
        let older = if silent { Older::Frozen } else { Older::Cut };
        self.orders.send_replace(Order { behaviour, older });
    }

    /// Says nothing more on the connections that are open and is faithful on new ones, as when a firewall
    /// has forgotten the old ones.
    pub fn forget_open_connections(&self) {
        self.orders.send_replace(Order { behaviour: Behaviour::Faithful, older: Older::Frozen });
    }
}

impl Drop for SocketProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: UnixListener, engine: PathBuf, orders: watch::Receiver<Order>) {
    let mut open = JoinSet::new();
    let mut number = 0_usize;
    loop {
        tokio::select! {
            accepted = listener.accept(), if open.len() < MOST_CONNECTIONS => {
                let Ok((client, _)) = accepted else { continue };
                number = number.wrapping_add(1);
                let (engine, orders) = (engine.clone(), orders.clone());
                open.spawn(async move { serve(client, &engine, orders, number).await });
            }
            // What became of a connection concerns only its two ends.
            Some(_) = open.join_next() => {}
        }
    }
}

async fn serve(
    mut client: UnixStream,
    engine: &Path,
    mut orders: watch::Receiver<Order>,
    number: usize,
) {
    let behaviour = orders.borrow_and_update().behaviour;
    match behaviour {
        Behaviour::Cutting => return,
        Behaviour::Silent => {
            let _ = orders.changed().await;
            return;
        }
        Behaviour::Faithful | Behaviour::Truncating => {}
    }
    let Ok(mut server) = UnixStream::connect(engine).await else { return };
    let ordered = tokio::select! {
        () = relay(&mut client, &mut server, behaviour, number) => false,
        ordered = orders.changed() => ordered.is_ok(),
    };
    if ordered && orders.borrow_and_update().older == Older::Frozen {
        // Both ends stay open for as long as this waits.
        let _ = orders.changed().await;
    }
}

/// Ends when either side has, or the answer is long enough.
async fn relay(client: &mut UnixStream, server: &mut UnixStream, how: Behaviour, number: usize) {
    if how == Behaviour::Faithful {
        // A broken connection is what the two ends see as well.
        let _ = copy_bidirectional(client, server).await;
        return;
    }
    let span = LONGEST_BEGINNING - SHORTEST_BEGINNING;
    let beginning = SHORTEST_BEGINNING + number.wrapping_mul(STRIDE) % span;
    let (mut questions, mut answers) = client.split();
    let (from_server, to_server) = server.split();
    let (mut from_server, mut to_server) = (from_server.take(beginning as u64), to_server);
    tokio::select! {
        _ = copy(&mut from_server, &mut answers) => {}
        () = async {
            let _ = copy(&mut questions, &mut to_server).await;
            std::future::pending::<()>().await;
        } => {}
    }
    let _ = answers.flush().await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    const ANSWER: usize = 10_000;
    const SOON: Duration = Duration::from_secs(10);
    /// Too short for an answer that comes, long enough for one that would.
    const WHILE: Duration = Duration::from_millis(200);

    /// Answers every question of one byte with many, for as long as the test's runtime lives.
    fn engine(folder: &TempDir) -> Endpoint {
        let socket = folder.path().join("e.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                tokio::spawn(async move {
                    while client.read_u8().await.is_ok() {
                        client.write_all(&[7; ANSWER]).await.unwrap();
                    }
                });
            }
        });
        Endpoint::parse(&format!("unix://{}", socket.display())).unwrap()
    }

    async fn connect(proxy: &SocketProxy) -> UnixStream {
        UnixStream::connect(&proxy.socket).await.unwrap()
    }

    /// How many bytes of an answer come before the end or before nothing comes for a while.
    async fn ask(client: &mut UnixStream) -> (usize, bool) {
        let _ = client.write_all(b"?").await;
        let (mut come, mut piece) = (0, [0; ANSWER]);
        while come < ANSWER {
            match timeout(WHILE, client.read(&mut piece)).await {
                Ok(Ok(0) | Err(_)) => return (come, true),
                Ok(Ok(more)) => come += more,
                Err(_) => return (come, false),
            }
        }
        (come, false)
    }

    #[tokio::test]
    async fn a_proxy_behaves_as_it_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let proxy = SocketProxy::before(&engine(&folder)).unwrap();
        let mut old = connect(&proxy).await;
        assert_eq!(ask(&mut old).await, (ANSWER, false));
        assert_eq!(ask(&mut old).await, (ANSWER, false));

        proxy.behave(Behaviour::Silent);
        let mut silent = connect(&proxy).await;
        assert_eq!(ask(&mut silent).await, (0, false));
        assert_eq!(ask(&mut old).await, (0, false));

        proxy.behave(Behaviour::Cutting);
        assert_eq!(timeout(SOON, ask(&mut old)).await.unwrap(), (0, true));
        assert_eq!(timeout(SOON, ask(&mut silent)).await.unwrap(), (0, true));
        assert_eq!(ask(&mut connect(&proxy).await).await, (0, true));

        proxy.behave(Behaviour::Truncating);
        let (first, cut) = ask(&mut connect(&proxy).await).await;
        assert!(cut && (SHORTEST_BEGINNING..LONGEST_BEGINNING).contains(&first), "{first}");
        let (second, cut) = ask(&mut connect(&proxy).await).await;
        assert!(cut && second != first, "{second}");

        proxy.behave(Behaviour::Faithful);
        let mut old = connect(&proxy).await;
        assert_eq!(ask(&mut old).await, (ANSWER, false));
        proxy.forget_open_connections();
        assert_eq!(ask(&mut connect(&proxy).await).await, (ANSWER, false));
        assert_eq!(ask(&mut old).await, (0, false));
    }
}
