//! Tables of what is read from a container, what is left alone, and what is refused.

use super::*;
use crate::{
    container::{ContainerConfig, Mount, NetworkMode, PortBinding},
    id::{ContainerId, ImageId, InstanceId},
    quantity::{Cpus, Memory},
    spec::{Isolation, Protocol, Resources, Spec},
};
use std::collections::BTreeSet;

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// What `docker run -d --name web debian:12 sleep infinity` makes.
fn plain() -> Candidate {
    let config = ContainerConfig {
        name: "web".to_owned(),
        labels: BTreeMap::new(),
        image: "debian:12".to_owned(),
        command: Some(words("sleep infinity")),
        env: pairs(&[("PATH", "/bin")]),
        working_dir: None,
        user: None,
        hostname: "0123456789ab".to_owned(),
        mounts: BTreeSet::new(),
        ports: BTreeSet::new(),
        resources: Resources { cpus: Cpus::from_millis(0), memory: Memory::from_bytes(0), pids: 0 },
        capabilities: ["CHOWN".to_owned(), "MKNOD".to_owned()].into(),
        read_only_root: false,
        no_new_privileges: false,
        init: false,
        privileged: false,
        restart: false,
        swap: true,
        network: NetworkMode::Bridge,
        health: None,
    };
    let container = Container {
        id: ContainerId::new("0123456789abcdef"),
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
        attached: ["bridge".to_owned()].into(),
        config,
    };
    let image = ImageDefaults {
        command: Some(words("bash")),
        env: pairs(&[("PATH", "/bin")]),
        ..ImageDefaults::default()
    };
    Candidate { container, image, powers: Vec::new(), oddities: Vec::new() }
}

/// The plain one with another configuration.
fn with(change: impl FnOnce(&mut ContainerConfig)) -> Candidate {
    let mut candidate = plain();
    change(&mut candidate.container.config);
    candidate
}

fn declared(candidate: &Candidate) -> Result<(Spec, Vec<LeftAlone>), Refusal> {
    let metadata = Metadata {
        name: name_of(&candidate.container)?,
        owner: "alice".parse().unwrap(),
        labels: BTreeMap::new(),
    };
    let policy = Policy::new(InstanceId::new("test"));
    declare(candidate, metadata, &policy).map(|(manifest, left)| (manifest.spec, left))
}

fn spec(change: impl FnOnce(&mut ContainerConfig)) -> Spec {
    declared(&with(change)).unwrap().0
}

/// The words about a field that was left alone.
fn left(candidate: &Candidate, field: &str) -> Vec<String> {
    let (_, left) = declared(candidate).unwrap();
    left.into_iter().filter(|one| one.field == field).map(|one| one.why).collect()
}

fn bind(source: &str, target: &str) -> Mount {
    Mount {
        target: target.to_owned(),
        kind: MountKind::Bind,
        source: source.to_owned(),
        read_only: false,
    }
}

fn port(container: u16, host: Option<u16>, address: &str) -> PortBinding {
    let address = address.to_owned();
    PortBinding { container, protocol: Protocol::Tcp, address, host }
}

#[test]
fn a_plain_container_is_declared_by_what_it_does_not_have_from_its_image() {
    let (spec, left) = declared(&plain()).unwrap();
    let expected: Spec = serde_json::from_value(serde_json::json!({
        "state": "running", "image": "debian:12", "command": ["sleep", "infinity"],
        "isolation": "basic",
    }))
    .unwrap();
    assert_eq!(spec, expected);
    let fields: Vec<_> = left.iter().map(|one| one.field.as_str()).collect();
    assert_eq!(fields, ["resources.cpus", "resources.memory", "resources.pids", "hardening"]);
}

#[test]
fn what_the_image_gives_is_no_part_of_the_declaration() {
    let mut candidate = with(|config| {
        config.command = Some(words("bash"));
        config.env = pairs(&[("PATH", "/bin"), ("LANG", "C")]);
        config.working_dir = Some("/app".to_owned());
        config.user = Some("dev".to_owned());
        config.labels = pairs(&[("maintainer", "x")]);
    });
    candidate.image.working_dir = Some("/app".to_owned());
    candidate.image.user = Some("dev".to_owned());
    candidate.image.labels = pairs(&[("maintainer", "x")]);
    let (spec, _) = declared(&candidate).unwrap();
    assert_eq!((spec.command, spec.working_dir, spec.user), (None, None, None));
    let env: Vec<_> =
        spec.env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(env, [("LANG", "C")]);
    assert_eq!(left(&candidate, "labels"), Vec::<String>::new());
}

#[test]
fn what_differs_from_the_image_is_declared() {
    let spec = spec(|config| {
        config.env = pairs(&[("PATH", "/opt/bin")]);
        config.working_dir = Some("/srv".to_owned());
        config.user = Some("1000:1000".to_owned());
        config.resources =
            Resources { cpus: Cpus::from_millis(1500), memory: Memory::from_mib(64), pids: 100 };
    });
    assert_eq!(spec.env.values().collect::<Vec<_>>(), ["/opt/bin"]);
    assert_eq!(spec.working_dir.unwrap().as_str(), "/srv");
    assert_eq!(spec.user.unwrap().as_str(), "1000:1000");
    assert_eq!(spec.resources.cpus.millis(), 1500);
    assert_eq!((spec.resources.memory, spec.resources.pids), (Memory::from_mib(64), 100));
}

#[test]
fn the_only_folder_or_the_one_at_the_usual_place_is_the_project() {
    let one = spec(|config| config.mounts = [bind("/srv/p/a", "/code")].into());
    let project = one.project.unwrap();
    assert_eq!((project.path.as_str(), project.target.as_str()), ("/srv/p/a", "/code"));
    let several = with(|config| {
        config.mounts = [bind("/srv/p/a", "/code"), bind("/srv/p/b", "/workspace")].into();
    });
    assert_eq!(declared(&several).unwrap().0.project.unwrap().path.as_str(), "/srv/p/b");
    assert_eq!(left(&several, "project").len(), 1);
    let unclear = with(|config| {
        config.mounts = [bind("/srv/p/a", "/code"), bind("/srv/p/b", "/data")].into();
    });
    assert_eq!(declared(&unclear).unwrap().0.project, None);
    assert_eq!(left(&unclear, "project").len(), 2);
}

#[test]
fn volumes_and_memory_are_left_alone_and_named() {
    let candidate = with(|config| {
        let volume = Mount { kind: MountKind::Volume, ..bind("data", "/var/lib/data") };
        let memory = Mount { kind: MountKind::Tmpfs, ..bind("", "/scratch") };
        config.mounts = [volume, memory].into();
    });
    assert_eq!(declared(&candidate).unwrap().0.volumes, []);
    let told = left(&candidate, "volumes");
    assert!(told[0].contains("`data` at `/var/lib/data`"), "{told:?}");
    assert_eq!(left(&candidate, "tmpfs").len(), 1);
}

#[test]
fn ports_are_declared_and_another_address_is_named() {
    let candidate = with(|config| {
        config.ports = [
            port(80, Some(8080), "0.0.0.0"),
            port(80, Some(8081), "0.0.0.0"),
            port(443, None, "127.0.0.1"),
        ]
        .into();
    });
    let (spec, _) = declared(&candidate).unwrap();
    let ports: Vec<_> = spec
        .ports
        .iter()
        .map(|port| (port.container.get(), port.host.map(std::num::NonZero::get)))
        .collect();
    assert_eq!(ports, [(80, Some(8080)), (443, None)]);
    assert_eq!(
        left(&candidate, "ports"),
        [
            "80/tcp is published on 0.0.0.0; a new container's is on 127.0.0.1",
            "80/tcp is published more than once",
        ]
    );
}

#[test]
fn the_network_is_never_more_open_than_it_was() {
    let named = NetworkMode::Named { name: "team".to_owned() };
    let cases = [
        (NetworkMode::Bridge, Isolation::Basic, 0),
        (NetworkMode::None, Isolation::Strict, 1),
        (named, Isolation::Standard, 1),
    ];
    for (network, isolation, told) in cases {
        let candidate = with(|config| config.network = network);
        assert_eq!(declared(&candidate).unwrap().0.isolation, isolation);
        assert_eq!(left(&candidate, "isolation").len(), told);
    }
}

#[test]
fn a_health_check_of_its_own_is_declared() {
    let check = HealthConfig {
        command: words("test -f /ok"),
        interval_ms: 0,
        timeout_ms: 2000,
        retries: 0,
        start_period_ms: 0,
    };
    let mut candidate = with(|config| config.health = Some(check.clone()));
    let health = declared(&candidate).unwrap().0.health.unwrap();
    assert_eq!(
        (health.interval.to_string(), health.timeout.to_string()),
        ("30s".into(), "2s".into())
    );
    assert_eq!(health.retries, 3);
    candidate.image.health = Some(check);
    assert_eq!(declared(&candidate).unwrap().0.health, None);
}

#[test]
fn what_the_engine_does_by_itself_and_who_made_it_is_named() {
    let compose = with(|config| {
        config.restart = true;
        config.hostname = "db".to_owned();
        config.labels = pairs(&[("com.docker.compose.project", "shop")]);
    });
    assert_eq!(left(&compose, "restart").len(), 1);
    assert_eq!(left(&compose, "hostname").len(), 1);
    assert!(left(&compose, "labels")[0].contains("Compose"));
    let plain = with(|config| config.labels = pairs(&[("team", "x")]));
    assert_eq!(left(&plain, "labels"), ["team; a new container has ours"]);
}

#[test]
fn what_no_workspace_may_is_refused() {
    let labelled = with(|config| config.labels = pairs(&[("trueup.instance-id", "other")]));
    let ended = {
        let mut candidate = plain();
        candidate.container.state = ContainerState::Exited;
        candidate
    };
    let host = Candidate { powers: vec!["shares the host's network".to_owned()], ..plain() };
    let mounting = |source: &str| with(|config| config.mounts = [bind(source, "/x")].into());
    let cases = [
        (
            labelled,
            "it carries the label `trueup.instance-id`: a trueup has made it, and looks after it",
        ),
        (ended, "it is exited; only a running container can be adopted"),
        (with(|config| config.privileged = true), "it is privileged, which no workspace may"),
        (host, "it shares the host's network, which no workspace may"),
        (
            with(|config| config.capabilities = ["SYS_ADMIN".to_owned()].into()),
            "it has the capability SYS_ADMIN, which no workspace may",
        ),
        (
            mounting("/srv/docker.sock"),
            "it mounts the engine's socket `/srv/docker.sock`, which no workspace may",
        ),
        (mounting("/etc"), "it mounts the system directory `/etc`, which no workspace may"),
        (mounting("/"), "it mounts the system directory `/`, which no workspace may"),
        (
            mounting("/srv/../etc/"),
            "it mounts the system directory `/srv/../etc/`, which no workspace may",
        ),
    ];
    for (candidate, words) in cases {
        assert_eq!(declared(&candidate).unwrap_err().to_string(), words);
    }
}

#[test]
fn a_path_of_the_host_is_judged_by_where_it_leads_and_not_by_how_it_is_written() {
    for path in ["/srv/x/../docker.sock", "/srv/my-docker.sock/."] {
        assert_eq!(host_power(path), Some(format!("the engine's socket `{path}`")));
    }
    for path in ["/", "//", "/.", "/..", "/srv/..", "etc", "/./etc/ssl", "/opt/../../proc"] {
        assert_eq!(host_power(path), Some(format!("the system directory `{path}`")));
    }
    for path in ["/srv/a", "/etc/../srv/a", "/srv/a/my-docker.sock/..", "/home/alice"] {
        assert_eq!(host_power(path), None, "{path}");
    }
}

#[test]
fn a_declaration_that_breaks_a_rule_is_refused_and_names_it() {
    let few = with(|config| config.resources.pids = 3);
    let refusal = declared(&few).unwrap_err().to_string();
    assert!(refusal.contains("spec.resources.pids"), "{refusal}");
    let odd = with(|config| config.image = "A B".to_owned());
    assert!(matches!(declared(&odd), Err(Refusal::Invalid { .. })));
}

#[test]
fn a_container_whose_name_is_no_workspaces_needs_one() {
    let refusal = declared(&with(|config| config.name = "My_Web".to_owned())).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "its name `My_Web` has the character `M`; use lower-case letters, digits and `-`; give the \
         workspace a name"
    );
}

#[test]
fn only_what_needs_another_container_ends_an_adoption() {
    let spec = |fields: serde_json::Value| -> Spec {
        let mut whole = serde_json::json!({"image": "debian:12"});
        for (key, value) in fields.as_object().unwrap() {
            whole[key] = value.clone();
        }
        serde_json::from_value(whole).unwrap()
    };
    let check = |on_failure: &str| serde_json::json!({"health": {"command": ["true"], "onFailure": on_failure}});
    assert!(keeps(&spec(check("report")), &spec(check("restart"))));
    let before = spec(serde_json::json!({}));
    let cases = [
        (serde_json::json!({"state": "stopped"}), true),
        (serde_json::json!({"resources": {"pids": 64}}), true),
        (serde_json::json!({"recovery": {"policy": "never"}}), true),
        (serde_json::json!({"onDrift": "report", "imagePullPolicy": "Never"}), true),
        (check("report"), false),
        (serde_json::json!({"image": "debian:13"}), false),
        (serde_json::json!({"env": {"A": "b"}}), false),
        (serde_json::json!({"isolation": "basic"}), false),
        (serde_json::json!({"volumes": [{"name": "home", "target": "/h"}]}), false),
    ];
    for (fields, is_kept) in cases {
        assert_eq!(keeps(&before, &spec(fields.clone())), is_kept, "{fields}");
    }
}
