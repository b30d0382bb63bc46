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
fn burn_takes_thousandths_of_a_core() {
    let share = |text: &str| text.parse::<Share>().ok();
    for (text, thousandths) in
        [("0.25", 250), ("1", 1_000), ("2", 2_000), ("1.5", 1_500), ("0.007", 7)]
    {
        assert_eq!(share(text), Some(Share(thousandths)), "{text}");
    }
    for bad in ["", ".", "1.", ".5", "-1", "+1", "0.0001", "1e3", "1.+5", "5000", "many"] {
        assert_eq!(share(bad), None, "{bad}");
    }
}

#[test]
fn traffic_and_page_cache_are_of_a_known_size() {
    assert_eq!(
        steps("receive 9000 cache /tmp/f 200 send 172.17.0.2:9000 5000000"),
        [
            Step::Receive { port: 9000 },
            Step::Cache { file: "/tmp/f".into(), mebibytes: 200 },
            Step::Send { to: "172.17.0.2:9000".parse().unwrap(), bytes: 5_000_000 },
        ]
    );
}

#[test]
fn steps_compose_from_left_to_right() {
    assert_eq!(
        steps("write /tmp/ok yes hold 64 burn 2 serve 8080 echo ready env health /tmp/ok"),
        [
            Step::Write { file: "/tmp/ok".into(), text: "yes".into() },
            Step::Hold { mebibytes: 64 },
            Step::Burn { share: Share(2_000) },
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
    assert!(steps("burn 1 hold 1 serve 1 receive 1").iter().all(Step::is_background));
    assert!(
        !steps("sleep 1 exit 0 write a b echo c env cache f 1 send 1.2.3.4:5 6")
            .iter()
            .any(Step::is_background)
    );
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
    assert_eq!(text("burn much"), "`burn` needs a number of cores, not `much`");
    assert_eq!(text("send web:80 1"), "`send` needs an address and a port, not `web:80`");
    assert_eq!(text("cache /tmp/a"), "`cache` needs a number of MiB");
    assert_eq!(text("serve 70000"), "`serve` needs a port, not `70000`");
}
