//! What the mounts of a `RUN` mean in its stage.

use super::command::{RunMount, RunMountKind, SecretVariable, Sharing};
use super::mount::{MountText, MountType, bytes};
use crate::image::dockerfile::native::copy::{CopyOperation, CopySource, copy};
use crate::image::dockerfile::native::draft::{LayerDraft, absolute};
use crate::image::dockerfile::native::error::{DockerfileLine, NativeError};
use crate::image::dockerfile::native::execute::Execution;
use crate::image::dockerfile::native::files::{TreeItem, TreeItemKind};
use crate::image::dockerfile::native::parse::RunText;
use crate::image::ignore::Ignore;
use crate::image::layers::{ListedLayer, Owner, Tree, Xattrs, content_digest, write_archive};
use crate::oci::Digest;
use std::fs;
use std::os::unix::fs::FileTypeExt as _;

/// The name of what is mounted, in its archive.
pub const MOUNTED: &str = "mounted";

/// The sockets of ssh agents, followed by their number.
const AGENTS: &str = "/run/buildkit/ssh_agent";

/// The mounts of a command before it is known whether it runs.
#[derive(Default)]
pub struct PlannedMounts {
    mounts: Vec<PlannedMount>,
    pub variables: Vec<SecretVariable>,
    /// Where the sockets of ssh agents are, in the order of the mounts.
    pub agents: Vec<String>,
    /// Stands for what the result of the command depends on.
    pub key: Vec<String>,
}

struct PlannedMount {
    target: String,
    kind: PlannedKind,
}

enum PlannedKind {
    Files { list: ListedLayer, writable: bool },
    Ready(RunMountKind),
}

impl Execution<'_, '_> {
    /// The mounts of a command, those of folders before those in them.
    pub fn mounts(
        &mut self,
        run: &RunText,
        place: &DockerfileLine,
    ) -> Result<PlannedMounts, NativeError> {
        let mut planned = PlannedMounts::default();
        for option in run.options.iter().filter(|option| option.name == "mount") {
            let text = MountText::read(option, place)?;
            match text.kind {
                MountType::Bind => self.bind(&text, place, &mut planned)?,
                MountType::Cache => self.cache(&text, place, &mut planned)?,
                MountType::Tmpfs => self.tmpfs(&text, place, &mut planned)?,
                MountType::Secret => self.secret(&text, place, &mut planned)?,
                MountType::Ssh => self.ssh(&text, place, &mut planned)?,
            }
        }
        planned.mounts.sort_by(|one, other| one.target.cmp(&other.target));
        Ok(planned)
    }

    /// Adds a script that stands in a folder of its own.
    pub fn add_script(
        &mut self,
        folder: &str,
        name: &str,
        text: &str,
        planned: &mut PlannedMounts,
    ) -> Result<(), NativeError> {
        let place = DockerfileLine { file: String::new(), line: 0 };
        let kind = TreeItemKind::File(self.file_sources.text(text)?);
        let (owner, xattrs) = (Owner::default(), Xattrs::default());
        let item = TreeItem { mode: 0o755, owner, xattrs, kind };
        let mut tree = Tree::default();
        let mut draft = LayerDraft::new(&place, &mut tree);
        draft.put(format!("{MOUNTED}/{name}").as_bytes(), &item)?;
        let list = self.listed(name, draft)?;
        planned.key.push(format!("script {name} {}", Digest::of(text.as_bytes())));
        let kind = PlannedKind::Files { list, writable: false };
        planned.mounts.push(PlannedMount { target: folder.to_owned(), kind });
        Ok(())
    }

    /// The files of a mount, which are packed for the command.
    fn listed(&mut self, name: &str, draft: LayerDraft<'_>) -> Result<ListedLayer, NativeError> {
        let entries = draft.finish(self.file_sources)?;
        let started_at = self.file_sources.started_at;
        Ok(ListedLayer { name: name.to_owned(), entries, started_at })
    }

    fn bind(
        &mut self,
        text: &MountText,
        place: &DockerfileLine,
        planned: &mut PlannedMounts,
    ) -> Result<(), NativeError> {
        let target = self.target(text, place)?;
        let writable = text.is_writable(place)?;
        let source = text.text(&["source", "src"]).unwrap_or("/");
        let source = self.expand(source, place)?;
        let mut ignore = None;
        let (from, from_name) = match &text.from {
            None => {
                let (files, patterns) = self.file_sources.context()?;
                ignore = Some(patterns);
                (files, "the build context".to_owned())
            }
            Some(name) => (self.files_of_mount(name, place)?, format!("`{name}`")),
        };
        let operation = CopyOperation {
            place,
            add: false,
            from,
            from_name,
            ignore,
            exclude: Ignore::default(),
            parents: false,
            may_match_nothing: false,
            sources: vec![CopySource::Path(source)],
            to: format!("/{MOUNTED}"),
            working_directory: "/".to_owned(),
        };
        let mut tree = Tree::default();
        let mut draft = LayerDraft::new(place, &mut tree);
        copy(&operation, &mut draft, self.file_sources)?;
        let list = self.listed(&target, draft)?;
        let content = content_digest(self.file_sources.store, &list, self.env.control.stop)?;
        planned.key.push(format!("bind {target} {writable} {content}"));
        let kind = PlannedKind::Files { list, writable };
        planned.mounts.push(PlannedMount { target, kind });
        Ok(())
    }

    fn cache(
        &mut self,
        text: &MountText,
        place: &DockerfileLine,
        planned: &mut PlannedMounts,
    ) -> Result<(), NativeError> {
        let target = self.target(text, place)?;
        let id = self.value(text, &["id"], place)?.unwrap_or_else(|| target.clone());
        let subfolder = self.value(text, &["source", "src"], place)?.unwrap_or_default();
        if !["", "/", "."].contains(&subfolder.as_str()) {
            let what = "`source` of `RUN --mount=type=cache`".to_owned();
            return Err(NativeError::Beyond { place: place.clone(), what, unfit: Vec::new() });
        }
        let sharing = match self.value(text, &["sharing"], place)?.as_deref() {
            None | Some("shared") => Sharing::Shared,
            Some("private") => Sharing::Private,
            Some("locked") => Sharing::Locked,
            Some(other) => {
                let (place, text) = (place.clone(), other.to_owned());
                let wanted = "`shared`, `private` or `locked`";
                return Err(NativeError::Value { place, text, wanted });
            }
        };
        let (mode, owner) = self.attributes(text, 0o755, place)?;
        let fields = format!("{id}\n{mode:o}\n{}\n{}", owner.uid, owner.gid);
        let name = Digest::of(fields.as_bytes()).hex().to_owned();
        let writable = text.is_writable(place)?;
        planned.key.push(format!("cache {target} {writable}"));
        let kind = RunMountKind::Cache { name, sharing, mode, owner, writable };
        planned.mounts.push(PlannedMount { target, kind: PlannedKind::Ready(kind) });
        Ok(())
    }

    fn tmpfs(
        &mut self,
        text: &MountText,
        place: &DockerfileLine,
        planned: &mut PlannedMounts,
    ) -> Result<(), NativeError> {
        let target = self.target(text, place)?;
        let size = match self.value(text, &["size"], place)? {
            None => None,
            Some(size) => Some(bytes(&size).ok_or_else(|| NativeError::Value {
                place: place.clone(),
                text: size,
                wanted: "a size, such as `64m`",
            })?),
        };
        planned.key.push(format!("tmpfs {target} {size:?}"));
        let kind = PlannedKind::Ready(RunMountKind::Tmpfs { size });
        planned.mounts.push(PlannedMount { target, kind });
        Ok(())
    }

    fn secret(
        &mut self,
        text: &MountText,
        place: &DockerfileLine,
        planned: &mut PlannedMounts,
    ) -> Result<(), NativeError> {
        let variable = self.value(text, &["env"], place)?;
        let given = self.value(text, &["target", "dst", "destination"], place)?;
        let named = self.value(text, &["source", "src", "id"], place)?;
        let base = given.as_deref().and_then(|target| target.rsplit('/').next());
        let Some(id) = named.or_else(|| base.map(str::to_owned)).filter(|id| !id.is_empty()) else {
            let (place, text) = (place.clone(), "--mount=type=secret".to_owned());
            let wanted = "a mount of a secret with an `id` or a `target`";
            return Err(NativeError::Value { place, text, wanted });
        };
        let (mode, owner) = self.attributes(text, 0o400, place)?;
        let required = text.is_required(place)?;
        planned.key.push(format!("secret {id} {given:?} {variable:?} {mode} {owner:?}"));
        let Some(secret) = self.env.secrets.get(&id).cloned() else {
            return if required {
                Err(NativeError::NoSecret { place: place.clone(), id })
            } else {
                Ok(())
            };
        };
        if let Some(name) = &variable {
            let secret = secret.clone();
            planned.variables.push(SecretVariable { name: name.clone(), secret });
        }
        if given.is_some() || variable.is_none() {
            let target = given.unwrap_or_else(|| format!("/run/secrets/{id}"));
            let target = self.absolute_target(&target);
            let kind = PlannedKind::Ready(RunMountKind::Secret { secret, mode, owner });
            planned.mounts.push(PlannedMount { target, kind });
        }
        Ok(())
    }

    fn ssh(
        &self,
        text: &MountText,
        place: &DockerfileLine,
        planned: &mut PlannedMounts,
    ) -> Result<(), NativeError> {
        let id = self.value(text, &["id"], place)?.filter(|id| !id.is_empty());
        let id = id.unwrap_or_else(|| "default".to_owned());
        let given = self.value(text, &["target", "dst", "destination"], place)?;
        let (mode, owner) = self.attributes(text, 0o600, place)?;
        let required = text.is_required(place)?;
        planned.key.push(format!("ssh {id} {given:?} {mode} {owner:?}"));
        let Some(socket) = self.env.agents.get(&id).cloned() else {
            return if required {
                Err(NativeError::NoAgent { place: place.clone(), id })
            } else {
                Ok(())
            };
        };
        let is_socket = |metadata: fs::Metadata| metadata.file_type().is_socket();
        if !fs::metadata(&socket).is_ok_and(is_socket) {
            return Err(NativeError::NotAnAgent { place: place.clone(), id, path: socket });
        }
        let target = given.unwrap_or_else(|| format!("{AGENTS}.{}", planned.agents.len()));
        let target = self.absolute_target(&target);
        planned.agents.push(target.clone());
        let kind = PlannedKind::Ready(RunMountKind::Agent { socket, mode, owner });
        planned.mounts.push(PlannedMount { target, kind });
        Ok(())
    }

    fn absolute_target(&self, target: &str) -> String {
        let path = absolute(target, &self.stage.run_config.working_directory());
        format!("/{}", String::from_utf8_lossy(&path))
    }

    /// Where something is mounted, which cannot be the root.
    fn target(&self, text: &MountText, place: &DockerfileLine) -> Result<String, NativeError> {
        let given = self.value(text, &["target", "dst", "destination"], place)?;
        let target = given.as_deref().map(|given| self.absolute_target(given));
        target.filter(|target| target != "/").ok_or_else(|| NativeError::Value {
            place: place.clone(),
            text: format!("--mount=target={}", given.unwrap_or_default()),
            wanted: "a path below the root to mount on",
        })
    }

    fn value(
        &self,
        text: &MountText,
        keys: &[&str],
        place: &DockerfileLine,
    ) -> Result<Option<String>, NativeError> {
        text.text(keys).map(|value| self.expand(value, place)).transpose()
    }

    fn attributes(
        &self,
        text: &MountText,
        default_mode: u32,
        place: &DockerfileLine,
    ) -> Result<(u32, Owner), NativeError> {
        let number = |key: &str, radix: u32, wanted: &'static str| {
            let value = self.value(text, &[key], place)?;
            let parsed = value.map(|value| {
                u32::from_str_radix(&value, radix).map_err(|_| NativeError::Value {
                    place: place.clone(),
                    text: value,
                    wanted,
                })
            });
            parsed.transpose()
        };
        let mode = number("mode", 8, "a mode in octal, such as `0755`")?.unwrap_or(default_mode);
        let uid = number("uid", 10, "the number of a user")?.unwrap_or(0);
        let gid = number("gid", 10, "the number of a group")?.unwrap_or(0);
        Ok((mode & 0o7777, Owner { uid, gid }))
    }

    /// The mounts of a command that runs, with their files in archives.
    pub fn prepare(&mut self, planned: PlannedMounts) -> Result<Vec<RunMount>, NativeError> {
        let mut mounts = Vec::new();
        for PlannedMount { target, kind } in planned.mounts {
            let kind = match kind {
                PlannedKind::Ready(kind) => kind,
                PlannedKind::Files { list, writable } => {
                    let archive = self.file_sources.place()?;
                    write_archive(&list, self.env.created, &archive, self.env.control.stop)?;
                    RunMountKind::Files { archive, writable }
                }
            };
            mounts.push(RunMount { target, kind });
        }
        Ok(mounts)
    }
}
