//! By what usage is summed up: `owner`, or `label:KEY`.

use std::str::FromStr;
use trueup_domain::workspace::Workspace;

/// What workspaces of one group have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Grouping {
    /// Their owner.
    Owner,
    /// The value of this label.
    Label(String),
}

impl Grouping {
    /// The group of a workspace; `None`: it is without the label.
    pub(super) fn of(&self, workspace: &Workspace) -> Option<String> {
        let metadata = &workspace.metadata;
        match self {
            Self::Owner => Some(metadata.owner.to_string()),
            Self::Label(wanted) => {
                let label = metadata.labels.iter().find(|(key, _)| key.as_str() == wanted);
                label.map(|(_, value)| value.clone())
            }
        }
    }
}

impl FromStr for Grouping {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, &'static str> {
        match text.split_once(':') {
            None if text == "owner" => Ok(Self::Owner),
            Some(("label", key)) if !key.is_empty() => Ok(Self::Label(key.to_owned())),
            _ => Err("write `owner` or `label:KEY`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grouping_is_by_owner_or_by_a_label() {
        assert_eq!("owner".parse(), Ok(Grouping::Owner));
        assert_eq!("label:team".parse(), Ok(Grouping::Label("team".to_owned())));
        assert_eq!("label:example.org/a:b".parse(), Ok(Grouping::Label("example.org/a:b".into())));
        for bad in ["", "Owner", "label", "label:", "phase", "owner:alice"] {
            assert!(bad.parse::<Grouping>().is_err(), "{bad}");
        }
    }
}
