//! `unknown-volume`: a container has a volume that the group does not have.
//! `duplicate-mount`: it has two at one path. `unused-volume`: no container has one.

use crate::plan::diagnostic::{Diagnostic, closest};
use crate::plan::schema::{Aci, Mount};

pub(super) fn check(aci: &Aci, found: &mut Vec<Diagnostic>) {
    for mount in aci.all_mounts() {
        let Some(name) = mount.volume.as_literal() else { continue };
        if aci.volumes.get(name).is_none() {
            found.push(unknown(aci, name, mount));
        }
    }
    let init = aci.init_containers.iter().map(|container| &container.mounts);
    for mounts in aci.all_settings().map(|settings| &settings.mounts).chain(init) {
        duplicates(mounts, found);
    }
    let all_known = aci.all_mounts().all(|mount| mount.volume.as_literal().is_some());
    for (name, _) in aci.volumes.iter().filter(|_| all_known) {
        let is_used = aci.all_mounts().any(|mount| mount.volume.source == name.value);
        if !is_used {
            let message = format!("no container has the volume `{}`", name.value);
            found.push(
                Diagnostic::warning("unused-volume", message, &name.span)
                    .help(format!("add `mounts: [{{ volume: {}, path: … }}]`", name.value)),
            );
        }
    }
}

fn unknown(aci: &Aci, name: &str, mount: &Mount) -> Diagnostic {
    let message = format!("the container group has no volume `{name}`");
    let help = match closest(name, aci.volumes.keys()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("declare it, as in `volumes: {{ {name}: {{ empty: }} }}`"),
    };
    Diagnostic::error("unknown-volume", message, &mount.volume.span).help(help)
}

fn duplicates(mounts: &[Mount], found: &mut Vec<Diagnostic>) {
    for (at, mount) in mounts.iter().enumerate() {
        let path = mount.path.source.trim_end_matches('/');
        let first = mounts[..at].iter().find(|it| it.path.source.trim_end_matches('/') == path);
        if let Some(first) = first {
            let message = format!("two volumes are at `{}`", mount.path.source);
            found.push(
                Diagnostic::error("duplicate-mount", message, &mount.path.span)
                    .label("again here")
                    .also(&first.path.span, "first here"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::check::{drawn, fine};

    fn plan(aci: &str) -> String {
        format!(
            "name: a\nazure: {{ resource-group: g }}\nsteps:\n- deploy:\n    image: a.io/b:v1\n    aci:\n      {aci}\n"
        )
    }

    #[test]
    fn volume_that_is_not_there_is_refused() {
        assert_eq!(
            drawn(&plan(
                "volumes: { data: { empty: } }\n      \
                 mounts: [{ volume: date, path: /a }, { volume: data, path: /a/ }]"
            )),
            "\
error[unknown-volume]: the container group has no volume `date`
 --> shipway.yml:8:26
  |
8 |       mounts: [{ volume: date, path: /a }, { volume: data, path: /a/ }]
  |                          ^^^^
  |
  = help: did you mean `data`?

error[duplicate-mount]: two volumes are at `/a/`
 --> shipway.yml:8:66
  |
8 |       mounts: [{ volume: date, path: /a }, { volume: data, path: /a/ }]
  |                                      -- first here               ^^^ again here"
        );
    }

    #[test]
    fn volume_that_no_container_has_is_a_warning() {
        assert_eq!(
            drawn(&plan("volumes: { data: { empty: } }")),
            "\
warning[unused-volume]: no container has the volume `data`
 --> shipway.yml:7:18
  |
7 |       volumes: { data: { empty: } }
  |                  ^^^^
  |
  = help: add `mounts: [{ volume: data, path: … }]`"
        );
        fine(&plan(
            "volumes: { data: { empty: } }\n      init-containers:\n      \
             - { name: x, image: \"a.io/b:v1\", mounts: [{ volume: data, path: /data }] }",
        ));
    }
}
