//! Keeps certificates from expiring, although their issuer is not to be relied on.
//!
//! It shows wake-ups, the classes of errors, a deadline, fairness between owners and the shutdown.
//! The issuer is busy now and then (retried with backoff), gives no answer although it may have
//! issued (looked at first, then retried), never comes to an end (cut at the deadline), or refuses a
//! name (asked once and never again). One is so slow that the shutdown cuts it. It takes about five seconds,
//! prints the metrics and ends with 1 if a certificate was missing or asked for in vain.
//!
//! ```console
//! cargo run -p trueup-reconciler --example certificates
//! ```
//!
//! Deliberately absent: certificates. They are numbers with an end, in memory.

#![expect(clippy::print_stdout, reason = "an example talks to its reader")]

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use fastrand::Rng;
use futures::StreamExt;
use prometheus_client::registry::Registry;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};
use trueup_reconciler::runtime::{
    Backoff, Controller, ErrorPolicy, Handle, Next, Outcome, Owner, PassResult, Policies, Priority,
    Request,
};

type Name = &'static str;

const ALICE: [Name; 6] =
    ["alice/api", "alice/blog", "alice/docs", "alice/git", "alice/mail", "alice/www"];
const BOB: [Name; 3] = [SLOW, "bob/www", REFUSED];
const SLOW: Name = "bob/archive";
const REFUSED: Name = "bob/example";

/// How long a certificate is good. It is renewed when half of that is over.
const LIFE: Duration = Duration::from_secs(4);
const PLAY: Duration = Duration::from_secs(4);
/// How long the issuer takes for the slow one, which is more than the drain has.
const SLOWNESS: Duration = Duration::from_millis(300);
const DRAIN: Duration = Duration::from_millis(100);
const DEADLINE: Duration = Duration::from_millis(500);

#[tokio::main]
async fn main() -> Result<()> {
    let issuer = Arc::new(Issuer::default());
    let mut registry = Registry::default();
    let (stop, stopped) = oneshot::channel::<()>();
    let backoff = |base| Backoff::exponential(Duration::from_millis(base), LIFE / 6);
    let controller = Controller::new("certificates", Rng::new())
        .concurrency(3)
        .fair_between(|name: &Name| Owner::new(name.split_once('/').map(|(owner, _)| owner)))
        .policies(Policies { retry: backoff(50), unknown: backoff(100), terminal: None })
        .timeout(DEADLINE)
        .drain_timeout(DRAIN)
        .metrics(&mut registry)
        .graceful_shutdown_on(async { stopped.await.unwrap_or_default() });
    let handle = controller.handle();
    println!("all of alice's come before bob's, and they take turns all the same");
    for name in ALICE.into_iter().chain(BOB) {
        handle.enqueue(name, "declared", Priority::Event);
    }
    let outcomes = controller.run(renew, classify, Arc::clone(&issuer));

    let script = async {
        let result = tokio::select! {
            result = timeout(PLAY + LIFE, end_of_play(&handle)) => {
                result.with_context(|| format!("{SLOW} is not renewed any more"))
            }
            result = interrupted() => result,
        };
        println!("the end of the play; passes under way have {DRAIN:?} to end");
        drop(stop);
        result
    };
    let passes = outcomes.inspect(tell).filter_map(async |outcome| {
        matches!(outcome.result, PassResult::Cancelled).then_some(outcome.key)
    });
    let (result, cut): (_, Vec<Name>) = tokio::join!(script, passes.collect());

    let mut metrics = String::new();
    prometheus_client::encoding::text::encode(&mut metrics, &registry)?;
    let told = metrics.lines().filter(|line| !line.contains("_bucket{"));
    println!(
        "\n{}\n\ncut by the shutdown: {}",
        told.collect::<Vec<_>>().join("\n"),
        cut.join(", ")
    );
    println!("still planned: {} wake-ups and retries", handle.snapshot().waiting.len());
    result?;
    judge(&issuer, &cut)
}

/// A pass: looks whether the certificate is good for long enough, and asks for a new one if not.
async fn renew(request: Request<Name, &'static str>, issuer: Arc<Issuer>) -> Result<Next, Error> {
    let name = request.key;
    if issuer.left(name) <= LIFE / 2 {
        issuer.issue(name).await?;
    }
    Ok(Next::requeue_after(issuer.left(name).saturating_sub(LIFE / 2)))
}

fn classify(_name: &Name, error: &Error, _issuer: &Arc<Issuer>) -> ErrorPolicy {
    match error {
        Error::Busy => ErrorPolicy::Retry,
        Error::NoAnswer => ErrorPolicy::Unknown,
        Error::Refused => ErrorPolicy::Terminal,
    }
}

fn tell(outcome: &Outcome<Name, &'static str, Error>) {
    let (name, took) = (outcome.key, outcome.work_duration);
    let result = match &outcome.result {
        PassResult::Ok(next) => {
            format!("is good, next look in {:.1?}", next.wake_up().unwrap_or_default())
        }
        PassResult::Failed(error, policy) => format!("is not renewed: {error} ({policy:?})"),
        PassResult::Panicked(message) => format!("is not renewed: {message}"),
        PassResult::TimedOut => "is not renewed: the issuer takes for ever".to_owned(),
        PassResult::Cancelled => "is cut off by the shutdown".to_owned(),
    };
    println!("  {name:12} {result}; attempt {}, took {took:.1?}", outcome.attempt + 1);
}

/// Waits until the time is over and the renewal of the slow certificate has just begun.
async fn end_of_play(handle: &Handle<Name, &'static str>) {
    sleep(PLAY).await;
    for wanted in [false, true] {
        while handle.state(&SLOW).is_some_and(|state| state.running) != wanted {
            sleep(Duration::from_millis(5)).await;
        }
    }
}

async fn interrupted() -> Result<()> {
    tokio::signal::ctrl_c().await.context("signals cannot be listened for")?;
    bail!("interrupted")
}

/// Whether everything went as it should.
fn judge(issuer: &Issuer, cut: &[Name]) -> Result<()> {
    let certificates = issuer.issued();
    for name in ALICE.into_iter().chain(BOB).filter(|name| *name != REFUSED) {
        let certificate =
            certificates.get(name).with_context(|| format!("{name} was never issued"))?;
        ensure!(certificate.times >= 2, "{name} was not renewed");
        ensure!(certificate.lapses == 0, "{name} has lapsed");
        ensure!(certificate.expires > Instant::now(), "{name} has expired");
    }
    let refused = certificates.get(REFUSED).map(|refused| refused.times);
    ensure!(refused == Some(1), "{REFUSED} was asked for more or less than once: {refused:?}");
    ensure!(cut.contains(&SLOW), "{SLOW} was not cut");
    println!("every certificate was good from its first day to the end");
    Ok(())
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("the issuer is busy")]
    Busy,
    #[error("no answer; it may have been issued")]
    NoAnswer,
    #[error("the issuer refuses this name")]
    Refused,
}

/// The world outside: somebody who issues certificates, or does not.
#[derive(Default)]
struct Issuer(Mutex<BTreeMap<Name, Certificate>>);

struct Certificate {
    expires: Instant,
    /// How often it was issued or refused.
    times: u32,
    /// How often it was renewed too late.
    lapses: u32,
}

impl Issuer {
    /// How long the certificate is still good.
    fn left(&self, name: Name) -> Duration {
        let certificate = self.issued().get(name).map(|certificate| certificate.expires);
        certificate.unwrap_or_else(Instant::now).saturating_duration_since(Instant::now())
    }

    async fn issue(&self, name: Name) -> Result<(), Error> {
        let lasts =
            if name == SLOW { SLOWNESS } else { Duration::from_millis(fastrand::u64(10..60)) };
        sleep(lasts).await;
        if name == REFUSED {
            self.note(name, Duration::ZERO);
            return Err(Error::Refused);
        }
        match fastrand::u32(..100) {
            0..15 => Err(Error::Busy),
            15..17 => pending().await,
            luck => {
                self.note(name, LIFE);
                if luck < 25 { Err(Error::NoAnswer) } else { Ok(()) }
            }
        }
    }

    fn note(&self, name: Name, life: Duration) {
        let now = Instant::now();
        let fresh = Certificate { expires: now, times: 0, lapses: 0 };
        let mut issued = self.issued();
        let certificate = issued.entry(name).or_insert(fresh);
        certificate.lapses += u32::from(certificate.expires < now);
        certificate.times += 1;
        certificate.expires = now + life;
    }

    fn issued(&self) -> MutexGuard<'_, BTreeMap<Name, Certificate>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
