//! Where the configuration comes from: a file, the environment, flags; the later wins.

use super::Settings;
use crate::Error;
use config::{Config, Environment, File, FileFormat};
use std::{collections::HashMap, env, path::Path};

/// Where the configuration file is looked for when none is named.
pub const DEFAULT_FILE: &str = "/etc/trueup/trueup.toml";

/// Variables of the environment begin with this; `TRUEUP_ENGINE__HOST` is `engine.host`.
const PREFIX: &str = "TRUEUP_";
/// Separates the parts of a key in the environment. Variables without it belong to the client
/// (`TRUEUP_HOST`, `TRUEUP_OWNER`).
const SEPARATOR: &str = "__";

impl Settings {
    /// Reads the configuration. Without `file`, [`DEFAULT_FILE`] is read if it exists. `overrides`
    /// are keys such as `engine.host` with their values.
    ///
    /// # Errors
    /// [`Error::Settings`] says which key or file is wrong and why.
    pub fn load(file: Option<&Path>, overrides: &[(String, String)]) -> Result<Self, Error> {
        let variables = env::vars().filter(|(name, _)| name.starts_with(PREFIX)).collect();
        Self::from_sources(file, variables, overrides)
    }

    pub(super) fn from_sources(
        file: Option<&Path>,
        variables: HashMap<String, String>,
        overrides: &[(String, String)],
    ) -> Result<Self, Error> {
        let wrong = |source| Error::Settings { source: Box::new(source) };
        let named = file.unwrap_or(Path::new(DEFAULT_FILE));
        check_names(&variables)?;
        let lists: Vec<_> = LISTS
            .iter()
            .filter_map(|key| {
                let name = PREFIX.to_owned() + &key.to_uppercase().replace('.', SEPARATOR);
                Some((*key, list(variables.get(&name)?)))
            })
            .collect();
        let variables = variables.into_iter().filter(|(name, _)| name.contains(SEPARATOR));
        let variables: HashMap<_, _> = variables.collect();
        let environment = Environment::with_prefix(PREFIX.trim_end_matches('_'))
            .prefix_separator("_")
            .separator(SEPARATOR)
            .try_parsing(true)
            .source(Some(variables));
        let mut builder = Config::builder()
            .add_source(File::from(named).format(FileFormat::Toml).required(file.is_some()))
            .add_source(environment);
        for (key, value) in lists {
            builder = builder.set_override(key, value).map_err(wrong)?;
        }
        for (key, value) in overrides {
            let value = if LISTS.contains(&key.as_str()) { list(value) } else { parse(value) };
            builder = builder.set_override(key.as_str(), value).map_err(wrong)?;
        }
        let settings: Self = builder.build().map_err(wrong)?.try_deserialize().map_err(wrong)?;
        settings.check()?;
        Ok(settings)
    }
}

/// Keys that hold lists.
const LISTS: [&str; 1] = ["projects.roots"];

/// A list: as TOML writes it (`["/srv/a", "/srv/b"]`), or plainly (`/srv/a,/srv/b`).
fn list(value: &str) -> config::Value {
    if value.trim_start().starts_with('[') {
        return parse(value);
    }
    let items: Vec<_> = value.split(',').map(str::trim).filter(|item| !item.is_empty()).collect();
    config::Value::new(None, items)
}

/// A variable like `TRUEUP_ENGINE_HOST`, with one underscore where two belong, would be ignored.
fn check_names(variables: &HashMap<String, String>) -> Result<(), Error> {
    const SECTIONS: [&str; 9] = [
        "INSTANCE",
        "ENGINE",
        "STORE",
        "API",
        "PROJECTS",
        "NETWORK",
        "RECONCILE",
        "LOG",
        "TELEMETRY",
    ];
    for name in variables.keys().filter(|name| !name.contains(SEPARATOR)) {
        let rest = name.trim_start_matches(PREFIX);
        let meant = SECTIONS.iter().find_map(|section| {
            let key = rest.strip_prefix(section)?.strip_prefix('_')?;
            Some(format!("{PREFIX}{section}{SEPARATOR}{key}"))
        });
        if let Some(meant) = meant {
            return Err(Error::Variable { name: name.clone(), meant });
        }
    }
    Ok(())
}

/// A flag's value: what TOML reads it as (`5`, `true`, `["/srv/a"]`), and plain text otherwise.
fn parse(value: &str) -> config::Value {
    let toml = File::from_str(&format!("value = {value}"), FileFormat::Toml);
    let read = Config::builder().add_source(toml).build();
    read.and_then(|read| read.get::<config::Value>("value"))
        .unwrap_or_else(|_| config::Value::new(None, value))
}
