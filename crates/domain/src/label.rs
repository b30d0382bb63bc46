//! The labels on everything that we create, by which it is known to be ours.

/// Which controller made it.
pub const INSTANCE_ID: &str = "trueup.instance-id";
/// Which workspace it belongs to.
pub const WORKSPACE_ID: &str = "trueup.workspace-id";
/// Whose workspace that is.
pub const OWNER: &str = "trueup.owner";
/// What the workspace is called.
pub const NAME: &str = "trueup.name";
/// The generation that it was made for.
pub const GENERATION: &str = "trueup.generation";
/// A digest of what it was made from, apart from what can be changed in place.
pub const SPEC_HASH: &str = "trueup.spec-hash";
