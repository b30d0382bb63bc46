//! Bytes over the network, of a known number.
//!
//! Who sends waits for one byte in answer, which comes once all that was sent has been read; so the
//! traffic is over when the step is. Deliberately absent: TLS, names, and more than one connection at
//! a time.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);
const BLOCK: usize = 64 * 1024;

/// Takes what comes until the process ends; a broken connection concerns only its own sender.
pub(crate) fn receive(listener: &TcpListener) {
    for stream in listener.incoming().flatten() {
        let _ = take(stream);
    }
}

fn take(mut stream: TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    io::copy(&mut stream, &mut io::sink())?;
    stream.write_all(b"!")
}

/// Sends that many bytes, and waits until the other side has read them.
pub(crate) fn send(to: SocketAddr, bytes: u64) -> io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&to, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let block = vec![1; BLOCK];
    let mut left = bytes;
    while left > 0 {
        let now = usize::try_from(left).unwrap_or(BLOCK).min(BLOCK);
        stream.write_all(&block[..now])?;
        left -= now as u64;
    }
    stream.shutdown(Shutdown::Write)?;
    stream.read_exact(&mut [0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn every_byte_arrives_before_the_sender_is_done() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let to = listener.local_addr().unwrap();
        let counting = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let count = io::copy(&mut stream, &mut io::sink()).unwrap();
            stream.write_all(b"!").unwrap();
            count
        });
        send(to, 1_000_001).unwrap();
        assert_eq!(counting.join().unwrap(), 1_000_001);
    }

    #[test]
    fn one_sender_after_the_other_is_served_and_none_waits_for_ever() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let to = listener.local_addr().unwrap();
        std::thread::spawn(move || receive(&listener));
        for bytes in [0, 1, 200_000] {
            send(to, bytes).unwrap();
        }
    }
}
