//! What was measured, what it should have been, and the verdict.
//!
//! A row is a value; whether it is met follows from its figures. Of all units, less is better.

use std::fmt;

use bench_report::Report;

/// One measure, ours and perhaps somebody's beside it.
#[derive(Clone, Debug)]
pub struct Row {
    pub name: String,
    pub unit: &'static str,
    pub ours: f64,
    /// Who or what it is compared with.
    pub peer: String,
    pub theirs: Option<f64>,
    /// How many times cheaper than theirs ours has to be.
    pub least: Option<f64>,
    /// How much ours may be.
    pub most: Option<f64>,
    pub note: String,
}

impl Row {
    /// One of ours alone, for reading.
    pub fn reading(name: String, unit: &'static str, ours: f64) -> Self {
        let (peer, note) = (String::new(), String::new());
        Self { name, unit, ours, peer, theirs: None, least: None, most: None, note }
    }

    fn times_cheaper(&self) -> Option<f64> {
        Some(self.theirs? / self.ours)
    }

    /// What is missing, in words; `None` if nothing is.
    fn shortfall(&self) -> Option<String> {
        if let Some(most) = self.most.filter(|most| self.ours > *most) {
            let Self { name, ours, unit, .. } = self;
            return Some(format!("{name}: {ours:.2} {unit} instead of {most}"));
        }
        let least = self.least?;
        let times = self.times_cheaper();
        let is = times.map_or_else(|| "not measured".to_owned(), |is| format!("{is:.0} times"));
        let is_met = times.is_some_and(|is| is >= least);
        (!is_met).then(|| format!("{} beside {}: {is} instead of {least}", self.name, self.peer))
    }

    fn cells(&self) -> [String; 7] {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let floor = match (self.least, self.most) {
            (Some(least), _) => format!(">= {least} times"),
            (None, Some(most)) => format!("<= {most}"),
            (None, None) => "-".to_owned(),
        };
        [
            self.name.clone(),
            format!("{:.3} {}", self.ours, self.unit),
            or_dash(self.theirs.map(|theirs| format!("{}: {theirs:.1} {}", self.peer, self.unit))),
            or_dash(self.times_cheaper().map(|times| format!("{times:.0}"))),
            floor,
            match (self.least.or(self.most), self.shortfall()) {
                (None, _) => "-",
                (_, None) => "yes",
                (_, Some(_)) => "NO",
            }
            .to_owned(),
            self.note.clone(),
        ]
    }
}

/// All rows, in the order in which they were measured.
#[derive(Default)]
pub struct Table {
    rows: Vec<Row>,
}

impl Table {
    pub fn push(&mut self, row: Row) {
        eprintln!("=> {}", row.cells().join(" | "));
        self.rows.push(row);
    }

    /// Whether every floor is met.
    pub fn is_met(&self) -> bool {
        self.rows.iter().all(|row| row.shortfall().is_none())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = Report {
            name: "usage",
            heads: ["measure", "trueup", "beside", "times", "floor", "met", ""],
            rows: self.rows.iter().map(Row::cells).collect(),
            remarks: &[],
            shortfalls: self.rows.iter().filter_map(Row::shortfall).collect(),
        };
        report.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(ours: f64, theirs: Option<f64>) -> Row {
        Row { theirs, peer: "a peer".to_owned(), ..Row::reading("a thing".to_owned(), "us", ours) }
    }

    fn verdict(row: Row) -> String {
        Table { rows: vec![row] }.to_string().lines().last().unwrap_or_default().to_owned()
    }

    #[test]
    fn a_floor_that_is_just_reached_is_met() {
        assert_eq!(
            verdict(Row { least: Some(100.0), ..row(2.0, Some(200.0)) }),
            "bench usage: met"
        );
        assert_eq!(verdict(Row { most: Some(2.0), ..row(2.0, None) }), "bench usage: met");
    }

    #[test]
    fn what_is_missing_is_told() {
        assert_eq!(
            verdict(Row { least: Some(100.0), ..row(2.0, Some(150.0)) }),
            "bench usage: short: a thing beside a peer: 75 times instead of 100"
        );
        assert_eq!(
            verdict(Row { most: Some(1.0), ..row(2.0, None) }),
            "bench usage: short: a thing: 2.00 us instead of 1"
        );
        assert!(verdict(Row { least: Some(1.0), ..row(2.0, None) }).contains("not measured"));
    }
}
