//! What both sides reconcile: config maps with a name, in the store that `kube`'s reflector fills.
//!
//! Both controllers have the same input and the same keys: each takes the key from the object that
//! was touched, and looks the object up in the store for each pass. So whatever the two differ in
//! is the controllers' own.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use futures::{Stream, StreamExt, stream};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::runtime::WatchStreamExt;
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::watcher::{self, Event};
use tokio::time::Instant;

pub type Object = ConfigMap;
pub type Key = ObjectRef<Object>;

/// What a watcher stream yields.
pub type Watched = watcher::Result<Event<Object>>;

const PREFIX: &str = "object-";

/// The object of this number.
pub fn object(number: usize) -> Object {
    let mut object = Object::default();
    object.metadata.name = Some(format!("{PREFIX}{number:07}"));
    object
}

/// The number of this object.
pub fn number(object: &Object) -> Option<usize> {
    object.metadata.name.as_deref()?.strip_prefix(PREFIX)?.parse().ok()
}

/// A store that holds so many objects and is ready.
pub fn filled(objects: usize) -> (Store<Object>, Writer<Object>) {
    let (store, mut writer) = reflector::store();
    writer.apply_watcher_event(&Event::Init);
    for number in 0..objects {
        writer.apply_watcher_event(&Event::InitApply(object(number)));
    }
    writer.apply_watcher_event(&Event::InitDone);
    (store, writer)
}

/// A store that holds so many objects, and a stream that touches each of them, all at once.
///
/// The stream is what comes out of a reflector. The reflector itself did its work beforehand: it
/// would cost both sides the same, and hide a part of what they differ in.
pub fn touched(
    objects: usize,
) -> (Store<Object>, impl Stream<Item = watcher::Result<Object>> + Send + 'static) {
    let (store, _writer) = filled(objects);
    let touched: Vec<_> = (0..objects).map(|number| Ok(object(number))).collect();
    (store, stream::iter(touched).chain(stream::pending()))
}

/// The objects that these events touch, once they are in the store. A watch has no end.
pub fn touches(
    writer: Writer<Object>,
    events: impl Stream<Item = Watched> + Send + 'static,
) -> impl Stream<Item = watcher::Result<Object>> + Send + 'static {
    events.chain(stream::pending()).reflect(writer).touched_objects()
}

/// Polls a controller until it has done so many passes, and tells when it had. All must succeed.
pub async fn finish(outcomes: impl Stream<Item = bool>, passes: usize) -> Result<Instant> {
    let mut outcomes = std::pin::pin!(outcomes);
    for pass in 0..passes {
        let good = outcomes.next().await.context("the controller has ended")?;
        ensure!(good, "pass {pass} has failed");
    }
    Ok(Instant::now())
}

/// A pass that does nothing.
pub async fn nothing(object: Arc<Object>) {
    drop(object);
}
