//! Answers of engines, as they come.

use super::*;

/// As Docker 20.10 answers on a host of version 1, with what is not read left out here and there.
const V1: &str = r#"{"read":"2026-11-28T17:27:40.193678368Z","preread":"0001-01-01T00:00:00Z",
"pids_stats":{"current":2},"blkio_stats":{"io_service_bytes_recursive":[
{"major":8,"minor":0,"op":"Read","value":10},{"major":8,"minor":0,"op":"Write","value":20},
{"major":8,"minor":0,"op":"Total","value":30},{"major":9,"minor":0,"op":"Read","value":1}],
"io_serviced_recursive":[]},"num_procs":0,"storage_stats":{},"cpu_stats":{"cpu_usage":{
"total_usage":18981532,"percpu_usage":[2233719,16747813],"usage_in_kernelmode":0},
"online_cpus":2},"memory_stats":{"usage":1929216,"max_usage":3821568,"stats":{
"inactive_file":1000,"rss":98304,"total_inactive_file":1236992},"limit":25276063744},
"name":"/x","id":"e6","networks":{"eth0":{"rx_bytes":200,"rx_packets":2,"tx_bytes":7},
"eth1":{"rx_bytes":1,"tx_bytes":2}}}"#;

/// As Docker 24 answers on a host of version 2.
const V2: &str = r#"{"read":"2026-11-28T17:27:40Z","pids_stats":{"current":3,"limit":18446744073709551615},
"blkio_stats":{"io_service_bytes_recursive":[{"major":8,"minor":0,"op":"read","value":5},
{"major":8,"minor":0,"op":"write","value":6}]},"cpu_stats":{"cpu_usage":{"total_usage":5000000,
"usage_in_kernelmode":1}},"memory_stats":{"usage":9000,"limit":100000,"stats":{"anon":1,
"inactive_file":4000}}}"#;

/// As an engine answers for a container that does not run.
const STOPPED: &str = r#"{"read":"0001-01-01T00:00:00Z","preread":"0001-01-01T00:00:00Z","pids_stats":{},
"blkio_stats":{"io_service_bytes_recursive":null},"num_procs":0,"storage_stats":{},"cpu_stats":{
"cpu_usage":{"total_usage":0}},"memory_stats":{},"name":"/x","id":"e6"}"#;

fn read(text: &str) -> Result<Reading, &'static str> {
    serde_json::from_str::<Answer>(text).unwrap().reading()
}

fn at(text: &str) -> Duration {
    let time: Timestamp = text.parse().unwrap();
    time.duration_since(Timestamp::UNIX_EPOCH).try_into().unwrap()
}

#[test]
fn an_answer_of_version_1_is_read_with_what_is_below_the_group() {
    let wanted = Reading {
        at: at("2026-11-28T17:27:40.193678368Z"),
        cpu: Duration::from_nanos(18_981_532),
        memory: 1_929_216 - 1_236_992,
        memory_limit: 25_276_063_744,
        pids: 2,
        network: Transfer { inward: 201, outward: 9 },
        block: Transfer { inward: 11, outward: 20 },
    };
    assert_eq!(read(V1), Ok(wanted));
}

#[test]
fn an_answer_of_version_2_is_read_and_without_a_network_none_is_counted() {
    let wanted = Reading {
        at: at("2026-11-28T17:27:40Z"),
        cpu: Duration::from_millis(5),
        memory: 5_000,
        memory_limit: 100_000,
        pids: 3,
        network: Transfer::default(),
        block: Transfer { inward: 5, outward: 6 },
    };
    assert_eq!(read(V2), Ok(wanted));
}

#[test]
fn an_answer_without_figures_is_no_reading() {
    assert_eq!(read(STOPPED), Err("has no figures of it"));
}

#[test]
fn what_an_answer_lacks_is_named_and_not_taken_for_nothing() {
    for (there, lacking, problem) in [
        (r#""usage":9000,"#, "", "does not tell its memory"),
        (r#""limit":100000,"#, "", "does not tell its memory's limit"),
        (r#""inactive_file":4000"#, r#""x":1"#, "does not tell its file cache"),
        (r#""stats":{"anon":1,"#, r#""stats":null,"old":{"#, "does not tell its file cache"),
        (r#""current":3,"#, "", "does not tell its processes"),
        (r#""value":5"#, r#""value":18446744073709551615"#, ""),
    ] {
        assert!(V2.contains(there));
        let outcome = read(&V2.replace(there, lacking));
        assert_eq!(outcome.err().unwrap_or_default(), problem, "without {there}");
    }
    let beyond = V1.replace(r#""rx_bytes":200"#, r#""rx_bytes":18446744073709551615"#);
    assert_eq!(read(&beyond), Err("tells numbers beyond 64 bits"));
}
