//! A source that counts the readings of all its gauges.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use trueup_domain::id::ContainerId;
use trueup_domain::port::{Gauge, UsageError, UsageSource};
use trueup_domain::usage::{Reading, Source};

/// Another source, counted.
pub struct Counting<S> {
    source: S,
    readings: Arc<AtomicU64>,
}

impl<S> Counting<S> {
    pub fn new(source: S) -> Self {
        Self { source, readings: Arc::default() }
    }

    /// How many there were that succeeded.
    pub fn readings(&self) -> u64 {
        self.readings.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl<S: UsageSource> UsageSource for Counting<S> {
    fn source(&self) -> Source {
        self.source.source()
    }

    async fn open(&self, container: &ContainerId) -> Result<Box<dyn Gauge>, UsageError> {
        let gauge = self.source.open(container).await?;
        Ok(Box::new(Counted { gauge, readings: Arc::clone(&self.readings) }))
    }
}

struct Counted {
    gauge: Box<dyn Gauge>,
    readings: Arc<AtomicU64>,
}

#[async_trait]
impl Gauge for Counted {
    fn source(&self) -> Source {
        self.gauge.source()
    }

    async fn read(&mut self) -> Result<Reading, UsageError> {
        let reading = self.gauge.read().await?;
        self.readings.fetch_add(1, Ordering::Relaxed);
        Ok(reading)
    }
}
