//! Changes of a container in place: freezing, names and limits.

use super::{
    Model,
    create::name_taken,
    ending::Cause,
    refusal::{Refusal, Why},
    request::Limits,
};
use trueup_domain::{
    container::{ContainerState, HealthState},
    id::ContainerId,
    quantity::{Cpus, Memory},
};

impl Model {
    /// Freezes all its processes.
    ///
    /// # Errors
    /// 409 for one that does not run or is frozen already.
    pub fn pause(&mut self, name: &str) -> Result<(), Refusal> {
        let held = self.find_mut(name)?;
        let id = held.body.id.clone();
        let refuse =
            |why, words: &str| Err(Refusal::new(409, why, format!("Container {id} is {words}")));
        match held.body.state {
            ContainerState::Running => {}
            ContainerState::Paused => return refuse(Why::AlreadySo, "already paused"),
            ContainerState::Restarting => {
                return refuse(Why::WrongState, "restarting, wait until the container is running");
            }
            _ => return refuse(Why::WrongState, "not running"),
        }
        held.set_state(ContainerState::Paused);
        // The engine says so of whatever has no monitor any more.
        held.body.health = held.body.health.map(|_| HealthState::Unhealthy);
        self.book.changed();
        self.tell_of(&id, "pause");
        Ok(())
    }

    /// Lets its processes go on.
    ///
    /// # Errors
    /// 500 for one that is not frozen.
    pub fn unpause(&mut self, name: &str) -> Result<(), Refusal> {
        let held = self.find(name)?;
        let id = held.body.id.clone();
        if held.body.state != ContainerState::Paused {
            let message = format!("Container {id} is not paused");
            return Err(Refusal::new(500, Why::AlreadySo, message));
        }
        self.book.changed();
        self.thaw(&id);
        Ok(())
    }

    /// Lets a frozen process go on, or end, if its end fell into the pause.
    pub(super) fn thaw(&mut self, id: &ContainerId) {
        let Some(held) = self.containers.get_mut(id) else { return };
        held.set_state(ContainerState::Running);
        let process = held.process.as_mut();
        let number = process.as_ref().map(|process| process.number);
        let ended: Option<Cause> = process.and_then(|process| process.held_back.take());
        self.tell_of(id, "unpause");
        match (ended, number) {
            (Some(cause), _) => self.end(id, cause),
            (None, Some(number)) => self.plan_verdicts(id, number),
            (None, None) => {}
        }
    }

    /// Gives it another name.
    ///
    /// # Errors
    /// 409 when another has that name; 400 when it is its own.
    pub fn rename(&mut self, name: &str, to: &str) -> Result<(), Refusal> {
        let id = self.id_of(name)?;
        let held = self.find(id.as_str())?;
        let old = held.body.config.name.clone();
        if old == to {
            let words = "Renaming a container with the same name as its current name";
            return Err(Refusal::new(400, Why::AlreadySo, words));
        }
        if let Some(holder) = self.names.get(to) {
            return Err(name_taken(to, holder));
        }
        self.names.remove(&old);
        self.names.insert(to.to_owned(), id.clone());
        to.clone_into(&mut self.find_mut(id.as_str())?.body.config.name);
        self.book.changed();
        self.tell_of(&id, "rename");
        Ok(())
    }

    /// Changes its limits; zero means no change.
    ///
    /// # Errors
    /// 409 for more memory than memory and swap together, and for one on its way out.
    pub fn update(&mut self, name: &str, limits: Limits) -> Result<(), Refusal> {
        let held = self.find_mut(name)?;
        let id = held.body.id.clone();
        let refuse = |words: &str| {
            let message = format!("Cannot update container {id}: {words}");
            Err(Refusal::new(409, Why::WrongState, message))
        };
        if matches!(held.body.state, ContainerState::Removing | ContainerState::Dead) {
            return refuse("Container is marked for removal and cannot be \"update\".");
        }
        let signed = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
        let together = if limits.memory_swap == 0 { held.memory_swap } else { limits.memory_swap };
        if limits.memory > 0 && together >= 0 && together < signed(limits.memory) {
            return refuse(
                "Memory limit should be smaller than already set memoryswap limit, update the \
                 memoryswap at the same time",
            );
        }
        held.memory_swap = together;
        let config = &mut held.body.config;
        if limits.cpu_millis > 0 {
            config.resources.cpus = Cpus::from_millis(limits.cpu_millis);
        }
        if limits.memory > 0 {
            config.resources.memory = Memory::from_bytes(limits.memory);
        }
        if limits.pids > 0 {
            config.resources.pids = limits.pids;
        }
        config.swap = together < 0 || together > signed(config.resources.memory.bytes());
        config.restart = limits.restart.unwrap_or(config.restart);
        self.book.changed();
        self.tell_of(&id, "update");
        Ok(())
    }
}
