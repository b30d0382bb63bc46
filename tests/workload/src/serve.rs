//! The smallest HTTP server that a client accepts: every request is answered with `200 ok`.
//!
//! One connection at a time, each with a deadline, so a client that stalls delays the next one by
//! that much and no more. Deliberately absent: keep-alive, request bodies, paths and threads.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(2);
const LONGEST_HEAD: u64 = 16 * 1024;
const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n";

/// Binds the port on every address, before the next step runs: what follows may rely on it.
pub(crate) fn listen(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))
}

/// Answers until the process ends; a broken connection concerns only its own client.
pub(crate) fn answer(listener: &TcpListener) {
    for stream in listener.incoming().flatten() {
        let _ = answer_one(&stream);
    }
}

fn answer_one(stream: &TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    // The head is read to its end first: closing with unread input would reset the connection
    // and could take the answer with it.
    for line in BufReader::new(stream.take(LONGEST_HEAD)).lines() {
        if line?.is_empty() {
            break;
        }
    }
    let mut stream = stream;
    stream.write_all(ANSWER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_is_answered_and_the_connection_closed() {
        let listener = listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || answer(&listener));

        for _ in 0..2 {
            let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, address.port())).unwrap();
            client.write_all(b"GET /any HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
            let mut answer = String::new();
            client.read_to_string(&mut answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
            assert!(answer.ends_with("\r\n\r\nok\n"), "{answer}");
        }
    }
}
