//! Usage, as the client asks for it: now, by group, over time, and as a stream.

use super::{Client, WorkspaceFilter, path};
use crate::{
    Error,
    wire::{UsageGroups, UsageHistory, UsageList, WorkspaceUsage},
};
use reqwest::{Method, RequestBuilder, Response};
use std::{collections::VecDeque, time::Duration};
use trueup_domain::{name::WorkspaceKey, quantity::Period};

/// The longest that a stream lives; the server ends it before.
const LONGEST_STREAM: Duration = Duration::from_mins(15);
/// The most that is kept of an event that is not complete yet.
const LONGEST_EVENT: usize = 64 << 10;

/// Which part of a history is wanted. Times are RFC 3339, or a period back from now such as `1h`.
#[derive(Debug, Clone, Default)]
pub struct UsageRange {
    /// Its beginning; not given: an hour ago.
    pub since: Option<String>,
    /// Its end; not given: now.
    pub until: Option<String>,
    /// The length of a step; not given: as finely as it is kept.
    pub step: Option<Period>,
}

impl Client {
    /// What the workspaces that the filter takes use now, each and together.
    pub async fn usage(&self, filter: &WorkspaceFilter) -> Result<UsageList, Error> {
        self.send(self.usage_request(filter)).await
    }

    /// The same, together by group: `owner` or `label:KEY`.
    pub async fn usage_by(
        &self,
        filter: &WorkspaceFilter,
        grouping: &str,
    ) -> Result<UsageGroups, Error> {
        self.send(self.usage_request(filter).query(&[("by", grouping)])).await
    }

    /// What one workspace used over time.
    pub async fn usage_history(
        &self,
        key: &WorkspaceKey,
        range: &UsageRange,
    ) -> Result<UsageHistory, Error> {
        let since = range.since.iter().map(|since| ("since", since.clone()));
        let until = range.until.iter().map(|until| ("until", until.clone()));
        let step = range.step.iter().map(|step| ("step", step.to_string()));
        let query: Vec<_> = since.chain(until).chain(step).collect();
        self.send(self.request(Method::GET, &path(key, "/usage")).query(&query)).await
    }

    /// Each new figure from now on, of one workspace or of all. Whoever is slow misses some. It ends after
    /// some minutes, or with the server: ask again then.
    pub async fn usage_stream(&self, key: Option<&WorkspaceKey>) -> Result<UsageStream, Error> {
        let query: Vec<_> = key
            .map(|key| [("owner", key.owner.as_str()), ("name", key.name.as_str())])
            .into_iter()
            .flatten()
            .collect();
        let request = self.request(Method::GET, "/v1/usage/stream").query(&query);
        let response = self.exchange(request.timeout(LONGEST_STREAM)).await?;
        let response = self.accepted(response).await?;
        let client = self.clone();
        Ok(UsageStream { client, response, text: Vec::new(), events: VecDeque::new() })
    }

    fn usage_request(&self, filter: &WorkspaceFilter) -> RequestBuilder {
        self.request(Method::GET, "/v1/usage").query(&filter.query())
    }
}

/// Figures as they come.
#[derive(Debug)]
pub struct UsageStream {
    client: Client,
    response: Response,
    /// What has come of the next event.
    text: Vec<u8>,
    /// What has come and was not asked for yet.
    events: VecDeque<WorkspaceUsage>,
}

impl UsageStream {
    /// The next figure; `None` when the server has ended the stream. Nothing is lost when the wait is given
    /// up.
    pub async fn next(&mut self) -> Result<Option<WorkspaceUsage>, Error> {
        loop {
            if let Some(usage) = self.events.pop_front() {
                return Ok(Some(usage));
            }
            let chunk = self.response.chunk().await.map_err(|source| self.client.failed(source))?;
            let Some(chunk) = chunk else { return Ok(None) };
            self.text.extend_from_slice(&chunk);
            while let Some(event) = take_event(&mut self.text) {
                if let Some(data) = data(&event) {
                    let usage = serde_json::from_str(data)
                        .map_err(|source| self.client.unreadable(200, source))?;
                    self.events.push_back(usage);
                }
            }
            // No figure is so long: this is no stream of ours, and must not fill the memory.
            if self.text.len() > LONGEST_EVENT {
                let source = serde::de::Error::custom("an event without an end");
                return Err(self.client.unreadable(200, source));
            }
        }
    }
}

/// Takes the text up to the next empty line, if that has come.
fn take_event(text: &mut Vec<u8>) -> Option<String> {
    let end = text.windows(2).position(|pair| pair == b"\n\n")?;
    let event: Vec<_> = text.drain(..end + 2).collect();
    Some(String::from_utf8_lossy(&event).into_owned())
}

/// The data of an event, which our server writes on one line; a comment has none.
fn data(event: &str) -> Option<&str> {
    event.lines().find_map(|line| line.strip_prefix("data:")).map(str::trim_start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_taken_out_whole_however_the_text_comes() {
        let text = "event: usage\ndata: {\"a\":1}\n\n: still here\n\ndata:{\"b\":2}\n\ndata: {";
        let mut found = Vec::new();
        let mut rest = Vec::new();
        for byte in text.bytes() {
            rest.push(byte);
            found.extend(take_event(&mut rest));
        }
        let found: Vec<_> = found.iter().map(|event| data(event)).collect();
        assert_eq!(found, [Some("{\"a\":1}"), None, Some("{\"b\":2}")]);
        assert_eq!(rest, b"data: {");
    }
}
