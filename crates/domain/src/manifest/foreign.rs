//! What people bring from Compose and Kubernetes, in the words of this manifest.
//!
//! Only advice: nothing foreign is accepted. A word is taken for foreign only where it is unknown,
//! a value only where it was refused. Deliberately absent: translating whole files.

use super::node::{Node, Value};
use crate::quantity::{Cpus, Memory};

/// What stands in what `get -o json` gives and is not for a user to declare.
const OBSERVED: [&str; 7] =
    ["id", "generation", "resourceVersion", "createdAt", "deletion", "status", "live"];

/// How to have a manifest of something that exists.
const EXPORT: &str = "`trueup get NAME -o manifest` gives what can be applied";

/// What to write instead of an unknown field, where `known` are those that are possible.
pub(super) fn field(unknown: &str, known: &[&str]) -> Option<String> {
    if known.contains(&"apiVersion") && OBSERVED.contains(&unknown) {
        return Some(EXPORT.to_owned());
    }
    let simple = unknown.to_lowercase().replace(['_', '-'], "");
    let row =
        FIELDS.iter().find(|row| known.contains(&row.beside) && row.words.contains(&&*simple));
    row.map(|row| format!("write `{}` instead", row.ours))
}

/// What to write instead of a word that is not accepted.
pub(super) fn word(value: &str) -> Option<&'static str> {
    (value == "WorkspaceList").then_some(EXPORT)
}

/// What to write instead of a value of that field, or of an item of its list.
pub(super) fn value(field: &str, refused: &Node, item: bool) -> Option<String> {
    let text = match (field, item, &refused.value) {
        ("command", false, Value::Text(text)) => command(text),
        ("ports", _, Value::Text(text)) => port(text).map(|port| listed(port, item)),
        ("ports", _, Value::Unsigned(port)) => port_number(&port.to_string())
            .map(|port| listed(format!("{{container: {port}}}"), item)),
        ("volumes", true, Value::Text(text)) => volume(text),
        ("memory", false, Value::Text(text)) => memory(text),
        ("cpus", false, Value::Text(text)) => cpus(text),
        ("env", false, Value::List(items)) => environment(items),
        _ => None,
    }?;
    Some(format!("write it as `{text}`"))
}

/// Foreign words for one of our fields.
struct Row {
    /// In small letters, without `_` and `-`.
    words: &'static [&'static str],
    /// A field that is possible where they stand, to tell one place from another.
    beside: &'static str,
    ours: &'static str,
}

const fn row(words: &'static [&'static str], beside: &'static str, ours: &'static str) -> Row {
    Row { words, beside, ours }
}

const FIELDS: [Row; 28] = [
    row(&["namespace"], "labels", "owner"),
    row(&["args", "arguments", "entrypoint"], "image", "command"),
    row(&["environment", "envs"], "image", "env"),
    row(&["pullpolicy"], "image", "imagePullPolicy"),
    row(&["restart", "restartpolicy"], "image", "recovery.policy"),
    row(&["cpu", "cpus", "cpulimit"], "image", "resources.cpus"),
    row(&["limits", "deploy"], "image", "resources"),
    row(&["memory", "mem", "memlimit"], "image", "resources.memory"),
    row(&["pidslimit", "pids"], "image", "resources.pids"),
    row(&["healthcheck", "livenessprobe", "readinessprobe", "startupprobe"], "image", "health"),
    row(&["volumemounts", "mounts"], "image", "volumes"),
    row(&["securitycontext", "network", "networkmode", "privileged"], "image", "isolation"),
    row(&["runasuser"], "image", "user"),
    row(&["containerport", "targetport", "target", "port"], "container", "container"),
    row(&["hostport", "published", "nodeport"], "container", "host"),
    row(&["mountpath", "containerpath"], "target", "target"),
    row(&["hostpath"], "readOnly", "path"),
    row(&["source"], "readOnly", "path"),
    row(&["source"], "target", "name"),
    row(&["cpu", "cpulimit"], "pids", "cpus"),
    row(&["limits", "requests", "reservations"], "pids", "cpus` and `memory"),
    row(&["mem", "memlimit"], "pids", "memory"),
    row(&["test", "exec"], "startPeriod", "command"),
    row(&["periodseconds"], "startPeriod", "interval"),
    row(&["timeoutseconds"], "startPeriod", "timeout"),
    row(&["failurethreshold"], "startPeriod", "retries"),
    row(&["initialdelayseconds"], "startPeriod", "startPeriod"),
    row(&["restartpolicy", "condition"], "giveUpAfter", "policy"),
];

/// The words of a command line as a list; by way of a shell where only a shell understands it.
fn command(line: &str) -> Option<String> {
    const SHELL: [char; 18] = [
        '\'', '"', '\\', '|', '&', ';', '<', '>', '(', ')', '$', '`', '*', '?', '~', '#', '!', '\n',
    ];
    if line.trim().is_empty() {
        return None;
    }
    if line.contains(SHELL) {
        return Some(format!("[sh, -c, {}]", quoted(line)));
    }
    let words: Vec<_> = line.split_whitespace().map(scalar).collect();
    Some(format!("[{}]", words.join(", ")))
}

/// `HOST:CONTAINER/PROTOCOL`, of which the first and the last may be missing, as may an address.
fn port(text: &str) -> Option<String> {
    let (ports, protocol) = match text.split_once('/') {
        Some((ports, protocol @ ("tcp" | "udp"))) => (ports, Some(protocol)),
        Some(_) => return None,
        None => (text, None),
    };
    let mut numbers = ports.rsplit(':');
    let mut fields = vec![format!("container: {}", port_number(numbers.next()?)?)];
    if let Some(host) = numbers.next() {
        fields.push(format!("host: {}", port_number(host)?));
    }
    fields.extend(protocol.map(|protocol| format!("protocol: {protocol}")));
    Some(format!("{{{}}}", fields.join(", ")))
}

fn port_number(text: &str) -> Option<u16> {
    text.parse().ok().filter(|port| *port > 0)
}

fn listed(text: String, is_item: bool) -> String {
    if is_item { text } else { format!("[{text}]") }
}

/// `NAME:TARGET`; a folder of the host is no volume here.
fn volume(text: &str) -> Option<String> {
    let (name, rest) = text.split_once(':')?;
    let target = rest.split(':').next()?;
    let is_name = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    (is_name && target.starts_with('/'))
        .then(|| format!("{{name: {}, target: {}}}", scalar(name), scalar(target)))
}

/// `512Mi` and `512m`; both mean powers of two where they come from, or nearly do.
fn memory(text: &str) -> Option<String> {
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(at);
    let kib: f64 = match unit.trim().to_lowercase().as_str() {
        "k" | "ki" | "kib" => 1.0,
        "m" | "mi" | "mib" | "mb" => 1024.0,
        "g" | "gi" | "gib" | "gb" => 1_048_576.0,
        _ => return None,
    };
    let kib = number.parse::<f64>().ok()? * kib;
    // Beyond this nobody's host goes, and the conversion would lose digits.
    if kib.fract() != 0.0 || !(1.0..1e12).contains(&kib) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
    let bytes = (kib as u64) << 10;
    Some(Memory::from_bytes(bytes).to_string())
}

/// `500m`, thousandths of a core.
fn cpus(text: &str) -> Option<String> {
    let millis: u32 = text.strip_suffix('m')?.parse().ok()?;
    Some(Cpus::from_millis(millis).to_string())
}

/// A list of `{name, value}` or of `NAME=value`.
fn environment(items: &[Node]) -> Option<String> {
    /// So many show how it goes on.
    const SHOWN: usize = 3;
    let pairs: Option<Vec<_>> = items.iter().take(SHOWN).map(variable).collect();
    let pairs = pairs.filter(|pairs| !pairs.is_empty())?;
    let more = if items.len() > SHOWN { ", …" } else { "" };
    Some(format!("{{{}{more}}}", pairs.join(", ")))
}

fn variable(item: &Node) -> Option<String> {
    let (name, value) = match &item.value {
        Value::Text(text) => {
            let (name, value) = text.split_once('=')?;
            (name, scalar(value))
        }
        Value::Mapping(entries) => {
            let of = |wanted| entries.iter().find(|(key, _)| key.text() == Some(wanted));
            let value = match &of("value")?.1.value {
                Value::Text(text) => scalar(text),
                Value::Unsigned(number) => quoted(&number.to_string()),
                Value::Signed(number) => quoted(&number.to_string()),
                Value::Flag(flag) => quoted(&flag.to_string()),
                _ => "…".to_owned(),
            };
            (of("name")?.1.text()?, value)
        }
        _ => return None,
    };
    Some(format!("{name}: {value}"))
}

/// Text as it may stand within `[…]` or `{…}`, in quotes where it would be something else.
fn scalar(text: &str) -> String {
    let is_word = matches!(
        text.to_lowercase().as_str(),
        "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n" | "null"
    );
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        || (text.starts_with('-') && text.len() > 1 && !text[1..].starts_with(char::is_numeric));
    let goes_on = text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./=@+%".contains(c));
    if begins && goes_on && !is_word { text.to_owned() } else { quoted(text) }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_becomes_a_list_that_means_the_same() {
        let cases = [
            ("sleep infinity", "[sleep, infinity]"),
            ("/workload serve 8080", r#"[/workload, serve, "8080"]"#),
            ("prog -1 --yes yes a:b", r#"[prog, "-1", --yes, "yes", "a:b"]"#),
            ("echo \"a b\" && ls", r#"[sh, -c, "echo \"a b\" && ls"]"#),
        ];
        for (line, list) in cases {
            assert_eq!(command(line).as_deref(), Some(list), "{line}");
        }
        assert_eq!(command("  "), None);
    }

    #[test]
    fn ports_volumes_and_quantities_are_put_into_our_words() {
        assert_eq!(port("8080:80").unwrap(), "{container: 80, host: 8080}");
        assert_eq!(
            port("127.0.0.1:53:5353/udp").unwrap(),
            "{container: 5353, host: 53, protocol: udp}"
        );
        assert_eq!(port("80").unwrap(), "{container: 80}");
        for bad in ["8000-8010:80", "0:80", "web", "80/sctp", ""] {
            assert_eq!(port(bad), None, "{bad}");
        }
        assert_eq!(volume("home:/home/dev:ro").unwrap(), "{name: home, target: /home/dev}");
        assert_eq!(volume("./src:/src"), None);
        for text in ["512Mi", "512m", "512M", "0.5g", "512 MB"] {
            assert_eq!(memory(text).as_deref(), Some("512MiB"), "{text}");
        }
        for bad in ["a lot", "1.2.3g", "0.0001k", "999999999999999g", "12 apples"] {
            assert_eq!(memory(bad), None, "{bad}");
        }
        assert_eq!(cpus("500m").as_deref(), Some("0.5"));
        assert_eq!(cpus("half"), None);
    }
}
