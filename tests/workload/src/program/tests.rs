//! The argument language: what each word needs, how words compose, and what is refused.

use super::*;

fn parsed(line: &str) -> Result<Program, Error> {
    let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    parse(&words)
}

fn steps(line: &str) -> Vec<Step> {
    parsed(line).unwrap().steps
}

#[test]
fn sleep_without_a_number_lasts_until_term() {
    assert_eq!(steps("sleep"), [Step::SleepForever]);
    assert_eq!(steps("sleep infinity"), [Step::SleepForever]);
}

#[test]
fn sleep_takes_fractions_of_a_second() {
    assert_eq!(steps("sleep 0.25"), [Step::Sleep(Duration::from_millis(250))]);
}

#[test]
fn sleep_leaves_the_word_that_starts_the_next_step() {
    assert_eq!(
        steps("sleep exit 3"),
        [Step::SleepForever, Step::Exit { code: 3, after: Duration::ZERO }]
    );
}

#[test]
fn exit_takes_a_delay() {
    assert_eq!(
        steps("exit 7 --after 1.5"),
        [Step::Exit { code: 7, after: Duration::from_millis(1_500) }]
    );
}

#[test]
fn steps_compose_from_left_to_right() {
    assert_eq!(
        steps("write /tmp/ok yes hold 64 burn 2 serve 8080 echo ready env health /tmp/ok"),
        [
            Step::Write { file: "/tmp/ok".into(), text: "yes".into() },
            Step::Hold { mebibytes: 64 },
            Step::Burn { cores: 2 },
            Step::Serve { port: 8080 },
            Step::Echo { text: "ready".into() },
            Step::Env,
            Step::Health { file: "/tmp/ok".into() },
        ]
    );
}

#[test]
fn term_is_ignored_only_when_asked_for_wherever_the_option_stands() {
    assert!(!parsed("sleep").unwrap().ignore_term);
    assert!(parsed("--ignore-term sleep").unwrap().ignore_term);
    assert!(parsed("sleep --ignore-term").unwrap().ignore_term);
}

#[test]
fn only_steps_that_go_on_by_themselves_are_in_the_background() {
    assert!(steps("burn 1 hold 1 serve 1").iter().all(Step::is_background));
    assert!(!steps("sleep 1 exit 0 write a b echo c env").iter().any(Step::is_background));
}

#[test]
fn no_arguments_are_refused() {
    assert_eq!(parsed(""), Err(Error::Empty));
    assert_eq!(parsed("--ignore-term"), Err(Error::Empty));
}

#[test]
fn an_unknown_word_is_named_in_the_refusal() {
    assert_eq!(parsed("slep 3"), Err(Error::UnknownWord("slep".into())));
}

#[test]
fn a_missing_or_bad_value_says_what_the_step_needs() {
    let text = |line: &str| parsed(line).unwrap_err().to_string();
    assert_eq!(text("exit"), "`exit` needs a code from 0 to 255");
    assert_eq!(text("exit 300"), "`exit` needs a code from 0 to 255, not `300`");
    assert_eq!(text("exit 1 --after soon"), "`exit` needs a number of seconds, not `soon`");
    assert_eq!(text("write /tmp/a"), "`write` needs a text");
    assert_eq!(text("serve 70000"), "`serve` needs a port, not `70000`");
}
