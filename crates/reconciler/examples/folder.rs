//! Keeps the files of a folder as they are declared, while somebody works against it.
//!
//! It shows a watched stream, a reconcile that looks instead of trusting its causes, and the resync
//! as a net under both: the last act of sabotage is one that the watch cannot see. Each pass is
//! told with its causes and durations. The folder is a temporary one, so that nothing of yours is
//! removed; the example ends with 1 if the folder is not as declared within a few seconds.
//!
//! ```console
//! cargo run -p trueup-reconciler --example folder
//! cargo run -p trueup-reconciler --example folder -- FILE   # lines of `name = content`
//! ```
//!
//! Deliberately absent: subfolders, and the system's own ways to watch files.

#![expect(clippy::print_stdout, reason = "an example talks to its reader")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail, ensure};
use futures::{Stream, StreamExt, stream};
use tokio::fs;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use trueup_reconciler::runtime::{
    Backoff, Controller, ErrorPolicy, Next, Outcome, PassResult, Request, Trigger,
};

/// How often the watch looks.
const LOOK: Duration = Duration::from_millis(200);
/// How often everything is looked at, whatever the watch says.
const RESYNC: Duration = Duration::from_secs(2);
/// How long a repair may take before the example fails.
const PATIENCE: Duration = Duration::from_secs(8);

#[tokio::main]
async fn main() -> Result<()> {
    let temporary = tempfile::tempdir().context("there is no room for a folder")?;
    let declared = declared(std::env::args().nth(1)).await?;
    let folder = Arc::new(Folder { path: temporary.path().to_owned(), declared });
    println!("{} is kept as declared", folder.path.display());

    let (stop, stopped) = oneshot::channel::<()>();
    let everything = Arc::clone(&folder);
    let outcomes = Controller::new("folder", fastrand::Rng::new())
        .watches(changes(Arc::clone(&folder)), |names| {
            names.into_iter().map(|name| (name, "changed"))
        })
        .resync(RESYNC, move || names(Arc::clone(&everything)))
        .backoff(Backoff::exponential(LOOK, RESYNC))
        .timeout(PATIENCE)
        .graceful_shutdown_on(async { stopped.await.unwrap_or_default() })
        .run(reconcile, |_, _, _| ErrorPolicy::Retry, Arc::clone(&folder));

    let script = async {
        let result = tokio::select! {
            result = sabotage(&folder) => result,
            result = interrupted() => result,
        };
        drop(stop);
        result
    };
    let (result, ()) = tokio::join!(script, outcomes.for_each(async |outcome| tell(&outcome)));
    result
}

/// A pass: looks at one file, and writes or removes it if it is not as it should be.
async fn reconcile(
    request: Request<String, &'static str>,
    folder: Arc<Folder>,
) -> io::Result<Next> {
    let name = &request.key;
    let path = folder.path.join(name);
    let found = match fs::read(&path).await {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        found => Some(found?),
    };
    match (folder.declared.get(name), found) {
        (Some(wanted), Some(found)) if found == wanted.as_bytes() => {}
        (Some(wanted), found) => {
            fs::write(&path, wanted).await?;
            println!("  {name} was {}: written", found.map_or("missing", |_| "wrong"));
        }
        (None, Some(_)) => {
            fs::remove_file(&path).await?;
            println!("  {name} is not declared: removed");
        }
        (None, None) => {}
    }
    Ok(Next::await_change())
}

fn tell(outcome: &Outcome<String, &'static str, io::Error>) {
    let Outcome { key, queue_duration, work_duration, .. } = outcome;
    let causes = outcome.causes.iter().map(|cause| match cause.trigger {
        Trigger::Caller(cause) => cause,
        Trigger::Retry => "retry",
        Trigger::WakeUp => "wake-up",
    });
    let causes: Vec<_> = causes.collect();
    let causes = causes.join(", ");
    let result = match &outcome.result {
        PassResult::Ok(_) => "is in order".to_owned(),
        failed => format!("{failed:?}"),
    };
    println!("  {key} {result} ({causes}; waited {queue_duration:.1?}, took {work_duration:.1?})");
}

/// Works against the controller and waits for its answer, one act after the other.
async fn sabotage(folder: &Folder) -> Result<()> {
    folder.mended("the folder is empty").await?;
    let (name, wanted) = folder.declared.first_key_value().context("nothing is declared")?;
    let path = folder.path.join(name);
    // Until the watch has seen the folder as it should be.
    sleep(2 * LOOK).await;

    fs::remove_file(&path).await?;
    folder.mended(&format!("somebody deletes {name}")).await?;
    fs::write(&path, "this was written by a vandal").await?;
    folder.mended(&format!("somebody overwrites {name}")).await?;
    fs::write(folder.path.join("stranger"), "a file that nobody declared").await?;
    folder.mended("somebody adds a stranger").await?;

    let before = fs::metadata(&path).await?.modified()?;
    fs::write(&path, "x".repeat(wanted.len())).await?;
    let forged = fs::File::options().write(true).open(&path).await?.into_std().await;
    forged.set_modified(before)?;
    folder.mended(&format!("somebody forges {name}, its length and time as before")).await
}

async fn interrupted() -> Result<()> {
    tokio::signal::ctrl_c().await.context("signals cannot be listened for")?;
    bail!("interrupted")
}

/// A folder, and what should be in it.
struct Folder {
    path: PathBuf,
    declared: BTreeMap<String, String>,
}

/// By which the watch tells that a file has changed.
type Stamp = (SystemTime, u64);

impl Folder {
    /// Says what has happened, and waits until the folder is as declared again.
    async fn mended(&self, what: &str) -> Result<()> {
        println!("{what}");
        let mended = async {
            while self.contents().await? != self.declared {
                sleep(Duration::from_millis(20)).await;
            }
            println!("the folder is as declared");
            Ok(())
        };
        timeout(PATIENCE, mended).await.with_context(|| format!("not mended in time: {what}"))?
    }

    async fn contents(&self) -> Result<BTreeMap<String, String>> {
        let mut contents = BTreeMap::new();
        for name in self.list().await?.into_keys() {
            // What was removed after the list was made is not there.
            if let Ok(content) = fs::read(self.path.join(&name)).await {
                contents.insert(name, String::from_utf8_lossy(&content).into_owned());
            }
        }
        Ok(contents)
    }

    async fn list(&self) -> io::Result<BTreeMap<String, Stamp>> {
        let mut list = BTreeMap::new();
        let mut entries = fs::read_dir(&self.path).await?;
        while let Some(entry) = entries.next_entry().await? {
            if let (Ok(name), Ok(file)) = (entry.file_name().into_string(), entry.metadata().await)
                && file.is_file()
            {
                list.insert(name, (file.modified()?, file.len()));
            }
        }
        Ok(list)
    }
}

/// The watch: names the files that have changed since the look before, also by our own hand.
fn changes(folder: Arc<Folder>) -> impl Stream<Item = BTreeSet<String>> + Send + 'static {
    stream::unfold((folder, BTreeMap::new()), |(folder, before)| async move {
        sleep(LOOK).await;
        // A look that fails sees no change; the next one sees what this one missed.
        let now = folder.list().await.unwrap_or_else(|_| before.clone());
        let names = before.keys().chain(now.keys());
        let changed = names.filter(|name| before.get(*name) != now.get(*name)).cloned().collect();
        Some((changed, (folder, now)))
    })
}

/// All files that are there or should be.
async fn names(folder: Arc<Folder>) -> BTreeMap<String, &'static str> {
    let there = folder.list().await.unwrap_or_default().into_keys();
    there.chain(folder.declared.keys().cloned()).map(|name| (name, "resync")).collect()
}

/// What a file of `name = content` lines declares, or the example itself.
async fn declared(file: Option<String>) -> Result<BTreeMap<String, String>> {
    let text = match file {
        Some(file) => fs::read_to_string(&file).await.with_context(|| format!("read {file}"))?,
        None => "greeting = hello\nmotd = be kind\nrooms = kitchen, hall, cellar".to_owned(),
    };
    let mut declared = BTreeMap::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let Some((name, content)) = line.split_once('=') else { bail!("no `=` in `{line}`") };
        let name = name.trim();
        let is_name = !["", ".", ".."].contains(&name) && !name.contains('/');
        ensure!(is_name, "`{name}` is no name of a file");
        declared.insert(name.to_owned(), content.trim().to_owned());
    }
    ensure!(!declared.is_empty(), "nothing is declared");
    Ok(declared)
}
