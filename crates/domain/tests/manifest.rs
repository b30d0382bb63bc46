//! What is accepted, what is refused and how the refusal is shown.

#![expect(clippy::expect_used, reason = "a helper of tests may fail them")]

use miette::{Diagnostic, SourceSpan};
use proptest::prelude::*;
use serde_json::json;
use std::fs;
use trueup_domain::{
    manifest::{
        MAX_BYTES, MAX_ERRORS, Manifest, ManifestError, ManifestErrors, check_unique, from_json,
        looks_like_manifest, parse, parse_bytes, parse_documents, set_owner,
    },
    quantity::Memory,
    spec::{DesiredState, Isolation},
};

const FULL: &str = r#"
apiVersion: trueup/v1
kind: Workspace
metadata:
  name: payments-api
  owner: alice
  labels: {team: payments}
spec:
  state: running
  image: debian:12
  imagePullPolicy: IfNotPresent
  command: [sleep, infinity]
  env: {EDITOR: vim}
  workingDir: /workspace
  user: "1000:1000"
  project: {path: /srv/projects/payments, target: /workspace, readOnly: false}
  volumes: [{name: home, target: /home/dev}]
  ports: [{container: 8080, host: 18080, protocol: tcp}]
  resources: {cpus: 1.0, memory: 512MiB, pids: 256}
  health: {command: [test, -f, /tmp/ok], interval: 10s, timeout: 3s, retries: 3, startPeriod: 5s}
  isolation: standard
  recovery: {policy: always, backoffBase: 1s, backoffMax: 5m, stableAfter: 60s, giveUpAfter: 10}
  onDrift: recreate
"#;

const SMALL: &str =
    "apiVersion: trueup/v1\nkind: Workspace\nmetadata: {name: demo}\nspec: {image: debian:12}\n";

fn only(text: &str) -> Manifest {
    let mut manifests = parse("test.yaml", text).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(manifests.len(), 1);
    manifests.remove(0)
}

fn refused(text: &str) -> ManifestErrors {
    parse("test.yaml", text).expect_err("the text was accepted")
}

#[test]
fn a_manifest_with_every_field_is_read() {
    let manifest = only(FULL);
    assert_eq!(manifest.key().to_string(), "alice/payments-api");
    assert_eq!(manifest.spec.state, Some(DesiredState::Running));
    assert_eq!(manifest.spec.resources.memory, Memory::from_mib(512));
    assert_eq!(manifest.spec.ports[0].host.map(u16::from), Some(18080));
    assert_eq!(manifest.spec.isolation, Isolation::Standard);
}

#[test]
fn what_is_written_is_what_is_read_again() {
    for text in [FULL, SMALL] {
        let manifest = only(text);
        let yaml = serde_yaml::to_string(&manifest).expect("YAML");
        assert_eq!(only(&yaml), manifest, "{yaml}");
        let json = serde_json::to_value(&manifest).expect("JSON");
        assert_eq!(from_json(json.clone()), Ok(manifest.clone()), "{json}");
        assert_eq!(only(&json.to_string()), manifest, "{json}");
    }
}

#[test]
fn every_example_is_accepted_and_survives_being_written() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");
    let mut documents = Vec::new();
    let mut files = 0;
    for entry in fs::read_dir(folder).expect("the folder of examples") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        files += 1;
        let bytes = fs::read(&path).expect("a file");
        let found = parse_documents(&path.display().to_string(), &bytes)
            .unwrap_or_else(|errors| panic!("{}", errors.render_plain()));
        for document in &found {
            let yaml = serde_yaml::to_string(&document.manifest).expect("YAML");
            assert_eq!(only(&yaml), document.manifest);
            assert_eq!(document.manifest.spec.image.as_str(), "trueup/workload:test");
            assert_eq!(document.manifest.spec.project, None, "it would have to exist everywhere");
        }
        documents.extend(found);
    }
    assert!(files >= 5, "only {files} examples were found");
    check_unique(&documents).unwrap_or_else(|errors| panic!("{errors}"));
}

#[test]
fn a_json_file_is_accepted_whatever_its_indentation() {
    let json = "{\n\t\"apiVersion\": \"trueup/v1\",\n\t\"kind\": \"Workspace\",\n\t\"metadata\": {\"name\": \"demo\"},\n\t\"spec\": {\"image\": \"debian:12\"}\n}\n";
    assert_eq!(only(json), only(SMALL));
}

#[test]
fn anchors_and_merges_within_a_document_are_welcome() {
    let text = format!(
        "{}spec:\n  image: debian:12\n  command: &run [sleep, infinity]\n  health: {{command: *run}}\n  volumes:\n  - &home {{name: a, target: /a}}\n  - {{<<: *home, name: b, target: /b}}\n",
        SMALL.split_once("spec").expect("a spec").0
    );
    let manifest = only(&text);
    assert_eq!(manifest.spec.health.map(|health| health.command), manifest.spec.command);
    assert_eq!(manifest.spec.volumes[1].target.as_str(), "/b");
}

#[test]
fn empty_documents_are_skipped_and_all_others_are_read() {
    let two = SMALL.replace("demo", "other");
    let text = format!("---\n# nothing\n---\n{SMALL}---\n---\n{two}...\n");
    let manifests = parse("test.yaml", &text).expect("two manifests");
    let names: Vec<_> = manifests.iter().map(|m| m.metadata.name.as_str()).collect();
    assert_eq!(names, ["demo", "other"]);
}

#[test]
fn the_errors_of_all_documents_are_collected() {
    let bad = SMALL.replace("image", "imgae");
    let worse = SMALL.replace("debian:12", "debian:12, resources: {pids: 1, memory: 1MiB}");
    let text = format!("{bad}---\n{SMALL}---\n{worse}---\n{bad}---\na: [\n");
    let lines: Vec<_> = refused(&text).iter().map(ManifestError::line).collect();
    assert_eq!(lines, [4, 14, 14, 19, 21]);
}

#[test]
fn errors_are_collected_up_to_a_bound() {
    let text = "no: manifest\n---\n".repeat(1000);
    assert_eq!(refused(&text).iter().count(), MAX_ERRORS);
}

#[test]
fn a_file_that_is_too_large_is_refused_with_the_limit() {
    let text = format!("{SMALL}# {}\n", "x".repeat(10 << 20));
    insta::assert_snapshot!(refused(&text).render_plain());
    let text = format!("{SMALL}#{}\n", "x".repeat(MAX_BYTES - SMALL.len() - 2));
    assert_eq!(text.len(), MAX_BYTES);
    assert_eq!(only(&text), only(SMALL));
}

#[test]
fn bytes_that_are_not_utf_8_are_refused_at_their_place() {
    let errors = parse_bytes("latin1.yaml", b"kind: Workspace\nname: M\xfcller\n").unwrap_err();
    insta::assert_snapshot!(errors.render_plain());
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_text() {
    let text = format!("\u{feff}{SMALL}");
    assert_eq!(only(&text), only(SMALL));
    let errors = refused(&text.replace("apiVersion", "apiversion"));
    assert_eq!(errors.iter().next().map(ManifestError::column), Some(1));
}

#[test]
fn a_long_line_is_shown_around_the_fault_only() {
    let value = "x".repeat(5000);
    let text = format!(r#"{{"apiVersion": "trueup/v1", "kind": "{value}", "metadata": {{}}}}"#);
    let shown = refused(&text).render_plain();
    assert!(shown.contains('…'), "{shown}");
    assert!(shown.lines().all(|line| line.chars().count() < 600), "{shown}");
}

#[test]
fn control_characters_of_a_text_are_not_written_to_a_terminal() {
    for bad in ["\"\\e[31m\"", "\u{1b}[31m", "\u{9b}31m", "\"\\x9b31m\""] {
        let shown = refused(&SMALL.replace("debian:12", bad)).render_plain();
        assert!(!shown.contains(|c: char| c.is_control() && c != '\n'), "{shown:?}");
    }
}

#[test]
fn the_same_workspace_in_two_files_is_refused_with_both_places() {
    let first = parse_documents("a.yaml", FULL.as_bytes()).expect("good");
    let second = parse_documents("b/c.yaml", FULL.as_bytes()).expect("good");
    let other = parse_documents("d.yaml", SMALL.as_bytes()).expect("good");
    assert!(check_unique(first.iter().chain(&other)).is_ok());
    let errors = check_unique(first.iter().chain(&other).chain(&second)).unwrap_err();
    insta::assert_snapshot!(errors.render_plain());
}

#[test]
fn miette_is_given_the_source_the_span_and_the_advice() {
    let text = SMALL.replace("image", "imgae");
    let errors = refused(&text);
    let error = errors.iter().next().expect("an error");
    let label = error.labels().and_then(|mut labels| labels.next()).expect("a label");
    assert_eq!(&text[label.offset()..label.offset() + label.len()], "imgae");
    let contents = error
        .source_code()
        .expect("a source")
        .read_span(&SourceSpan::from((label.offset(), label.len())), 0, 0)
        .expect("a span within the source");
    assert_eq!(contents.name(), Some("test.yaml"));
    assert!(error.help().is_some_and(|help| help.to_string().contains("imagePullPolicy")));
    assert_eq!(errors.related().expect("every error").count(), 1);
}

#[test]
fn a_json_value_obeys_the_same_rules_and_names_a_path() {
    let mut shown = String::new();
    let spec = |spec: serde_json::Value| json!({"apiVersion": "trueup/v1", "kind": "Workspace", "metadata": {"name": "demo"}, "spec": spec});
    let bad = [
        json!("hello"),
        json!({"apiVersion": "trueup/v1", "kind": "Workspace", "metadata": {"name": "demo"}}),
        spec(json!({"imgae": "debian:12"})),
        spec(json!({"command": ["sleep"]})),
        spec(json!({"image": "debian:12", "env": {"PORT": 8080}})),
        spec(json!({"image": "debian:12", "env": {"A B.C": null}})),
        spec(json!({"image": "debian:12", "ports": [{"container": 1}, {"container": 70000}]})),
        spec(json!({"image": "debian:12", "isolation": "none"})),
        spec(json!({
            "image": "debian:12", "command": [], "resources": {"memory": 512},
            "volumes": [{"name": "a", "target": "/a"}, {"name": "a", "target": "/a/"}],
        })),
    ];
    for value in bad {
        let why = from_json(value).expect_err("the value was accepted");
        shown.push_str(&why);
        shown.push('\n');
    }
    insta::assert_snapshot!(shown);
}

/// Text that is nearly a manifest: lines of one, shuffled, cut and indented anew.
fn nearly_a_manifest() -> impl Strategy<Value = String> {
    let line = prop::sample::select(FULL.lines().collect::<Vec<_>>());
    let spoil = prop::sample::select(vec![
        "", " ", "\t", "- ", "---\n", "[", "}", ": ", "&a ", "*a", "\r", "é",
    ]);
    prop::collection::vec((spoil, line, 0_usize..40), 0..30).prop_map(|lines| {
        let lines = lines.into_iter().map(|(spoil, line, cut)| {
            let kept: String = line.chars().take(40 - cut).collect();
            format!("{spoil}{kept}")
        });
        lines.collect::<Vec<_>>().join("\n")
    })
}

fn assert_places_within(text: &str) -> Result<(), TestCaseError> {
    let Err(errors) = parse("test.yaml", text) else { return Ok(()) };
    prop_assert!(errors.iter().count() >= 1);
    // A lone carriage return breaks a line in YAML.
    let lines = text.replace("\r\n", "\n").replace('\r', "\n").split('\n').count();
    for error in &errors {
        prop_assert!((1..=lines).contains(&error.line()), "{error} of {lines}");
        prop_assert!(error.column() >= 1);
        prop_assert!(!error.render_plain().is_empty());
        let label = error.labels().and_then(|mut labels| labels.next()).expect("a label");
        prop_assert!(label.offset() + label.len() <= text.len());
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_within_its_lines(text in any::<String>()) {
        assert_places_within(&text)?;
    }

    #[test]
    fn printable_text_of_many_lines_is_read_or_refused_within_its_lines(text in "[ -~\n\r\t]{0,300}") {
        assert_places_within(&text)?;
    }

    #[test]
    fn a_spoilt_manifest_is_read_or_refused_within_its_lines(text in nearly_a_manifest()) {
        assert_places_within(&text)?;
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Err(errors) = parse_bytes("test.yaml", &bytes) {
            prop_assert!(!errors.render_plain().is_empty());
        }
    }
}

#[test]
fn an_owner_that_was_asked_for_is_given_to_the_manifests_that_name_none() {
    let owner = "alice".parse().expect("a good owner");
    let two = format!("{SMALL}---\n{}", FULL.trim_start());
    let mut documents = parse_documents("test.yaml", two.as_bytes()).expect("good manifests");
    set_owner(&mut documents, &owner).expect("one has no owner, the other this one");
    let keys: Vec<_> = documents.iter().map(|one| one.manifest.key().to_string()).collect();
    assert_eq!(keys, ["alice/demo", "alice/payments-api"]);
}

#[test]
fn a_manifest_of_another_owner_than_was_asked_for_is_refused_at_its_line() {
    let owner = "bob".parse().expect("a good owner");
    let mut documents = parse_documents("a.yaml", FULL.as_bytes()).expect("a good manifest");
    let errors = set_owner(&mut documents, &owner).expect_err("it is of alice");
    let text = errors.to_string();
    assert_eq!(text, "a.yaml:6:10: the owner here is `alice`, and `bob` was asked for");
}

#[test]
fn what_was_never_meant_as_a_manifest_is_told_from_what_is_only_wrong() {
    for text in [SMALL, "apiVersion: trueup/v1\nspec: [", "colour: red"] {
        assert!(looks_like_manifest(text.as_bytes()), "{text}");
    }
    for bytes in [&b"hello world"[..], b"", b"\xff\xfe\x00", b"- a\n- b", b"a: b: c"] {
        assert!(!looks_like_manifest(bytes), "{bytes:?}");
    }
}
