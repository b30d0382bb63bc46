//! What can be asked of the engine, and what it answers, at the grain of its own interface.

use super::{
    Model,
    container::Row,
    desk::{Handle, Progress, Wait},
    image::Image,
    network::{Network, NetworkRequest},
    refusal::Refusal,
    view::By,
    volume::Volume,
};
use jiff::Timestamp;
use std::{collections::BTreeMap, time::Duration};
use trueup_domain::container::{Container, ContainerConfig};

/// One request. Containers and networks are named by id or by name.
#[derive(Debug, Clone)]
pub(crate) enum Request {
    /// One container in full.
    Inspect { container: String },
    /// All containers with these labels.
    List { labels: BTreeMap<String, String> },
    /// One image, by reference or id.
    InspectImage { image: String },
    /// All networks.
    ListNetworks,
    /// Whether any container refers to the network of that name.
    IsNetworkUsed { network: String },
    /// All volumes with these labels.
    ListVolumes { labels: BTreeMap<String, String> },
    /// One volume.
    InspectVolume { volume: String },
    /// What the engine's clock says.
    Time,
    /// Events from a time on.
    Subscribe { since: Timestamp },
    /// Fetch an image.
    Pull { image: String },
    /// Make a container.
    Create { config: Box<ContainerConfig> },
    /// Start it.
    Start { container: String },
    /// TERM, and KILL after the grace.
    Stop { container: String, grace: Duration },
    /// KILL.
    Kill { container: String },
    /// Freeze it.
    Pause { container: String },
    /// Let it go on.
    Unpause { container: String },
    /// Give it another name.
    Rename { container: String, to: String },
    /// Change its limits.
    Update { container: String, limits: Limits },
    /// Remove it; `force` kills it first.
    Remove { container: String, force: bool },
    /// Make a network.
    CreateNetwork { network: NetworkRequest },
    /// Remove it.
    RemoveNetwork { network: String },
    /// Attach a container.
    #[cfg_attr(not(feature = "http"), expect(dead_code, reason = "clients on a socket use it"))]
    Connect { network: String, container: String },
    /// Detach it.
    #[cfg_attr(not(feature = "http"), expect(dead_code, reason = "clients on a socket use it"))]
    Disconnect { network: String, container: String },
    /// Make a volume, or say which is there.
    CreateVolume { volume: String, labels: BTreeMap<String, String> },
    /// Remove it with its content.
    RemoveVolume { volume: String },
}

/// What an update changes. Zero and `None` mean no change, as they do for the engine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Thousandths of a processor.
    pub cpu_millis: u32,
    /// Bytes.
    pub memory: u64,
    /// Bytes of memory and swap together; -1: no limit.
    pub memory_swap: i64,
    /// Processes.
    pub pids: u32,
    /// Whether the engine itself starts it again.
    pub restart: Option<bool>,
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// Done, or so already.
    Done,
    /// The id of what was made.
    Made(String),
    /// To an inspect.
    Container(Box<Container>),
    /// To a list.
    Rows(Vec<Row>),
    /// To a look at an image.
    Image(Image),
    /// To a list of networks.
    Networks(Vec<Network>),
    /// Yes or no.
    Used(bool),
    /// To a list of volumes.
    Volumes(Vec<Volume>),
    /// To a look at a volume, or the making of one.
    Volume(Volume),
    /// What the clock says.
    Time(Timestamp),
    /// The subscription to read from.
    Subscribed(Handle),
}

/// The kinds of requests, for counting and for saying which of them a fault hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is the request of the same name")]
pub enum CallKind {
    Inspect,
    List,
    InspectImage,
    ListNetworks,
    IsNetworkUsed,
    ListVolumes,
    InspectVolume,
    Time,
    Subscribe,
    Pull,
    Create,
    Start,
    Stop,
    Kill,
    Pause,
    Unpause,
    Rename,
    Update,
    Remove,
    CreateNetwork,
    RemoveNetwork,
    Connect,
    Disconnect,
    CreateVolume,
    RemoveVolume,
}

impl CallKind {
    /// Whether it asks for a change.
    pub const fn mutates(self) -> bool {
        !matches!(
            self,
            Self::Inspect
                | Self::List
                | Self::InspectImage
                | Self::ListNetworks
                | Self::IsNetworkUsed
                | Self::ListVolumes
                | Self::InspectVolume
                | Self::Time
                | Self::Subscribe
        )
    }
}

impl Request {
    /// Its kind.
    pub(crate) const fn kind(&self) -> CallKind {
        match self {
            Self::Inspect { .. } => CallKind::Inspect,
            Self::List { .. } => CallKind::List,
            Self::InspectImage { .. } => CallKind::InspectImage,
            Self::ListNetworks => CallKind::ListNetworks,
            Self::IsNetworkUsed { .. } => CallKind::IsNetworkUsed,
            Self::ListVolumes { .. } => CallKind::ListVolumes,
            Self::InspectVolume { .. } => CallKind::InspectVolume,
            Self::Time => CallKind::Time,
            Self::Subscribe { .. } => CallKind::Subscribe,
            Self::Pull { .. } => CallKind::Pull,
            Self::Create { .. } => CallKind::Create,
            Self::Start { .. } => CallKind::Start,
            Self::Stop { .. } => CallKind::Stop,
            Self::Kill { .. } => CallKind::Kill,
            Self::Pause { .. } => CallKind::Pause,
            Self::Unpause { .. } => CallKind::Unpause,
            Self::Rename { .. } => CallKind::Rename,
            Self::Update { .. } => CallKind::Update,
            Self::Remove { .. } => CallKind::Remove,
            Self::CreateNetwork { .. } => CallKind::CreateNetwork,
            Self::RemoveNetwork { .. } => CallKind::RemoveNetwork,
            Self::Connect { .. } => CallKind::Connect,
            Self::Disconnect { .. } => CallKind::Disconnect,
            Self::CreateVolume { .. } => CallKind::CreateVolume,
            Self::RemoveVolume { .. } => CallKind::RemoveVolume,
        }
    }

    /// What it is about: a name, an id, or nothing.
    pub(crate) fn subject(&self) -> &str {
        match self {
            Self::Inspect { container }
            | Self::Start { container }
            | Self::Stop { container, .. }
            | Self::Kill { container }
            | Self::Pause { container }
            | Self::Unpause { container }
            | Self::Rename { container, .. }
            | Self::Update { container, .. }
            | Self::Remove { container, .. } => container,
            Self::Create { config } => &config.name,
            Self::InspectImage { image } | Self::Pull { image } => image,
            Self::CreateNetwork { network } => &network.name,
            Self::IsNetworkUsed { network }
            | Self::RemoveNetwork { network }
            | Self::Connect { network, .. }
            | Self::Disconnect { network, .. } => network,
            Self::InspectVolume { volume }
            | Self::CreateVolume { volume, .. }
            | Self::RemoveVolume { volume } => volume,
            Self::List { .. }
            | Self::ListNetworks
            | Self::ListVolumes { .. }
            | Self::Time
            | Self::Subscribe { .. } => "",
        }
    }
}

impl Model {
    /// Carries out a request of a client, and counts it.
    pub(super) fn execute(&mut self, request: Request) -> Result<Progress, Refusal> {
        self.book.count(request.kind());
        self.book.by = By::Client;
        let answer = match request {
            Request::Inspect { container } => {
                Answer::Container(Box::new(self.inspect(&container)?))
            }
            Request::List { labels } => Answer::Rows(self.list(&labels)),
            Request::InspectImage { image } => Answer::Image(self.image(&image)?.clone()),
            Request::ListNetworks => Answer::Networks(self.networks().cloned().collect()),
            Request::IsNetworkUsed { network } => Answer::Used(self.is_network_used(&network)),
            Request::ListVolumes { labels } => Answer::Volumes(self.volumes_with(&labels)),
            Request::InspectVolume { volume } => Answer::Volume(self.volume(&volume)?.clone()),
            Request::Time => Answer::Time(self.clock()),
            Request::Subscribe { since } => {
                Answer::Subscribed(Handle(self.events.subscribe(since)))
            }
            Request::Create { config } => Answer::Made(self.create(&config)?.to_string()),
            Request::CreateNetwork { network } => {
                Answer::Made(self.create_network(network)?.to_string())
            }
            Request::CreateVolume { volume, labels } => {
                Answer::Volume(self.create_volume(&volume, labels).clone())
            }
            changing => return self.change(changing),
        };
        Ok(Progress::Done(answer))
    }

    /// The requests whose answer is only that they are done.
    fn change(&mut self, request: Request) -> Result<Progress, Refusal> {
        match request {
            Request::Pull { image } => {
                return Ok(Progress::Until(Wait::Pull(self.pull(&image))));
            }
            Request::Stop { container, grace } => return self.stop(&container, grace),
            Request::Remove { container, force } => {
                return self.remove(&container, force).map(|id| Progress::Until(Wait::Removal(id)));
            }
            Request::Start { container } => self.start(&container)?,
            Request::Kill { container } => return self.kill(&container),
            Request::Pause { container } => self.pause(&container)?,
            Request::Unpause { container } => self.unpause(&container)?,
            Request::Rename { container, to } => self.rename(&container, &to)?,
            Request::Update { container, limits } => self.update(&container, limits)?,
            Request::RemoveNetwork { network } => self.remove_network(&network)?,
            Request::Connect { network, container } => self.connect(&network, &container)?,
            Request::Disconnect { network, container } => self.disconnect(&network, &container)?,
            Request::RemoveVolume { volume } => self.remove_volume(&volume)?,
            // The reads are answered by now.
            _ => {}
        }
        Ok(Progress::Done(Answer::Done))
    }
}
