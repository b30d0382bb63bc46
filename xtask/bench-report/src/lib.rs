//! What every benchmark prints in the end: a table, remarks, and the verdict in the last line.
//!
//! Deliberately absent: what a row is and whether it is met, which each benchmark knows for itself.

use std::fmt;

/// Cells, and what is to be said of them.
#[derive(Debug)]
pub struct Report<'a, const COLUMNS: usize> {
    /// As in `bench NAME`.
    pub name: &'a str,
    /// What stands over the columns.
    pub heads: [&'a str; COLUMNS],
    /// The rows.
    pub rows: Vec<[String; COLUMNS]>,
    /// Lines below them.
    pub remarks: &'a [String],
    /// What is missing, in words.
    pub shortfalls: Vec<String>,
}

impl<const COLUMNS: usize> fmt::Display for Report<'_, COLUMNS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heads = self.heads.map(str::to_owned);
        let lines = || std::iter::once(&heads).chain(&self.rows);
        let width = |column: usize| lines().map(|line| line[column].chars().count()).max();
        let widths: Vec<usize> = (0..COLUMNS).map(|column| width(column).unwrap_or(0)).collect();
        for line in lines() {
            let padded = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            writeln!(f, "{}", padded.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        for remark in self.remarks {
            writeln!(f, "{remark}")?;
        }
        if self.shortfalls.is_empty() {
            writeln!(f, "bench {}: met", self.name)
        } else {
            writeln!(f, "bench {}: short: {}", self.name, self.shortfalls.join("; "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report<'a>(remarks: &'a [String], shortfalls: &[&str]) -> Report<'a, 2> {
        Report {
            name: "this",
            heads: ["measure", "µs"],
            rows: vec![["a long measure".to_owned(), "1".to_owned()]],
            remarks,
            shortfalls: shortfalls.iter().map(|&text| text.to_owned()).collect(),
        }
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let text = report(&["It was hot.".to_owned()], &[]).to_string();
        assert_eq!(text, "measure         µs\na long measure  1\nIt was hot.\nbench this: met\n");
    }

    #[test]
    fn all_that_is_missing_is_in_the_last_line() {
        let text = report(&[], &["a: 2 instead of 1", "b: 3 instead of 1"]).to_string();
        let last = "bench this: short: a: 2 instead of 1; b: 3 instead of 1\n";
        assert!(text.ends_with(last), "{text}");
    }
}
