//! Each rule on a small made-up tree: it refuses what it is for, and lets a clean tree pass.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::finding::Finding;
use super::*;

/// A tree with a domain, a store that depends on it, and a controller with a clock file.
fn clean() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    write(
        &root,
        "Cargo.toml",
        "[workspace]\nresolver = \"3\"\nmembers = [\"crates/*\"]\n\n[workspace.dependencies]\n\
         trueup-domain = { path = \"crates/domain\" }\n",
    );
    write(&root, "deny.toml", "[licenses]\nallow = [\"MIT\", \"Apache-2.0\"]\n");
    package(&root, "domain", "");
    package(&root, "store", "[dependencies]\ntrueup-domain.workspace = true\n");
    package(&root, "controller", "[dependencies]\ntrueup-domain.workspace = true\n");
    write(
        &root,
        "crates/controller/src/clock.rs",
        "//! The clock.\nuse std::time::Instant;\n\
         fn now() -> Instant { let _ = jiff::Timestamp::now(); Instant::now() }\n",
    );
    root
}

fn package(root: &TempDir, name: &str, dependencies: &str) {
    let manifest = format!(
        "[package]\nname = \"trueup-{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n{dependencies}"
    );
    write(root, &format!("crates/{name}/Cargo.toml"), &manifest);
    write(root, &format!("crates/{name}/src/lib.rs"), "//! A room with one job.\n");
}

fn write(root: &TempDir, file: &str, text: &str) {
    let path = root.path().join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn source(root: &TempDir, text: &str) {
    write(root, "crates/store/src/lib.rs", &format!("//! A room with one job.\n{text}"));
}

/// `file:line rule` of each finding.
fn places(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(|f| format!("{}:{} {}", f.file.display(), f.line, f.rule)).collect()
}

fn found(rule: fn(&Path) -> Result<Vec<Finding>>, root: &TempDir) -> Vec<String> {
    places(&rule(root.path()).unwrap())
}

fn function(name: &str, lines: usize) -> String {
    format!("fn {name}() {{\n{}}}\n", "    ();\n".repeat(lines - 2))
}

#[test]
fn a_clean_tree_passes_every_rule_on_sources() {
    let root = clean();
    let rules =
        [arrows::check, modules::check, sizes::check, clock::check, heads::check, licences::check];
    for rule in rules {
        assert_eq!(found(rule, &root), Vec::<String>::new());
    }
}

#[test]
fn a_forbidden_arrow_is_refused_at_its_line() {
    let root = clean();
    package(&root, "domain", "[dependencies]\nserde = \"1\"\ntrueup-store = { path = \"x\" }\n");
    let findings = arrows::check(root.path()).unwrap();
    assert_eq!(places(&findings), ["crates/domain/Cargo.toml:8 arrow"]);
    assert_eq!(findings[0].what, "`trueup-domain` must not depend on `trueup-store`");
}

#[test]
fn an_arrow_hidden_behind_another_name_or_a_platform_is_refused() {
    let root = clean();
    package(
        &root,
        "store",
        "[target.'cfg(unix)'.build-dependencies]\n\
         innocent = { package = \"trueup-reconciler\", path = \"x\" }\n",
    );
    assert_eq!(found(arrows::check, &root), ["crates/store/Cargo.toml:7 arrow"]);
}

#[test]
fn an_arrow_renamed_in_the_root_manifest_is_refused() {
    let root = clean();
    write(
        &root,
        "Cargo.toml",
        "[workspace.dependencies]\nfriend = { package = \"trueup-api\", path = \"crates/api\" }\n",
    );
    package(&root, "store", "[dependencies]\nfriend.workspace = true\n");
    assert_eq!(found(arrows::check, &root), ["crates/store/Cargo.toml:7 arrow"]);
}

#[test]
fn tests_may_use_the_test_package_and_their_own_and_nothing_else_that_is_not_allowed() {
    let root = clean();
    package(
        &root,
        "store",
        "[dev-dependencies]\ntrueup-tests.workspace = true\ntrueup-store.workspace = true\n\
         trueup-api.workspace = true\n",
    );
    package(&root, "domain", "[dependencies]\ntrueup-tests.workspace = true\n");
    assert_eq!(
        found(arrows::check, &root),
        ["crates/domain/Cargo.toml:7 arrow", "crates/store/Cargo.toml:9 arrow"]
    );
}

#[test]
fn nothing_may_depend_on_the_tooling_and_unknown_packages_are_refused() {
    let root = clean();
    package(&root, "store", "[dev-dependencies]\nxtask = { path = \"../../xtask\" }\n");
    package(&root, "surprise", "");
    assert_eq!(
        found(arrows::check, &root),
        ["crates/store/Cargo.toml:7 arrow", "crates/surprise/Cargo.toml:2 arrow"]
    );
}

const RUNTIME: &str = "crates/reconciler/src/runtime/queue.rs";

#[test]
fn a_mention_of_what_the_runtime_must_not_know_is_refused_however_it_is_made() {
    for text in [
        "use trueup_domain::id::WorkspaceId;",
        "use crate::workspace::Feed;",
        "use crate::{runtime::Queue, workspace};",
        "use super::super::workspace::*;",
        "fn f() -> crate::workspace::Wake { todo!() }",
        "fn f() { println!(\"{}\", trueup_domain::NAME); }",
        "/// Like [`crate::workspace::Feed`].\nstruct S;",
        "/// ```\n/// use trueup_domain::port::Clock;\n/// ```\nstruct S;",
    ] {
        let root = clean();
        package(&root, "reconciler", "");
        write(&root, RUNTIME, &format!("//! A room with one job.\n\n{text}\n"));
        let found = found(modules::check, &root);
        let line = if text.starts_with("/// ```") { 4 } else { 3 };
        assert_eq!(found, [format!("{RUNTIME}:{line} module")], "{text}");
    }
}

#[test]
fn the_runtime_may_be_mentioned_by_others_and_speak_of_itself() {
    let root = clean();
    package(&root, "reconciler", "");
    for text in [
        "use super::request::Request;",
        "use trueup_reconciler::runtime::Queue;",
        "// Not our crate::workspace, nor trueup_domain::id.",
        "/// Keys of a workspace or of anything else.\nstruct Key;",
        "const WHERE: &str = \"crate::workspace\";",
        "struct Workspaces;",
    ] {
        write(&root, RUNTIME, &format!("//! A room with one job.\n{text}\n"));
        assert_eq!(found(modules::check, &root), Vec::<String>::new(), "{text}");
    }
    let neighbour = "//! A room with one job.\nuse trueup_domain::id::WorkspaceId;\n";
    write(&root, "crates/reconciler/src/workspace/feed.rs", neighbour);
    assert_eq!(found(modules::check, &root), Vec::<String>::new());
}

#[test]
fn a_file_over_400_lines_is_refused_and_one_of_400_is_not() {
    let root = clean();
    source(&root, &"// a line\n".repeat(399));
    assert_eq!(found(sizes::check, &root), Vec::<String>::new());
    source(&root, &"// a line\n".repeat(400));
    assert_eq!(found(sizes::check, &root), ["crates/store/src/lib.rs:401 file-size"]);
}

#[test]
fn tests_do_not_count_towards_the_size_of_a_file() {
    let root = clean();
    let long = "// a line\n".repeat(500);
    source(&root, &format!("fn code() {{}}\n#[cfg(test)]\nmod tests {{\n{long}}}\n"));
    write(&root, "crates/store/src/lib/tests.rs", &long);
    write(&root, "crates/store/src/tests/cases.rs", &long);
    assert_eq!(found(sizes::check, &root), Vec::<String>::new());

    source(&root, &format!("#[cfg(unix)]\nmod code {{\n{long}}}\n"));
    assert_eq!(found(sizes::check, &root), ["crates/store/src/lib.rs:401 file-size"]);
}

#[test]
fn a_function_over_70_lines_is_refused_and_one_of_70_is_not() {
    let root = clean();
    source(&root, &function("fits", 70));
    assert_eq!(found(sizes::check, &root), Vec::<String>::new());
    source(&root, &function("long", 71));
    assert_eq!(found(sizes::check, &root), ["crates/store/src/lib.rs:2 function-size"]);
}

#[test]
fn long_functions_in_impls_and_traits_are_refused_too_and_all_of_them_are_named() {
    let root = clean();
    let long = function("long", 71);
    source(&root, &format!("struct S;\nimpl S {{\n{long}}}\ntrait T {{\n{long}}}\n"));
    assert_eq!(
        found(sizes::check, &root),
        ["crates/store/src/lib.rs:4 function-size", "crates/store/src/lib.rs:77 function-size"]
    );
}

#[test]
fn the_documentation_of_a_function_does_not_count_towards_its_size() {
    let root = clean();
    source(&root, &format!("{}{}", "/// Words.\n".repeat(20), function("fits", 70)));
    assert_eq!(found(sizes::check, &root), Vec::<String>::new());
}

#[test]
fn a_wall_clock_outside_the_clock_file_is_refused_at_its_line() {
    let root = clean();
    let call = "use std::time::Instant;\nfn now() -> Instant { Instant::now() }\n";
    source(&root, call);
    let findings = clock::check(root.path()).unwrap();
    assert_eq!(places(&findings), ["crates/store/src/lib.rs:3 clock"]);
    assert!(findings[0].what.contains("`Instant::now`"), "{}", findings[0].what);
}

#[test]
fn the_same_clock_call_in_the_clock_file_passes() {
    let root = clean();
    let call = "use std::time::Instant;\nfn now() -> Instant { Instant::now() }\n";
    write(&root, "crates/controller/src/clock.rs", &format!("//! The clock.\n{call}"));
    assert_eq!(found(clock::check, &root), Vec::<String>::new());
    write(&root, "crates/store/src/clock.rs", &format!("//! A clock.\n{call}"));
    assert_eq!(found(clock::check, &root), ["crates/store/src/clock.rs:3 clock"]);
}

#[test]
fn every_way_to_reach_a_clock_or_a_random_id_is_refused() {
    for text in [
        "fn f() { std::time::SystemTime::now(); }",
        "fn f() { ::std::time::Instant::now(); }",
        "use std::time; fn f() { time::Instant::now(); }",
        "use std::time::{self, Duration}; fn f() { time::SystemTime::now(); }",
        "use std::time::Instant as Stopwatch; fn f() { Stopwatch::now(); }",
        "use std::time::*; fn f() { Instant::now(); }",
        "type Moment = std::time::Instant; fn f() { Moment::now(); }",
        "fn f() { let _ = None.unwrap_or_else(jiff::Timestamp::now); }",
        "use jiff::Zoned; fn f() { println!(\"{}\", Zoned::now()); }",
        "fn f() { use uuid::Uuid; Uuid::now_v7(); }",
        "fn f() { uuid::Uuid::new_v4(); }",
        "fn f() { Timestamp::now(); }",
    ] {
        let root = clean();
        source(&root, text);
        assert_eq!(found(clock::check, &root), ["crates/store/src/lib.rs:2 clock"], "{text}");
    }
}

#[test]
fn what_only_looks_like_a_clock_passes() {
    for text in [
        "fn f() { tokio::time::Instant::now(); }",
        "use tokio::time::Instant; fn f() { Instant::now(); }",
        "use tokio::time::{Duration, Instant}; fn f() { Instant::now(); }",
        "use tokio::time; fn f() { time::Instant::now(); }",
        "// std::time::Instant::now()\nfn f() -> &'static str { \"Timestamp::now()\" }",
        "/// Unlike `SystemTime::now()`.\nfn f() {}",
        "struct Timestamp; impl Timestamp { fn now() {} } fn f() { Timestamp::now(); }",
        "use jiff::Timestamp; fn f(t: Timestamp) { t.as_second(); clock.now(); }",
    ] {
        let root = clean();
        source(&root, text);
        assert_eq!(found(clock::check, &root), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn a_file_that_does_not_say_what_it_is_for_is_refused() {
    let root = clean();
    write(&root, "crates/store/src/row.rs", "// no head\nfn f() {}\n");
    write(&root, "tests/src/empty.rs", "//!\n");
    write(&root, "xtask/target/generated.rs", "fn f() {}\n");
    assert_eq!(
        found(heads::check, &root),
        ["crates/store/src/row.rs:1 head", "tests/src/empty.rs:1 head"]
    );
}

#[test]
fn a_dependency_whose_licence_is_not_allowed_is_refused() {
    let root = clean();
    // Elsewhere, as a path inside the workspace would make them members of it.
    let elsewhere = tempfile::tempdir().unwrap();
    let mut dependencies = "[dependencies]\n".to_owned();
    for (name, licence) in [
        ("fine", "license = \"MIT/GPL-3.0-only\"\n"),
        ("strict", "license = \"Apache-2.0 AND GPL-3.0-only\"\n"),
        ("silent", ""),
    ] {
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"1.2.3\"\nedition = \"2024\"\n{licence}"
        );
        write(&elsewhere, &format!("{name}/Cargo.toml"), &manifest);
        write(&elsewhere, &format!("{name}/src/lib.rs"), "//! Vendored.\n");
        let path = elsewhere.path().join(name);
        writeln!(dependencies, "{name} = {{ path = \"{}\" }}", path.display()).unwrap();
    }
    package(&root, "store", &dependencies);

    let findings = licences::check(root.path()).unwrap();
    let mut said: Vec<&str> = findings.iter().map(|finding| finding.what.as_str()).collect();
    said.sort_unstable();
    assert_eq!(
        said,
        [
            "silent 1.2.3: it names no licence",
            "strict 1.2.3: its licence `Apache-2.0 AND GPL-3.0-only` is not allowed",
        ]
    );
    assert!(findings.iter().all(|finding| finding.line > 1), "{findings:?}");
}

#[test]
fn a_finding_says_place_rule_reason_and_remedy() {
    let root = clean();
    source(&root, "fn f() { std::time::Instant::now(); }");
    let text = clock::check(root.path()).unwrap()[0].to_string();
    assert!(text.starts_with("crates/store/src/lib.rs:2: [clock] "), "{text}");
    assert!(text.contains("\n    why:  "), "{text}");
    assert!(text.contains("\n    mend: "), "{text}");
}

#[test]
fn what_rustfmt_would_change_is_a_finding_with_its_line() {
    let root = clean();
    source(&root, "\nfn   f( ) {}\n");
    let findings = commands::format(root.path()).unwrap();
    assert_eq!(places(&findings), ["crates/store/src/lib.rs:1 format"]);
}

#[test]
fn a_benchmark_that_is_a_workspace_of_its_own_is_formatted_too() {
    let root = clean();
    let manifest = "[workspace]\n[package]\nname = \"bench-queue\"\nedition = \"2024\"\n";
    write(&root, "xtask/bench-queue/Cargo.toml", manifest);
    write(&root, "xtask/bench-queue/src/main.rs", "//! Measures.\n\nfn   main( ) {}\n");
    let findings = commands::format(root.path()).unwrap();
    assert_eq!(places(&findings), ["xtask/bench-queue/src/main.rs:1 format"]);
    assert!(findings[0].mend.contains("bench-queue"), "{}", findings[0].mend);
}
