//! Removing containers: it takes a while, one at a time, and may go wrong.

use super::{
    Model,
    agenda::Due,
    desk::Wait,
    refusal::{Refusal, Why},
    request::Answer,
    view::Thing,
};
use crate::options::between;
use trueup_domain::{container::ContainerState, id::ContainerId};

impl Model {
    /// Begins to remove a container, after killing it if `force` says so. Its named volumes stay. It is
    /// over when the answer comes.
    ///
    /// # Errors
    /// 404 when it is gone; 409 when it runs and there is no force, or when it is being removed.
    pub fn remove(&mut self, name: &str, force: bool) -> Result<ContainerId, Refusal> {
        let id = self.id_of(name)?;
        let by = self.book.by;
        let held = self.find_mut(id.as_str())?;
        if held.removal.is_some() {
            let message = format!("removal of container {name} is already in progress");
            return Err(Refusal::new(409, Why::Busy, message));
        }
        let refuse = |words: String| Err(Refusal::new(409, Why::WrongState, words));
        if held.body.state.has_process() && !force {
            return refuse(if held.body.state == ContainerState::Paused {
                format!(
                    "You cannot remove a paused container {id}. Unpause and then stop the container before attempting removal or force remove"
                )
            } else {
                format!(
                    "You cannot remove a running container {id}. Stop the container before attempting removal or force remove"
                )
            });
        }
        held.removal = Some(by);
        held.ended_by_hand = true;
        let process = held.process.as_ref().map(|process| process.number);
        self.book.changed();
        if let Some(process) = process {
            self.tell_of(&id, "kill");
            self.kill_soon(&id, process);
        } else {
            self.go_on_removing(&id);
        }
        Ok(id)
    }

    /// Makes the next removal of the container go wrong: it is left dead.
    pub fn make_cling(&mut self, name: &str) -> Result<(), Refusal> {
        self.find_mut(name)?.clings = true;
        Ok(())
    }

    /// What comes after its process is gone, if it is to be removed.
    pub(super) fn go_on_removing(&mut self, id: &ContainerId) {
        let Some(held) = self.containers.get_mut(id).filter(|held| held.removal.is_some()) else {
            return;
        };
        held.set_state(ContainerState::Removing);
        let after = between(&self.tempo.removal, &mut self.rng);
        self.plan_in(after, Due::Removed { container: id.clone() });
    }

    pub(super) fn finish_removal(&mut self, id: &ContainerId) {
        let Some(held) = self.containers.get_mut(id) else { return };
        if std::mem::take(&mut held.clings) {
            self.leave_dead(id);
            let message = format!(
                "container {id}: driver \"overlay2\" failed to remove root filesystem: device or resource busy"
            );
            let refusal = Refusal::new(500, Why::Fault, message);
            self.settle(&Wait::Removal(id.clone()), &Err(refusal));
            return;
        }
        let by = held.removal.unwrap_or(self.book.by);
        let name = held.body.config.name.clone();
        self.tell_of(id, "destroy");
        self.containers.remove(id);
        self.names.remove(&name);
        self.book.removed(self.uptime, by, Thing::Container { id: id.clone(), name });
        self.settle(&Wait::Removal(id.clone()), &Ok(Answer::Done));
    }

    /// A removal that ended in its middle.
    pub(super) fn leave_dead(&mut self, id: &ContainerId) {
        if let Some(held) = self.containers.get_mut(id) {
            held.removal = None;
            held.set_state(ContainerState::Dead);
        }
    }
}
