//! From start to end: open, wire, serve, drain, close.
//!
//! The end comes when it is asked for, or when a task that must live has died: then everything else
//! is ended in order too, and the error says which it was.

use crate::{
    Error, HostProjects, Settings,
    clock::SystemClock,
    live::{EngineWatch, HostAdmission, Running},
    metrics::Metrics,
    reconciler::{context, reconciler},
    report::report,
    settings::LogFormat,
    usage::{History, Measuring},
};
use futures::{FutureExt, future};
use prometheus_client::registry::Registry;
use std::{
    collections::BTreeMap, os::unix::fs::DirBuilderExt, panic::AssertUnwindSafe, path::Path,
    sync::Arc, time::Duration,
};
use tokio_util::sync::CancellationToken;
use trueup_api::{
    server::{self, Bind, Listeners, State},
    wire::VersionInfo,
};
use trueup_docker_adapter::DockerEngine;
use trueup_domain::{
    id::InstanceId,
    port::{Clock, Meter, UsageLog},
};
use trueup_observability::{self as observability, Otlp};
use trueup_reconciler::{
    usage::Figures,
    workspace::{policy_for, reconcile},
};
use trueup_store::SqliteStore;

/// How long the store may take to write what is queued, and the collector to take the last spans.
const CLOSE_DEADLINE: Duration = Duration::from_secs(5);

/// Runs the controller until `shutdown` is ready.
///
/// # Errors
/// What kept it from starting, or which of its tasks died.
pub async fn run(settings: Settings, shutdown: impl Future<Output = ()>) -> Result<(), Error> {
    let token = CancellationToken::new();
    let listen = async {
        shutdown.await;
        tracing::info!("ending: passes under way may finish");
        token.cancel();
        future::pending::<()>().await;
    };
    tokio::select! {
        result = run_until(settings, token.clone()) => result,
        () = listen => Ok(()),
    }
}

async fn run_until(settings: Settings, shutdown: CancellationToken) -> Result<(), Error> {
    let clock = Arc::new(SystemClock);
    let store = Arc::new(open_store(&settings, clock.as_ref()).await?);
    let guard = observability::init(&observability_settings(&settings, store.instance_id()))?;
    let history = History::open(&settings).await;
    let kept = (Arc::clone(&store), history.log());
    let result = serve(&settings, &shutdown, kept, clock).await;
    shutdown.cancel();
    let closed = store.close(CLOSE_DEADLINE).await.map_err(Error::from);
    let closed = closed.and(history.close(CLOSE_DEADLINE).await.map_err(Error::from));
    tracing::info!("ended");
    let flushed = guard.shutdown(CLOSE_DEADLINE).await.map_err(Error::from);
    result.and(closed).and(flushed)
}

async fn open_store(settings: &Settings, clock: &dyn Clock) -> Result<SqliteStore, Error> {
    let path = &settings.store.path;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        make_folder(folder)?;
    }
    let chosen = settings.instance.id.clone();
    let new_instance_id = chosen.unwrap_or_else(|| clock.workspace_id().short());
    let options = trueup_store::Options {
        passes_per_workspace: settings.store.passes_per_workspace,
        events: settings.store.events,
        ..trueup_store::Options::new(new_instance_id)
    };
    let store = SqliteStore::open(path, options).await?;
    match &settings.instance.id {
        // Everything on the engine is labelled with the stored one; under another it would be lost.
        Some(configured) if configured != store.instance_id().as_str() => Err(Error::Setting {
            key: "instance.id",
            why: format!(
                "is `{configured}`, and the store {} belongs to `{}`; configure that, or another store",
                path.display(),
                store.instance_id()
            ),
        }),
        _ => Ok(store),
    }
}

fn make_folder(folder: &Path) -> Result<(), Error> {
    let mut builder = std::fs::DirBuilder::new();
    builder
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|source| Error::StoreFolder { path: folder.to_owned(), source })
}

fn observability_settings(settings: &Settings, instance: &InstanceId) -> observability::Settings {
    let telemetry = &settings.telemetry;
    observability::Settings {
        log_format: match settings.log.format {
            LogFormat::Human => observability::LogFormat::Human,
            LogFormat::Json => observability::LogFormat::Json,
        },
        // bollard writes whole requests at debug, environments included: those may be secrets.
        log_filter: format!("{},bollard=info", settings.log.filter),
        log_to_stderr: true,
        otlp: telemetry.otlp_endpoint.clone().map(|endpoint| Otlp {
            endpoint,
            timeout: Duration::from_secs(5),
            sample_ratio: telemetry.sample_ratio,
            headers: BTreeMap::new(),
        }),
        service_name: "trueup".to_owned(),
        service_version: env!("CARGO_PKG_VERSION").to_owned(),
        instance_id: instance.to_string(),
    }
}

/// Everything between the opening and the closing of the store.
async fn serve(
    settings: &Settings,
    shutdown: &CancellationToken,
    (store, usage_log): (Arc<SqliteStore>, Arc<dyn UsageLog>),
    clock: Arc<SystemClock>,
) -> Result<(), Error> {
    let instance = store.instance_id().clone();
    let engine = Arc::new(connect(settings, &instance)?);
    let listeners = listen(settings).await?;
    let figures = Arc::<Figures>::default();
    let measuring = Arc::new(Measuring::new(Arc::clone(&engine), Arc::clone(&figures)));
    let meter = figures as Arc<dyn Meter>;
    let context = Arc::new(context(settings, (engine.clone(), meter), &store, clock.clone()));
    let watch = Arc::new(EngineWatch::default());
    let mut registry = Registry::default();
    let controller =
        reconciler(settings, shutdown, &context, &store, &watch).metrics(&mut registry);
    let running =
        Running { handle: controller.handle(), context: Arc::clone(&context), engine: watch };
    let state = State {
        workspaces: store.clone(),
        passes: store.clone(),
        events: store.clone(),
        changes: store.clone(),
        inventory: engine,
        policy: context.policy.clone(),
        live: Arc::new(running),
        usage: measuring.clone(),
        usage_log: usage_log.clone(),
        admit: Arc::new(HostAdmission {
            projects: HostProjects::new(settings.projects.roots.clone()),
            has_strict_networks: settings.network.strict_range.is_some(),
        }),
        metrics: Arc::new(Metrics(registry)),
        version: VersionInfo {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            instance_id: instance.to_string(),
            started_at: clock.now(),
        },
        clock,
    };
    say_ready(settings, &instance);
    let handle = controller.handle();
    let kept = (store.clone(), usage_log);
    let sampler = measuring.run(settings, shutdown.clone(), kept, handle).map(Ok);
    let outcomes = controller.run(reconcile, |_, error, _| policy_for(error), context);
    let passes = report(outcomes, store).map(Ok);
    let api = server::serve(listeners, server::router(state), shutdown.clone());
    let (passes, sampler, api) = future::join3(
        supervise("reconciler", shutdown, passes),
        supervise("sampler", shutdown, sampler),
        supervise("API server", shutdown, api.map(|served| served.map_err(Error::from))),
    )
    .await;
    passes.and(sampler).and(api)
}

async fn listen(settings: &Settings) -> Result<Listeners, Error> {
    let bind = Bind { socket: Some(settings.api.socket.clone()), tcp: settings.api.listen };
    if let Some(folder) = settings.api.socket.parent() {
        make_folder(folder)?;
    }
    Ok(Listeners::bind(&bind).await?)
}

fn say_ready(settings: &Settings, instance: &InstanceId) {
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        instance = %instance,
        engine = settings.engine.host,
        store = %settings.store.path.display(),
        socket = %settings.api.socket.display(),
        listen = settings.api.listen.map(tracing::field::display),
        "ready"
    );
}

/// Runs a task that must live until the end was asked for; its death is the end of all the others.
async fn supervise(
    task: &'static str,
    shutdown: &CancellationToken,
    work: impl Future<Output = Result<(), Error>>,
) -> Result<(), Error> {
    let ended = AssertUnwindSafe(work).catch_unwind().await;
    let was_asked_for = shutdown.is_cancelled();
    shutdown.cancel();
    match ended {
        Ok(Ok(())) if was_asked_for => Ok(()),
        Ok(Ok(())) => Err(Error::Ended { task, panic: None }),
        Ok(Err(error)) => Err(error),
        Err(panic) => {
            let text = panic
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()));
            Err(Error::Ended { task, panic: Some(text.unwrap_or_else(|| "panic".to_owned())) })
        }
    }
}

fn connect(settings: &Settings, instance: &InstanceId) -> Result<DockerEngine, Error> {
    let host = settings.engine.host.clone();
    let options = trueup_docker_adapter::Options::new(host, instance.clone());
    Ok(DockerEngine::connect(options)?)
}
