//! scratch
use std::time::Duration;
use tokio::time::Instant;
use trueup_reconciler::runtime::*;
#[test]
fn scale() {
    for n in [1_000u64, 10_000, 100_000, 1_000_000] {
        let mut q = Queue::new(Limits::default(), Backoff::default(), fastrand::Rng::with_seed(1));
        let now = Instant::now();
        for k in 0..n {
            if k % 2 == 0 {
                q.add(Add { key: k, cause: 0u8, priority: Priority::Resync }, now);
            } else {
                q.add_at(
                    Add { key: k, cause: 0, priority: Priority::Event },
                    now + Duration::from_secs(1000 + k),
                    now,
                );
            }
        }
        let t = Instant::now();
        let m = 100_000;
        for i in 0..m {
            q.add(Add { key: n + i % 10, cause: 1, priority: Priority::User }, now);
            let r = q.start(now).unwrap();
            q.finish(&r.key, Ok(Next::requeue_after(Duration::from_secs(50))), now);
        }
        println!("{n}: {:?}/cycle", t.elapsed() / m as u32);
    }
}
