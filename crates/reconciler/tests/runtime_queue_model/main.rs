//! The queue against a naive model of it: any sequence of operations gives the same answers.
//!
//! The model keeps a flat record per key and per owner and scans them all for each question. It has
//! no line, no timer set and no clean-up, which are what can go wrong in the real one. Ties between
//! keys, or owners, of the same rank are left open.

mod bench;
mod model;
mod operations;

use proptest::prelude::*;

use self::bench::Bench;
use self::operations::{operation, settings};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn the_queue_answers_as_the_model_does_and_runs_dry(
        settings in settings(),
        operations in prop::collection::vec(operation(), 1..120),
    ) {
        let mut bench = Bench::new(&settings);
        for operation in &operations {
            bench.apply(operation);
            bench.check();
        }
        bench.run_dry();
    }
}
