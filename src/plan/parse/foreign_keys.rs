//! Keys that other tools have, and keys that are kept for what is still to come: what
//! a plan has in their place.
//!
//! The names are those of `az container create`, of the actions aci-deploy and
//! build-push-action, of workflows and of compose files.

/// What a plan has in place of a key.
#[derive(Clone, Copy)]
pub(super) enum Instead {
    /// The same under another name.
    Called(&'static str),
    /// Something else, in words.
    Write(&'static str),
    /// Nothing yet; in words what can be done until then, or nothing.
    NotYet(&'static str),
}

use Instead::{Called, NotYet, Write};

/// The keys of one mapping, by what mistakes call the mapping.
type Table = (&'static str, &'static [(&'static str, Instead)]);

const PULL_LOGIN: Instead = Write(
    "logins stand at the top of the plan: `registries: { HOST: { login: { username: …, password: \"${{ secrets.NAME }}\" } } }`",
);
const COMMAND: Instead =
    Write("it is `command` here, which takes a list: `command: [PROGRAM, ARGUMENT]`");
const ADDRESS: Instead = Write(
    "it is `ip` here: `public`, `private` or `none`; a group with `ports` has a public address",
);
const AZURE_FILE: Instead = Write(
    "it is a volume here: `volumes: { NAME: { azure-file: { share: …, account: …, key: … } } }`, which `mounts` name",
);
const GIT: Instead = Write(
    "it is a volume here: `volumes: { NAME: { git: { repository: … } } }`, which `mounts` name",
);
const FILES: Instead = Write(
    "it is a volume here: `volumes: { NAME: { secret: { FILE: \"${{ secrets.NAME }}\" } } }`, which `mounts` name",
);
const GPU: Instead = Write("it is `gpu` here: `gpu: { count: 1, sku: V100 }`");
const LOG: Instead =
    Write("it is `log-analytics` here: `log-analytics: { workspace-id: …, workspace-key: … }`");
const PROBE: Instead = Write(
    "it is under `probes` here: `probes: { liveness: { http: /healthz }, readiness: { … } }`",
);
const UNDER_LOGIN: Instead = Write("write it under `login`: `login: { username: …, password: … }`");

const CONTAINER: &[(&str, Instead)] = &[
    ("args", COMMAND),
    ("command-line", COMMAND),
    ("entrypoint", COMMAND),
    ("environment", Called("env")),
    ("environment-variables", Called("env")),
    ("gpu-count", GPU),
    ("gpu-sku", GPU),
    ("gpus", GPU),
    ("healthcheck", PROBE),
    ("liveness-probe", PROBE),
    ("memory-in-gb", Write("it is `memory` here, with its unit: `memory: 1.5GB`")),
    ("port", Called("ports")),
    ("protocol", Write("it is a part of the port: `ports: [53/udp]`")),
    ("readiness-probe", PROBE),
    (
        "secure-environment-variables",
        Write("it is `env` here: a value with `${{ secrets.NAME }}` is sent as a secure value"),
    ),
    ("volume-mounts", Called("mounts")),
];

const ACI: &[(&str, Instead)] = &[
    (
        "acr-identity",
        Write(
            "it stands at the top of the plan: `registries: { HOST: { pull: { identity: NAME } } }`",
        ),
    ),
    (
        "assign-identity",
        Write("it is `identity` here: `identity: { system: true, user-assigned: [NAME] }`"),
    ),
    ("auto-generated-domain-name-label-scope", Called("dns-label-scope")),
    ("azure-file-volume-account-key", AZURE_FILE),
    ("azure-file-volume-account-name", AZURE_FILE),
    ("azure-file-volume-mount-path", AZURE_FILE),
    ("azure-file-volume-share-name", AZURE_FILE),
    ("dns-name-label", Called("dns-label")),
    ("gitrepo-dir", GIT),
    ("gitrepo-mount-path", GIT),
    ("gitrepo-revision", GIT),
    ("gitrepo-url", GIT),
    ("image", Write("it stands beside `aci`: `deploy: { image: …, aci: … }`")),
    ("image-registry-credentials", PULL_LOGIN),
    ("ip-address", ADDRESS),
    ("log-analytics-workspace", LOG),
    ("log-analytics-workspace-key", LOG),
    ("network-profile", Called("subnet")),
    ("os-type", Write("leave it out: what is deployed runs on Linux")),
    ("region", Called("location")),
    ("registry-login-server", PULL_LOGIN),
    ("registry-password", PULL_LOGIN),
    ("registry-username", PULL_LOGIN),
    ("secrets", FILES),
    ("secrets-mount-path", FILES),
    ("vnet", Called("subnet")),
    ("zone", Called("zones")),
];

const OTHERS: &[Table] = &[
    (
        "a plan",
        &[
            ("concurrency", Write("it belongs to the workflow that calls Shipway")),
            ("include", NotYet("")),
            ("jobs", Write("a plan has `services` in place of jobs, each with its `steps`")),
            (
                "on",
                Write(
                    "it belongs to the workflow that calls Shipway; `environments` choose by event",
                ),
            ),
            ("permissions", Write("it belongs to the workflow that calls Shipway")),
            ("variables", Called("vars")),
        ],
    ),
    (
        "a service",
        &[
            ("build", Write("it is a step: `steps: [{ build: . }]`")),
            ("depends-on", Called("needs")),
            ("if", NotYet("give the `if` to its steps")),
            ("paths", NotYet("")),
            ("ports", Write("they belong to the deploy: `deploy: { aci: { ports: [80] } }`")),
            ("runs-on", Write("it belongs to the workflow that calls Shipway")),
        ],
    ),
    (
        "a step",
        &[
            (
                "shell",
                Write(
                    "a `run` string is a script of bash, or of sh where there is no bash; a list runs a program without a shell",
                ),
            ),
            ("timeout-minutes", Write("it is `timeout` here, with its unit: `timeout: 10m`")),
            (
                "uses",
                Write(
                    "a plan runs no actions: it has `build`, `tag`, `push`, `deploy` and `verify`, and `run` for programs",
                ),
            ),
            (
                "with",
                Write(
                    "a plan runs no actions: it has `build`, `tag`, `push`, `deploy` and `verify`, and `run` for programs",
                ),
            ),
        ],
    ),
    (
        "`build`",
        &[
            ("build-args", Called("args")),
            ("file", Called("dockerfile")),
            ("ports", Called("expose")),
            ("push", Write("it is a step of its own, after `tag`: `- push:`")),
            ("tags", Write("they are a step of their own: `- tag: registry/repository:v1`")),
        ],
    ),
    (
        "`azure`",
        &[
            ("region", Called("location")),
            ("subscription-id", Called("subscription")),
            ("tenant", Write("it comes from the variable `AZURE_TENANT_ID`")),
            ("tenant-id", Write("it comes from the variable `AZURE_TENANT_ID`")),
        ],
    ),
    (
        "a registry",
        &[
            ("identity", Write("write it under `pull`: `pull: { identity: NAME }`")),
            ("password", UNDER_LOGIN),
            ("username", UNDER_LOGIN),
        ],
    ),
    (
        "a source of a secret",
        &[(
            "value",
            Write("the plan never holds a secret itself: name the variable that has it by `env`"),
        )],
    ),
    (
        "`verify`",
        &[
            ("follow", NotYet("")),
            ("interval", Called("every")),
            ("path", Called("http")),
            ("proof", NotYet("")),
            ("status", Write("it stands under `expect`: `expect: { status: 200 }`")),
            ("timeout", Called("within")),
            ("url", Called("http")),
        ],
    ),
];

/// The keys of `aci`, which some write beside it.
const OF_ACI: [&str; 31] = [
    "name",
    "dns-label",
    "dns-label-scope",
    "ports",
    "cpu",
    "memory",
    "command",
    "env",
    "restart-policy",
    "containers",
    "location",
    "resource-group",
    "tags",
    "replace",
    "container-name",
    "cpu-limit",
    "memory-limit",
    "gpu",
    "mounts",
    "probes",
    "init-containers",
    "volumes",
    "ip",
    "subnet",
    "dns-config",
    "identity",
    "log-analytics",
    "zones",
    "priority",
    "sku",
    "cce-policy",
];

/// Keys of any step that no action has, and that some write in it.
const OF_STEP: [&str; 5] = ["id", "if", "retry", "timeout", "continue-on-error"];

const ACTIONS: [&str; 6] = ["`build`", "`tag`", "`push`", "`deploy`", "`aci`", "`verify`"];

/// What a plan has in place of a key of a mapping, by what mistakes call the mapping.
pub(super) fn instead_of(mapping: &str, key: &str) -> Option<Instead> {
    let key = in_kebab_case(key);
    if mapping == "`deploy`" && OF_ACI.contains(&key.as_str()) {
        return Some(Write("it stands under `aci`: `deploy: { aci: { … } }`"));
    }
    let tables: &[&[(&str, Instead)]] = match mapping {
        "`aci`" | "`deploy`" => &[ACI, CONTAINER],
        "a container" => &[CONTAINER],
        _ => match OTHERS.iter().find(|(known, _)| *known == mapping) {
            Some((_, table)) => &[table],
            None => &[],
        },
    };
    let is_of_step = ACTIONS.contains(&mapping) && OF_STEP.contains(&key.as_str());
    let of_step =
        is_of_step.then_some(Write("it is a key of the step: write it beside the action"));
    tables.iter().find_map(|table| find(table, &key)).or(of_step)
}

fn find(table: &[(&str, Instead)], key: &str) -> Option<Instead> {
    table.iter().find(|(known, _)| *known == key).map(|(_, instead)| *instead)
}

/// `dnsNameLabel`, `dns_name_label` and `--dns-name-label` are `dns-name-label`.
fn in_kebab_case(key: &str) -> String {
    let mut kebab = String::new();
    let mut was_lower = false;
    for letter in key.trim_start_matches('-').chars() {
        if letter.is_ascii_uppercase() && was_lower {
            kebab.push('-');
        }
        was_lower = letter.is_ascii_lowercase();
        kebab.push(if letter == '_' { '-' } else { letter.to_ascii_lowercase() });
    }
    kebab
}

#[cfg(test)]
mod tests {
    use super::{ACI, CONTAINER, OF_ACI, OF_STEP, OTHERS, in_kebab_case, instead_of};
    use crate::plan::PlanKeys as _;
    use crate::plan::schema::{Aci, Container, Step};
    use crate::plan::{read, render};
    use std::fmt::Write as _;

    /// The first mistake of a plan with an `aci` key, without its picture.
    fn first(key: &str) -> String {
        let text = format!(
            "name: a\nazure: {{ resource-group: g }}\nsteps:\n- deploy:\n    image: a.io/b:v1\n    aci:\n      {key}: x\n"
        );
        let found = &read(&text).diagnostics[0];
        let help = found.help.as_deref().unwrap_or("(no help)");
        format!("{}: {} = {help}", found.code, found.message)
    }

    #[test]
    fn keys_of_other_tools_lead_to_those_of_a_plan() {
        let mut shown = String::new();
        for (key, _) in ACI.iter().chain(CONTAINER) {
            writeln!(shown, "{}", first(key)).expect("a string takes text");
        }
        insta::assert_snapshot!(shown);
    }

    #[test]
    fn keys_are_found_where_they_stand() {
        insta::assert_snapshot!({
            let text = "name: a\non: push\nazure: { resource-group: g, subscription-id: s }\n\
                registries: { r.io: { username: u } }\nsecrets: { s: { value: x } }\nsteps:\n\
                - uses: actions/checkout@v4\n- build: { context: ., build-args: { A: b } }\n- tag: r.io/a:v1\n- push:\n\
                - deploy: { ports: [80], dnsNameLabel: x, aci: { containers: [{ name: x, image: \"a:v1\", healthcheck: 1 }] } }\n";
            render("shipway.yml", text, &read(text).diagnostics, false)
        });
    }

    #[test]
    fn keys_of_a_step_in_its_action_lead_out_of_it() {
        for name in OF_STEP {
            assert!(Step::KEYS.iter().any(|key| key.name == name), "{name}");
        }
        let help = "unknown-key: `aci` has no key `timeout` = it is a key of the step: write it \
                    beside the action";
        assert_eq!(first("timeout"), help);
    }

    #[test]
    fn keys_of_aci_beside_it_are_those_of_the_schema() {
        for name in OF_ACI {
            assert!(Aci::KEYS.iter().any(|key| key.name == name), "{name}");
        }
    }

    #[test]
    fn tables_name_no_key_that_a_plan_has() {
        let keys = [("`aci`", Aci::KEYS), ("a container", Container::KEYS), ("a step", Step::KEYS)];
        for (mapping, keys) in keys {
            for key in keys {
                assert!(instead_of(mapping, key.name).is_none(), "{} of {mapping}", key.name);
            }
        }
    }

    #[test]
    fn tables_are_sorted_and_name_no_key_twice() {
        let others = OTHERS.iter().map(|(_, table)| *table);
        for table in others.chain([ACI, CONTAINER]) {
            assert!(table.is_sorted_by(|(a, _), (b, _)| a < b), "not sorted");
        }
    }

    #[test]
    fn every_spelling_is_the_same_key() {
        for key in ["dnsNameLabel", "dns_name_label", "--dns-name-label", "DNS-Name-Label"] {
            assert_eq!(in_kebab_case(key), "dns-name-label");
        }
    }
}
