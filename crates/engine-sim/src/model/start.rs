//! Starting containers, and what a start is refused for.

use super::{
    Model,
    agenda::Due,
    container::{Held, Process},
    ending::Cause,
    program::{Ending, Program},
    refusal::{Refusal, Why},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use trueup_domain::{
    container::{Container, ContainerState, HealthState, PortBinding},
    id::{ContainerId, NetworkId},
};

/// How long an init takes to find that it cannot run the command.
const INIT_GIVES_UP: Duration = Duration::from_millis(5);

impl Model {
    /// Starts a container; one that runs already is fine.
    ///
    /// # Errors
    /// 409 for one that is paused or on its way out; 404 when its network is gone; 500 when a port is
    /// taken; 400 when the command does not exist. A refused start tells no event, and the state stays
    /// what it was.
    pub fn start(&mut self, name: &str) -> Result<(), Refusal> {
        let id = self.id_of(name)?;
        if self.may_start(&id)? {
            self.find_mut(id.as_str())?.in_a_row = 0;
            self.launch(&id)?;
        }
        Ok(())
    }

    /// Whether there is something to start.
    fn may_start(&self, id: &ContainerId) -> Result<bool, Refusal> {
        let refuse = |words| Err(Refusal::new(409, Why::WrongState, words));
        match self.find(id.as_str())?.body.state {
            ContainerState::Created | ContainerState::Exited => Ok(true),
            ContainerState::Running | ContainerState::Restarting => Ok(false),
            ContainerState::Paused => {
                refuse("cannot start a paused container, try unpause instead")
            }
            ContainerState::Removing | ContainerState::Dead => {
                refuse("container is marked for removal and cannot be started")
            }
        }
    }

    /// Runs its program.
    pub(super) fn launch(&mut self, id: &ContainerId) -> Result<(), Refusal> {
        let config = self.find(id.as_str())?.body.config.clone();
        let program = self.programs.find(&config.name, config.command.as_deref(), &config.image);
        let prepared = self.prepare(id, program);
        let number = self.book.next_process();
        let now = self.clock();
        let held = self.find_mut(id.as_str())?;
        let (endpoints, published) = match prepared {
            Ok(prepared) => prepared,
            Err(refusal) => {
                remember_failure(&mut held.body, &refusal);
                return Err(refusal);
            }
        };
        held.endpoints = endpoints;
        held.process = Some(Process { number, program, held_back: None, stopping: false });
        held.starts += 1;
        held.ended_by_hand = false;
        held.set_state(ContainerState::Running);
        let body = &mut held.body;
        body.published = published;
        body.started_at = Some(now);
        (body.exit_code, body.error, body.oom_killed) = (None, None, false);
        body.health = config.health.as_ref().map(|_| HealthState::Starting);
        self.book.changed();
        self.tell_of(id, "start");
        self.plan_end(id, number, program);
        self.plan_verdicts(id, number);
        Ok(())
    }

    /// Everything that a start can be refused for, in the engine's order.
    fn prepare(&self, id: &ContainerId, program: Program) -> Result<Prepared, Refusal> {
        let held = self.find(id.as_str())?;
        let config = &held.body.config;
        self.check_folders(config)?;
        let endpoints = self.resolve(held)?;
        let published = self.bind_ports(id, config)?;
        if program.ending == Ending::CannotRun && !config.init {
            let word = config.command.iter().flatten().next().map_or("", String::as_str);
            let message = format!(
                "failed to create shim task: OCI runtime create failed: runc create failed: unable to \
                 start container process: exec: \"{word}\": executable file not found in $PATH: unknown"
            );
            return Err(Refusal::new(400, Why::CommandInvalid, message));
        }
        Ok((endpoints, published))
    }

    /// A network that it was attached to is looked for by its id, others by name.
    fn resolve(&self, held: &Held) -> Result<BTreeMap<String, Option<NetworkId>>, Refusal> {
        let find = |(name, known): (&String, &Option<NetworkId>)| {
            let wanted = known.as_ref().map_or(name.as_str(), NetworkId::as_str);
            let found =
                self.network(wanted).map(|network| (name.clone(), Some(network.id.clone())));
            found.map_err(|_| {
                Refusal::new(404, Why::NetworkMissing, format!("network {wanted} not found"))
            })
        };
        held.endpoints.iter().map(find).collect()
    }

    fn plan_end(&mut self, id: &ContainerId, process: u64, program: Program) {
        let (after, cause) = match program.ending {
            Ending::Never => return,
            Ending::Exits { code, after } => (after, Cause::Exit(code)),
            Ending::OutOfMemory { after } => (after, Cause::OutOfMemory),
            Ending::CannotRun => (INIT_GIVES_UP, Cause::InitGaveUp),
        };
        self.plan_in(after, Due::End { container: id.clone(), process, cause });
    }
}

/// What a start found: the networks with their ids, and the ports.
type Prepared = (BTreeMap<String, Option<NetworkId>>, BTreeSet<PortBinding>);

/// What the engine keeps of a start that failed; one that never ran shows no code.
fn remember_failure(body: &mut Container, refusal: &Refusal) {
    body.error = Some(refusal.message.clone());
    if body.state == ContainerState::Exited {
        body.exit_code = match (refusal.why, body.exit_code) {
            (Why::CommandInvalid, _) => Some(127),
            (_, Some(0)) => Some(128),
            (_, code) => code,
        };
    }
}
