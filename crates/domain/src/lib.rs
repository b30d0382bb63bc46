//! The core of trueup: what a workspace is, what was observed of it, and the decision what to do.
//!
//! Pure: no clock, no randomness, no input or output. What the core needs from outside is a trait in
//! [`port`], implemented at the edges.
//!
//! The way through it: a user's YAML becomes a checked [`manifest`], the store keeps it as a
//! [`workspace`], a pass puts it beside what was [`observed`], and `plan` answers with
//! [`action`]s and a [`status`].

pub mod action;
pub mod adoption;
pub mod backoff;
mod checked;
pub mod condition;
pub mod container;
pub mod desired;
pub mod drift;
pub mod error;
pub mod event;
pub mod id;
pub mod label;
pub mod manifest;
pub mod name;
pub mod news;
pub mod observed;
pub mod orphan;
pub mod pass;
pub mod plan;
pub mod policy;
pub mod port;
pub mod quantity;
pub mod spec;
pub mod status;
pub mod usage;
pub mod workspace;
