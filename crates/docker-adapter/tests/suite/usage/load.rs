//! Known loads: processor time, memory, and bytes over the network.

use super::{Told, open, read, without_processes};
use crate::support::{Bench, PATIENCE, words};
use bollard::models::{ContainerCreateBody, HostConfig};
use bollard::query_parameters::CreateContainerOptionsBuilder;
use std::time::Duration;
use tokio::time::Instant;
use trueup_domain::{
    action::Action,
    container::{ContainerConfig, NetworkMode},
    id::ContainerId,
    port::UsageSource,
    quantity::{Cpus, Memory},
    spec::Resources,
    usage::{Reading, Transfer},
};
use trueup_tests::image;

const MEBIBYTE: u64 = 1 << 20;

fn program(bench: &Bench, part: &str, line: &str) -> ContainerConfig {
    let command = [image::PROGRAM, line].join(" ");
    let command = words(&command.split(' ').collect::<Vec<_>>());
    ContainerConfig { command: Some(command), ..bench.config(part) }
}

/// Percent of one core between two readings.
fn percent(before: &Reading, after: &Reading) -> f64 {
    after.since(before).unwrap().cpu_percent()
}

fn told_percent(before: &Told, after: &Told) -> f64 {
    let seconds = |told: &Told| (told.cpu.as_secs_f64(), told.at.as_secs_f64());
    let ((cpu, at), (cpu_before, at_before)) = (seconds(after), seconds(before));
    (cpu - cpu_before) / (at - at_before) * 100.0
}

#[tokio::test]
async fn processor_time_is_what_the_engine_says_whatever_the_load() {
    /// A look of the engine takes some milliseconds of that.
    const WINDOW: Duration = Duration::from_secs(5);
    let bench = Bench::new().await;
    let (_folder, blind) = without_processes();
    let (usage, by_engine) = (bench.usage(), bench.engine.usage(blind));
    for share in ["0.25", "1", "2"] {
        let unlimited = Resources { cpus: Cpus::from_millis(2_000), ..Resources::default() };
        let burner = program(&bench, "burner", &format!("burn {share}"));
        let id = bench.run(&ContainerConfig { resources: unlimited, ..burner }).await;
        let mut gauge = open(&usage, &id).await;
        let mut api = by_engine.open(&id).await.unwrap();
        let mut look = async || {
            let before = read(&mut gauge).await;
            let told = bench.told(&id).await;
            let after = read(&mut gauge).await;
            assert!((before.cpu..=after.cpu).contains(&told.cpu), "burn {share}");
            let by_api = read(&mut api).await;
            let end = read(&mut gauge).await;
            assert!((after.cpu..=end.cpu).contains(&by_api.cpu));
            (before, told, by_api, end.at.saturating_sub(before.at).as_secs_f64())
        };
        let (first, told_first, api_first, took_first) = look().await;
        tokio::time::sleep(WINDOW).await;
        let (last, told_last, api_last, took_last) = look().await;
        let told = told_percent(&told_first, &told_last);
        let (ours, by_api) = (percent(&first, &last), percent(&api_first, &api_last));
        println!("burn {share}: files {ours:.2} %, API {by_api:.2} %, told {told:.2} %");
        // The three are not asked at the very same moments. What two cores can do in between comes on
        // top, which is next to nothing unless the machine is overloaded.
        let between = 200.0 * (took_first + took_last) / WINDOW.as_secs_f64();
        let is_near = |one: f64| (one - told).abs() < 3.0 + between;
        assert!(is_near(ours), "burn {share}: {ours} and {told}, {between} in between");
        assert!(is_near(by_api), "burn {share}: {by_api} and {told}, {between} in between");
        assert!(told > 5.0, "burn {share} did not burn: {told}");
        bench.perform(Action::RemoveContainer(id)).await.unwrap();
    }
}

#[tokio::test]
async fn memory_is_what_the_engine_says_with_and_without_page_cache() {
    let bench = Bench::new().await;
    let (_folder, blind) = without_processes();
    let (usage, by_engine) = (bench.usage(), bench.engine.usage(blind));
    for (held, cached) in [(10, 0), (200, 0), (10, 200), (200, 200)] {
        let cache = if cached > 0 { format!("cache /tmp/f {cached} ") } else { String::new() };
        let config =
            program(&bench, "holder", &format!("hold {held} {cache}write /tmp/done x sleep"));
        let id = bench.run(&config).await;
        let (before, ours, told) = settled(&bench, &usage, &id, (held + cached) * MEBIBYTE).await;
        println!("hold {held} cache {cached}: files {} told {}", ours.memory, told.memory);
        for told in [&before, &told] {
            let apart = ours.memory.abs_diff(told.memory);
            assert!(apart * 100 <= told.memory, "{held} {cached}: {} {}", ours.memory, told.memory);
            assert_eq!((ours.memory_limit, ours.pids), (told.limit, told.pids));
        }
        let (_, by_api, told) = settled(&bench, &by_engine, &id, (held + cached) * MEBIBYTE).await;
        let apart = by_api.memory.abs_diff(told.memory);
        assert!(apart * 100 <= told.memory, "{held} {cached}: {} {}", by_api.memory, told.memory);
        assert_eq!(by_api.memory_limit, told.limit);
        assert!(ours.memory >= held * MEBIBYTE);
        if cached > 0 {
            assert!(told.usage > ours.memory, "nothing of the page cache was left out");
        }
        bench.perform(Action::RemoveContainer(id)).await.unwrap();
    }
}

/// What is told before and after ours, once that much is in memory and it does not change.
async fn settled(
    bench: &Bench,
    usage: &impl UsageSource,
    id: &ContainerId,
    least: u64,
) -> (Told, Reading, Told) {
    let mut gauge = usage.open(id).await.unwrap();
    let until = Instant::now() + PATIENCE;
    loop {
        let before = bench.told(id).await;
        let ours = read(&mut gauge).await;
        let after = bench.told(id).await;
        let is_same = before.usage == after.usage && before.memory == after.memory;
        if is_same && before.network == after.network && after.usage >= least {
            return (before, ours, after);
        }
        assert!(Instant::now() < until, "never settled: {ours:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_limit_is_told_and_followed_when_it_changes() {
    let bench = Bench::new().await;
    let limited =
        |mebibytes| Resources { memory: Memory::from_mib(mebibytes), ..Resources::default() };
    let config = ContainerConfig { resources: limited(64), ..bench.config("limited") };
    let id = bench.run(&config).await;
    let mut gauge = open(&bench.usage(), &id).await;
    assert_eq!(read(&mut gauge).await.memory_limit, 64 * MEBIBYTE);
    let resources = limited(128);
    bench.perform(Action::UpdateResources { container: id, resources }).await.unwrap();
    assert_eq!(read(&mut gauge).await.memory_limit, 128 * MEBIBYTE);
}

#[tokio::test]
async fn every_byte_over_the_network_is_counted_as_the_engine_counts_it() {
    const BYTES: u64 = 5_000_000;
    let bench = Bench::new().await;
    let (_folder, blind) = without_processes();
    let (usage, by_engine) = (bench.usage(), bench.engine.usage(blind));
    let on_bridge = |config| ContainerConfig { network: NetworkMode::Bridge, ..config };
    let receiver = bench.run(&on_bridge(program(&bench, "receiver", "receive 9000"))).await;
    let answer = bench.docker.inspect_container(receiver.as_str(), None).await.unwrap();
    let networks = answer.network_settings.unwrap().networks.unwrap();
    let address = networks["bridge"].ip_address.clone().unwrap();
    let line = format!("send {address}:9000 {BYTES} write /tmp/done x sleep");
    let sender = bench.run(&on_bridge(program(&bench, "sender", &line))).await;
    for (id, is_sender) in [(&sender, true), (&receiver, false)] {
        let most = |it: Transfer| if is_sender { it.outward } else { it.inward };
        let mut gauge = open(&usage, id).await;
        let until = Instant::now() + PATIENCE;
        while most(read(&mut gauge).await.network) < BYTES {
            assert!(Instant::now() < until, "the bytes never came");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let (_, ours, told) = settled(&bench, &usage, id, 0).await;
        println!("sender {is_sender}: {:?}", ours.network);
        assert_eq!(ours.network, told.network);
        let headers = BYTES / 5;
        assert!((BYTES..BYTES + headers).contains(&most(ours.network)), "{:?}", ours.network);
        let (_, by_api, told) = settled(&bench, &by_engine, id, 0).await;
        assert_eq!(by_api.network, told.network);
    }
}

#[tokio::test]
async fn the_host_s_traffic_is_no_container_s() {
    let bench = Bench::new().await;
    let usage = bench.usage();
    let run = async |part: &str, network: String| {
        let name = bench.name(part);
        let options = CreateContainerOptionsBuilder::default().name(&name).build();
        let body = ContainerCreateBody {
            image: Some(image::IMAGE.to_owned()),
            cmd: Some(words(&[image::PROGRAM, "sleep"])),
            host_config: Some(HostConfig { network_mode: Some(network), ..HostConfig::default() }),
            ..ContainerCreateBody::default()
        };
        let id = bench.docker.create_container(Some(options), body).await.unwrap().id;
        bench.docker.start_container(&id, None).await.unwrap();
        ContainerId::new(id)
    };
    let host = run("on-host", "host".to_owned()).await;
    let guest = run("guest", format!("container:{host}")).await;
    for id in [host, guest] {
        let mut gauge = open(&usage, &id).await;
        assert_eq!(read(&mut gauge).await.network, Transfer::default());
        assert_eq!(bench.told(&id).await.network, Transfer::default());
    }
}
