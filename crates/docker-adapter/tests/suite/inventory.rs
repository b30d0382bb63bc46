//! All that the engine holds of ours, and the removal of one thing of it.

mod candidates;
mod removal;

use crate::support::{Bench, kind, words};
use bollard::{
    models::{ContainerConfig as ConfigBody, ContainerCreateBody, VolumeCreateRequest},
    query_parameters::{
        CommitContainerOptionsBuilder, CreateContainerOptionsBuilder, RemoveImageOptions,
        RemoveVolumeOptions,
    },
};
use std::collections::{BTreeMap, BTreeSet};
use trueup_domain::{
    action::Action,
    adoption::LeftAlone,
    container::{ContainerConfig, ContainerState, Mount, MountKind, NetworkMode},
    error::{ErrorClass, Reason},
    id::ContainerId,
    label,
    port::{Inventory, Object, ObjectKind, Removal},
};
use trueup_tests::image;

/// What the engine holds of the bench's, by name.
async fn stock(bench: &Bench) -> BTreeMap<String, Object> {
    let stock = bench.engine.stock().await.unwrap();
    stock.objects.into_iter().map(|object| (object.name.clone(), object)).collect()
}

/// A container on a network of its own that mounts a volume.
fn equipped(bench: &Bench) -> ContainerConfig {
    let volume = Mount {
        target: "/home".to_owned(),
        kind: MountKind::Volume,
        source: bench.name("home"),
        read_only: false,
    };
    ContainerConfig {
        network: NetworkMode::Named { name: bench.name("net") },
        mounts: BTreeSet::from([volume]),
        ..bench.config("web")
    }
}

async fn equip(bench: &Bench) {
    bench.perform(Action::EnsureNetwork(bench.network("net", None))).await.unwrap();
    let volume = Action::EnsureVolume { name: bench.name("home"), labels: bench.labels() };
    bench.perform(volume).await.unwrap();
}

#[tokio::test]
async fn the_stock_is_all_that_is_ours_with_whether_it_is_used() {
    let (bench, other) = (Bench::new().await, Bench::new().await);
    equip(&bench).await;
    let foreign = other.create(&other.config("web")).await;
    let before = stock(&bench).await;
    let used: Vec<_> = before.values().map(|object| (object.kind, object.in_use)).collect();
    assert_eq!(used, [(ObjectKind::Volume, false), (ObjectKind::Network, false)]);

    // One that never ran refers to its network and its volume all the same.
    let id = bench.create(&equipped(&bench)).await;
    let whole = bench.engine.stock().await.unwrap();
    assert!(whole.strangers.contains(&foreign) && !whole.strangers.contains(&id));
    let after = stock(&bench).await;
    assert_eq!(after.len(), 3);
    for object in after.values() {
        assert_eq!(object.workspace, Some(bench.workspace), "{object:?}");
        assert_eq!(object.in_use, object.kind != ObjectKind::Container, "{object:?}");
        let age = whole.at.duration_since(object.created_at.unwrap()).as_secs();
        assert!((-2..60).contains(&age), "{object:?} is {age} s old");
    }
    bench.perform(Action::StartContainer(id.clone())).await.unwrap();
    let running = &stock(&bench).await[&bench.name("web")];
    assert_eq!((running.id.as_str(), running.in_use), (id.as_str(), true));
}

#[tokio::test]
async fn each_kind_is_removed_once_nothing_uses_it_and_removing_it_again_is_fine() {
    let bench = Bench::new().await;
    equip(&bench).await;
    bench.run(&equipped(&bench)).await;
    let found = stock(&bench).await;
    let [web, net, home] = ["web", "net", "home"].map(|part| found[&bench.name(part)].clone());
    for used in [&net, &home] {
        assert_eq!(bench.engine.remove(used, false).await, Ok(Removal::InUse), "{used:?}");
    }
    for object in [&web, &net, &home] {
        assert_eq!(bench.engine.remove(object, false).await, Ok(Removal::Removed), "{object:?}");
        assert_eq!(bench.engine.remove(object, false).await, Ok(Removal::Gone), "{object:?}");
    }
    assert!(stock(&bench).await.is_empty());
}

#[tokio::test]
async fn what_is_not_ours_is_never_removed_whatever_the_caller_says() {
    let (bench, other) = (Bench::new().await, Bench::new().await);
    equip(&other).await;
    other.create(&equipped(&other)).await;
    for object in stock(&other).await.values().filter(|object| !object.in_use) {
        let outcome = bench.engine.remove(object, false).await.map(drop);
        assert_eq!(kind(outcome), (ErrorClass::Terminal, Reason::NameConflict), "{object:?}");
    }
    for object in stock(&other).await.values() {
        assert!(bench.engine.remove(object, false).await.is_err(), "{object:?}");
    }
    assert_eq!(stock(&other).await.len(), 3);
}

#[tokio::test]
async fn what_was_made_anew_under_the_name_is_not_removed() {
    let bench = Bench::new().await;
    equip(&bench).await;
    let home = stock(&bench).await.remove(&bench.name("home")).unwrap();
    // The engine knows when to the second.
    let older = home.created_at.unwrap() - jiff::SignedDuration::from_secs(1);
    let outcome =
        bench.engine.remove(&Object { created_at: Some(older), ..home.clone() }, false).await;
    assert_eq!(kind(outcome.map(drop)), (ErrorClass::Terminal, Reason::NameConflict));
    bench.create(&bench.config("web")).await;
    let web = stock(&bench).await.remove(&bench.name("web")).unwrap();
    let by_name = Object { id: web.name.clone(), ..web };
    let outcome = bench.engine.remove(&by_name, false).await.map(drop);
    assert_eq!(kind(outcome), (ErrorClass::Terminal, Reason::NameConflict));
    assert_eq!(bench.engine.remove(&home, false).await, Ok(Removal::Removed));
}

#[tokio::test]
async fn a_container_whose_labels_come_from_its_image_is_a_stranger_and_not_removed() {
    let bench = Bench::new().await;
    let original = bench.create(&bench.config("web")).await;
    let (repository, tag) = ("trueup/committed", bench.instance.to_string());
    let commit = CommitContainerOptionsBuilder::default()
        .container(original.as_str())
        .repo(repository)
        .tag(&tag)
        .build();
    bench.docker.commit_container(commit, ConfigBody::default()).await.unwrap();
    let image = format!("{repository}:{tag}");
    let name = bench.name("stranger");
    let options = CreateContainerOptionsBuilder::default().name(&name).build();
    let body = ContainerCreateBody { image: Some(image.clone()), ..Default::default() };
    let stranger = bench.docker.create_container(Some(options), body).await.unwrap().id;
    let whole = bench.engine.stock().await.unwrap();
    let names: Vec<_> = whole.objects.iter().map(|object| object.name.clone()).collect();
    let forged = Object { id: stranger.clone(), ..whole.objects[0].clone() };
    let outcome = bench.engine.remove(&forged, false).await.map(drop);
    bench.docker.remove_container(&stranger, None).await.unwrap();
    bench.docker.remove_image(&image, None::<RemoveImageOptions>, None).await.unwrap();
    assert_eq!(names, [bench.name("web")]);
    assert!(whole.strangers.contains(&ContainerId::new(stranger)));
    assert_eq!(kind(outcome), (ErrorClass::Terminal, Reason::NameConflict));
}

#[tokio::test]
async fn a_candidate_is_found_by_its_name_and_by_the_beginning_of_its_id() {
    let bench = Bench::new().await;
    let name = bench.name("plain");
    let options = CreateContainerOptionsBuilder::default().name(&name).build();
    let body = ContainerCreateBody {
        image: Some(image::IMAGE.to_owned()),
        cmd: Some(words(&[image::PROGRAM, "sleep"])),
        env: Some(vec!["EDITOR=vim".to_owned()]),
        host_config: Some(bollard::models::HostConfig {
            auto_remove: Some(true),
            ..Default::default()
        }),
        ..Default::default()
    };
    let id = bench.docker.create_container(Some(options), body).await.unwrap().id;
    for way in [name.as_str(), &id, &id[..12]] {
        let found = bench.engine.candidate(&ContainerId::new(way)).await.unwrap().unwrap();
        assert_eq!(found.container.id.as_str(), id, "by {way}");
        assert_eq!(found.container.state, ContainerState::Created);
        assert_eq!(found.container.config.env["EDITOR"], "vim");
        assert!(!found.image.env.contains_key("EDITOR"));
        assert_eq!(found.powers, Vec::<String>::new());
        let odd: Vec<_> = found.oddities.iter().map(|LeftAlone { field, .. }| field).collect();
        assert_eq!(odd, ["autoRemove"]);
    }
    assert_eq!(bench.engine.candidate(&ContainerId::new("no-such")).await, Ok(None));
    assert!(bench.engine.candidate(&ContainerId::new("../x")).await.is_err());
}

#[tokio::test]
async fn a_volume_that_nobody_labelled_is_not_in_the_stock() {
    let bench = Bench::new().await;
    let volume = VolumeCreateRequest { name: Some(bench.name("plain")), ..Default::default() };
    bench.docker.create_volume(volume).await.unwrap();
    assert!(stock(&bench).await.is_empty());
    bench.docker.remove_volume(&bench.name("plain"), None::<RemoveVolumeOptions>).await.unwrap();
    assert!(!bench.labels().contains_key(label::OWNER));
}
