//! Sockets that stand in for an engine: one that passes everything on until it is cut, and one that
//! answers as it is told.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, copy_bidirectional},
    net::{TcpStream, UnixListener, UnixStream},
    task::{JoinHandle, JoinSet},
};

/// A folder with a socket in it that may or may not be served.
pub(crate) struct Socket {
    folder: TempDir,
}

impl Socket {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn host(&self) -> String {
        format!("unix://{}", self.path().display())
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("engine.sock")
    }

    fn listen(&self) -> UnixListener {
        let _ = std::fs::remove_file(self.path());
        UnixListener::bind(self.path()).unwrap()
    }

    /// Passes every connection on to `engine`, until what is returned is dropped.
    pub(crate) fn forward(&self, engine: &str) -> Served {
        let (listener, engine) = (self.listen(), engine.to_owned());
        Served(tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (mut here, _) = listener.accept().await.unwrap();
                let engine = engine.clone();
                connections.spawn(async move {
                    // A broken connection is what these tests are about.
                    if let Some(path) = engine.strip_prefix("unix://") {
                        let mut there = UnixStream::connect(path).await.unwrap();
                        let _ = copy_bidirectional(&mut here, &mut there).await;
                    } else {
                        let address = engine.trim_start_matches("tcp://");
                        let mut there = TcpStream::connect(address).await.unwrap();
                        let _ = copy_bidirectional(&mut here, &mut there).await;
                    }
                });
            }
        }))
    }

    /// Answers with what `script` says to a path: a whole HTTP answer, or nothing.
    pub(crate) fn answer(&self, script: fn(&str) -> String) -> (Served, Requests) {
        let listener = self.listen();
        let requests = Requests::default();
        let log = Arc::clone(&requests);
        let served = Served(tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(serve(stream, Arc::clone(&log), script));
            }
        }));
        (served, requests)
    }
}

/// The paths that were asked for.
pub(crate) type Requests = Arc<Mutex<Vec<String>>>;

/// Ends with all its connections when dropped.
pub(crate) struct Served(JoinHandle<()>);

impl Drop for Served {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn serve(stream: UnixStream, log: Requests, script: fn(&str) -> String) {
    let mut stream = BufReader::new(stream);
    let mut first = String::new();
    stream.read_line(&mut first).await.unwrap();
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    log.lock().unwrap().push(path.clone());
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        if line.trim().is_empty() {
            break;
        }
    }
    stream.write_all(script(&path).as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    // Until the other side has had enough.
    let _ = stream.read(&mut [0; 64]).await;
}

/// An answer with that body.
pub(crate) fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// The head of an answer that never comes to its end.
pub(crate) fn endless(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n{body}")
}
