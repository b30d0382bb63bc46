//! Images, and the registry that they come from.

use super::{
    Model,
    agenda::Due,
    desk::Wait,
    event::EventKind,
    refusal::{Refusal, Why},
    request::Answer,
};
use crate::options::between;
use std::{collections::BTreeMap, time::Duration};
use trueup_domain::id::ImageId;

/// An image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The engine's id.
    pub id: ImageId,
    /// Labels that every container from it inherits.
    pub labels: BTreeMap<String, String>,
    /// Variables that every container from it inherits.
    pub env: BTreeMap<String, String>,
    /// What a container runs that names no command.
    pub command: Option<Vec<String>>,
    /// Where it runs, if the container does not say.
    pub working_dir: Option<String>,
    /// As whom, if the container does not say.
    pub user: Option<String>,
}

impl Image {
    /// An image that gives its containers nothing, whose id follows from `text`.
    pub fn new(text: &str) -> Self {
        // FNV-1a, spread over 64 digits.
        let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        let mut rng = fastrand::Rng::with_seed(hash);
        let id = ImageId::new(format!("sha256:{}", super::digits(&mut rng)));
        let (labels, env) = (BTreeMap::new(), BTreeMap::new());
        Self { id, labels, env, command: None, working_dir: None, user: None }
    }
}

/// How a pull goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pull {
    /// It ends well after so long; `None`: as long as the tempo says.
    Works(Option<Duration>),
    /// The registry has no such image.
    Absent,
    /// The registry wants credentials.
    Denied,
    /// The registry does not answer.
    Down,
    /// It breaks off after so long.
    BreaksOff(Duration),
    /// It makes no progress, for ever.
    Hangs,
}

#[derive(Debug, Clone)]
pub(crate) struct Remote {
    image: Image,
    pull: Pull,
}

impl Model {
    /// The image with that reference or id.
    pub fn image(&self, reference: &str) -> Result<&Image, Refusal> {
        let missing =
            || Refusal::new(404, Why::ImageMissing, format!("No such image: {reference}"));
        let by_name = self.images.get(&whole(reference));
        by_name
            .or_else(|| self.images.values().find(|image| image.id.as_str() == reference))
            .ok_or_else(missing)
    }

    /// Puts an image under a reference, in place of the one there, which is still known by its id.
    pub fn add_image(&mut self, reference: &str, image: Image) {
        let id = image.id.clone();
        let before = self.images.insert(whole(reference), image);
        if let Some(before) = before.filter(|before| before.id != id) {
            self.images.insert(before.id.to_string(), before);
        }
    }

    /// Takes an image away; containers made from it go on.
    pub fn remove_image(&mut self, reference: &str) -> Result<(), Refusal> {
        let id = self.image(reference)?.id.clone();
        self.images.retain(|_, image| image.id != id);
        self.tell(EventKind::Image, id.as_str(), &BTreeMap::new(), "delete");
        Ok(())
    }

    /// What the registry has under a reference, and how pulling it goes; it has nothing else.
    pub fn publish(&mut self, reference: &str, image: Image, pull: Pull) {
        self.registry.insert(whole(reference), Remote { image, pull });
    }

    /// Begins to pull an image; it is there when the answer comes.
    pub(super) fn pull(&mut self, reference: &str) -> String {
        let reference = whole(reference);
        let pull = self.registry.get(&reference).map_or(Pull::Absent, |remote| remote.pull.clone());
        let usual = between(&self.tempo.pull, &mut self.rng);
        let after = match pull {
            Pull::Hangs => return reference,
            Pull::Works(Some(after)) | Pull::BreaksOff(after) => after,
            Pull::Works(None) => usual,
            Pull::Absent | Pull::Denied | Pull::Down => usual / 10,
        };
        self.plan_in(after, Due::Pulled { reference: reference.clone() });
        reference
    }

    pub(super) fn finish_pull(&mut self, reference: &str) {
        let outcome = match self.registry.get(reference).cloned() {
            Some(Remote { image, pull: Pull::Works(_) }) => {
                let id = image.id.to_string();
                self.add_image(reference, image);
                self.book.changed();
                self.tell(EventKind::Image, &id, &BTreeMap::new(), "pull");
                Ok(Answer::Done)
            }
            Some(Remote { pull, .. }) => Err(refusal(reference, &pull)),
            None => Err(refusal(reference, &Pull::Absent)),
        };
        self.settle(&Wait::Pull(reference.to_owned()), &outcome);
    }
}

/// As it comes inside of the answer's stream.
fn refusal(reference: &str, pull: &Pull) -> Refusal {
    let (status, why, words) = match pull {
        Pull::Absent => (404, Why::PullAbsent, "not found: manifest unknown"),
        Pull::Denied => (500, Why::PullDenied, "unauthorized: authentication required"),
        Pull::Down => (500, Why::PullFailed, "dial tcp: connect: connection refused"),
        Pull::BreaksOff(_) | Pull::Hangs | Pull::Works(_) => {
            (500, Why::PullFailed, "unexpected EOF")
        }
    };
    Refusal::new(status, why, format!("{reference}: {words}"))
}

/// A reference with its tag, and without the registry that is meant where none is named.
fn whole(reference: &str) -> String {
    let reference = reference.strip_prefix("docker.io/").unwrap_or(reference);
    let reference = reference.strip_prefix("library/").unwrap_or(reference);
    let path = reference.rfind('/').map_or(0, |slash| slash + 1);
    if reference.contains('@') || reference[path..].contains(':') {
        reference.to_owned()
    } else {
        format!("{reference}:latest")
    }
}
