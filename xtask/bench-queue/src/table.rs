//! What was measured, what it should have been, and the verdict.
//!
//! A row is a value; whether it is met follows from its figures. Printing is the last step.

use std::fmt;

use bench_report::Report;

use crate::measure::Flavour;

/// What the figures of a row are, and how they are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Seconds an operation takes, printed in nano- or microseconds.
    PerOperation,
    /// Seconds an operation takes, printed as operations a second.
    Rate,
    /// Seconds for everything.
    Seconds,
    /// Things.
    Count,
    /// How many times more.
    Times,
}

/// What a row must reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Floor {
    /// At least this many times better than the peer.
    Ratio(f64),
    /// Our own figure is at most this.
    AtMost(f64),
    /// It is for reading only.
    Absent,
}

/// One measure. Of all units, less is better.
#[derive(Clone, Debug)]
pub struct Row {
    pub name: String,
    pub flavour: Flavour,
    pub unit: Unit,
    pub ours: f64,
    /// `None` where the peer was not measured; the note then says why.
    pub peer: Option<f64>,
    pub floor: Floor,
    pub note: String,
}

impl Row {
    /// How many times better we are.
    fn ratio(&self) -> Option<f64> {
        let comparable = matches!(self.unit, Unit::PerOperation | Unit::Rate | Unit::Seconds);
        self.peer.filter(|_| comparable).map(|peer| peer / self.ours)
    }

    /// What is missing, in words; `None` if the floor is met.
    fn shortfall(&self) -> Option<String> {
        let (is, wanted, unit, met) = match (self.floor, self.ratio()) {
            (Floor::Ratio(floor), Some(ratio)) => (ratio, floor, Unit::Times, ratio >= floor),
            (Floor::AtMost(most), _) => (self.ours, most, self.unit, self.ours <= most),
            (Floor::Ratio(_), None) | (Floor::Absent, _) => return None,
        };
        let (name, flavour) = (&self.name, self.flavour.name());
        let (is, wanted) = (figure(unit, is), figure(unit, wanted));
        (!met).then(|| format!("{name} ({flavour}): {is} instead of {wanted}"))
    }

    fn cells(&self) -> [String; 8] {
        let floor = match self.floor {
            Floor::Ratio(floor) => format!("ratio >= {floor}"),
            Floor::AtMost(most) => format!("ours <= {}", figure(self.unit, most)),
            Floor::Absent => "-".to_owned(),
        };
        let met = match (self.floor, self.shortfall()) {
            (Floor::Absent, _) => "-",
            (_, None) => "yes",
            (_, Some(_)) => "NO",
        };
        let dash = || "-".to_owned();
        [
            self.name.clone(),
            self.flavour.name().to_owned(),
            figure(self.unit, self.ours),
            self.peer.map_or_else(dash, |peer| figure(self.unit, peer)),
            self.ratio().map_or_else(dash, |ratio| format!("{ratio:.2}")),
            floor,
            met.to_owned(),
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
        eprintln!("  => {}", row.cells()[2..].join(" | "));
        self.rows.push(row);
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether every floor is met.
    pub fn is_met(&self) -> bool {
        self.rows.iter().all(|row| row.shortfall().is_none())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = Report {
            name: "queue",
            heads: ["measure", "runtime", "ours", "kube's", "ratio", "floor", "met", ""],
            rows: self.rows.iter().map(Row::cells).collect(),
            remarks: &[],
            shortfalls: self.rows.iter().filter_map(Row::shortfall).collect(),
        };
        report.fmt(f)
    }
}

/// A figure with its unit.
fn figure(unit: Unit, value: f64) -> String {
    match unit {
        Unit::PerOperation if value < 1e-6 => format!("{:.0} ns", value * 1e9),
        Unit::PerOperation => format!("{:.2} µs", value * 1e6),
        Unit::Rate => format!("{:.0}/s", 1.0 / value),
        Unit::Seconds => format!("{value:.3} s"),
        Unit::Count => format!("{value:.0}"),
        Unit::Times => format!("{value:.2}x"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(ours: f64, peer: Option<f64>, floor: Floor) -> Row {
        let (name, note) = ("a thing".to_owned(), String::new());
        let (flavour, unit) = (Flavour::CurrentThread, Unit::Seconds);
        Row { name, flavour, unit, ours, peer, floor, note }
    }

    fn last_line(row: Row) -> String {
        Table { rows: vec![row] }.to_string().lines().last().unwrap_or_default().to_owned()
    }

    #[test]
    fn a_ratio_at_the_floor_is_enough() {
        assert_eq!(last_line(row(1.0, Some(3.0), Floor::Ratio(3.0))), "bench queue: met");
    }

    #[test]
    fn a_ratio_below_the_floor_is_told_with_its_size() {
        assert_eq!(
            last_line(row(1.0, Some(2.5), Floor::Ratio(3.0))),
            "bench queue: short: a thing (current thread): 2.50x instead of 3.00x"
        );
    }

    #[test]
    fn our_own_limit_holds_without_a_peer() {
        assert!(Table { rows: vec![row(1.15, None, Floor::AtMost(1.15))] }.is_met());
        assert_eq!(
            last_line(row(1.2, None, Floor::AtMost(1.15))),
            "bench queue: short: a thing (current thread): 1.200 s instead of 1.150 s"
        );
    }

    #[test]
    fn what_could_not_be_compared_is_not_a_miss() {
        assert!(Table { rows: vec![row(1.0, None, Floor::Ratio(3.0))] }.is_met());
        assert!(Table { rows: vec![row(9.0, Some(1.0), Floor::Absent)] }.is_met());
    }
}
