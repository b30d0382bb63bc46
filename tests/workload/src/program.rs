//! What the arguments ask for, as data.
//!
//! Steps are read from left to right and compose: `hold 64 burn 1 sleep 5 exit 7`. Parsing has no
//! effect and knows no clock; `run` does what is said here. Deliberately absent: quoting,
//! abbreviations and options with `=`, as whoever writes these arguments is a test.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The words that the program understands, for whoever mistyped one.
pub(crate) const USAGE: &str = "\
usage: workload [--ignore-term] STEP...

steps, taken from left to right:
  sleep [SECONDS]           wait; without a number (or with `infinity`) until TERM
  exit CODE [--after SECS]  end with this code
  burn CORES                keep this many cores busy, in the background; 0.25 is a quarter of one
  hold MIB                  keep this much memory resident, in the background
  cache FILE MIB            write a file of this size and read it, so that it is in the page cache
  serve PORT                answer HTTP on this port, in the background
  receive PORT              take whatever is sent to this port, in the background
  send HOST:PORT BYTES      send this many bytes to who receives there, and wait until they came
  write FILE TEXT           write a file
  echo TEXT                 print a line
  env                       print the environment
  health FILE               end with 0 if the file exists, with 1 otherwise

With a step in the background and no end in sight, the program runs until TERM.";

/// Everything that one invocation does.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Program {
    /// TERM and INT are received and ignored, so that only KILL ends the process.
    pub(crate) ignore_term: bool,
    pub(crate) steps: Vec<Step>,
}

/// One thing to do; the next one follows when it is done or, for the background ones, started.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Sleep(Duration),
    SleepForever,
    Exit { code: u8, after: Duration },
    Burn { share: Share },
    Hold { mebibytes: usize },
    Cache { file: PathBuf, mebibytes: usize },
    Serve { port: u16 },
    Receive { port: u16 },
    Send { to: SocketAddr, bytes: u64 },
    Write { file: PathBuf, text: String },
    Echo { text: String },
    Env,
    Health { file: PathBuf },
}

impl Step {
    /// Goes on beside the following steps, and keeps the process alive after the last one.
    pub(crate) fn is_background(&self) -> bool {
        matches!(
            self,
            Self::Burn { .. } | Self::Hold { .. } | Self::Serve { .. } | Self::Receive { .. }
        )
    }
}

/// Processor time in thousandths of a core.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Share(pub(crate) u32);

impl std::str::FromStr for Share {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        const MOST_CORES: u32 = 1_024;
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !(1..=3).contains(&part.len()) || !is_digits(part) || !is_digits(whole) {
            return Err(());
        }
        let cores = whole.parse::<u32>().ok().filter(|cores| *cores < MOST_CORES).ok_or(())?;
        let thousandths: u32 = format!("{part:0<3}").parse().map_err(|_| ())?;
        Ok(Self(cores * 1_000 + thousandths))
    }
}

/// Why the arguments make no program.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Error {
    Empty,
    UnknownWord(String),
    Missing { step: &'static str, what: &'static str },
    Bad { step: &'static str, what: &'static str, value: String },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "nothing to do"),
            Self::UnknownWord(word) => write!(f, "unknown step `{word}`"),
            Self::Missing { step, what } => write!(f, "`{step}` needs {what}"),
            Self::Bad { step, what, value } => write!(f, "`{step}` needs {what}, not `{value}`"),
        }
    }
}

/// Reads the arguments, the program's name left out.
pub(crate) fn parse(arguments: &[String]) -> Result<Program, Error> {
    let mut words = Words { rest: arguments };
    let mut program = Program::default();
    while let Some(word) = words.next() {
        match word {
            "--ignore-term" => program.ignore_term = true,
            other => program.steps.push(step(other, &mut words)?),
        }
    }
    if program.steps.is_empty() { Err(Error::Empty) } else { Ok(program) }
}

fn step(word: &str, words: &mut Words<'_>) -> Result<Step, Error> {
    Ok(match word {
        "sleep" => sleep(words)?,
        "exit" => {
            let code = words.number("exit", "a code from 0 to 255")?;
            let after = words.after()?;
            Step::Exit { code, after }
        }
        "burn" => Step::Burn { share: words.number("burn", "a number of cores")? },
        "hold" => Step::Hold { mebibytes: words.number("hold", "a number of MiB")? },
        "cache" => Step::Cache {
            file: words.text("cache", "a file")?.into(),
            mebibytes: words.number("cache", "a number of MiB")?,
        },
        "serve" => Step::Serve { port: words.number("serve", "a port")? },
        "receive" => Step::Receive { port: words.number("receive", "a port")? },
        "send" => Step::Send {
            to: words.number("send", "an address and a port")?,
            bytes: words.number("send", "a number of bytes")?,
        },
        "write" => Step::Write {
            file: words.text("write", "a file")?.into(),
            text: words.text("write", "a text")?.to_owned(),
        },
        "echo" => Step::Echo { text: words.text("echo", "a text")?.to_owned() },
        "env" => Step::Env,
        "health" => Step::Health { file: words.text("health", "a file")?.into() },
        unknown => return Err(Error::UnknownWord(unknown.to_owned())),
    })
}

/// The number is optional, so a following word that is none belongs to the next step.
fn sleep(words: &mut Words<'_>) -> Result<Step, Error> {
    match words.peek() {
        Some("infinity" | "forever") => {
            words.next();
            Ok(Step::SleepForever)
        }
        Some(word) if word.starts_with(|c: char| c.is_ascii_digit()) => {
            Ok(Step::Sleep(words.seconds("sleep")?))
        }
        _ => Ok(Step::SleepForever),
    }
}

struct Words<'a> {
    rest: &'a [String],
}

impl<'a> Words<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.rest.first().map(String::as_str)
    }

    fn next(&mut self) -> Option<&'a str> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }

    fn text(&mut self, step: &'static str, what: &'static str) -> Result<&'a str, Error> {
        self.next().ok_or(Error::Missing { step, what })
    }

    fn number<T: std::str::FromStr>(
        &mut self,
        step: &'static str,
        what: &'static str,
    ) -> Result<T, Error> {
        let word = self.text(step, what)?;
        word.parse().map_err(|_| Error::Bad { step, what, value: word.to_owned() })
    }

    /// Fractions are welcome: `0.2` keeps a test short.
    fn seconds(&mut self, step: &'static str) -> Result<Duration, Error> {
        const WHAT: &str = "a number of seconds";
        let word = self.text(step, WHAT)?;
        word.parse()
            .ok()
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .ok_or_else(|| Error::Bad { step, what: WHAT, value: word.to_owned() })
    }

    fn after(&mut self) -> Result<Duration, Error> {
        if self.peek() != Some("--after") {
            return Ok(Duration::ZERO);
        }
        self.next();
        self.seconds("exit")
    }
}

#[cfg(test)]
mod tests;
