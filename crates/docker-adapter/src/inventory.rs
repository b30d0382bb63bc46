//! All that the engine holds of ours, and the removal of one thing of it.
//!
//! Invariants: what has our label only because its image does is a stranger's; nothing is removed but by
//! the id it was found under (a volume, which has none, by its name and the time it was made), and only
//! after another look. Deliberately absent: which of it belongs to nobody, and a second attempt.

mod candidate;
mod removal;
mod rows;

use crate::{
    DockerEngine, call::Caller, engine::Inner, events, inherited, list::with_filters,
    operation::Operation,
};
use async_trait::async_trait;
use rows::{ContainerRow, NetworkRow, Used, VolumeRow, Volumes};
use std::collections::{BTreeSet, HashMap};
use trueup_domain::{
    adoption::Candidate,
    error::EngineError,
    id::{ContainerId, InstanceId},
    label,
    port::{Inventory, Object, Removal, Stock},
};

#[async_trait]
impl Inventory for DockerEngine {
    async fn stock(&self) -> Result<Stock, EngineError> {
        stock(&self.inner).await
    }

    async fn remove(&self, object: &Object, volumes: bool) -> Result<Removal, EngineError> {
        let inner = &self.inner;
        removal::remove(&inner.caller, &inner.options.instance_id, object, volumes).await
    }

    async fn candidate(&self, container: &ContainerId) -> Result<Option<Candidate>, EngineError> {
        candidate::look(&self.inner.caller, container).await
    }
}

/// The containers come first: a network or a volume that one made since is used by none of them, but it
/// is young, and whoever removes it looks again.
async fn stock(inner: &Inner) -> Result<Stock, EngineError> {
    let (caller, instance) = (&inner.caller, &inner.options.instance_id);
    let at = events::time(inner).await?;
    // Those of others too: they may use what is ours.
    let all = caller.transport.get::<Vec<ContainerRow>>("/containers/json?all=1");
    let containers = caller.call(Operation::List, "", all).await?;
    let used = Used::by(&containers);
    let ours = format!("{}={instance}", label::INSTANCE_ID);
    let path = |path| with_filters(path, &[("label", vec![ours.clone()])]);
    let path_of_networks = path("/networks");
    let networks = caller.transport.get::<Vec<NetworkRow>>(&path_of_networks);
    let networks = caller.call(Operation::FindNetwork, "", networks).await?;
    let path_of_volumes = path("/volumes");
    let volumes = caller.transport.get::<Volumes>(&path_of_volumes);
    let volumes = caller.call(Operation::ListVolumes, "", volumes).await?.volumes;

    let (mut objects, strangers) = sort(caller, instance, containers).await?;
    objects.extend(networks.into_iter().map(|row| NetworkRow::object(row, &used)));
    objects
        .extend(volumes.into_iter().flatten().map(|row: VolumeRow| VolumeRow::object(row, &used)));
    Ok(Stock { at, objects, strangers })
}

/// Ours, and the ids of everybody else's.
async fn sort(
    caller: &Caller,
    instance: &InstanceId,
    rows: Vec<ContainerRow>,
) -> Result<(Vec<Object>, BTreeSet<ContainerId>), EngineError> {
    let (mut objects, mut strangers) = (Vec::new(), BTreeSet::new());
    let mut images = HashMap::new();
    for row in rows {
        let is_ours = row.is_labelled(instance) && {
            if !images.contains_key(&row.image) {
                let passed_on = inherited::passed_on(caller, &row.image).await?;
                images.insert(row.image.clone(), passed_on);
            }
            // Of an image that is gone nobody can say what it passed on.
            let passed_on = images.get(&row.image).and_then(Option::as_ref);
            passed_on.is_some_and(|image| !image.explains(row.marks()))
        };
        if is_ours {
            objects.push(row.object());
        } else {
            strangers.insert(ContainerId::new(row.id));
        }
    }
    Ok((objects, strangers))
}
