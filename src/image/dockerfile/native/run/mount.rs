//! `RUN --mount`: its keys, and what they mean (Dockerfile reference, "RUN --mount").

use crate::image::dockerfile::native::error::{DockerfileLine, NativeError};
use crate::image::dockerfile::native::parse::StepOption;

/// The kinds of mounts that can be made here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MountType {
    Bind,
    Cache,
    Secret,
    Ssh,
    Tmpfs,
}

const KEYS: [&str; 19] = [
    "type",
    "target",
    "dst",
    "destination",
    "source",
    "src",
    "from",
    "ro",
    "readonly",
    "rw",
    "readwrite",
    "required",
    "size",
    "id",
    "sharing",
    "mode",
    "uid",
    "gid",
    "env",
];

/// A mount as it is written, with its values not yet expanded.
#[derive(Clone, Debug)]
pub struct MountText {
    pub kind: MountType,
    /// A stage, an image, or the build context where there is none. Never expanded.
    pub from: Option<String>,
    fields: Vec<(String, Option<String>)>,
}

impl MountText {
    /// Reads the value of `--mount`. Fails if it cannot be made here, or is a mistake.
    pub fn read(option: &StepOption, place: &DockerfileLine) -> Result<Self, NativeError> {
        let text = option.value.as_deref().unwrap_or_default();
        let mut fields = Vec::new();
        for field in csv(text) {
            let (key, value) = match field.split_once('=') {
                Some((key, value)) => (key, Some(value.to_owned())),
                None => (field.as_str(), None),
            };
            let key = key.trim().to_ascii_lowercase();
            if !KEYS.contains(&key.as_str()) {
                let (place, text) = (place.clone(), format!("--mount={key}"));
                return Err(NativeError::Value { place, text, wanted: "a key of `RUN --mount`" });
            }
            fields.push((key, value));
        }
        let mut mount = Self { kind: MountType::Bind, from: None, fields };
        match mount.text(&["type"]).unwrap_or("bind") {
            "bind" => {}
            "cache" => mount.kind = MountType::Cache,
            "secret" => mount.kind = MountType::Secret,
            "tmpfs" => mount.kind = MountType::Tmpfs,
            "ssh" => mount.kind = MountType::Ssh,
            other => {
                let (place, text) = (place.clone(), other.to_owned());
                let wanted = "a type of mount: `bind`, `cache`, `tmpfs`, `secret` or `ssh`";
                return Err(NativeError::Value { place, text, wanted });
            }
        }
        mount.from = mount.text(&["from"]).map(str::to_owned).filter(|from| !from.is_empty());
        mount.fits(place)?;
        if mount.kind == MountType::Cache && mount.from.is_some() {
            let what = "`from` of `RUN --mount=type=cache`".to_owned();
            return Err(NativeError::Beyond { place: place.clone(), what, unfit: Vec::new() });
        }
        Ok(mount)
    }

    /// Whether each key belongs to the type.
    fn fits(&self, place: &DockerfileLine) -> Result<(), NativeError> {
        let of = |key: &str| match key {
            "from" | "rw" | "readwrite" => {
                matches!(self.kind, MountType::Bind | MountType::Cache)
            }
            "source" | "src" => self.kind != MountType::Tmpfs,
            "required" => matches!(self.kind, MountType::Secret | MountType::Ssh),
            "env" => self.kind == MountType::Secret,
            "size" => self.kind == MountType::Tmpfs,
            "id" | "mode" | "uid" | "gid" => {
                matches!(self.kind, MountType::Cache | MountType::Secret | MountType::Ssh)
            }
            "sharing" => self.kind == MountType::Cache,
            _ => true,
        };
        let wrong = self.fields.iter().find(|(key, _)| !of(key));
        wrong.map_or(Ok(()), |(key, _)| {
            let (place, text) = (place.clone(), format!("--mount={key}"));
            Err(NativeError::Value { place, text, wanted: "a key of this type of `RUN --mount`" })
        })
    }

    /// The value of the last of these keys, as it is written.
    pub fn text(&self, keys: &[&str]) -> Option<&str> {
        let fields = self.fields.iter().rev();
        let mut found = fields.filter(|(key, _)| keys.contains(&key.as_str()));
        found.next().map(|(_, value)| value.as_deref().unwrap_or_default())
    }

    /// Whether a switch is on: alone, or with a value that says so.
    fn switch(&self, keys: &[&str], place: &DockerfileLine) -> Result<Option<bool>, NativeError> {
        let is_key = |(key, _): &&(String, Option<String>)| keys.contains(&key.as_str());
        let Some((_, value)) = self.fields.iter().rev().find(is_key) else { return Ok(None) };
        match value.as_deref() {
            None | Some("true" | "1") => Ok(Some(true)),
            Some("false" | "0") => Ok(Some(false)),
            Some(other) => {
                let (place, text) = (place.clone(), other.to_owned());
                Err(NativeError::Value { place, text, wanted: "`true` or `false`" })
            }
        }
    }

    /// Whether the command may write to it.
    pub fn is_writable(&self, place: &DockerfileLine) -> Result<bool, NativeError> {
        if self.switch(&["ro", "readonly"], place)? == Some(true) {
            return Ok(false);
        }
        let default = self.kind != MountType::Bind;
        Ok(self.switch(&["rw", "readwrite"], place)?.unwrap_or(default))
    }

    pub fn is_required(&self, place: &DockerfileLine) -> Result<bool, NativeError> {
        Ok(self.switch(&["required"], place)?.unwrap_or(false))
    }
}

/// The fields of a line of comma-separated values (RFC 4180).
fn csv(text: &str) -> Vec<String> {
    let (mut fields, mut field, mut quoted) = (Vec::new(), String::new(), false);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                field.push('"');
            }
            '"' if quoted || field.is_empty() => quoted = !quoted,
            ',' if !quoted => fields.push(std::mem::take(&mut field)),
            other => field.push(other),
        }
    }
    fields.push(field);
    fields.retain(|field| !field.is_empty());
    fields
}

/// A number of bytes, such as `64m`.
pub fn bytes(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let digits = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let shift = match unit.trim_end_matches("ib").trim_end_matches('b') {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::{MountText, MountType, bytes, csv};
    use crate::image::dockerfile::native::error::{DockerfileLine, NativeError};
    use crate::image::dockerfile::native::parse::StepOption;

    fn place() -> DockerfileLine {
        DockerfileLine { file: "Dockerfile".into(), line: 2 }
    }

    fn read(value: &str) -> Result<MountText, NativeError> {
        MountText::read(&StepOption { name: "mount".into(), value: Some(value.into()) }, &place())
    }

    #[test]
    fn keys_have_other_names() {
        let mount = read("type=bind,src=a,\"dst=/b,c\",from=Stage,rw").expect("a mount");
        assert_eq!((mount.kind, mount.from.as_deref()), (MountType::Bind, Some("Stage")));
        assert_eq!(mount.text(&["target", "dst", "destination"]), Some("/b,c"));
        assert!(mount.is_writable(&place()).expect("a switch"));
        let mount = read("target=/x").expect("a mount");
        assert!(!mount.is_writable(&place()).expect("a switch"));
        let mount = read("type=cache,target=/x,ro=false").expect("a mount");
        assert!(mount.is_writable(&place()).expect("a switch"));
    }

    #[test]
    fn mistakes_are_named() {
        let refused = |text: &str| read(text).expect_err("refused").to_string();
        assert_eq!(
            refused("type=cache,tarhet=/x"),
            "`Dockerfile:2` has `--mount=tarhet`, which is not a key of `RUN --mount`"
        );
        assert_eq!(
            refused("type=volume,target=/x"),
            "`Dockerfile:2` has `volume`, which is not a type of mount: `bind`, `cache`, `tmpfs`, `secret` or `ssh`"
        );
        assert_eq!(
            refused("type=bind,target=/x,size=1m"),
            "`Dockerfile:2` has `--mount=size`, which is not a key of this type of `RUN --mount`"
        );
        assert_eq!(
            refused("type=ssh,env=A"),
            "`Dockerfile:2` has `--mount=env`, which is not a key of this type of `RUN --mount`"
        );
        assert_eq!(
            refused("type=cache,target=/x,from=base"),
            "`Dockerfile:2` has `from` of `RUN --mount=type=cache`, which needs a container engine"
        );
        let mount = read("target=/x,rw=maybe").expect("a mount");
        assert_eq!(
            mount.is_writable(&place()).expect_err("refused").to_string(),
            "`Dockerfile:2` has `maybe`, which is not `true` or `false`"
        );
    }

    #[test]
    fn sizes_and_fields_are_parsed() {
        assert_eq!(bytes("64m"), Some(64 << 20));
        assert_eq!(bytes("10"), Some(10));
        assert_eq!(bytes("1GiB"), Some(1 << 30));
        assert_eq!(bytes("m1"), None);
        assert_eq!(csv("a,\"b,\"\"c\"\",d\",,e"), ["a", "b,\"c\",d", "e"]);
    }
}
