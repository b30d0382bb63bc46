//! The command line: how many workspaces, rounds and kills, and which part.

use anyhow::{Context, Result, bail, ensure};

const USAGE: &str = "usage: bench-converge [--workspaces N] [--rounds N] [--kills N] \
                     [--only scale|heal] [--engine machine|private]";

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How many workspaces come and go.
    pub workspaces: usize,
    /// Rounds that count.
    pub rounds: usize,
    /// How many containers are killed in each way.
    pub kills: usize,
    /// Only this part.
    pub only: Option<String>,
    /// On an engine that is started for the run, in a network of its own, so that an engine which
    /// cannot stand what is asked of it takes nobody else's containers with it. Otherwise on the one
    /// that the machine has.
    pub private: bool,
}

impl Options {
    /// Reads the arguments, without the program's name.
    pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self> {
        let mut options = Self { workspaces: 100, rounds: 3, kills: 10, only: None, private: true };
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let value = arguments.next().with_context(|| USAGE)?;
            let count = || {
                let count: usize =
                    value.parse().with_context(|| format!("{argument} takes a number"))?;
                ensure!(count > 0, "{argument} takes at least 1");
                Ok(count)
            };
            match argument.as_str() {
                "--workspaces" => options.workspaces = count()?,
                "--rounds" => options.rounds = count()?,
                "--kills" => options.kills = count()?,
                "--only" if ["scale", "heal"].contains(&value.as_str()) => {
                    options.only = Some(value);
                }
                "--engine" if ["machine", "private"].contains(&value.as_str()) => {
                    options.private = value == "private";
                }
                _ => bail!(USAGE),
            }
        }
        Ok(options)
    }

    /// Whether a part is to be measured.
    pub fn wants(&self, part: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn without_arguments_everything_is_measured_with_a_hundred_workspaces() {
        let options = parse("").unwrap();
        assert_eq!(
            options,
            Options { workspaces: 100, rounds: 3, kills: 10, only: None, private: true }
        );
        assert!(options.wants("scale") && options.wants("heal"));
    }

    #[test]
    fn each_part_can_be_measured_alone() {
        let options = parse("--only heal --kills 20 --engine machine").unwrap();
        assert_eq!(options.kills, 20);
        assert!(!options.private);
        assert!(options.wants("heal") && !options.wants("scale"));
    }

    #[test]
    fn what_cannot_be_understood_is_refused() {
        for line in [
            "--only",
            "--only all",
            "--engine mine",
            "--rounds 0",
            "--kills many",
            "scale",
            "--quick yes",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
