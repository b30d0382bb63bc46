//! What a person reads while the tooling works.
//!
//! Progress goes to the error output and results to the standard output, so that the results can
//! be piped. Deliberately absent: colours and bars; the commands that are run bring their own.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this module is the terminal")]

/// Says what starts now.
pub(crate) fn step(text: &str) {
    eprintln!("==> {text}");
}

/// Says something worth knowing about the present step.
pub(crate) fn note(text: &str) {
    eprintln!("    {text}");
}

/// Prints one result.
pub(crate) fn result(text: &str) {
    println!("{text}");
}

/// Says why the command fails.
pub(crate) fn failure(text: &str) {
    eprintln!("xtask: {text}");
}
