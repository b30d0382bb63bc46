//! The workspaces of one test as they were declared, and the engine compared with that.
//!
//! What is asked of the controller is asked again until it is accepted, so that this always knows what is
//! wanted, whatever dies in between. A file that the test writes into each volume proves later that it
//! is still the same volume; no container ever writes it again.

use super::request::Request;
use super::truth;
use super::world::{Seen, World};
use crate::scene::{Scene, eventually, is_current, is_ready};
use anyhow::{Context, Result};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use trueup_api::domain::spec::DesiredState;
use trueup_api::domain::status::Phase;
use trueup_api::wire::{Verb, WorkspaceView};

/// What is wanted.
#[derive(Default)]
pub(super) struct Fleet {
    declared: BTreeMap<String, Declared>,
    /// What is in the file in each volume that must be there.
    marked: BTreeMap<String, Marked>,
    /// Volumes of deleted workspaces that were to be kept.
    kept: BTreeSet<String>,
    revision: u32,
}

#[derive(Clone, Copy)]
struct Declared {
    state: DesiredState,
    isolation: &'static str,
    revision: u32,
}

struct Marked {
    file: PathBuf,
    text: String,
}

impl Fleet {
    pub(super) fn state(&self, name: &str) -> Option<DesiredState> {
        self.declared.get(name).map(|declared| declared.state)
    }

    /// Writes down that a workspace is to be so from now on, and gives the declaration of it. A second
    /// one of the same name needs another container.
    pub(super) fn note(&mut self, name: &str, state: DesiredState) -> serde_json::Value {
        self.revision += 1;
        // Half of them share networks, half have one each.
        let even = name.bytes().last().is_some_and(|digit| digit % 2 == 0);
        let isolation = if even { "strict" } else { "standard" };
        let declared = Declared { state, isolation, revision: self.revision };
        self.declared.insert(name.to_owned(), declared);
        json!({
            "state": state,
            "isolation": isolation,
            "env": {"REVISION": self.revision.to_string()},
            "volumes": [{"name": "home", "target": "/home/dev"}],
        })
    }

    /// Declares a workspace, or changes it.
    pub(super) async fn declare(&mut self, scene: &Scene, name: &str, state: DesiredState) {
        let spec = self.note(name, state);
        Request::Declare { name: name.to_owned(), spec }.until_accepted(scene).await;
    }

    /// Asks for another state.
    pub(super) async fn ask(&mut self, scene: &Scene, name: &str, verb: Verb) {
        self.note_verb(name, verb).until_accepted(scene).await;
    }

    /// Deletes a workspace, with its volumes or without.
    pub(super) async fn delete(&mut self, scene: &Scene, name: &str, volumes: bool) {
        self.note_deletion(scene, name, volumes).await.until_accepted(scene).await;
    }

    /// Writes down that a workspace is to be in another state.
    pub(super) fn note_verb(&mut self, name: &str, verb: Verb) -> Request {
        if let Some(declared) = self.declared.get_mut(name) {
            declared.state = verb.state();
        }
        Request::Ask { name: name.to_owned(), verb }
    }

    /// Writes down that a workspace is to be gone.
    pub(super) async fn note_deletion(
        &mut self,
        scene: &Scene,
        name: &str,
        volumes: bool,
    ) -> Request {
        let volume = eventually(&format!("{name} found"), async || {
            scene.get(name).await.map(|view| volume_of(&view)).map_err(|e| format!("{e:#}"))
        })
        .await;
        if volumes {
            self.marked.remove(&volume);
        } else {
            self.kept.insert(volume);
        }
        self.declared.remove(name);
        Request::Delete { name: name.to_owned(), volumes }
    }

    /// Writes a file into every volume that has none yet.
    pub(super) async fn mark(&mut self, scene: &Scene) -> Result<()> {
        for volume in scene.left().await?.volumes {
            if self.marked.contains_key(&volume) {
                continue;
            }
            let found = scene.docker.inspect_volume(&volume).await.context("inspect a volume")?;
            let file = PathBuf::from(found.mountpoint).join("marker");
            let text = format!("{volume} {}", self.revision);
            std::fs::write(&file, &text).with_context(|| format!("write into {volume}"))?;
            self.marked.insert(volume, Marked { file, text });
        }
        Ok(())
    }

    /// Removes the volumes that were kept, as nobody else will.
    pub(super) async fn remove_kept(&mut self, scene: &Scene) -> Result<()> {
        for volume in std::mem::take(&mut self.kept) {
            let none = None::<bollard::query_parameters::RemoveVolumeOptions>;
            if self.marked.remove(&volume).is_some() {
                scene.docker.remove_volume(&volume, none).await?;
            }
        }
        Ok(())
    }

    /// Whether everything is at rest, as declared and truly told, and nothing else is on the engine.
    ///
    /// # Errors
    /// The first thing that is not so.
    pub(super) fn check(&self, views: &[WorkspaceView], world: &World) -> Result<(), String> {
        let views: HashMap<_, _> =
            views.iter().map(|view| (view.workspace.metadata.name.to_string(), view)).collect();
        if let Some(more) = views.keys().find(|name| !self.declared.contains_key(*name)) {
            return Err(format!("{more} is still there"));
        }
        for (name, declared) in &self.declared {
            let view = views.get(name).ok_or_else(|| format!("{name} is lost"))?;
            check_one(declared, view, world).map_err(|why| format!("{name}: {why}"))?;
        }
        let ids: BTreeSet<_> = views.values().map(|view| view.workspace.id.to_string()).collect();
        if let Some(seen) = world.containers.iter().find(|seen| !ids.contains(&seen.workspace)) {
            return Err(format!("{} belongs to nothing", seen.name));
        }
        self.check_networks(&views, world)?;
        self.check_volumes(&views, world)
    }

    fn check_networks(&self, views: &Views, world: &World) -> Result<(), String> {
        let mut names = BTreeSet::new();
        for (network, owner) in &world.networks {
            if !names.insert(network) {
                return Err(format!("network {network} is there twice"));
            }
            let Some(owner) = owner else { continue };
            let view = views.values().find(|view| view.workspace.id.to_string() == *owner);
            let name = view.map(|view| view.workspace.metadata.name.to_string());
            let declared = name.and_then(|name| self.declared.get(&name));
            if declared.is_none_or(|declared| declared.isolation != "strict") {
                return Err(format!("network {network} belongs to nothing"));
            }
        }
        Ok(())
    }

    fn check_volumes(&self, views: &Views, world: &World) -> Result<(), String> {
        let owned: BTreeSet<_> = views.values().map(|view| volume_of(view)).collect();
        let mut there = world.volumes.iter();
        if let Some(more) = there.find(|name| !owned.contains(*name) && !self.kept.contains(*name))
        {
            return Err(format!("volume {more} belongs to nothing"));
        }
        for (volume, marked) in &self.marked {
            let text = std::fs::read_to_string(&marked.file).unwrap_or_default();
            if !world.volumes.contains(volume) || text != marked.text {
                return Err(format!(
                    "volume {volume} is lost: {text:?} instead of {:?}",
                    marked.text
                ));
            }
        }
        Ok(())
    }
}

type Views<'a> = HashMap<String, &'a WorkspaceView>;

fn check_one(declared: &Declared, view: &WorkspaceView, world: &World) -> Result<(), String> {
    if let Some(lie) = truth::lie(view, world) {
        return Err(lie);
    }
    if !is_current(view) || view.workspace.spec.desired_state() != declared.state {
        return Err("the newest declaration has not been seen".to_owned());
    }
    let phase = view.workspace.phase();
    let rests = match declared.state {
        DesiredState::Running => is_ready(view) && phase == Phase::Running,
        DesiredState::Stopped => phase == Phase::Stopped,
        DesiredState::Paused => phase == Phase::Paused,
        DesiredState::Archived => phase == Phase::Archived,
    };
    if !rests {
        return Err(format!("{:?} is declared, it is {phase}", declared.state));
    }
    let seen: Vec<&Seen> = world.of(&view.workspace.id.to_string()).collect();
    let seen = match (declared.state, seen.as_slice()) {
        // One that has never run needs no container to be stopped.
        (DesiredState::Archived | DesiredState::Stopped, []) => return Ok(()),
        (DesiredState::Running | DesiredState::Stopped | DesiredState::Paused, [seen]) => *seen,
        (_, seen) => {
            let names: Vec<_> = seen.iter().map(|seen| (&seen.name, &seen.state)).collect();
            return Err(format!("{:?} with the containers {names:?}", declared.state));
        }
    };
    check_container(declared, view, seen)
}

fn check_container(declared: &Declared, view: &WorkspaceView, seen: &Seen) -> Result<(), String> {
    let wanted = match declared.state {
        DesiredState::Running => "running",
        DesiredState::Paused => "paused",
        // Nothing needs to be made anew before it is to run.
        DesiredState::Stopped | DesiredState::Archived if seen.state != "running" => return Ok(()),
        DesiredState::Stopped | DesiredState::Archived => "exited",
    };
    if seen.state != wanted {
        return Err(format!("its container is {}", seen.state));
    }
    let revision = format!("REVISION={}", declared.revision);
    if !seen.env.contains(&revision) {
        return Err(format!("no {revision} in {:?}", seen.env));
    }
    if seen.volumes != [volume_of(view)] {
        return Err(format!("it mounts {:?}", seen.volumes));
    }
    if seen.networks.len() != 1 {
        return Err(format!("it is attached to {:?}", seen.networks));
    }
    Ok(())
}

/// The name on the engine of a workspace's one volume.
fn volume_of(view: &WorkspaceView) -> String {
    format!("trueup-{}-{}-home", view.workspace.metadata.name, view.workspace.id.short())
}
