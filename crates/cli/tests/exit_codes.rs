//! The real binary, as a script sees it: exit codes, and what goes to which stream.

#![expect(clippy::unwrap_used, reason = "all of this is test code, helpers included")]

use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Output, Stdio},
};
use tempfile::TempDir;

const GOOD: &str = "\
apiVersion: trueup/v1
kind: Workspace
metadata: {name: web, owner: alice}
spec: {image: 'debian:12'}
";
const BAD: &str = "\
apiVersion: trueup/v1
kind: Workspace
metadata: {name: web, owner: alice}
spec:
  image: debian:12
  colour: red
";

/// The binary, away from every setting and controller of whoever runs the tests.
fn trueup(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trueup"));
    command.env_clear().current_dir(folder).stdin(Stdio::null());
    command.env("TRUEUP_HOST", format!("unix://{}/none.sock", folder.display()));
    command
}

fn run(folder: &Path, line: &str) -> Output {
    trueup(folder).args(line.split_whitespace()).output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

#[test]
fn help_and_version_are_results() {
    let folder = folder(&[]);
    for line in ["--help", "--version", "apply --help"] {
        let output = run(folder.path(), line);
        assert_eq!(code(&output), 0, "{line}");
        assert!(!stdout(&output).is_empty(), "{line}");
        assert!(stderr(&output).is_empty(), "{line}");
    }
    assert!(stdout(&run(folder.path(), "--help")).contains("Exit codes:"));
}

#[test]
fn a_wrong_command_line_is_2_and_a_message() {
    let folder = folder(&[]);
    for line in ["", "fly", "get --colour", "get Bad", "delete", "--host nowhere get", "apply"] {
        let output = run(folder.path(), line);
        assert_eq!(code(&output), 2, "{line}");
        assert!(stdout(&output).is_empty(), "{line}");
        assert!(!stderr(&output).is_empty(), "{line}");
    }
}

#[test]
fn a_good_manifest_is_valid_without_a_controller() {
    let folder = folder(&[("web.yaml", GOOD)]);
    let output = run(folder.path(), "validate -f web.yaml");
    assert_eq!((code(&output), stdout(&output).as_str()), (0, "alice/web is valid\n"));
}

#[test]
fn a_bad_manifest_is_3_and_shows_the_line() {
    let folder = folder(&[("bad.yaml", BAD)]);
    for line in ["validate -f bad.yaml", "apply -f bad.yaml", "delete -f bad.yaml"] {
        let output = run(folder.path(), line);
        assert_eq!(code(&output), 3, "{line}: {}", stderr(&output));
        assert!(stdout(&output).is_empty(), "{line}");
        let text = stderr(&output);
        assert!(text.contains("bad.yaml:6") && text.contains("colour: red"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }
}

#[test]
fn a_folder_is_read_in_order_and_without_what_is_no_manifest() {
    let other = |name: &str| GOOD.replace("web", name);
    let (one, two, three) = (other("one"), other("two"), other("three"));
    let folder =
        folder(&[("b.yml", &two), ("a.yaml", &one), ("c.json", &three), ("README.md", "# no")]);
    fs::create_dir(folder.path().join("deeper.yaml")).unwrap();
    // YAML takes JSON, and the parser takes YAML under any name.
    let output = run(folder.path(), "validate -f .");
    let expected = "alice/one is valid\nalice/two is valid\nalice/three is valid\n";
    assert_eq!((code(&output), stdout(&output).as_str()), (0, expected), "{}", stderr(&output));
}

#[test]
fn two_files_may_not_declare_the_same_workspace() {
    let folder = folder(&[("a.yaml", GOOD), ("b.yaml", GOOD)]);
    let output = run(folder.path(), "validate -f a.yaml -f b.yaml");
    assert_eq!(code(&output), 3);
    let text = stderr(&output);
    assert!(text.contains("a.yaml") && text.contains("b.yaml"), "{text}");
}

#[test]
fn what_cannot_be_read_is_3() {
    let folder = folder(&[]);
    let missing = run(folder.path(), "validate -f missing.yaml");
    assert_eq!(code(&missing), 3);
    assert!(stderr(&missing).contains("cannot read missing.yaml"), "{}", stderr(&missing));
    assert_eq!(code(&run(folder.path(), "validate -f .")), 3);
}

#[test]
fn a_manifest_may_come_from_standard_input() {
    let folder = folder(&[]);
    let mut command = trueup(folder.path());
    command.args(["validate", "-f", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(GOOD.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((code(&output), stdout(&output).as_str()), (0, "alice/web is valid\n"));
}

#[test]
fn without_a_controller_it_is_6_and_says_what_to_do() {
    let folder = folder(&[("web.yaml", GOOD)]);
    for line in [
        "get",
        "get web",
        "describe alice/web",
        "apply -f web.yaml",
        "delete alice/web",
        "stop web",
        "sync --all",
        "events",
        "wait alice/web",
        "version",
        "top",
        "usage",
        "usage alice/web",
        "doctor",
    ] {
        let output = run(folder.path(), line);
        assert_eq!(code(&output), 6, "{line}: {}", stderr(&output));
        assert!(stderr(&output).contains("is `trueup run` running?"), "{line}");
    }
    let version = run(folder.path(), "version -o json");
    assert!(stdout(&version).contains("\"server\": null"), "{}", stdout(&version));
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let many: Vec<_> = (0..5000).map(|n| GOOD.replace("web", &format!("w{n}"))).collect();
    let many = many.join("---\n");
    let folder = folder(&[("many.yaml", &many)]);
    let mut command = trueup(folder.path());
    command.args(["validate", "-f", "many.yaml"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((code(&output), stderr(&output).as_str()), (0, ""));
}

#[test]
fn the_owner_of_the_command_line_is_given_to_manifests_that_name_none() {
    let nobodys = GOOD.replace(", owner: alice", "");
    let folder = folder(&[("web.yaml", &nobodys), ("hers.yaml", GOOD)]);
    let output = run(folder.path(), "validate -f web.yaml --owner bob");
    assert_eq!((code(&output), stdout(&output).as_str()), (0, "bob/web is valid\n"));
    let mut command = trueup(folder.path());
    command.env("TRUEUP_OWNER", "bob").args(["validate", "-f", "web.yaml"]);
    assert_eq!(stdout(&command.output().unwrap()), "bob/web is valid\n");
    let both = run(folder.path(), "validate -f web.yaml -f hers.yaml --owner alice");
    assert_eq!(code(&both), 3, "both are alice/web now");
    assert!(stderr(&both).contains("`alice/web` is declared twice"), "{}", stderr(&both));
}

#[test]
fn a_manifest_of_another_owner_than_the_command_line_s_is_3_and_names_both() {
    let folder = folder(&[("web.yaml", GOOD)]);
    for command in ["validate", "apply", "delete"] {
        let output = run(folder.path(), &format!("{command} -f web.yaml --owner bob"));
        assert_eq!((code(&output), stdout(&output).as_str()), (3, ""), "{command}");
        let text = stderr(&output);
        assert!(text.contains("web.yaml:3"), "{text}");
        assert!(text.contains("the owner here is `alice`, and `bob` was asked for"), "{text}");
    }
}

#[test]
fn a_file_that_is_given_twice_is_a_matter_of_usage() {
    let folder = folder(&[("web.yaml", GOOD)]);
    for line in ["validate -f web.yaml -f ./web.yaml", "validate -f . -f web.yaml"] {
        let output = run(folder.path(), line);
        assert_eq!(code(&output), 2, "{line}");
        let text = stderr(&output);
        assert!(text.contains("web.yaml is given twice on the command line"), "{text}");
    }
}

#[test]
fn what_is_no_manifest_by_its_name_and_its_text_is_told_so() {
    let broken = GOOD.replace("spec:", "spec: [");
    let folder = folder(&[("notes.txt", "buy milk"), ("web.txt", &broken), ("x.yaml", "milk")]);
    let output = run(folder.path(), "apply -f notes.txt");
    assert_eq!(code(&output), 3);
    assert_eq!(stderr(&output), "error: notes.txt does not look like a manifest\n");
    for (file, line) in [("web.txt", "web.txt:4"), ("x.yaml", "x.yaml:1")] {
        let text = stderr(&run(folder.path(), &format!("apply -f {file}")));
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn an_empty_variable_is_as_good_as_none() {
    let folder = folder(&[("web.yaml", GOOD)]);
    let mut command = trueup(folder.path());
    command.env("TRUEUP_HOST", "").env("TRUEUP_OWNER", "").args(["validate", "-f", "web.yaml"]);
    assert_eq!(stdout(&command.output().unwrap()), "alice/web is valid\n");
}

#[test]
fn a_path_is_a_host() {
    let folder = folder(&[]);
    let path = folder.path().join("other.sock");
    let output = run(folder.path(), &format!("get --host {}", path.display()));
    assert_eq!(code(&output), 6);
    let text = stderr(&output);
    assert!(text.contains(&format!("unix://{}", path.display())), "{text}");
}
