//! How a workspace travels: its metrics within its status, where everything else that was observed is.
//!
//! The stored status knows nothing of them, as they are not stored. Both ways name every field, so that
//! a new one of the workspace does not compile until it travels, too.

use super::{LiveView, WorkspaceMetrics, WorkspaceView};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use trueup_domain::{
    id::{ContainerId, Generation, ResourceVersion, WorkspaceId},
    spec::{Metadata, Spec},
    status::Status,
    workspace::{Deletion, Workspace},
};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shape<'a> {
    id: WorkspaceId,
    metadata: Cow<'a, Metadata>,
    spec: Cow<'a, Spec>,
    generation: Generation,
    resource_version: ResourceVersion,
    created_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    adopted: Option<Cow<'a, ContainerId>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deletion: Option<Cow<'a, Deletion>>,
    #[serde(default)]
    status: StatusShape<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    live: Option<Cow<'a, LiveView>>,
}

#[derive(Default, Serialize, Deserialize)]
struct StatusShape<'a> {
    #[serde(flatten)]
    status: Cow<'a, Status>,
    #[serde(default)]
    metrics: Cow<'a, WorkspaceMetrics>,
}

impl<'a> From<&'a WorkspaceView> for Shape<'a> {
    fn from(view: &'a WorkspaceView) -> Self {
        let WorkspaceView { workspace, live, metrics } = view;
        let Workspace {
            id,
            metadata,
            spec,
            generation,
            resource_version,
            created_at,
            adopted,
            deletion,
            status,
        } = workspace;
        Self {
            id: *id,
            metadata: Cow::Borrowed(metadata),
            spec: Cow::Borrowed(spec),
            generation: *generation,
            resource_version: *resource_version,
            created_at: *created_at,
            adopted: adopted.as_ref().map(Cow::Borrowed),
            deletion: deletion.as_ref().map(Cow::Borrowed),
            status: StatusShape { status: Cow::Borrowed(status), metrics: Cow::Borrowed(metrics) },
            live: live.as_ref().map(Cow::Borrowed),
        }
    }
}

impl From<Shape<'_>> for WorkspaceView {
    fn from(shape: Shape<'_>) -> Self {
        let StatusShape { status, metrics } = shape.status;
        let workspace = Workspace {
            id: shape.id,
            metadata: shape.metadata.into_owned(),
            spec: shape.spec.into_owned(),
            generation: shape.generation,
            resource_version: shape.resource_version,
            created_at: shape.created_at,
            adopted: shape.adopted.map(Cow::into_owned),
            deletion: shape.deletion.map(Cow::into_owned),
            status: status.into_owned(),
        };
        let live = shape.live.map(Cow::into_owned);
        Self { workspace, live, metrics: metrics.into_owned() }
    }
}
