//! What is on the screen, and how figures and keys change it. Pure: no terminal, no clock.

use super::{
    order::{Order, Sort},
    rate::Rates,
};
use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use trueup_api::{
    domain::{name::Owner, status::WorkspaceStatus, usage::Summary},
    wire::{UsageList, UsageSource, WorkspaceUsage},
};

/// The longest that a filter can be; longer than any name.
const LONGEST_FILTER: usize = 130;

/// What is shown.
#[derive(Debug)]
pub(super) struct Board {
    items: Vec<WorkspaceUsage>,
    pub(super) rates: Rates,
    pub(super) source: Option<UsageSource>,
    pub(super) order: Order,
    /// A part of `owner/name` that all rows have.
    pub(super) filter: String,
    /// Whether keys go to the filter.
    pub(super) is_typing: bool,
    /// Whose rows are shown; `None`: everybody's.
    pub(super) owner: Option<Owner>,
    /// Why there are no newer figures.
    pub(super) trouble: Option<String>,
    /// The row that is marked, and the first that is on the screen.
    pub(super) selected: usize,
    pub(super) first: usize,
    /// How many rows the screen had room for, as last drawn.
    pub(super) page: usize,
}

/// What comes of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It goes on.
    Stay,
    /// The user has seen enough.
    End,
}

impl Board {
    /// An empty one.
    pub(super) fn new(by: Sort) -> Self {
        Self {
            items: Vec::new(),
            rates: Rates::default(),
            source: None,
            order: Order { by, is_reversed: false },
            filter: String::new(),
            is_typing: false,
            owner: None,
            trouble: None,
            selected: 0,
            first: 0,
            page: 1,
        }
    }

    /// Takes new figures.
    pub(super) fn take(&mut self, list: UsageList) {
        self.rates.take(&list.items);
        self.items = list.items;
        self.source = Some(list.source);
        self.trouble = None;
        self.arrange();
    }

    /// Takes note that there are none, and why.
    pub(super) fn miss(&mut self, trouble: String) {
        self.trouble = Some(trouble);
    }

    /// The rows in their order.
    pub(super) fn rows(&self) -> Vec<&WorkspaceUsage> {
        self.items.iter().filter(|item| self.takes(item)).collect()
    }

    /// What the rows say together.
    pub(super) fn summary(&self) -> Summary {
        let mut summary = Summary::default();
        for item in self.items.iter().filter(|item| self.takes(item)) {
            let metrics = &item.metrics;
            summary.total_workspaces += 1;
            summary.active_containers += u64::from(item.status == Some(WorkspaceStatus::Active));
            summary.total_cpu_usage += metrics.cpu_percent.unwrap_or_default();
            let memory = metrics.memory_usage.unwrap_or_default();
            summary.total_memory_usage = summary.total_memory_usage.saturating_add(memory);
            let network = [metrics.network_rx_mb, metrics.network_tx_mb];
            summary.total_network_io_mb += network.into_iter().flatten().sum::<f64>();
            summary.last_updated = summary.last_updated.max(metrics.time);
        }
        summary
    }

    /// Keeps the marked row within the rows and on the screen, which has room for so many.
    pub(super) fn fit(&mut self, page: usize) {
        let rows = self.rows().len();
        self.page = page.max(1);
        self.selected = self.selected.min(rows.saturating_sub(1));
        let first = self.first.clamp((self.selected + 1).saturating_sub(self.page), self.selected);
        // No room is left empty below while rows are hidden above.
        self.first = first.min(rows.saturating_sub(self.page));
    }

    /// Does what a key says.
    pub(super) fn handle(&mut self, event: &Event) -> Outcome {
        let Event::Key(key) = event else { return Outcome::Stay };
        if key.kind == KeyEventKind::Release {
            return Outcome::Stay;
        }
        let has_control = key.modifiers.contains(KeyModifiers::CONTROL);
        if has_control && key.code == KeyCode::Char('c') {
            return Outcome::End;
        }
        if self.is_typing {
            self.type_key(key);
            return Outcome::Stay;
        }
        match key.code {
            KeyCode::Char('q') | KeyCode::Esc => return Outcome::End,
            KeyCode::Up | KeyCode::Char('k') => self.move_to(self.selected.saturating_sub(1)),
            KeyCode::Down | KeyCode::Char('j') => self.move_to(self.selected + 1),
            KeyCode::PageUp => self.move_to(self.selected.saturating_sub(self.page)),
            KeyCode::PageDown => self.move_to(self.selected + self.page),
            KeyCode::Home => self.move_to(0),
            KeyCode::End => self.move_to(usize::MAX - 1),
            KeyCode::Char('c') => self.sort_by(Sort::Cpu),
            KeyCode::Char('m') => self.sort_by(Sort::Memory),
            KeyCode::Char('n') => self.sort_by(Sort::Network),
            KeyCode::Char('p') => self.sort_by(Sort::Pids),
            KeyCode::Char('u') => self.sort_by(Sort::Uptime),
            KeyCode::Char('/') => self.is_typing = true,
            KeyCode::Char('o') => self.show_next_owner(),
            _ => {}
        }
        Outcome::Stay
    }

    fn takes(&self, item: &WorkspaceUsage) -> bool {
        self.owner.as_ref().is_none_or(|owner| *owner == item.workspace.owner)
            && (self.filter.is_empty() || item.workspace.to_string().contains(&self.filter))
    }

    fn type_key(&mut self, key: &KeyEvent) {
        match key.code {
            KeyCode::Enter => self.is_typing = false,
            KeyCode::Esc => {
                self.filter.clear();
                self.is_typing = false;
            }
            KeyCode::Backspace => {
                self.filter.pop();
            }
            KeyCode::Char(letter) if self.filter.len() < LONGEST_FILTER => {
                // Names have no other letters.
                self.filter.extend(letter.to_lowercase());
            }
            _ => {}
        }
        self.move_to(self.selected);
    }

    fn move_to(&mut self, row: usize) {
        self.selected = row;
        self.fit(self.page);
    }

    /// The same again turns it round.
    fn sort_by(&mut self, by: Sort) {
        let is_reversed = self.order.by == by && !self.order.is_reversed;
        self.order = Order { by, is_reversed };
        self.arrange();
    }

    /// Shows the next owner's rows; after the last one everybody's.
    fn show_next_owner(&mut self) {
        let mut owners: Vec<_> = self.items.iter().map(|item| &item.workspace.owner).collect();
        owners.sort_unstable();
        let next = owners
            .into_iter()
            .find(|owner| self.owner.as_ref().is_none_or(|present| *owner > present));
        self.owner = next.cloned();
        self.move_to(0);
    }

    fn arrange(&mut self) {
        let (order, rates) = (self.order, &self.rates);
        self.items.sort_by(|one, other| order.compare(one, other, rates));
        self.fit(self.page);
    }
}
