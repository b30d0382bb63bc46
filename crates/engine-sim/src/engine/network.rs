//! Networks by name, as the adapter looks them up, makes and removes them.

use super::{SimEngine, classify::expired, operation::Operation};
use crate::{Answer, Network, NetworkRequest, Request, Subnet, Why, model::desk::Failure};
use tokio::time::timeout;
use trueup_domain::{
    action::NetworkConfig,
    error::{EngineError, ErrorClass, Reason},
    label,
    observed::NetworkState,
};

enum Ensured {
    Done,
    Foreign,
    Exhausted,
}

impl SimEngine {
    pub(super) async fn find_network(
        &self,
        name: &str,
    ) -> Result<Option<NetworkState>, EngineError> {
        self.ask(Operation::FindNetwork, async {
            match self.our_network(name).await? {
                Some(network) => {
                    let used = self.is_used(name).await?;
                    Ok(Some(NetworkState { id: network.id, used }))
                }
                None => Ok(None),
            }
        })
        .await
    }

    /// Makes the network unless we have it.
    pub(super) async fn ensure_network(&self, config: &NetworkConfig) -> Result<(), EngineError> {
        let operation = Operation::EnsureNetwork;
        let range = match config.range.as_deref().map(str::parse::<Subnet>).transpose() {
            Ok(range) => range,
            Err(message) => return Err(refused(ErrorClass::Terminal, Reason::Refused, message)),
        };
        let deadline = self.shared.options.deadlines.change;
        let Ok(Ok(_place)) = timeout(deadline, self.shared.networks.acquire()).await else {
            return Err(EngineError {
                class: ErrorClass::Retryable,
                ..expired(operation, deadline)
            });
        };
        match self.ask(operation, self.make_network(config, range)).await? {
            Ensured::Done => Ok(()),
            Ensured::Foreign => Err(refused(
                ErrorClass::Terminal,
                Reason::NameConflict,
                format!("the network {} exists and is not ours", config.name),
            )),
            Ensured::Exhausted => Err(refused(
                ErrorClass::Retryable,
                Reason::SubnetsExhausted,
                format!(
                    "no free subnet is left in {}",
                    config.range.as_deref().unwrap_or_default()
                ),
            )),
        }
    }

    async fn make_network(
        &self,
        config: &NetworkConfig,
        range: Option<Subnet>,
    ) -> Result<Ensured, Failure> {
        if self.our_network(&config.name).await?.is_some() {
            return Ok(Ensured::Done);
        }
        let subnet = match range {
            Some(range) => {
                let taken: Vec<_> = self
                    .all_networks()
                    .await?
                    .iter()
                    .filter_map(|network| network.subnet)
                    .collect();
                match range.choose(&taken, config.seed) {
                    Some(subnet) => Some(subnet),
                    None => return Ok(Ensured::Exhausted),
                }
            }
            None => None,
        };
        let network = NetworkRequest {
            name: config.name.clone(),
            labels: config.labels.clone(),
            inter_container: config.inter_container,
            subnet,
        };
        match self.shared.send(Request::CreateNetwork { network }).await {
            Err(Failure::Refused(refusal)) if refusal.why == Why::NameTaken => {
                let found = self.our_network(&config.name).await?;
                Ok(if found.is_some() { Ensured::Done } else { Ensured::Foreign })
            }
            outcome => outcome.map(|_| Ensured::Done),
        }
    }

    /// Removes our network with that name, unless a container refers to it.
    pub(super) async fn remove_network(&self, name: &str) -> Result<(), EngineError> {
        self.ask(Operation::RemoveNetwork, async {
            if self.is_used(name).await? {
                return Ok(());
            }
            let Some(network) = self.our_network(name).await? else { return Ok(()) };
            let network = network.id.to_string();
            match self.shared.send(Request::RemoveNetwork { network }).await {
                Err(Failure::Refused(refusal)) if matches!(refusal.why, Why::Gone | Why::Busy) => {
                    Ok(())
                }
                outcome => outcome.map(|_| ()),
            }
        })
        .await
    }

    async fn our_network(&self, name: &str) -> Result<Option<Network>, Failure> {
        let is_ours = |network: &Network| {
            network.name == name
                && network.labels.get(label::INSTANCE_ID).map(String::as_str)
                    == Some(self.instance.as_str())
        };
        Ok(self.all_networks().await?.into_iter().find(is_ours))
    }

    async fn all_networks(&self) -> Result<Vec<Network>, Failure> {
        match self.shared.send(Request::ListNetworks).await? {
            Answer::Networks(networks) => Ok(networks),
            _ => Err(Failure::CutShort),
        }
    }

    async fn is_used(&self, name: &str) -> Result<bool, Failure> {
        match self.shared.send(Request::IsNetworkUsed { network: name.to_owned() }).await? {
            Answer::Used(is_used) => Ok(is_used),
            _ => Err(Failure::CutShort),
        }
    }
}

fn refused(class: ErrorClass, reason: Reason, message: String) -> EngineError {
    EngineError { operation: Operation::EnsureNetwork.words(), class, reason, message }
}
