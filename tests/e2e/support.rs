//! The support of the other tests, tested: the private engine and the image.
//!
//! Everything happens on a private engine, so the machine's own is not even needed here.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use bollard::Docker;
use bollard::models::{ContainerCreateBody, ContainerStateStatusEnum};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, InspectContainerOptions, StartContainerOptions,
    WaitContainerOptions,
};
use futures::StreamExt;
use trueup_tests::dockerd::{Dockerd, Network};
use trueup_tests::image::{self, IMAGE, PROGRAM};
use trueup_tests::list;

const LABEL: &str = "trueup-test.support";
const DEADLINE: Duration = Duration::from_mins(1);

async fn start(docker: &Docker, name: &str, arguments: &[&str]) -> Result<()> {
    let command = std::iter::once(&PROGRAM).chain(arguments).map(|word| (*word).to_owned());
    let body = ContainerCreateBody {
        image: Some(IMAGE.to_owned()),
        cmd: Some(command.collect()),
        user: Some("1000:1000".to_owned()),
        labels: Some(HashMap::from([(LABEL.to_owned(), name.to_owned())])),
        ..ContainerCreateBody::default()
    };
    let options = CreateContainerOptionsBuilder::default().name(name).build();
    docker.create_container(Some(options), body).await.context("create")?;
    docker.start_container(name, None::<StartContainerOptions>).await.context("start")
}

/// The exit code, once the container has ended.
async fn exit_code(docker: &Docker, name: &str) -> Result<i64> {
    let mut ends = docker.wait_container(name, None::<WaitContainerOptions>);
    let end = tokio::time::timeout(DEADLINE, ends.next()).await.context("still running")?;
    match end.context("the engine said nothing")? {
        Ok(end) => Ok(end.status_code),
        // bollard reports a code other than 0 as an error.
        Err(bollard::errors::Error::DockerContainerWaitError { code, .. }) => Ok(code),
        Err(error) => Err(error).context("wait"),
    }
}

async fn id_and_pid(docker: &Docker, name: &str) -> Result<(String, i64)> {
    let found = docker.inspect_container(name, None::<InspectContainerOptions>).await?;
    let pid = found.state.and_then(|state| state.pid).context("no pid")?;
    Ok((found.id.context("no id")?, pid))
}

/// Command lines of processes, and mounts, that name the folder.
fn traces_of(folder: &Path) -> Result<Vec<String>> {
    let folder = folder.display().to_string();
    let processes = fs::read_dir("/proc")?.flatten().filter_map(|entry| {
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&line).replace('\0', " "))
    });
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    Ok(processes
        .chain(mounts.lines().map(str::to_owned))
        .filter(|trace| trace.contains(&folder))
        .collect())
}

fn alive(pid: i64) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

fn machine_interfaces() -> Result<Vec<String>> {
    let mut names: Vec<String> = fs::read_dir("/sys/class/net")?
        .flatten()
        .map(|entry| entry.file_name().display().to_string())
        // Other tests start and end containers on the machine's engine meanwhile.
        .filter(|name| !name.starts_with("veth") && !name.starts_with("br-"))
        .collect();
    names.sort();
    Ok(names)
}

#[tokio::test]
async fn a_private_engine_runs_the_image_survives_a_kill_and_leaves_nothing_behind() {
    let interfaces = machine_interfaces().unwrap();
    let mut engine = Dockerd::launch().await.unwrap();
    let folder = engine.folder().to_owned();
    assert!(!traces_of(&folder).unwrap().is_empty());

    let docker = engine.client().unwrap();
    image::ensure(&docker).await.unwrap();
    let first = docker.inspect_image(IMAGE).await.unwrap().id;
    image::ensure(&docker).await.unwrap();
    assert_eq!(docker.inspect_image(IMAGE).await.unwrap().id, first, "imported twice");

    start(&docker, "seven", &["write", "/workspace/file", "text", "exit", "7"]).await.unwrap();
    assert_eq!(exit_code(&docker, "seven").await.unwrap(), 7);

    start(&docker, "sleeper", &["sleep"]).await.unwrap();
    let (_, sleeper) = id_and_pid(&docker, "sleeper").await.unwrap();
    engine.kill().await.unwrap();
    assert!(docker.ping().await.is_err());
    assert!(alive(sleeper), "a container ended with the daemon");
    engine.start().await.unwrap();
    let seven = docker.inspect_container("seven", None::<InspectContainerOptions>).await.unwrap();
    assert_eq!(seven.state.unwrap().status, Some(ContainerStateStatusEnum::EXITED));
    assert_eq!(list::labelled(&docker, LABEL).await.unwrap().containers, ["seven", "sleeper"]);

    start(&docker, "alive-at-the-end", &["--ignore-term", "sleep"]).await.unwrap();
    let (id, pid) = id_and_pid(&docker, "alive-at-the-end").await.unwrap();
    assert!(alive(pid));

    drop(engine);
    assert_eq!(traces_of(&folder).unwrap(), Vec::<String>::new());
    assert!(!folder.exists());
    assert!(!alive(pid), "a container's process outlived its engine");
    assert!(!Path::new("/sys/fs/cgroup/pids/docker").join(&id).exists());
    assert_eq!(machine_interfaces().unwrap(), interfaces);
}

#[tokio::test]
async fn removing_by_label_takes_containers_networks_and_volumes_and_leaves_the_rest() {
    let engine = Dockerd::launch().await.unwrap();
    let docker = engine.client().unwrap();
    image::ensure(&docker).await.unwrap();
    start(&docker, "running", &["sleep"]).await.unwrap();
    let labels = HashMap::from([(LABEL.to_owned(), "volume".to_owned())]);
    for (name, labels) in [("ours", Some(labels)), ("theirs", None)] {
        let volume = bollard::models::VolumeCreateRequest {
            name: Some(name.to_owned()),
            labels,
            ..Default::default()
        };
        docker.create_volume(volume).await.unwrap();
    }

    let network = bollard::models::NetworkCreateRequest {
        name: "net".to_owned(),
        labels: Some(HashMap::from([(LABEL.to_owned(), "network".to_owned())])),
        ..Default::default()
    };
    docker.create_network(network).await.unwrap();

    let found = list::labelled(&docker, LABEL).await.unwrap();
    assert_eq!(found.containers, ["running"]);
    assert_eq!(found.networks, ["net"]);
    assert_eq!(found.volumes, ["ours"]);
    list::remove(&docker, LABEL).await.unwrap();
    assert!(list::labelled(&docker, LABEL).await.unwrap().is_empty());
    docker.inspect_volume("theirs").await.unwrap();
}

#[tokio::test]
async fn a_private_engine_with_a_bridge_gives_containers_an_address() {
    let interfaces = machine_interfaces().unwrap();
    let engine = Dockerd::launch_with(Network::Bridge).await.unwrap();
    let docker = engine.client().unwrap();
    image::ensure(&docker).await.unwrap();
    start(&docker, "bridged", &["sleep"]).await.unwrap();

    let found = docker.inspect_container("bridged", None::<InspectContainerOptions>).await;
    let networks = found.unwrap().network_settings.unwrap().networks.unwrap();
    let address = networks["bridge"].ip_address.clone().unwrap();
    assert!(address.parse::<std::net::Ipv4Addr>().is_ok(), "{address}");
    drop(engine);
    assert_eq!(machine_interfaces().unwrap(), interfaces);
}

#[tokio::test]
async fn the_workload_ends_promptly_on_term_although_it_is_pid_1() {
    let engine = Dockerd::launch().await.unwrap();
    let docker = engine.client().unwrap();
    image::ensure(&docker).await.unwrap();
    start(&docker, "polite", &["hold", "8", "burn", "1", "serve", "8080"]).await.unwrap();
    let kill = bollard::query_parameters::KillContainerOptionsBuilder::default().signal("TERM");
    docker.kill_container("polite", Some(kill.build())).await.unwrap();
    assert_eq!(exit_code(&docker, "polite").await.unwrap(), 143);
}
