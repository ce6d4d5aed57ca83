//! The volumes of a group and the mounts of its containers, their expressions evaluated.

use crate::azure::container_instances::{Mount, Volume, VolumeFiles};
use crate::plan::expr::Scope;
use crate::plan::schema::{self, Aci, AzureFile, GitVolume, VolumeKind};
use crate::run::outcome::StepError;
use crate::run::perform::deploy::values::{secret, value};
use crate::run::perform::names::{name, optional_plain, plain};

pub fn volumes(aci: &Aci, scope: &Scope) -> Result<Vec<Volume>, StepError> {
    let all = aci.volumes.iter();
    all.map(|(name, kind)| Ok(Volume { name: name.value.clone(), files: files(kind, scope)? }))
        .collect()
}

pub fn mounts(mounts: &[schema::Mount], scope: &Scope) -> Result<Vec<Mount>, StepError> {
    let all = mounts.iter().map(|mount| {
        Ok(Mount {
            volume: name(&mount.volume, "volume's name", scope)?,
            path: plain(&mount.path, "path", scope)?,
            read_only: mount.read_only.resolve(scope)?,
        })
    });
    all.collect()
}

fn files(kind: &VolumeKind, scope: &Scope) -> Result<VolumeFiles, StepError> {
    Ok(match kind {
        VolumeKind::AzureFile(AzureFile { share, account, account_key, read_only }) => {
            VolumeFiles::Share {
                share: name(share, "share's name", scope)?,
                account: name(account, "storage account's name", scope)?,
                key: secret(account_key, "the key of the storage account", scope)?,
                read_only: read_only.resolve(scope)?,
            }
        }
        VolumeKind::Secret(files) => {
            let files =
                files.iter().map(|(file, text)| Ok((file.value.clone(), value(text, scope)?)));
            VolumeFiles::Secret(files.collect::<Result<_, StepError>>()?)
        }
        VolumeKind::Empty(_) => VolumeFiles::Empty,
        VolumeKind::Git(GitVolume { repository, directory, revision }) => VolumeFiles::Git {
            repository: name(repository, "URL of a repository", scope)?,
            directory: optional_plain(directory.as_ref(), "folder", scope)?,
            revision: optional_plain(revision.as_ref(), "revision", scope)?,
        },
    })
}
