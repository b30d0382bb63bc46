//! The command line: which rows, and how many rounds.

use anyhow::{Context, Result, bail, ensure};

const USAGE: &str = "usage: bench-queue [--only NAME] [--rounds N]";

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Only rows whose name contains this.
    pub only: Option<String>,
    /// Rounds that count; the warm-up comes before them.
    pub rounds: usize,
}

impl Options {
    /// Reads the arguments, without the program's name.
    pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self> {
        let mut options = Self { only: None, rounds: 5 };
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let value = arguments.next().with_context(|| USAGE)?;
            match argument.as_str() {
                "--only" => options.only = Some(value),
                "--rounds" => options.rounds = value.parse().context("--rounds takes a number")?,
                _ => bail!(USAGE),
            }
        }
        ensure!(options.rounds > 0, "at least one round, please");
        Ok(options)
    }

    /// Whether a row of this name is to be measured.
    pub fn wants(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| name.contains(only))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn parsed(line: &str) -> Options {
        match parse(line) {
            Ok(options) => options,
            Err(error) => panic!("{line}: {error}"),
        }
    }

    fn parse(line: &str) -> Result<Options> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn without_arguments_everything_is_measured_in_five_rounds() {
        let options = parsed("");
        assert_eq!(options, Options { only: None, rounds: 5 });
        assert!(options.wants("backlog, 10,000"));
    }

    #[test]
    fn a_part_of_the_name_is_enough_to_choose_a_row() {
        let options = parsed("--rounds 9 --only flight");
        assert_eq!(options.rounds, 9);
        assert!(options.wants("in flight, 10,000"));
        assert!(!options.wants("backlog, 10,000"));
    }

    #[test]
    fn what_cannot_be_understood_is_refused() {
        for line in ["--only", "--rounds many", "--rounds 0", "backlog", "--quick yes"] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
