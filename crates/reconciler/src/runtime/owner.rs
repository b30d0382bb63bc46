//! Whose key it is: what the queue is fair between.
//!
//! An owner is only ever compared, so that a hash of whatever names it is enough. Should two of
//! them ever share one, they share their turns; nothing else happens.

use std::hash::{Hash, Hasher};

/// Somebody to whom keys belong.
///
/// ```
/// use trueup_reconciler::runtime::Owner;
///
/// assert_eq!(Owner::new("alice"), Owner::new("alice"));
/// assert_ne!(Owner::new("alice"), Owner::new("bob"));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Owner(u64);

impl Owner {
    /// The owner of this name, or whatever else tells owners apart.
    pub fn new(name: impl Hash) -> Self {
        let mut hasher = std::hash::DefaultHasher::new();
        name.hash(&mut hasher);
        Self(hasher.finish())
    }
}
