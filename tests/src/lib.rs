//! What the end-to-end tests and the demo share: finding an engine, running a private one, and
//! the image that is built here instead of pulled.
//!
//! Nothing in here knows the product's code beyond its wire types. Deliberately absent: tests; they
//! are the targets of this package in `tests/e2e`.

pub mod controller;
pub mod dockerd;
pub mod engine;
pub mod image;
pub mod list;
pub mod otlp_receiver;
pub mod small_disk;
pub mod socket_proxy;
pub mod workload;
