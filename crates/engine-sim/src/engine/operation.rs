//! What a caller of the port asked for, as people read it: the adapter's words.

/// An operation of the port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Inspect,
    List,
    HasImage,
    FindNetwork,
    ListVolumes,
    Time,
    Subscribe,
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
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Inspect => "inspect container",
            Self::List => "list containers",
            Self::HasImage => "look up image",
            Self::FindNetwork => "look up network",
            Self::ListVolumes => "list volumes",
            Self::Time => "read the engine's clock",
            Self::Subscribe => "watch events",
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

    pub(super) const fn is_read(self) -> bool {
        matches!(
            self,
            Self::Inspect
                | Self::List
                | Self::HasImage
                | Self::FindNetwork
                | Self::ListVolumes
                | Self::Time
                | Self::Subscribe
        )
    }
}
