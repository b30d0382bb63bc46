//! The controller against a naive reference, on a paused clock: any script of additions, failures,
//! hangs, panics, cancellations and shutdowns leads to a course of events that keeps Q1 to Q11.
//!
//! Each case runs a whole controller, notes what happens, and is judged afterwards. The reference
//! replays what was noted, key by key: which causes each pass must have had, what must follow from
//! each end, and when. It does not predict the order of the keys, which `runtime_queue_model` does;
//! it checks that no key went before one of the same owner that had the better rank, and that
//! nothing waited while there was room.

mod course;
mod reference;
mod rules;
mod script;
mod stage;

use proptest::prelude::*;

use self::script::script;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn whatever_happens_the_controller_keeps_q1_to_q11(script in script()) {
        let course = stage::perform(&script);
        let passes = reference::replay(&script, &course);
        rules::check(&script, &course, &passes);
    }
}
