//! What is kept, and that keeping it costs nobody anything.

use crate::{containers::Load, stage::Stage};
use std::sync::atomic::Ordering;

#[tokio::test(start_paused = true)]
async fn rows_are_kept_together_and_the_last_ones_at_the_end() {
    let stage = Stage::new();
    for number in 0..640 {
        stage.start(number, Load { rate: 100, ..Load::default() });
    }
    stage.pass(60).await;
    let log = stage.end().await;
    let batches = log.batches.lock().unwrap();
    assert!((9..=12).contains(&batches.len()), "{}", batches.len());
    let rows = batches.concat();
    // The first reading of each makes no row.
    assert!((3_100..=3_300).contains(&rows.len()), "{}", rows.len());
    assert!(rows.iter().all(|row| (900..=1_100).contains(&row.received)), "each ten seconds");
}

#[tokio::test(start_paused = true)]
async fn a_history_that_does_not_answer_or_fails_holds_nothing_up() {
    let stage = Stage::new();
    stage.log.hangs.store(true, Ordering::SeqCst);
    for number in 0..100 {
        stage.start(number, Load { cpus: 1.0, ..Load::default() });
    }
    stage.pass(35).await;
    assert!((0..100).all(|number| stage.cpu(number).is_some()), "figures are fresh");
    stage.log.hangs.store(false, Ordering::SeqCst);
    stage.log.fails.store(true, Ordering::SeqCst);
    stage.pass(60).await;
    stage.log.fails.store(false, Ordering::SeqCst);
    stage.pass(30).await;
    let rows = stage.end().await.rows();
    assert!((200..=600).contains(&rows.len()), "kept again: {}", rows.len());
}
