//! The only way out: results to standard output, messages to standard error.
//!
//! A reader that goes away (`| head`) ends the command quietly. Colour is used only on a terminal,
//! and not when `NO_COLOR` says so. Text from elsewhere cannot steer the terminal: see [`inert`].

use crate::error::Error;
use miette::{GraphicalReportHandler, GraphicalTheme};
use serde::Serialize;
use std::{
    borrow::Cow,
    error::Error as _,
    io::{self, ErrorKind, IsTerminal, Write},
};
use trueup_api::domain::manifest::ManifestErrors;

/// Where a command writes.
pub(crate) struct Output {
    results: Box<dyn Write>,
    messages: Box<dyn Write>,
    colour: bool,
    colour_messages: bool,
}

impl Output {
    /// The streams of this process.
    pub(crate) fn of_process() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self {
            colour: wanted && io::stdout().is_terminal(),
            colour_messages: wanted && io::stderr().is_terminal(),
            results: Box::new(io::stdout()),
            messages: Box::new(io::stderr()),
        }
    }

    /// Whether results may be coloured.
    pub(crate) const fn is_coloured(&self) -> bool {
        self.colour
    }

    /// Writes text as it is, and lets the reader have it at once.
    pub(crate) fn write(&mut self, text: &str) -> Result<(), Error> {
        let written = self.results.write_all(text.as_bytes()).and_then(|()| self.results.flush());
        written.map_err(|error| match error.kind() {
            ErrorKind::BrokenPipe => Error::OutputClosed,
            _ => Error::Output(error),
        })
    }

    /// Writes a line.
    pub(crate) fn line(&mut self, text: &str) -> Result<(), Error> {
        self.write(&format!("{text}\n"))
    }

    /// Writes a value as JSON of several lines.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<(), Error> {
        let text = serde_json::to_string_pretty(value)
            .map_err(|source| Error::Encode { what: "the JSON", source: source.into() })?;
        self.line(&text)
    }

    /// Writes a value as YAML.
    pub(crate) fn yaml(&mut self, value: &impl Serialize) -> Result<(), Error> {
        let text = serde_yaml::to_string(value)
            .map_err(|source| Error::Encode { what: "the YAML", source: source.into() })?;
        self.write(&text)
    }

    /// Tells the user something that is not a result.
    pub(crate) fn note(&mut self, text: &str) {
        // There is nobody to tell that nobody can be told.
        let _ = writeln!(self.messages, "{}", inert(text));
    }

    /// Tells the user why the command failed, with all causes.
    pub(crate) fn complain(&mut self, error: &Error) {
        if let Error::Manifests(errors) = error {
            let text = render(errors, self.colour_messages);
            let _ = self.messages.write_all(text.as_bytes());
            return;
        }
        if matches!(error, Error::Interrupted) {
            self.note(&error.to_string());
            return;
        }
        let sources = std::iter::successors(error.source(), |&error| error.source());
        let reasons: Vec<_> = sources.map(ToString::to_string).collect();
        // The HTTP library wraps what the system said in words that say nothing more.
        let skipped = match error {
            Error::Api(_) => reasons.len().saturating_sub(1),
            _ => 0,
        };
        self.note(&format!("error: {error}"));
        for reason in &reasons[skipped..] {
            self.note(&format!("  because {reason}"));
        }
    }
}

fn render(errors: &ManifestErrors, colour: bool) -> String {
    let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).with_links(false);
    let mut text = String::new();
    for error in errors {
        // Writing to a String cannot fail.
        let _ = handler.render_report(&mut text, error);
        text.push('\n');
    }
    text
}

/// The text without characters that steer a terminal, line breaks apart.
pub(crate) fn inert(text: &str) -> Cow<'_, str> {
    let steers = |c: char| c.is_control() && c != '\n';
    if text.contains(steers) { Cow::Owned(text.replace(steers, "?")) } else { Cow::Borrowed(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails every write as that kind.
    struct Failing(ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_is_no_failure_and_a_full_disk_is_one() {
        let output = |kind| Output {
            results: Box::new(Failing(kind)),
            messages: Box::new(io::sink()),
            colour: false,
            colour_messages: false,
        };
        assert!(matches!(output(ErrorKind::BrokenPipe).line("x"), Err(Error::OutputClosed)));
        assert!(matches!(output(ErrorKind::StorageFull).line("x"), Err(Error::Output(_))));
    }

    #[test]
    fn text_from_elsewhere_cannot_steer_the_terminal() {
        assert_eq!(inert("a\x1b[2Jb\r\nc"), "a?[2Jb?\nc");
        assert_eq!(inert("häuser"), "häuser");
    }
}
