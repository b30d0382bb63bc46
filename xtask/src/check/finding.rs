//! What a rule reports: where, which rule, why it exists, and how to mend it.

use std::fmt;
use std::path::PathBuf;

/// One violation of one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Relative to the root that was checked.
    pub(crate) file: PathBuf,
    /// Counted from 1.
    pub(crate) line: usize,
    /// The rule's short name.
    pub(crate) rule: &'static str,
    /// What is wrong here.
    pub(crate) what: String,
    /// Why the rule is there.
    pub(crate) why: &'static str,
    /// How to mend it.
    pub(crate) mend: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, rule, what, why, mend } = self;
        writeln!(f, "{}:{line}: [{rule}] {what}", file.display())?;
        writeln!(f, "    why:  {why}")?;
        write!(f, "    mend: {mend}")
    }
}
