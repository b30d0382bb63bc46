//! What the command line accepts, and what it refuses before anything is asked of anyone.

use super::*;
use crate::waiting::Goal;
use clap::{CommandFactory, error::ErrorKind};
use trueup_api::domain::status::Phase;

fn parse(line: &str) -> Result<Arguments, clap::Error> {
    Arguments::try_parse_from(line.split_whitespace())
}

fn refusal(line: &str) -> ErrorKind {
    parse(line).expect_err(line).kind()
}

#[test]
fn the_grammar_is_sound() {
    Arguments::command().debug_assert();
}

#[test]
fn global_options_are_taken_anywhere() {
    for line in [
        "trueup --owner alice --host http://127.0.0.1:1 get",
        "trueup get --owner alice --host http://127.0.0.1:1",
    ] {
        let global = parse(line).unwrap().global;
        assert_eq!(global.owner.unwrap().as_str(), "alice");
        assert_eq!(global.host, Some(Address::Http("http://127.0.0.1:1".to_owned())));
    }
}

#[test]
fn a_bad_name_is_a_matter_of_usage() {
    for line in ["trueup get Bad", "trueup describe a/b/c", "trueup --owner A get"] {
        assert_eq!(refusal(line), ErrorKind::ValueValidation, "{line}");
    }
}

#[test]
fn what_is_to_be_deleted_must_be_said_in_one_way() {
    assert_eq!(refusal("trueup delete"), ErrorKind::MissingRequiredArgument);
    for line in
        ["trueup delete web --all", "trueup delete web -f x.yaml", "trueup delete --all -f x"]
    {
        assert_eq!(refusal(line), ErrorKind::ArgumentConflict, "{line}");
    }
    for line in ["trueup delete a b/c", "trueup delete -f a -f b", "trueup delete --all --volumes"]
    {
        parse(line).unwrap();
    }
}

#[test]
fn deleting_waits_unless_told_otherwise_and_the_last_word_counts() {
    let no_wait = |line| match parse(line).unwrap().command {
        Command::Delete(delete) => delete.waiting.no_wait,
        _ => panic!("not a delete"),
    };
    assert!(!no_wait("trueup delete a"));
    assert!(no_wait("trueup delete a --no-wait"));
    assert!(!no_wait("trueup delete a --no-wait --wait"));
}

#[test]
fn a_goal_is_ready_deleted_or_a_phase() {
    let goal = |line| match parse(line).unwrap().command {
        Command::Wait(wait) => wait.goal,
        _ => panic!("not a wait"),
    };
    assert_eq!(goal("trueup wait a"), Goal::Ready);
    assert_eq!(goal("trueup wait a --for deleted"), Goal::Deleted);
    assert_eq!(goal("trueup wait a --for phase=crashloop"), Goal::Phase(Phase::CrashLoop));
    assert_eq!(refusal("trueup wait a --for phase=Sleeping"), ErrorKind::ValueValidation);
    assert_eq!(refusal("trueup wait a --for soon"), ErrorKind::ValueValidation);
}

#[test]
fn files_are_required_where_there_is_nothing_else_to_read() {
    for line in ["trueup apply", "trueup validate"] {
        assert_eq!(refusal(line), ErrorKind::MissingRequiredArgument, "{line}");
    }
}

#[test]
fn the_help_lists_every_exit_code() {
    let help = Arguments::command().render_help().to_string();
    for code in (0..=7).chain([130]) {
        assert!(help.contains(&format!("\n{code:>3}  ")), "{code} in\n{help}");
    }
}

#[test]
fn a_range_of_time_is_of_one_workspace_and_a_group_is_of_all() {
    for line in ["trueup usage --since 2h", "trueup usage --until 1m", "trueup usage --step 1m"] {
        assert_eq!(refusal(line), ErrorKind::MissingRequiredArgument, "{line}");
    }
    for line in ["trueup usage web --by owner", "trueup usage web -l a=b"] {
        assert_eq!(refusal(line), ErrorKind::ArgumentConflict, "{line}");
    }
    for line in [
        "trueup usage web --since yesterday",
        "trueup usage web --step 1",
        "trueup usage --by phase",
        "trueup usage --by label:",
        "trueup top --interval 10ms",
    ] {
        assert_eq!(refusal(line), ErrorKind::ValueValidation, "{line}");
    }
    for line in [
        "trueup usage",
        "trueup usage --by label:team -l a=b",
        "trueup usage web --since 2026-11-22T10:00:00Z --until 5m --step 1m",
        "trueup top --sort memory --interval 1s --once",
    ] {
        parse(line).unwrap();
    }
}
