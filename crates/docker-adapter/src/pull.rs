//! Fetching an image.
//!
//! Invariants: exactly one image is asked for (an engine takes a reference without a tag for all of
//! them); a refusal inside the answer's stream is a failure; a pull that makes no progress ends
//! before its deadline. Deliberately absent: credentials, which the engine's host has to have.

use crate::{call::Caller, operation::Operation};
use bollard::{errors::Error as Refusal, query_parameters::CreateImageOptionsBuilder};
use futures::TryStreamExt;
use tokio::time::timeout;
use trueup_domain::{
    error::{EngineError, ErrorClass, Reason},
    spec::Image,
};

/// Pulls the image to the end.
pub(crate) async fn pull(caller: &Caller, image: &Image) -> Result<(), EngineError> {
    let (name, tag) = split(image.as_str());
    let options = CreateImageOptionsBuilder::default().from_image(name).tag(tag).build();
    let silence = caller.deadlines.pull_silence;
    let work = async {
        let mut progress = caller.docker().create_image(Some(options), None, None);
        loop {
            match timeout(silence, progress.try_next()).await {
                Ok(Ok(Some(_))) => {}
                Ok(Ok(None)) => return Ok(Pulled::Done),
                Ok(Err(refusal)) => return Err::<Pulled, Refusal>(refusal),
                Err(_) => return Ok(Pulled::Silent),
            }
        }
    };
    match caller.call(Operation::Pull, image.as_str(), work).await? {
        Pulled::Done => Ok(()),
        Pulled::Silent => Err(EngineError {
            operation: Operation::Pull.words(),
            class: ErrorClass::Unknown,
            reason: Reason::DeadlineExceeded,
            message: format!("no progress within {silence:?}"),
        }),
    }
}

enum Pulled {
    Done,
    Silent,
}

/// The name, and the tag or the digest; `latest` when the reference has neither.
fn split(reference: &str) -> (&str, &str) {
    if let Some((name, digest)) = reference.split_once('@') {
        // A tag beside a digest says nothing more.
        return (without_tag(name), digest);
    }
    let name = without_tag(reference);
    match &reference[name.len()..] {
        "" => (name, "latest"),
        tag => (name, &tag[1..]),
    }
}

/// A colon before the last slash belongs to the registry's port.
fn without_tag(name: &str) -> &str {
    let path = name.rfind('/').map_or(0, |slash| slash + 1);
    name[path..].find(':').map_or(name, |colon| &name[..path + colon])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_split_into_its_name_and_one_tag() {
        let cases = [
            ("debian", ("debian", "latest")),
            ("debian:12", ("debian", "12")),
            ("localhost:5000/team/app", ("localhost:5000/team/app", "latest")),
            ("localhost:5000/team/app:1.2", ("localhost:5000/team/app", "1.2")),
            ("debian@sha256:abc", ("debian", "sha256:abc")),
            ("localhost:5000/debian:12@sha256:abc", ("localhost:5000/debian", "sha256:abc")),
        ];
        for (reference, expected) in cases {
            assert_eq!(split(reference), expected, "{reference}");
        }
    }
}
