//! Taking over a container that somebody else made.

use crate::harness::{Harness, key, problem, refused};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use trueup_api::{
    ProblemKind, WorkspaceFilter,
    domain::{
        adoption::{Candidate, ImageDefaults},
        container::{Container, ContainerConfig, ContainerState, Mount, MountKind, NetworkMode},
        id::{ContainerId, ImageId},
        spec::Resources,
    },
    wire::{AdoptRequest, Outcome},
};

/// A container that may be adopted, called so.
fn candidate(name: &str) -> Candidate {
    let config = ContainerConfig {
        name: name.to_owned(),
        labels: BTreeMap::new(),
        image: "debian:12".to_owned(),
        command: Some(vec!["sleep".to_owned()]),
        env: BTreeMap::new(),
        working_dir: None,
        user: None,
        hostname: "0123".to_owned(),
        mounts: BTreeSet::new(),
        ports: BTreeSet::new(),
        resources: Resources::default(),
        capabilities: BTreeSet::new(),
        read_only_root: false,
        no_new_privileges: true,
        init: true,
        privileged: false,
        restart: true,
        swap: false,
        network: NetworkMode::Bridge,
        health: None,
    };
    let container = Container {
        id: ContainerId::new(format!("0123-{name}")),
        state: ContainerState::Running,
        image_id: ImageId::new("sha256:1"),
        started_at: None,
        finished_at: None,
        exit_code: None,
        oom_killed: false,
        restart_count: 0,
        health: None,
        error: None,
        published: BTreeSet::new(),
        network_id: None,
        attached: BTreeSet::new(),
        config,
    };
    let (image, powers, oddities) = (ImageDefaults::default(), Vec::new(), Vec::new());
    Candidate { container, image, powers, oddities }
}

fn offer(harness: &Harness, candidate: Candidate) {
    let name = candidate.container.config.name.clone();
    harness.fake.candidates.lock().unwrap().insert(name, candidate);
}

fn request(container: &str) -> AdoptRequest {
    let container = container.to_owned();
    AdoptRequest { container, name: None, owner: None, dry_run: false }
}

async fn stored(harness: &Harness) -> Vec<String> {
    let all = harness.client.list(&WorkspaceFilter::default()).await.unwrap().items;
    all.iter().map(|view| view.workspace.key().to_string()).collect()
}

#[tokio::test]
async fn a_container_is_adopted_under_its_own_name_or_another_and_what_is_left_alone_is_named() {
    let harness = Harness::start().await;
    offer(&harness, candidate("web"));
    let adopted = harness.client.adopt(&request("web")).await.unwrap();
    assert_eq!((adopted.applied.outcome, adopted.dry_run), (Outcome::Created, false));
    assert_eq!(adopted.container.as_str(), "0123-web");
    assert_eq!(adopted.left_alone.iter().map(|one| &one.field).collect::<Vec<_>>(), ["restart"]);
    let view = harness.client.get(&key("default/web")).await.unwrap();
    assert_eq!(view.workspace.adopted, Some(adopted.container));
    assert_eq!(view.workspace.spec, adopted.spec);

    offer(&harness, candidate("db"));
    let (name, owner) = (Some("shop".parse().unwrap()), Some("alice".parse().unwrap()));
    harness.client.adopt(&AdoptRequest { name, owner, ..request("db") }).await.unwrap();
    assert_eq!(stored(&harness).await, ["alice/shop", "default/web"]);
}

#[tokio::test]
async fn a_dry_run_tells_and_writes_nothing() {
    let harness = Harness::start().await;
    offer(&harness, candidate("web"));
    let adopted = harness.client.adopt(&AdoptRequest { dry_run: true, ..request("web") }).await;
    let adopted = adopted.unwrap();
    assert_eq!((adopted.dry_run, adopted.left_alone.len()), (true, 1));
    assert_eq!(adopted.spec.image.as_str(), "debian:12");
    assert_eq!(stored(&harness).await, Vec::<String>::new());
}

#[tokio::test]
async fn adopting_the_same_container_again_is_fine_and_for_another_workspace_a_conflict() {
    let harness = Harness::start().await;
    offer(&harness, candidate("web"));
    harness.client.adopt(&request("web")).await.unwrap();
    let again = harness.client.adopt(&request("web")).await.unwrap();
    assert_eq!(again.applied.outcome, Outcome::Unchanged);
    let other = AdoptRequest { name: Some("other".parse().unwrap()), ..request("web") };
    let refusal = refused(harness.client.adopt(&other).await);
    assert_eq!(refusal.kind, ProblemKind::Conflict);
    assert_eq!(refusal.detail, "default/web has adopted the container already");
    offer(&harness, candidate("db"));
    let taken = AdoptRequest { name: Some("web".parse().unwrap()), ..request("db") };
    let refusal = refused(harness.client.adopt(&taken).await);
    assert_eq!(refusal.kind, ProblemKind::Conflict);
    assert!(refusal.detail.starts_with("there is a workspace default/web already"), "{refusal}");
}

#[tokio::test]
async fn what_may_not_be_adopted_is_refused_with_why_and_nothing_is_written() {
    let harness = Harness::start().await;
    let mut ours = candidate("ours");
    let label = ("trueup.instance-id".to_owned(), "other".to_owned());
    ours.container.config.labels = BTreeMap::from([label]);
    let mut ended = candidate("ended");
    ended.container.state = ContainerState::Exited;
    let mut outside = candidate("outside");
    outside.container.config.mounts = BTreeSet::from([Mount {
        target: "/workspace".to_owned(),
        kind: MountKind::Bind,
        source: "/home/alice/x".to_owned(),
        read_only: false,
    }]);
    let cases = [
        (ours, "carries the label `trueup.instance-id`"),
        (ended, "only a running container can be adopted"),
        (outside, "/home/alice/x is outside the configured roots"),
        (candidate("My_Web"), "give the workspace a name"),
    ];
    for (candidate, why) in cases {
        let name = candidate.container.config.name.clone();
        offer(&harness, candidate);
        let refusal = refused(harness.client.adopt(&request(&name)).await);
        assert_eq!(refusal.kind, ProblemKind::NotAdoptable, "{name}");
        assert!(refusal.detail.starts_with(&format!("cannot adopt {name}: ")), "{refusal}");
        assert!(refusal.detail.contains(why), "{refusal}");
    }
    let none = refused(harness.client.adopt(&request("none")).await);
    assert_eq!(none.kind, ProblemKind::NotFound);
    assert_eq!(none.detail, "the engine has no container `none`");
    assert_eq!(stored(&harness).await, Vec::<String>::new());
    let bad = harness.raw("POST", "/v1/adopt").json(&json!({"container": "web", "nmae": "x"}));
    assert_eq!(problem(bad.send().await.unwrap()).await.kind, ProblemKind::BadRequest);
}
