//! Serves a simulated engine on a socket: `cargo run -p trueup-engine-sim --features http --example
//! serve -- /tmp/sim.sock [seed] [rough]`. Then `DOCKER_HOST=unix:///tmp/sim.sock docker ps`.
//!
//! With `rough` everything goes wrong now and then. A few commands that tests use have programs of their
//! own; all others run for ever, and any image can be pulled that is named `debian:12`.

#![expect(clippy::print_stderr, reason = "its transcript is what it is for")]

use std::{io, path::PathBuf, time::Duration};
use trueup_domain::id::InstanceId;
use trueup_engine_sim::{Image, Odds, Program, Pull, SimEngine, SimOptions};

#[tokio::main]
async fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let missing = || io::Error::other("usage: serve SOCKET [SEED] [rough]");
    let socket = PathBuf::from(arguments.next().ok_or_else(missing)?);
    let seed = arguments.next().and_then(|text| text.parse().ok()).unwrap_or_default();
    // No client over the socket is held to an instance.
    let sim = SimEngine::new(SimOptions::new(seed, InstanceId::new("none")));
    set_up(&sim);
    if arguments.next().is_some_and(|word| word == "rough") {
        sim.faults(|faults| faults.odds(Odds::rough()));
    }
    if socket.exists() {
        std::fs::remove_file(&socket)?;
    }
    let listener = tokio::net::UnixListener::bind(socket)?;
    tokio::select! {
        outcome = sim.serve(listener) => outcome,
        () = tell(&sim) => Ok(()),
    }
}

fn set_up(sim: &SimEngine) {
    sim.model(|model| {
        model.publish("debian:12", Image::new("debian:12"), Pull::Works(None));
        model.publish("127.0.0.1:1/nope:1", Image::new("nope"), Pull::Down);
        model.set_folder("/nowhere/at/all", false);
        let programs = model.programs();
        for command in ["/nope", "nope", "/etc/passwd"] {
            programs.for_command(command, Program::cannot_run());
        }
        let deaf = "/workload --ignore-term write /tmp/deaf yes sleep";
        programs.for_command(deaf, Program::ignores_term());
    });
}

/// Writes down what happens.
async fn tell(sim: &SimEngine) {
    let mut told = 0;
    loop {
        let transcript = sim.transcript();
        let new = usize::try_from(transcript.written().saturating_sub(told)).unwrap_or_default();
        let kept = transcript.entries().count();
        for entry in transcript.entries().skip(kept.saturating_sub(new)) {
            eprintln!("{entry}");
        }
        told = transcript.written();
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
