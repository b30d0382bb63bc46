//! What is on the screen, as text that a reviewer can read, after figures and keys.

use super::{
    board::{Board, Outcome},
    column::fitting,
    draw::draw,
    order::{Order, Sort, sort},
    rate::Rates,
};
use crate::render::sample_metrics;
use jiff::Timestamp;
use ratatui::{
    Terminal,
    backend::TestBackend,
    crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers},
};
use serde_json::{Value, json};
use trueup_api::wire::UsageList;

fn now() -> Timestamp {
    "2026-11-22T10:05:00Z".parse().unwrap()
}

fn item(owner: &str, name: &str, metrics: &Value) -> Value {
    let id = owner.bytes().chain(name.bytes()).map(u64::from).sum::<u64>();
    let status = if metrics.get("pids").is_some() { "active" } else { "inactive" };
    json!({
        "workspaceId": format!("{id:032x}"), "workspace": {"owner": owner, "name": name},
        "status": status, "phase": "Running", "metrics": metrics,
    })
}

fn list(items: &[Value]) -> UsageList {
    serde_json::from_value(json!({
        "items": items,
        "summary": {"total_workspaces": 0, "active_containers": 0, "total_cpu_usage": 0.0,
                    "total_memory_usage": 0, "total_network_io_mb": 0.0},
        "source": {"kind": "engine_stats", "why": "the engine is on another host"},
    }))
    .unwrap()
}

/// Three that run and one that does not, at two times ten seconds apart.
fn lists() -> [UsageList; 2] {
    let metrics = |cpu, memory: u64, time: &str, rx: f64| {
        let mut metrics = sample_metrics(cpu);
        metrics["memory_usage"] = json!(memory << 20);
        metrics["time"] = json!(time);
        metrics["network_rx_mb"] = json!(rx);
        metrics
    };
    let at = |time: &str, more: f64| {
        list(&[
            item("alice", "db", &metrics(0.5, 500, time, 1.5)),
            item("alice", "web", &metrics(150.25, 100, time, 1.5 + more)),
            item("bob", "a-name-that-is-much-too-long-for-it", &metrics(3.0, 7, time, 1.5)),
            item("bob", "off", &json!({"error_count": 3})),
        ])
    };
    [at("2026-11-22T10:04:47Z", 0.0), at("2026-11-22T10:04:57Z", 2.5)]
}

fn board() -> Board {
    let mut board = Board::new(Sort::Cpu);
    for list in lists() {
        board.take(list);
    }
    board
}

fn press(board: &mut Board, keys: &str) {
    for letter in keys.chars() {
        let code = match letter {
            '\n' => KeyCode::Enter,
            '\u{1b}' => KeyCode::Esc,
            '\u{8}' => KeyCode::Backspace,
            '↓' => KeyCode::Down,
            '↑' => KeyCode::Up,
            '⇓' => KeyCode::PageDown,
            '⇑' => KeyCode::PageUp,
            letter => KeyCode::Char(letter),
        };
        let key = Event::Key(KeyEvent::new(code, KeyModifiers::NONE));
        assert_eq!(board.handle(&key), Outcome::Stay, "{letter}");
    }
}

fn screen(board: &mut Board, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, board, now())).unwrap();
    terminal.backend().to_string()
}

fn names(board: &Board) -> Vec<String> {
    board.rows().iter().map(|item| item.workspace.name.as_str().chars().take(6).collect()).collect()
}

#[test]
fn a_wide_screen_has_all_columns_and_rates_once_two_figures_were_seen() {
    insta::assert_snapshot!(screen(&mut board(), 100, 9));
}

#[test]
fn a_screen_of_80_columns_has_what_matters_most() {
    insta::assert_snapshot!(screen(&mut board(), 80, 9));
}

#[test]
fn columns_go_one_by_one_where_there_is_no_room() {
    let full = fitting(1000).len();
    let mut before = full;
    for width in (0..120).rev() {
        let columns = fitting(width);
        assert!(before - columns.len() <= 1, "{width}");
        before = columns.len();
    }
    assert_eq!(before, 3, "name, CPU and memory stay");
    // Nothing panics where there is hardly a screen.
    for (width, height) in [(1, 1), (3, 2), (20, 3), (20, 4), (200, 1)] {
        screen(&mut board(), width, height);
    }
}

#[test]
fn an_empty_board_says_that_nothing_was_read() {
    insta::assert_snapshot!(screen(&mut Board::new(Sort::Memory), 80, 5));
}

#[test]
fn before_the_second_figure_no_rate_is_made_up() {
    let [first, _] = lists();
    let mut board = Board::new(Sort::Network);
    board.take(first.clone());
    board.take(first);
    assert!(board.rates.is_empty());
    let web = board.rows().into_iter().find(|row| row.workspace.name.as_str() == "web").unwrap();
    assert_eq!(board.rates.of(web.workspace_id), None);
}

#[test]
fn a_container_that_began_anew_has_no_rate_until_it_has_two_figures() {
    let [first, second] = lists();
    let id = second.items[1].workspace_id;
    let mut rates = Rates::default();
    rates.take(&first.items);
    rates.take(&second.items);
    assert_eq!(rates.of(id).map(|rate| (rate.rx, rate.tx)), Some((250_000.0, 0.0)));
    // The same figures again change nothing.
    rates.take(&second.items);
    assert!(rates.of(id).is_some());
    let mut third = second.clone();
    third.items[1].metrics.time = Some(now());
    third.items[1].metrics.network_rx_mb = Some(0.1);
    rates.take(&third.items);
    assert_eq!(rates.of(id), None);
    rates.take(&[]);
    assert!(rates.is_empty());
}

#[test]
fn keys_sort_and_the_same_key_again_turns_it_round() {
    let mut board = board();
    assert_eq!(names(&board), ["web", "a-name", "db", "off"]);
    press(&mut board, "c");
    assert_eq!(names(&board), ["db", "a-name", "web", "off"], "what has no figure stays last");
    press(&mut board, "m");
    assert_eq!(names(&board), ["db", "web", "a-name", "off"]);
    press(&mut board, "n");
    assert_eq!(names(&board)[0], "web");
    press(&mut board, "p");
    assert_eq!(names(&board), ["db", "web", "a-name", "off"], "equals come by owner and name");
    press(&mut board, "u");
    assert_eq!(board.order, Order { by: Sort::Uptime, is_reversed: false });
    press(&mut board, "u");
    assert_eq!(board.order, Order { by: Sort::Uptime, is_reversed: true });
}

#[test]
fn a_plain_table_is_sorted_in_the_same_way_and_by_name() {
    let [mut list, _] = lists();
    let mut sorted = |by| {
        sort(&mut list.items, by);
        list.items.iter().map(|item| item.workspace.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(sorted(Sort::Cpu)[0], "web");
    assert_eq!(sorted(Sort::Memory)[0], "db");
    assert_eq!(sorted(Sort::Name)[1..], ["db", "off", "web"]);
}

#[test]
fn a_filter_is_typed_kept_and_dropped() {
    let mut board = board();
    press(&mut board, "/Bob/q");
    insta::assert_snapshot!(screen(&mut board, 80, 6));
    press(&mut board, "\u{8}o\n");
    assert_eq!(names(&board), ["off"]);
    assert_eq!(board.summary().total_workspaces, 1);
    assert!(screen(&mut board, 80, 6).contains("filter bob/o"));
    press(&mut board, "/\u{1b}");
    assert_eq!(names(&board).len(), 4);
}

#[test]
fn owners_are_shown_one_after_the_other_and_then_all() {
    let mut board = board();
    let mut shown = || {
        press(&mut board, "o");
        (board.owner.as_ref().map(ToString::to_string), names(&board).len())
    };
    assert_eq!(shown(), (Some("alice".to_owned()), 2));
    assert_eq!(shown(), (Some("bob".to_owned()), 2));
    assert_eq!(shown(), (None, 4));
}

#[test]
fn the_marked_row_is_always_on_the_screen() {
    let mut board = board();
    // Three lines of rows of which one is the titles'.
    let mut shown = |keys: &str| {
        press(&mut board, keys);
        screen(&mut board, 80, 6);
        (board.selected, board.first)
    };
    assert_eq!(shown(""), (0, 0));
    assert_eq!(shown("↓↓"), (2, 1));
    assert_eq!(shown("↑"), (1, 1));
    assert_eq!(shown("⇓"), (3, 2));
    assert_eq!(shown("↓↓"), (3, 2), "there is nothing below");
    assert_eq!(shown("⇑⇑"), (0, 0));
    assert_eq!(shown("⇓⇓/alice\n"), (1, 0), "and there are fewer rows");
}

#[test]
fn a_controller_that_is_away_is_said_to_be_over_the_last_figures() {
    let mut board = board();
    board.miss("cannot reach trueup at unix:///run/t.sock\n\u{1b}[2J".to_owned());
    insta::assert_snapshot!(screen(&mut board, 80, 7));
    let [_, list] = lists();
    board.take(list);
    assert!(!screen(&mut board, 80, 7).contains("trying again"));
}

#[test]
fn it_ends_with_q_esc_or_ctrl_c_but_not_while_a_filter_is_typed() {
    let key = |code, modifiers| Event::Key(KeyEvent::new(code, modifiers));
    let control_c = key(KeyCode::Char('c'), KeyModifiers::CONTROL);
    for event in [
        key(KeyCode::Char('q'), KeyModifiers::NONE),
        key(KeyCode::Esc, KeyModifiers::NONE),
        control_c.clone(),
    ] {
        assert_eq!(board().handle(&event), Outcome::End, "{event:?}");
    }
    let mut typing = board();
    press(&mut typing, "/q\u{1b}/");
    assert_eq!(typing.handle(&control_c), Outcome::End);
}
