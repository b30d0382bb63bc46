//! What a container leaves behind, and how it ends.

use super::stock;
use crate::support::{Bench, PATIENCE, words};
use bollard::{
    models::{
        ContainerCreateBody, HostConfig, Mount, MountType, MountVolumeOptions, RestartPolicy,
        RestartPolicyNameEnum,
    },
    query_parameters::{CreateContainerOptionsBuilder, EventsOptionsBuilder},
};
use futures::StreamExt;
use std::collections::HashMap;
use trueup_domain::{
    action::Action,
    container::{ContainerConfig, ContainerState},
    id::ContainerId,
    port::{Inventory, Removal},
};
use trueup_tests::image;

/// Makes one of ours, as far as the labels tell, in a way that we never do.
async fn make(bench: &Bench, command: &[&str], host: HostConfig) -> ContainerId {
    let options = CreateContainerOptionsBuilder::default().name(&bench.name("web")).build();
    let body = ContainerCreateBody {
        image: Some(image::IMAGE.to_owned()),
        labels: Some(bench.labels().into_iter().collect()),
        cmd: Some(words(command)),
        host_config: Some(host),
        ..Default::default()
    };
    ContainerId::new(bench.docker.create_container(Some(options), body).await.unwrap().id)
}

async fn remove(bench: &Bench, volumes: bool) {
    let web = stock(bench).await.remove(&bench.name("web")).unwrap();
    assert_eq!(bench.engine.remove(&web, volumes).await, Ok(Removal::Removed));
    assert!(!stock(bench).await.contains_key(&bench.name("web")));
}

/// What happened to a container up to its removal, each with its signal or its exit code.
async fn story(bench: &Bench, container: &ContainerId) -> Vec<(String, String)> {
    let filters = HashMap::from([("container", vec![container.as_str()])]);
    let options = EventsOptionsBuilder::default().since("1").filters(&filters).build();
    let events = bench.docker.events(Some(options)).map(|event| {
        let event = event.unwrap();
        let told = event.actor.and_then(|actor| actor.attributes).unwrap_or_default();
        let detail = ["signal", "exitCode"].into_iter().find_map(|key| told.get(key).cloned());
        (event.action.unwrap_or_default(), detail.unwrap_or_default())
    });
    let events = events.take_while(|(action, _)| std::future::ready(action != "destroy"));
    tokio::time::timeout(PATIENCE, events.collect()).await.unwrap()
}

#[tokio::test]
async fn data_without_a_name_outlives_its_container_unless_volumes_are_to_go() {
    for (volumes, left) in [(false, 1), (true, 0)] {
        let bench = Bench::new().await;
        // Labelled, so that it is found and cleaned up whatever the engine calls it.
        let labels = Some(bench.labels().into_iter().collect());
        let mount = Mount {
            target: Some("/data".to_owned()),
            typ: Some(MountType::VOLUME),
            volume_options: Some(MountVolumeOptions { labels, ..Default::default() }),
            ..Default::default()
        };
        let host = HostConfig { mounts: Some(vec![mount]), ..Default::default() };
        make(&bench, &[image::PROGRAM, "sleep"], host).await;
        assert_eq!(stock(&bench).await.len(), 2);
        remove(&bench, volumes).await;
        assert_eq!(stock(&bench).await.len(), left, "with volumes: {volumes}");
    }
}

#[tokio::test]
async fn one_that_is_frozen_may_end_by_itself_like_one_that_runs() {
    for state in [ContainerState::Running, ContainerState::Paused] {
        let bench = Bench::new().await;
        // The init passes the signal on and ends by it.
        let id = bench.run(&ContainerConfig { init: true, ..bench.config("web") }).await;
        if state == ContainerState::Paused {
            bench.perform(Action::PauseContainer(id.clone())).await.unwrap();
        }
        bench.wait_for(&id, state).await;
        remove(&bench, false).await;
        let story = story(&bench, &id).await;
        let signals: Vec<_> = story.iter().filter(|(action, _)| action == "kill").collect();
        assert_eq!(signals, [&("kill".to_owned(), "15".to_owned())], "{state:?}: {story:?}");
        let end = story.iter().find(|(action, _)| action == "die").unwrap();
        assert_ne!(end.1, "137", "{state:?}: {story:?}");
    }
}

#[tokio::test]
async fn one_that_the_engine_starts_again_and_again_is_stopped_first() {
    let bench = Bench::new().await;
    let always = RestartPolicyNameEnum::ALWAYS;
    let restart_policy = Some(RestartPolicy { name: Some(always), ..Default::default() });
    let host = HostConfig { restart_policy, ..Default::default() };
    let id = make(&bench, &[image::PROGRAM, "exit", "1"], host).await;
    bench.perform(Action::StartContainer(id.clone())).await.unwrap();
    bench.wait_until(&id, |found| found.restart_count > 2 && found.state.has_process()).await;
    bench.wait_for(&id, ContainerState::Restarting).await;
    remove(&bench, false).await;
    let story = story(&bench, &id).await;
    assert!(story.iter().any(|(action, _)| action == "stop"), "{story:?}");
}
