//! The kinds of engine calls, and what they are called in errors and in traces.
//!
//! Deliberately absent: what each kind may take and how many may be under way, which is `call`'s.

/// What is asked of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Inspect,
    List,
    Logs,
    HasImage,
    FindNetwork,
    ListVolumes,
    Time,
    Subscribe,
    Stats,
    Pull,
    EnsureNetwork,
    EnsureVolume,
    Create,
    Start,
    Stop,
    Kill,
    Pause,
    Unpause,
    Rename,
    Update,
    Remove,
    RemoveNetwork,
    RemoveVolume,
}

impl Operation {
    /// As people read it; the same words as [`Action::operation`](trueup_domain::action::Action).
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Inspect => "inspect container",
            Self::List => "list containers",
            Self::Logs => "read container log",
            Self::HasImage => "look up image",
            Self::FindNetwork => "look up network",
            Self::ListVolumes => "list volumes",
            Self::Time => "read the engine's clock",
            Self::Subscribe => "watch events",
            Self::Stats => "measure container",
            Self::Pull => "pull image",
            Self::EnsureNetwork => "ensure network",
            Self::EnsureVolume => "ensure volume",
            Self::Create => "create container",
            Self::Start => "start container",
            Self::Stop => "stop container",
            Self::Kill => "kill container",
            Self::Pause => "pause container",
            Self::Unpause => "unpause container",
            Self::Rename => "rename container",
            Self::Update => "update resources",
            Self::Remove => "remove container",
            Self::RemoveNetwork => "remove network",
            Self::RemoveVolume => "remove volume",
        }
    }

    /// Whether it changes nothing.
    pub(crate) const fn is_read(self) -> bool {
        matches!(
            self,
            Self::Inspect
                | Self::List
                | Self::Logs
                | Self::HasImage
                | Self::FindNetwork
                | Self::ListVolumes
                | Self::Time
                | Self::Subscribe
                | Self::Stats
        )
    }

    /// Whether its subject is a container; otherwise it is a network, a volume, an image or a workspace.
    pub(crate) const fn is_about_container(self) -> bool {
        matches!(
            self,
            Self::Inspect
                | Self::Logs
                | Self::Stats
                | Self::Create
                | Self::Start
                | Self::Stop
                | Self::Kill
                | Self::Pause
                | Self::Unpause
                | Self::Rename
                | Self::Update
                | Self::Remove
        )
    }

    /// What its span is called.
    pub(crate) const fn span_name(self) -> &'static str {
        match self {
            Self::Inspect => "engine.inspect",
            Self::List => "engine.list",
            Self::Logs => "engine.logs",
            Self::HasImage => "engine.image",
            Self::FindNetwork => "engine.network",
            Self::ListVolumes => "engine.volumes",
            Self::Time => "engine.time",
            Self::Subscribe => "engine.events",
            Self::Stats => "engine.stats",
            Self::Pull => "engine.pull",
            Self::EnsureNetwork => "engine.network_create",
            Self::EnsureVolume => "engine.volume_create",
            Self::Create => "engine.create",
            Self::Start => "engine.start",
            Self::Stop => "engine.stop",
            Self::Kill => "engine.kill",
            Self::Pause => "engine.pause",
            Self::Unpause => "engine.unpause",
            Self::Rename => "engine.rename",
            Self::Update => "engine.update",
            Self::Remove => "engine.remove",
            Self::RemoveNetwork => "engine.network_remove",
            Self::RemoveVolume => "engine.volume_remove",
        }
    }
}
