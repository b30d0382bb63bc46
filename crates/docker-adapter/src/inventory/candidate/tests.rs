//! Tables of what is read from an inspect answer.

use super::{powers::Cgroups, *};
use serde_json::json;

/// What Docker 20.10 hides from every container.
const MASKED: [&str; 10] = [
    "/proc/asound",
    "/proc/acpi",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
];
/// What it lets every container only read.
const READ_ONLY: [&str; 5] =
    ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

fn answer(host: &serde_json::Value) -> (ContainerInspectResponse, HostConfig) {
    let answer: ContainerInspectResponse = serde_json::from_value(json!({
        "HostConfig": host,
        "Mounts": [
            {"Type": "volume", "Name": "data", "Destination": "/data"},
            {"Type": "volume", "Name": "0123abcd", "Destination": "/cache"},
            {"Type": "bind", "Source": "/srv/a", "Destination": "/a"},
        ],
    }))
    .unwrap();
    let host = answer.host_config.clone().unwrap();
    (answer, host)
}

#[test]
fn whatever_reaches_the_host_is_a_power() {
    let cases = [
        (json!({"NetworkMode": "host"}), "shares the host's network"),
        (json!({"NetworkMode": "container:abc"}), "shares the network of another container"),
        (json!({"PidMode": "host"}), "shares the host's processes"),
        (json!({"IpcMode": "host"}), "shares the host's shared memory"),
        (json!({"UTSMode": "host"}), "shares the host's name"),
        (json!({"Devices": [{"PathOnHost": "/dev/kvm"}]}), "has devices of the host"),
        (json!({"VolumesFrom": ["db"]}), "mounts whatever another container does"),
        (json!({"CgroupParent": "/x"}), "is in the control group `/x` of the host"),
        (
            json!({"SecurityOpt": ["seccomp=unconfined"]}),
            "runs without the engine's protection (`seccomp=unconfined`)",
        ),
        (
            json!({"SecurityOpt": ["no-new-privileges", "apparmor:unconfined"]}),
            "runs without the engine's protection (`apparmor:unconfined`)",
        ),
        (
            json!({"MaskedPaths": [], "ReadonlyPaths": []}),
            "sees the host's `/proc/kcore`, which the engine hides otherwise",
        ),
        (
            json!({"ReadonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"]}),
            "writes to the host's `/proc/sysrq-trigger`, which is read-only otherwise",
        ),
    ];
    for (host, power) in cases {
        assert_eq!(powers::of(&answer(&host).1, Cgroups::Usual), [power]);
    }
    let usual = json!({
        "NetworkMode": "default", "PidMode": "", "IpcMode": "private", "Devices": [],
        "CgroupnsMode": "host", "CgroupParent": "", "MaskedPaths": MASKED, "ReadonlyPaths": READ_ONLY,
        "SecurityOpt": ["label=disable", "seccomp={}", "apparmor=docker-default"],
    });
    assert_eq!(powers::of(&answer(&usual).1, Cgroups::Usual), Vec::<String>::new());
    let shared = powers::of(&answer(&usual).1, Cgroups::Hosts);
    assert_eq!(shared, ["shares the host's control groups"]);
}

#[test]
fn what_a_declaration_has_no_word_for_is_named() {
    let host = json!({
        "Binds": ["data:/data", "/srv/a:/a"], "AutoRemove": true, "ShmSize": 1024,
        "ExtraHosts": ["db:10.0.0.1"], "SecurityOpt": ["no-new-privileges", "label=disable"],
        "Sysctls": {"net.ipv4.ip_forward": "1"}, "Memory": 1024, "MemorySwap": 2048,
        "CapDrop": ["ALL"], "CapAdd": ["CAP_SYS_PTRACE", "net_admin", "CHOWN"],
    });
    let (answer, host) = answer(&host);
    let odd = oddities(&answer, &host);
    let named: Vec<_> = odd.iter().map(|one| one.field.as_str()).collect();
    let expected = [
        "autoRemove",
        "shmSize",
        "memorySwap",
        "capabilities",
        "volumes",
        "extraHosts",
        "securityOptions",
        "sysctls",
    ];
    assert_eq!(named, expected);
    assert_eq!(odd[3].why, "NET_ADMIN, SYS_PTRACE; a new container has none of them");
    let usual =
        self::answer(&json!({"Binds": ["data:/data", "0123abcd:/cache"], "ShmSize": 67_108_864}));
    assert_eq!(oddities(&usual.0, &usual.1), []);
}

#[test]
fn only_swap_beyond_a_limit_of_memory_is_named() {
    for (memory, together, said) in [
        (64, 128, Some("64 bytes of swap beyond its memory")),
        (64, -1, Some("no limit to its swap")),
        (64, 64, None),
        (64, 0, None),
        (0, 0, None),
        (0, -1, None),
    ] {
        let host = answer(&json!({"Memory": memory, "MemorySwap": together})).1;
        assert_eq!(swap(&host).as_deref(), said, "{memory} and {together}");
    }
}
