//! From the names that people write to workspaces: `NAME` or `OWNER/NAME`.
//!
//! A name without an owner means the only workspace of that name, whoever owns it; when there are
//! several, none is guessed.

use crate::{context::Context, error::Error};
use std::str::FromStr;
use trueup_api::{
    WorkspaceFilter,
    domain::name::{Name, Owner, WorkspaceKey},
    wire::WorkspaceView,
};

/// A workspace as the command line names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) owner: Option<Owner>,
    pub(crate) name: Name,
}

impl FromStr for Target {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (owner, name) = match text.split_once('/') {
            Some((owner, name)) => (Some(owner.parse()?), name),
            None => (None, text),
        };
        Ok(Self { owner, name: name.parse()? })
    }
}

/// What became of the targets.
pub(crate) struct Found {
    /// Those that exist, in the order of the targets.
    pub(crate) views: Vec<WorkspaceView>,
    /// Those that do not, as they were written.
    pub(crate) missing: Vec<String>,
}

impl Found {
    /// All of them, or an error that names the missing.
    pub(crate) fn all(self) -> Result<Vec<WorkspaceView>, Error> {
        if self.missing.is_empty() {
            Ok(self.views)
        } else {
            Err(Error::NotFound { wanted: self.missing })
        }
    }
}

/// Looks the targets up; each workspace comes once, however often it is named.
pub(crate) async fn look_up(context: &Context<'_>, targets: &[Target]) -> Result<Found, Error> {
    let mut found = Found { views: Vec::new(), missing: Vec::new() };
    let mut all = None;
    for target in targets {
        let owner = target.owner.as_ref().or(context.owner.as_ref());
        let view = if let Some(owner) = owner {
            let key = WorkspaceKey { owner: owner.clone(), name: target.name.clone() };
            context.client.find(&key).await?.ok_or_else(|| key.to_string())
        } else {
            if all.is_none() {
                all = Some(context.client.list(&WorkspaceFilter::default()).await?.items);
            }
            only(all.as_deref().unwrap_or_default(), &target.name)?
        };
        match view {
            Ok(view) if found.views.iter().any(|seen| seen.workspace.id == view.workspace.id) => {}
            Ok(view) => found.views.push(view),
            Err(missing) => found.missing.push(missing),
        }
    }
    Ok(found)
}

/// Whose workspace the target is; `None` when its name says nothing of that and nobody has one so
/// called.
pub(crate) async fn owner_of(
    context: &Context<'_>,
    target: &Target,
) -> Result<Option<Owner>, Error> {
    if let Some(owner) = target.owner.as_ref().or(context.owner.as_ref()) {
        return Ok(Some(owner.clone()));
    }
    let all = context.client.list(&WorkspaceFilter::default()).await?.items;
    let found = only(&all, &target.name)?;
    Ok(found.ok().map(|view| view.workspace.metadata.owner))
}

/// The one workspace of that name; the name itself when there is none.
fn only(all: &[WorkspaceView], name: &Name) -> Result<Result<WorkspaceView, String>, Error> {
    let mut matching = all.iter().filter(|view| view.workspace.metadata.name == *name);
    match (matching.next(), matching.next()) {
        (None, _) => Ok(Err(name.to_string())),
        (Some(view), None) => Ok(Ok(view.clone())),
        (Some(first), Some(second)) => {
            let owners = [first, second].into_iter().chain(matching);
            let owners = owners.map(|view| view.workspace.metadata.owner.clone()).collect();
            Err(Error::Ambiguous { name: name.clone(), owners })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::sample;

    #[test]
    fn a_name_without_an_owner_means_the_only_one() {
        let all = [sample("alice", "web"), sample("bob", "db"), sample("bob", "web")];
        let db = only(&all, &"db".parse().unwrap()).unwrap().unwrap();
        assert_eq!(db.workspace.key().to_string(), "bob/db");
        assert_eq!(only(&all, &"api".parse().unwrap()).unwrap(), Err("api".to_owned()));
        let error = only(&all, &"web".parse().unwrap()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`web` could be any of alice/web, bob/web; write OWNER/NAME or give --owner"
        );
    }

    #[test]
    fn a_target_is_a_name_with_or_without_an_owner() {
        let target: Target = "alice/web".parse().unwrap();
        assert_eq!((target.owner.unwrap().as_str(), target.name.as_str()), ("alice", "web"));
        assert_eq!("web".parse::<Target>().unwrap().owner, None);
        for bad in ["", "/", "a/b/c", "Web", "alice/"] {
            assert!(bad.parse::<Target>().is_err(), "{bad:?} was accepted");
        }
    }
}
