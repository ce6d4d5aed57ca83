//! The values that Azure withholds, as far as the plan has them.

use super::containers::first_name;
use crate::azure::container_instances::{EnvValue, KnownValues};
use crate::plan::expr::Scope;
use crate::plan::schema::{Aci, Map, VariableValue, VolumeKind};
use crate::run::perform::deploy::values::{secret, value, variable_value};
use crate::run::perform::names::name;

/// All but the logins to registries, which have to be asked for. `group` is the name of
/// the group. What cannot be evaluated is left out: it is missing then.
pub fn known_values(aci: &Aci, group: &str, scope: &Scope) -> KnownValues {
    let mut known = KnownValues::default();
    let mut add = |container: &str, env: &Map<VariableValue>| {
        for (name, variable) in env.iter() {
            if let Ok(Some(EnvValue::Secret(secret))) = variable_value(variable, scope) {
                known.variables.insert((container.to_owned(), name.value.clone()), secret);
            }
        }
    };
    if let Ok(first) = first_name(aci, group, scope) {
        add(&first, &aci.first.env);
    }
    let further = aci.containers.iter().map(|it| (&it.name, &it.settings.env));
    let init = aci.init_containers.iter().map(|it| (&it.name, &it.env));
    for (text, env) in further.chain(init) {
        if let Ok(container) = name(text, "container's name", scope) {
            add(&container, env);
        }
    }
    for (volume, keys) in aci.volumes.iter() {
        match keys {
            VolumeKind::AzureFile(share) => {
                if let Ok(key) = secret(&share.account_key, "the key of the storage account", scope)
                {
                    known.storage_keys.insert(volume.value.clone(), key);
                }
            }
            VolumeKind::Secret(files) => {
                let read = files
                    .iter()
                    .map(|(file, text)| Some((file.value.clone(), value(text, scope).ok()?)));
                if let Some(files) = read.collect() {
                    known.files.insert(volume.value.clone(), files);
                }
            }
            VolumeKind::Empty(_) | VolumeKind::Git(_) => {}
        }
    }
    known.workspace_key = aci
        .log_analytics
        .as_ref()
        .and_then(|log| secret(&log.workspace_key, "the key of the workspace", scope).ok());
    known
}
