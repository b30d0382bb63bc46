//! A refusal in the shape of RFC 9457, `application/problem+json`.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a request was refused.
///
/// Beyond the members of the RFC it may carry `errors`, one for each manifest that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What kind of problem it is, for programs.
    #[serde(rename = "type")]
    pub kind: ProblemKind,
    /// The kind in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong with this request, for people.
    pub detail: String,
    /// What is wrong with its parts, where it has parts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ItemProblem>,
}

/// What is wrong with one manifest of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemProblem {
    /// Its place in the request, from 0.
    pub index: usize,
    /// What is wrong with it.
    pub detail: String,
}

impl Problem {
    /// A problem of that kind.
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            title: kind.title().to_owned(),
            status: kind.status(),
            detail: detail.into(),
            errors: Vec::new(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.detail.is_empty() { &self.title } else { &self.detail })?;
        self.errors.iter().try_for_each(|error| write!(f, "\n  {}", error.detail))
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $urn:literal, $status:literal, $title:literal;)*) => {
        /// The kinds of problems, each with its own `type`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        pub enum ProblemKind {
            $($(#[$doc])* #[serde(rename = $urn)] $name,)*
            /// One that this version does not know; its status and its words still tell.
            #[serde(rename = "about:blank", other)]
            Other,
        }

        impl ProblemKind {
            /// The HTTP status that goes with it.
            pub const fn status(self) -> u16 {
                match self {
                    $(Self::$name => $status,)*
                    Self::Other => 500,
                }
            }

            /// The kind in words.
            pub const fn title(self) -> &'static str {
                match self {
                    $(Self::$name => $title,)*
                    Self::Other => "Internal error",
                }
            }
        }
    };
}

kinds! {
    /// A parameter, a field or the body cannot be read.
    BadRequest = "urn:trueup:problem:bad-request", 400, "Bad request";
    /// A manifest is not valid, or its project folder may not be used.
    BadManifest = "urn:trueup:problem:bad-manifest", 400, "Bad manifest";
    /// The request came in a way that a browser can be tricked into.
    Forbidden = "urn:trueup:problem:forbidden", 403, "Forbidden";
    /// There is no such workspace, or no such path.
    NotFound = "urn:trueup:problem:not-found", 404, "Not found";
    /// The path does not take this method.
    MethodNotAllowed = "urn:trueup:problem:method-not-allowed", 405, "Method not allowed";
    /// Somebody else changed it first.
    Conflict = "urn:trueup:problem:conflict", 409, "Changed by someone else";
    /// It is being deleted.
    Deleting = "urn:trueup:problem:deleting", 409, "Being deleted";
    /// The container may not be taken over.
    NotAdoptable = "urn:trueup:problem:not-adoptable", 409, "Not adoptable";
    /// The body is too large.
    TooLarge = "urn:trueup:problem:too-large", 413, "Body too large";
    /// The body is no JSON by its own account.
    UnsupportedMediaType = "urn:trueup:problem:unsupported-media-type", 415, "Not JSON";
    /// The store fails, or all places are taken; try again.
    Unavailable = "urn:trueup:problem:unavailable", 503, "Unavailable for now";
}
