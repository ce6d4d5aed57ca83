//! The `config` object of an image, as the instructions of a Dockerfile set it.
//!
//! The fields are those of the OCI image specification, "Image Configuration", and docker's
//! additions `Healthcheck`, `OnBuild` and `Shell`.

use super::draft::cleaned;
use super::error::{DockerfileLine, NativeError};
use super::parse::{Command, StepOption};
use crate::image::layers::ExposedPort;
use serde_json::{Map, Value, json};

/// Engines set this for `FROM scratch`.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The `config` object of an image configuration.
#[derive(Clone, Debug)]
pub struct RunConfig {
    fields: Map<String, Value>,
    /// Whether this stage has a `CMD`. An `ENTRYPOINT` resets only the `CMD` of the base.
    has_cmd: bool,
}

impl RunConfig {
    pub fn scratch() -> Self {
        let fields = [("Env", json!([PATH])), ("WorkingDir", json!("/"))];
        Self {
            fields: fields.map(|(name, value)| (name.to_owned(), value)).into_iter().collect(),
            has_cmd: false,
        }
    }

    /// The `config` object of a base image.
    pub fn of(config: Option<&Value>) -> Self {
        let mut fields = config.and_then(Value::as_object).cloned().unwrap_or_default();
        // Docker stores the ID of the base here.
        fields.remove("Image");
        fields.retain(|_, value| !value.is_null());
        Self { fields, has_cmd: false }
    }

    /// A copy for a stage that starts from this one.
    pub fn continued(&self) -> Self {
        Self { has_cmd: false, ..self.clone() }
    }

    pub fn fields(self) -> Map<String, Value> {
        self.fields
    }

    fn text(&self, field: &str) -> &str {
        self.fields.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    fn texts(&self, field: &str) -> Vec<String> {
        let list = self.fields.get(field).and_then(Value::as_array);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        list.map(|list| list.iter().map(text).collect()).unwrap_or_default()
    }

    fn entry(&mut self, field: &str, key: &str, value: Value) {
        let map = self.fields.entry(field).or_insert_with(|| json!({}));
        if !map.is_object() {
            *map = json!({});
        }
        let map = map.as_object_mut().expect("made so");
        map.insert(key.to_owned(), value);
        map.sort_keys();
    }

    pub fn user(&self) -> &str {
        self.text("User")
    }

    /// Always absolute, without `..` and repeated slashes.
    pub fn working_directory(&self) -> String {
        let path = cleaned(self.text("WorkingDir").as_bytes());
        format!("/{}", String::from_utf8_lossy(&path))
    }

    /// The variables, in their order.
    pub fn variables(&self) -> Vec<(String, String)> {
        let pair = |pair: &String| {
            pair.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()))
        };
        self.texts("Env").iter().filter_map(pair).collect()
    }

    pub fn set_variable(&mut self, name: &str, value: &str) {
        let mut pairs = self.texts("Env");
        let pair = format!("{name}={value}");
        let named = |known: &String| known.split('=').next() == Some(name);
        match pairs.iter().position(named) {
            Some(at) => pairs[at] = pair,
            None => pairs.push(pair),
        }
        self.fields.insert("Env".into(), json!(pairs));
    }

    pub fn set(&mut self, field: &str, value: &str) {
        self.fields.insert(field.to_owned(), json!(value));
    }

    pub fn label(&mut self, key: &str, value: &str) {
        self.entry("Labels", key, json!(value));
    }

    pub fn volume(&mut self, path: &str) {
        self.entry("Volumes", path, json!({}));
    }

    pub fn shell(&mut self, words: &[String]) {
        self.fields.insert("Shell".into(), json!(words));
    }

    pub fn trigger(&mut self, text: &str) {
        let mut triggers = self.texts("OnBuild");
        triggers.push(text.to_owned());
        self.fields.insert("OnBuild".into(), json!(triggers));
    }

    /// Takes the `ONBUILD` instructions of the base, which run only once.
    pub fn take_triggers(&mut self) -> Vec<String> {
        let triggers = self.texts("OnBuild");
        self.fields.remove("OnBuild");
        triggers
    }

    /// The program and arguments that a command stands for.
    pub fn words(&self, command: &Command) -> Vec<String> {
        match command {
            Command::Exec(words) => words.clone(),
            Command::Shell(text) => {
                let mut words = self.texts("Shell");
                if words.is_empty() {
                    words = vec!["/bin/sh".into(), "-c".into()];
                }
                words.push(text.clone());
                words
            }
        }
    }

    /// Returns the words of the command.
    pub fn cmd(&mut self, command: &Command) -> Vec<String> {
        self.has_cmd = true;
        self.set_words("Cmd", command)
    }

    /// Also removes the base's `CMD`, which belongs to the base's entrypoint. Returns the words
    /// of the command.
    pub fn entrypoint(&mut self, command: &Command) -> Vec<String> {
        if !self.has_cmd {
            self.fields.remove("Cmd");
        }
        self.set_words("Entrypoint", command)
    }

    /// An empty list resets what the base has.
    fn set_words(&mut self, field: &str, command: &Command) -> Vec<String> {
        let words = self.words(command);
        if words.is_empty() {
            self.fields.remove(field);
        } else {
            self.fields.insert(field.to_owned(), json!(words));
        }
        words
    }

    /// Adds ports written as `80`, `53/udp` or `8000-8002`, and returns each with its protocol.
    pub fn expose(
        &mut self,
        text: &str,
        place: &DockerfileLine,
    ) -> Result<Vec<String>, NativeError> {
        let wrong = || NativeError::Value {
            place: place.clone(),
            text: text.to_owned(),
            wanted: "a port, such as `80` or `53/udp`",
        };
        let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
        let number = |text: &str| text.parse::<u16>().map_err(|_| wrong());
        let mut exposed = Vec::new();
        for port in number(first)?..=number(last)? {
            let port: ExposedPort = format!("{port}/{protocol}").parse().map_err(|_| wrong())?;
            self.entry("ExposedPorts", &port.to_string(), json!({}));
            exposed.push(port.to_string());
        }
        Ok(exposed)
    }

    /// Returns the object that says how the container is checked.
    pub fn healthcheck(
        &mut self,
        options: &[StepOption],
        command: Option<&Command>,
        place: &DockerfileLine,
    ) -> Result<&Map<String, Value>, NativeError> {
        let test = match command {
            None => vec!["NONE".to_owned()],
            Some(Command::Shell(text)) => vec!["CMD-SHELL".to_owned(), text.clone()],
            Some(Command::Exec(words)) => [&["CMD".to_owned()], words.as_slice()].concat(),
        };
        let mut check = Map::new();
        check.insert("Test".into(), json!(test));
        for StepOption { name, value } in options {
            let text = value.clone().unwrap_or_default();
            let wrong =
                |wanted| NativeError::Value { place: place.clone(), text: text.clone(), wanted };
            let field = match name.as_str() {
                "interval" => "Interval",
                "timeout" => "Timeout",
                "start-period" => "StartPeriod",
                "start-interval" => "StartInterval",
                "retries" => {
                    let retries: u32 = text.parse().map_err(|_| wrong("a number of retries"))?;
                    check.insert("Retries".into(), json!(retries));
                    continue;
                }
                // `select` refuses other flags.
                _ => continue,
            };
            let nanoseconds =
                nanoseconds(&text).ok_or_else(|| wrong("a duration, such as `30s`"))?;
            check.insert(field.into(), json!(nanoseconds));
        }
        self.fields.insert("Healthcheck".into(), check.into());
        Ok(self.fields["Healthcheck"].as_object().expect("made so"))
    }
}

/// Parses a duration of Go: `1m30s`, `1.5h`, `500ms`.
fn nanoseconds(text: &str) -> Option<u64> {
    let mut total: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|character: char| !character.is_ascii_digit() && character != '.')?;
        let (number, after) = rest.split_at(end);
        let units = [
            ("ns", 1),
            ("us", 1_000),
            ("ms", 1_000_000),
            ("s", 1_000_000_000),
            ("m", 60_000_000_000),
            ("h", 3_600_000_000_000),
        ];
        let (unit, size) = units.into_iter().find(|(unit, _)| after.starts_with(unit))?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        total = total.checked_add(whole.parse::<u64>().ok()?.checked_mul(size)?)?;
        let mut part = size;
        for digit in fraction.bytes() {
            part /= 10;
            total = total.checked_add(u64::from(digit - b'0') * part)?;
        }
        rest = &after[unit.len()..];
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::{RunConfig, nanoseconds};
    use crate::image::dockerfile::native::error::DockerfileLine;
    use crate::image::dockerfile::native::parse::{Command, StepOption};
    use serde_json::{Value, json};

    fn place() -> DockerfileLine {
        DockerfileLine { file: "Dockerfile".into(), line: 1 }
    }

    fn exec(words: &[&str]) -> Command {
        Command::Exec(words.iter().map(|&word| word.to_owned()).collect())
    }

    #[test]
    fn go_durations_are_parsed() {
        let cases = [("1m30s", 90_000_000_000), ("1.5h", 5_400_000_000_000), ("10ms", 10_000_000)];
        for (text, expected) in cases {
            assert_eq!(nanoseconds(text), Some(expected), "{text}");
        }
        for wrong in ["", "5", "s", "1x", "1s2"] {
            assert_eq!(nanoseconds(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_entrypoint_resets_only_the_cmd_of_the_base() {
        let base = json!({"Cmd": ["sh"], "Image": "sha256:1", "Volumes": null});
        let mut run_config = RunConfig::of(Some(&base));
        run_config.entrypoint(&exec(&["/a"]));
        assert_eq!(Value::from(run_config.fields()), json!({"Entrypoint": ["/a"]}));

        let mut run_config = RunConfig::of(Some(&base));
        run_config.cmd(&Command::Shell("echo $A".into()));
        run_config.entrypoint(&exec(&["/a"]));
        let expected = json!({"Cmd": ["/bin/sh", "-c", "echo $A"], "Entrypoint": ["/a"]});
        assert_eq!(Value::from(run_config.fields()), expected);
    }

    #[test]
    fn ports_may_be_ranges() {
        let mut run_config = RunConfig::of(None);
        for text in ["80", "53/UDP", "8000-8001/tcp"] {
            run_config.expose(text, &place()).expect("ports");
        }
        let expected = json!({"53/udp": {}, "80/tcp": {}, "8000/tcp": {}, "8001/tcp": {}});
        assert_eq!(run_config.fields()["ExposedPorts"], expected);
        let error = RunConfig::of(None).expose("http", &place()).expect_err("no port");
        assert_eq!(
            error.to_string(),
            "`Dockerfile:1` has `http`, which is not a port, such as `80` or `53/udp`"
        );
    }

    #[test]
    fn healthcheck_has_docker_fields() {
        let option =
            |name: &str, value: &str| StepOption { name: name.into(), value: Some(value.into()) };
        let mut run_config = RunConfig::of(None);
        let options = [option("interval", "30s"), option("retries", "3")];
        let command = Command::Shell("curl -f http://localhost/".into());
        run_config.healthcheck(&options, Some(&command), &place()).expect("a check");
        assert_eq!(
            run_config.fields()["Healthcheck"],
            json!({"Test": ["CMD-SHELL", "curl -f http://localhost/"], "Interval": 30_000_000_000_u64, "Retries": 3})
        );
        let mut run_config = RunConfig::of(None);
        run_config.healthcheck(&[], None, &place()).expect("a check");
        assert_eq!(run_config.fields()["Healthcheck"], json!({"Test": ["NONE"]}));
    }
}
