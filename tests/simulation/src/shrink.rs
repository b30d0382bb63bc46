//! Making a course that ends badly shorter, for as long as it still breaks the same rule.

use crate::{bug::Bug, course::Course, court::Rule, play::play};
use std::time::{Duration, Instant};

/// The numbers of the steps that are needed for the rule to be broken, as far as could be found out
/// within the time.
pub fn shrink(course: &Course, bug: Option<Bug>, rule: Rule, within: Duration) -> Vec<usize> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a bound on real time, outside of any simulation"
    )]
    let begin = Instant::now();
    let mut kept = course.numbers();
    let mut chunk = kept.len().div_ceil(2);
    while chunk > 0 {
        let mut at = 0;
        while at < kept.len() {
            if begin.elapsed() > within {
                return kept;
            }
            let mut fewer = kept.clone();
            fewer.drain(at..(at + chunk).min(kept.len()));
            if breaks(&course.only(&fewer), bug, rule) {
                kept = fewer;
            } else {
                at += chunk;
            }
        }
        chunk /= 2;
    }
    kept
}

fn breaks(course: &Course, bug: Option<Bug>, rule: Rule) -> bool {
    let played = play(course, bug);
    played.is_ok_and(|played| played.finding.is_some_and(|finding| finding.rule == rule))
}
