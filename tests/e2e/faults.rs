//! Faults on reality: the daemon, its socket, the disk and the controller itself fail, and trueup is
//! never wrong about Docker for long.
//!
//! Every test has a private engine. After each fault every workspace comes to be as declared; nothing
//! on the engine is left over, there twice or lost, down to a file in each volume; and it is told how
//! long the stored statuses took to agree with the engine again. How long is printed and not judged:
//! only that it comes to an end is.
//!
//! `TRUEUP_FAULT_KILLS` says how often the controller is killed, `TRUEUP_FAULT_SEED` repeats what is
//! asked of it meanwhile. More kills than a few dozen take longer than the test runner allows; then the
//! test binary is run by itself.

mod churn;
mod connection;
mod disk;
mod engine;
mod fleet;
mod judge;
mod kills;
mod request;
mod stage;
mod stopwatch;
mod truth;
mod victim;
mod world;
