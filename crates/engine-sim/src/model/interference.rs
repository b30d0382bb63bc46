//! What happens to the engine from outside of its interface, or behind our back.

use super::{Image, Model, NetworkRequest, Refusal, ending::Cause, refusal::Why, view::By};
use crate::{
    fault::{EngineAct, Happening},
    human::HumanAct,
};
use std::collections::{BTreeMap, BTreeSet};
use trueup_domain::{
    container::{ContainerConfig, NetworkMode},
    id::ImageId,
};

impl Model {
    /// Does what somebody does behind our back.
    ///
    /// # Errors
    /// What the engine says to it; nothing was done then. While the engine is down it says nothing but
    /// that.
    fn act(&mut self, act: &HumanAct) -> Result<(), Refusal> {
        let needs_engine = !matches!(
            act,
            HumanAct::KillOnHost { .. }
                | HumanAct::Exit { .. }
                | HumanAct::OutOfMemory { .. }
                | HumanAct::HoldPort { .. }
                | HumanAct::Folder { .. }
        );
        if needs_engine && self.is_down() {
            return Err(Refusal::new(503, Why::Fault, "the engine is down"));
        }
        self.book.by = By::Human;
        match act {
            HumanAct::KillOnHost { container } => self.end_from_outside(container, Cause::Kill),
            HumanAct::Exit { container, code } => {
                self.end_from_outside(container, Cause::Exit(*code))
            }
            HumanAct::OutOfMemory { container } => {
                self.end_from_outside(container, Cause::OutOfMemory)
            }
            HumanAct::Stranger { config, start } => self.make_stranger(config, *start),
            HumanAct::CommitCopy { container, image, copy } => {
                self.commit_copy(container, image, copy)
            }
            HumanAct::HoldPort { port, held } => {
                self.set_port_taken(*port, *held);
                Ok(())
            }
            HumanAct::Folder { path, is_there } => {
                self.set_folder(path, *is_there);
                Ok(())
            }
            HumanAct::RemoveImage { image } => self.remove_image(image),
            HumanAct::MakeNetwork { .. }
            | HumanAct::RemoveNetwork { .. }
            | HumanAct::MakeVolume { .. }
            | HumanAct::RemoveVolume { .. }
            | HumanAct::Connect { .. }
            | HumanAct::Disconnect { .. } => self.act_on_surroundings(act),
            _ => self.act_on_container(act),
        }
    }

    fn act_on_container(&mut self, act: &HumanAct) -> Result<(), Refusal> {
        match act {
            HumanAct::Stop { container, grace } => self.stop(container, *grace).map(|_| ()),
            HumanAct::Kill { container } => self.kill(container).map(|_| ()),
            HumanAct::Start { container } => self.start(container),
            HumanAct::Remove { container } => self.remove(container, true).map(|_| ()),
            HumanAct::Pause { container } => self.pause(container),
            HumanAct::Unpause { container } => self.unpause(container),
            HumanAct::Rename { container, to } => self.rename(container, to),
            HumanAct::Update { container, limits } => self.update(container, *limits),
            _ => Ok(()),
        }
    }

    fn act_on_surroundings(&mut self, act: &HumanAct) -> Result<(), Refusal> {
        match act {
            HumanAct::MakeNetwork { network, labels } => {
                let (name, labels) = (network.clone(), labels.clone());
                let request = NetworkRequest { name, labels, ..NetworkRequest::default() };
                self.create_network(request).map(|_| ())
            }
            HumanAct::RemoveNetwork { network } => self.remove_network(network),
            HumanAct::MakeVolume { volume, labels } => {
                self.create_volume(volume, labels.clone());
                Ok(())
            }
            HumanAct::RemoveVolume { volume } => self.remove_volume(volume),
            HumanAct::Connect { container, network } => self.connect(network, container),
            HumanAct::Disconnect { container, network } => self.disconnect(network, container),
            _ => Ok(()),
        }
    }

    /// Lets something happen now, and writes it down.
    ///
    /// # Errors
    /// What the engine says to an act that it refuses; nothing was done then.
    pub fn interfere(&mut self, happening: &Happening) -> Result<(), Refusal> {
        self.note(happening.to_string());
        let outcome = match happening {
            Happening::Human(act) => self.act(act),
            Happening::Engine(act) => {
                self.undergo(act);
                Ok(())
            }
        };
        if let Err(refusal) = &outcome {
            self.note(format!("  refused: {refusal}"));
        }
        outcome
    }

    fn undergo(&mut self, act: &EngineAct) {
        match act {
            EngineAct::Away { length } => self.go_out_of_reach(*length),
            EngineAct::Restart { length, live_restore } => self.restart(*length, *live_restore),
            EngineAct::JumpClock { by } => self.jump_clock(*by),
            EngineAct::CutStreams => {
                self.events.cut();
                self.stirred = true;
            }
            EngineAct::Noise { events } => self.make_noise(*events),
        }
    }

    fn end_from_outside(&mut self, container: &str, cause: Cause) -> Result<(), Refusal> {
        let held = self.find(container)?;
        let id = held.body.id.clone();
        let Some(number) = held.process.as_ref().map(|process| process.number) else {
            let message = format!("no process of {container}");
            return Err(Refusal::new(409, Why::WrongState, message));
        };
        self.end_if_current(&id, number, cause);
        Ok(())
    }

    fn make_stranger(&mut self, config: &ContainerConfig, start: bool) -> Result<(), Refusal> {
        let id = self.create(config)?;
        if start { self.start(id.as_str()) } else { Ok(()) }
    }

    /// `docker commit`: an image that gives its containers all that this one has.
    pub fn commit(&mut self, container: &str, image: &str) -> Result<ImageId, Refusal> {
        let config = self.find(container)?.body.config.clone();
        let committed = Image {
            labels: config.labels.clone(),
            env: config.env.clone(),
            command: config.command,
            working_dir: config.working_dir,
            user: config.user,
            // The id of an image is a digest of what is in it.
            ..Image::new(&format!("{image} {:?} {:?}", config.labels, config.env))
        };
        let id = committed.id.clone();
        self.add_image(image, committed);
        Ok(id)
    }

    fn commit_copy(&mut self, container: &str, image: &str, copy: &str) -> Result<(), Refusal> {
        self.commit(container, image)?;
        let copy = ContainerConfig {
            name: copy.to_owned(),
            image: image.to_owned(),
            // The engine gives it one of its own; only labels and the like come from an image.
            hostname: "copy".to_owned(),
            labels: BTreeMap::new(),
            mounts: BTreeSet::new(),
            ports: BTreeSet::new(),
            network: NetworkMode::Bridge,
            ..self.find(container)?.body.config.clone()
        };
        self.make_stranger(&copy, true)
    }
}
