//! What was measured, what it should have been, and the verdict.
//!
//! A row is a value; whether it is met follows from its figures. All figures are seconds, and less
//! is better. Printing is the last step.

use std::fmt;
use std::time::Duration;

use bench_report::Report;

/// One measure, ours beside somebody's.
#[derive(Clone, Debug)]
pub struct Row {
    pub name: String,
    /// Seconds.
    pub ours: Option<f64>,
    /// Who or what it is compared with.
    pub peer: String,
    /// Seconds; `None` where it was not measured; the note then says why.
    pub theirs: Option<f64>,
    /// How many times theirs ours may be; `None` where it is for reading only.
    pub most: Option<f64>,
    pub note: String,
}

impl Row {
    fn ratio(&self) -> Option<f64> {
        Some(self.ours? / self.theirs?)
    }

    /// Whether the floor is met; `None` if there is none.
    fn is_met(&self) -> Option<bool> {
        let most = self.most?;
        // What could not be measured is not met.
        Some(self.ratio().is_some_and(|ratio| ratio <= most))
    }

    /// What is missing, in words; `None` if nothing is.
    fn shortfall(&self) -> Option<String> {
        let most = self.most.filter(|_| self.is_met() == Some(false))?;
        let is = self.ratio().map_or_else(|| "not measured".to_owned(), |is| format!("{is:.2}x"));
        Some(format!("{} beside {}: {is} instead of {most:.2}x", self.name, self.peer))
    }

    fn cells(&self) -> [String; 8] {
        let seconds =
            |time: Option<f64>| time.map_or_else(|| "-".to_owned(), |time| format!("{time:.3} s"));
        [
            self.name.clone(),
            seconds(self.ours),
            self.peer.clone(),
            seconds(self.theirs),
            self.ratio().map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}")),
            self.most.map_or_else(|| "-".to_owned(), |most| format!("<= {most}")),
            match self.is_met() {
                None => "-",
                Some(true) => "yes",
                Some(false) => "NO",
            }
            .to_owned(),
            self.note.clone(),
        ]
    }
}

/// All rows, in the order in which they were measured.
pub struct Table {
    rows: Vec<Row>,
    remarks: Vec<String>,
    load: String,
}

impl Table {
    /// Nothing yet; the machine's load is noted.
    pub fn new() -> Self {
        Self { rows: Vec::new(), remarks: Vec::new(), load: load() }
    }

    pub fn push(&mut self, row: Row) {
        eprintln!("=> {}", row.cells().join(" | "));
        self.rows.push(row);
    }

    /// Something to be said below the rows.
    pub fn remark(&mut self, text: &str) {
        eprintln!("{text}");
        self.remarks.push(text.to_owned());
    }

    /// Our figure of a row that is there already.
    pub fn ours(&self, name: &str) -> Option<f64> {
        self.rows.iter().find(|row| row.name == name)?.ours
    }

    /// Notes the load at the end: whoever reads the figures should know what else went on.
    pub fn finish(&mut self) {
        self.remarks.push(format!("load of the machine: {} before, {} after", self.load, load()));
    }

    /// Whether every floor is met.
    pub fn is_met(&self) -> bool {
        self.rows.iter().all(|row| row.shortfall().is_none())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = Report {
            name: "converge",
            heads: ["measure", "trueup", "beside", "", "ratio", "floor", "met", ""],
            rows: self.rows.iter().map(Row::cells).collect(),
            remarks: &self.remarks,
            shortfalls: self.rows.iter().filter_map(Row::shortfall).collect(),
        };
        report.fmt(f)
    }
}

/// The middle one in seconds, or halfway between the two in the middle. `None` if there is none.
pub fn median(times: &[Duration]) -> Option<f64> {
    let mut times = times.to_vec();
    times.sort_unstable();
    let middle = times.len() / 2;
    let upper = times.get(middle)?.as_secs_f64();
    if times.len() % 2 == 1 {
        return Some(upper);
    }
    Some(f64::midpoint(times[middle - 1].as_secs_f64(), upper))
}

/// The averages over one, five and fifteen minutes, where the system has them.
fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let averages: Vec<&str> = text.split_whitespace().take(3).collect();
    if averages.is_empty() { "unknown".to_owned() } else { averages.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(ours: f64, theirs: Option<f64>, most: Option<f64>) -> Row {
        let (name, peer) = ("a thing".to_owned(), "a peer".to_owned());
        Row { name, ours: Some(ours), peer, theirs, most, note: String::new() }
    }

    fn verdict(row: Row) -> String {
        let table = Table { rows: vec![row], ..Table::new() };
        table.to_string().lines().last().unwrap_or_default().to_owned()
    }

    #[test]
    fn a_ratio_at_the_floor_is_enough() {
        assert_eq!(verdict(row(3.0, Some(2.0), Some(1.5))), "bench converge: met");
    }

    #[test]
    fn a_ratio_above_the_floor_is_told_with_its_size() {
        assert_eq!(
            verdict(row(2.4, Some(2.0), Some(1.1))),
            "bench converge: short: a thing beside a peer: 1.20x instead of 1.10x"
        );
    }

    #[test]
    fn a_floor_that_was_not_measured_is_not_met() {
        assert_eq!(
            verdict(row(1.0, None, Some(1.1))),
            "bench converge: short: a thing beside a peer: not measured instead of 1.10x"
        );
    }

    #[test]
    fn a_peer_without_a_floor_is_for_reading_only() {
        assert_eq!(verdict(row(9.0, Some(1.0), None)), "bench converge: met");
        assert_eq!(verdict(row(9.0, None, None)), "bench converge: met");
    }

    #[test]
    fn the_median_is_in_the_middle_whatever_the_order() {
        let median_of = |seconds: &[u64]| {
            median(&seconds.iter().map(|s| Duration::from_secs(*s)).collect::<Vec<_>>())
        };
        assert_eq!(median_of(&[900, 1, 3]), Some(3.0));
        assert_eq!(median_of(&[4, 900, 1, 3]), Some(3.5));
        assert_eq!(median_of(&[]), None);
    }
}
