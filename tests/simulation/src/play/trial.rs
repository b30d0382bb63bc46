//! What a world is put through that has come to rest and was judged: another controller that looks at
//! everything once more, and two kills.

use super::Stage;
use crate::{court::Rule, judge, life::RESYNC};
use std::{collections::BTreeMap, time::Duration};
use tokio::time::sleep;
use trueup_engine_sim::{CallKind, EngineAct, HumanAct};

/// How soon an event must have led to a repair when all is well.
const PROMPT: Duration = Duration::from_secs(10);

impl Stage {
    /// A new controller, a pass for everything, and two resyncs: none of it changes anything.
    pub(super) async fn pass_again(&mut self) {
        let before = self.changes_asked();
        self.world.witness.forget_actions();
        self.crash(0).await;
        for id in self.world.shelf.rows().into_keys() {
            self.sync(id);
        }
        sleep(2 * RESYNC).await;
        let mut calls = self.changes_asked();
        calls.retain(|kind, count| before.get(kind) != Some(count));
        if !calls.is_empty() {
            let kinds: Vec<_> = calls.into_keys().collect();
            let actions = self.world.witness.actions();
            let how = format!("a second pass at rest made calls of {kinds:?}, for {actions:?}");
            self.court.accuse(Rule::R2, how);
        }
    }

    /// How often the engine was asked for each kind of change.
    fn changes_asked(&self) -> BTreeMap<CallKind, u64> {
        let mut calls = self.world.sim.counters().calls;
        calls.retain(|kind, _| kind.mutates());
        calls
    }

    /// Two more kills, when all is well: each must be mended at once, the second though the event comes
    /// while nobody listens.
    pub(super) async fn probe(&self) {
        let rows = self.world.shelf.rows();
        let Some(row) = rows.values().find(|row| judge::can_be_probed(row)) else { return };
        let container = trueup_domain::desired::container_name(row);
        self.world.sim.suffer(EngineAct::CutStreams);
        sleep(RESYNC / 2).await;
        for cuts in [false, true] {
            let before = self.starts(&container);
            if cuts {
                self.world.sim.suffer(EngineAct::CutStreams);
            }
            let kill = HumanAct::KillOnHost { container: container.clone() };
            if self.world.sim.act(kill).is_err() {
                return;
            }
            sleep(PROMPT).await;
            if self.starts(&container) <= before {
                let how = format!("{container} is still dead {PROMPT:?} after a kill");
                self.court.accuse(Rule::R1, how);
            }
        }
    }

    /// How many processes the container of that name has had.
    fn starts(&self, container: &str) -> u64 {
        let held = self.world.sim.snapshot().containers;
        let named = held.values().find(|view| view.container.config.name == container);
        named.map_or(0, |view| view.starts)
    }
}
