//! What a user sees of a manifest that was refused: the place, the line, what is wrong, how to mend
//! it.
//!
//! Errors carry their source text, so that they can be shown anywhere: through `miette` at a
//! terminal, or as [plain text](ManifestError::render_plain) through the API. Nothing that is shown
//! holds a control character of the user's text.

use super::node::Mark;
use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode, SourceSpan};
use std::{
    fmt::{self, Write},
    sync::Arc,
};

/// A named text, safe to show.
pub(super) type Source = NamedSource<String>;

/// Characters of a message beyond which it is cut: it may quote a value of any length.
const LONGEST_MESSAGE: usize = 400;
/// Characters of a source line that are shown in plain text; JSON may come in one line.
const LONGEST_LINE: usize = 120;

/// One thing that is wrong with a manifest.
#[derive(Debug, Clone)]
pub struct ManifestError {
    source: Arc<Source>,
    mark: Mark,
    message: String,
    help: Option<String>,
}

impl ManifestError {
    pub(super) fn new(source: &Arc<Source>, mark: Mark, message: &str, help: Option<&str>) -> Self {
        Self {
            source: Arc::clone(source),
            mark: within(source.inner(), mark),
            message: presentable(message),
            help: help.map(presentable),
        }
    }

    /// What the text was called when it was read.
    pub fn source_name(&self) -> &str {
        self.source.name()
    }

    /// The line, counted from 1.
    pub const fn line(&self) -> usize {
        self.mark.line
    }

    /// The character within the line, counted from 1.
    pub const fn column(&self) -> usize {
        self.mark.column
    }

    /// What is wrong, without the place.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// How to mend it.
    pub fn advice(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// The place, the line with the fault underlined, and the advice, as plain text of a few lines.
    pub fn render_plain(&self) -> String {
        let mut text = format!("{self}\n");
        let number = self.mark.line.to_string();
        let margin = " ".repeat(number.len());
        let line = line(self.source.inner(), self.mark.line);
        if !line.trim().is_empty() {
            let (shown, indent, length) = window(line, self.mark);
            let underline = "^".repeat(length);
            // Writing to a String cannot fail.
            let _ =
                writeln!(text, "{margin} |\n{number} | {shown}\n{margin} | {indent}{underline}");
        }
        if let Some(help) = &self.help {
            let _ = writeln!(text, "{margin} = {help}");
        }
        text
    }
}

/// `file:line:column: message`.
impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Mark { line, column, .. } = self.mark;
        write!(f, "{}:{line}:{column}: {}", self.source.name(), self.message)
    }
}

impl std::error::Error for ManifestError {}

impl Diagnostic for ManifestError {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&*self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = span(self.source.inner(), self.mark);
        Some(Box::new(std::iter::once(LabeledSpan::new_primary_with_span(None, span))))
    }
}

/// Everything that is wrong with a text or with several; at least one error.
#[derive(Debug, Clone)]
pub struct ManifestErrors(Vec<ManifestError>);

impl ManifestErrors {
    pub(super) fn new(errors: Vec<ManifestError>) -> Self {
        Self(errors)
    }

    /// Joins what is wrong with several files.
    pub fn extend(&mut self, more: Self) {
        self.0.extend(more.0);
    }

    /// The errors in the order of the text.
    pub fn iter(&self) -> std::slice::Iter<'_, ManifestError> {
        self.0.iter()
    }

    /// Every error as [plain text](ManifestError::render_plain), an empty line between two.
    pub fn render_plain(&self) -> String {
        self.0.iter().map(ManifestError::render_plain).collect::<Vec<_>>().join("\n")
    }
}

impl<'a> IntoIterator for &'a ManifestErrors {
    type Item = &'a ManifestError;
    type IntoIter = std::slice::Iter<'a, ManifestError>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl IntoIterator for ManifestErrors {
    type Item = ManifestError;
    type IntoIter = std::vec::IntoIter<ManifestError>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// One line for each error.
impl fmt::Display for ManifestErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for ManifestErrors {}

impl Diagnostic for ManifestErrors {
    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(self.0.iter().map(|error| error as &dyn Diagnostic)))
    }
}

/// The text with every control character replaced by a character of the same length in bytes, so
/// that places stay right and a terminal is not written to.
pub(super) fn inert(text: &str) -> String {
    let mut rest = text.chars().peekable();
    let mut safe = String::with_capacity(text.len());
    while let Some(character) = rest.next() {
        safe.push(match character {
            '\n' | '\t' => character,
            '\r' if rest.peek() == Some(&'\n') => '\r',
            // A line break of its own in YAML.
            '\r' => '\n',
            control if control.is_control() && control.len_utf8() == 1 => '?',
            control if control.is_control() => '¿',
            plain => plain,
        });
    }
    safe
}

/// What is underlined.
pub(super) fn slice(text: &str, mark: Mark) -> String {
    line(text, mark.line).chars().skip(mark.column - 1).take(mark.length).collect()
}

/// The words on one line, of bounded length, without control characters.
pub(super) fn presentable(words: &str) -> String {
    let mut clean = String::new();
    for character in words.chars().take(LONGEST_MESSAGE) {
        if character.is_control() {
            clean.extend(character.escape_default());
        } else {
            clean.push(character);
        }
    }
    if words.chars().nth(LONGEST_MESSAGE).is_some() {
        clean.push('…');
    }
    clean
}

/// The line of that number, the last one when there are fewer.
fn line(text: &str, number: usize) -> &str {
    let line = text.split('\n').nth(number - 1).unwrap_or_default();
    line.strip_suffix('\r').unwrap_or(line)
}

/// The mark, moved into the text if it lies behind its end.
fn within(text: &str, mark: Mark) -> Mark {
    let last = text.split('\n').count();
    if mark.line > last {
        let column = line(text, last).chars().count() + 1;
        return Mark { line: last, column, length: 0 };
    }
    let column = mark.column.min(line(text, mark.line).chars().count() + 1);
    Mark { column, ..mark }
}

/// The part of a line that is shown, the space before the underline, and the underline's length.
fn window(line: &str, mark: Mark) -> (String, String, usize) {
    let all: Vec<char> = line.chars().collect();
    let start = mark.column - 1;
    let from = if all.len() <= LONGEST_LINE { 0 } else { start.saturating_sub(LONGEST_LINE / 2) };
    let to = all.len().min(from + LONGEST_LINE);
    let mut shown: String = all[from..to].iter().collect();
    // A tab before the fault is kept, so that both lines are equally wide.
    let mut indent: String =
        all[from..start].iter().map(|&c| if c == '\t' { '\t' } else { ' ' }).collect();
    if from > 0 {
        shown.insert(0, '…');
        indent.insert(0, ' ');
    }
    if to < all.len() {
        shown.push('…');
    }
    (shown, indent, mark.length.clamp(1, to.saturating_sub(start).max(1)))
}

fn span(text: &str, mark: Mark) -> SourceSpan {
    let before: usize = text.split_inclusive('\n').take(mark.line - 1).map(str::len).sum();
    let line = line(text, mark.line);
    let bytes =
        |characters: usize| line.chars().take(characters).map(char::len_utf8).sum::<usize>();
    let start = bytes(mark.column - 1);
    let end = bytes((mark.column - 1).saturating_add(mark.length));
    SourceSpan::new((before + start).into(), end - start)
}
