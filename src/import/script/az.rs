//! Commands of `az`.

use super::importer::{Conversion, Importer};
use super::lexer;
use super::options::Options;
use crate::draft::Node;
use crate::import::group::{GroupDraft, identity_of};
use crate::import::names::registry_of;
use crate::import::note::{NAME_THE_REGISTRY, NAME_THE_SUBNET, OIDC};
use crate::import::plan::RegistryCreation;
use crate::import::service::BuildNames;
use crate::import::workflow::scope::Use;

/// Options that `az container create` has and a plan has in another way or not.
const SILENT: [&str; 27] = [
    "--acr-identity",
    "--command-line",
    "--cpu",
    "--dns-name-label",
    "--environment-variables",
    "-e",
    "--image",
    "--ip-address",
    "--location",
    "-l",
    "--memory",
    "--name",
    "-n",
    "--no-wait",
    "--only-show-errors",
    "--os-type",
    "--output",
    "-o",
    "--port",
    "--ports",
    "--protocol",
    "--query",
    "--registry-login-server",
    "--registry-password",
    "--registry-username",
    "--resource-group",
    "-g",
];
const SILENT_TOO: [&str; 14] = [
    "--assign-identity",
    "--priority",
    "--subnet",
    "--vnet",
    "--zone",
    "--dns-name-label-scope",
    "--restart-policy",
    "--secure-environment-variables",
    "--subscription",
    "--tags",
    "--sku",
    "--yes",
    "-y",
    "--verbose",
];

pub fn command(
    importer: &mut Importer<'_, '_>,
    words: &[Option<String>],
    line: usize,
) -> Conversion {
    let names: Vec<&str> = words
        .iter()
        .skip(1)
        .map_while(Option::as_deref)
        .take_while(|word| !word.starts_with('-'))
        .collect();
    let options = Options::new(words.get(1 + names.len()..).unwrap_or_default());
    match names.as_slice() {
        ["container", "create"] => container_create(importer, &options, line),
        ["acr", "build", rest @ ..] => acr_build(importer, &options, rest, line),
        ["acr", "login"] | ["account", "show"] | ["container", "show" | "logs" | "list"] => {
            Conversion::Done
        }
        ["login"] => login(importer, &options, line),
        ["account", "set"] => {
            if let Some(id) = importer.option(&options, &["--subscription", "-s"], Use::Name, line)
            {
                importer.plan.set_subscription(line, &id);
            }
            Conversion::Done
        }
        ["group", "create"] => group_create(importer, &options, line),
        ["acr", "create"] => acr_create(importer, &options, line),
        ["container", "delete" | "stop" | "restart"] => {
            importer.plan.changed(
                line,
                "a deploy changes the group in place, and `shipway down` removes it",
            );
            Conversion::Done
        }
        ["configure"] => {
            defaults(importer, &options, line);
            Conversion::Done
        }
        _ => Conversion::Unknown,
    }
}

/// `az configure --defaults group=NAME location=REGION`.
fn defaults(importer: &mut Importer<'_, '_>, options: &Options, line: usize) {
    for pair in options.list(&["--defaults", "-d"]).into_iter().flatten() {
        let Some((name, value)) = pair.split_once('=') else { continue };
        let Some(value) = importer.text(value, Use::Name, line) else { continue };
        let other = match name {
            "group" => importer.plan.set_resource_group(value),
            "location" => importer.plan.set_location(value),
            _ => None,
        };
        if let Some(other) = other {
            let text = format!(
                "a second default, `{other}`, was left out: write it in the deploys that follow"
            );
            importer.plan.needs_you(line, text);
        }
    }
}

fn login(importer: &mut Importer<'_, '_>, options: &Options, line: usize) -> Conversion {
    if options.has(&["--service-principal"]) && options.has(&["-p", "--password"]) {
        importer.plan.needs_you(line, OIDC);
    }
    Conversion::Done
}

fn group_create(importer: &mut Importer<'_, '_>, options: &Options, line: usize) -> Conversion {
    let name = importer.name_of(options, &["--name", "-n", "--resource-group", "-g"], line);
    let location = importer.name_of(options, &["--location", "-l"], line);
    if let Some(name) = name {
        // Of several groups, each deploy names its own, and its region.
        let is_first = importer.plan.set_resource_group(name.clone()).is_none();
        if let Some(location) = location.clone().filter(|_| is_first) {
            let region = location.clone();
            if importer.plan.set_location(location).is_some() {
                let text =
                    format!("the region `{region}` of `{name}` was left out: another one is set");
                importer.plan.needs_you(line, text);
            }
        }
        importer.plan.needs_you(
            line,
            format!(
                "the resource group has to exist: `az group create -n {name} -l {}` once",
                location.as_deref().unwrap_or("REGION")
            ),
        );
    }
    Conversion::Done
}

fn acr_create(importer: &mut Importer<'_, '_>, options: &Options, line: usize) -> Conversion {
    let Some(name) = importer.name_of(options, &["--name", "-n"], line) else {
        return Conversion::Unknown;
    };
    let sku = importer.name_of(options, &["--sku"], line).unwrap_or_else(|| "Basic".to_owned());
    let admin = importer.name_of(options, &["--admin-enabled"], line);
    if let Some(group) = importer.name_of(options, &["--resource-group", "-g"], line) {
        let wanted = group.clone();
        if importer.plan.set_resource_group(group).is_some() {
            let text = format!(
                "the plan creates `{name}` in its own resource group: create it in `{wanted}` \
                 before, where it belongs there"
            );
            importer.plan.needs_you(line, text);
        }
    }
    let mut letters = sku.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    let sku: String = first.into_iter().chain(letters.flat_map(char::to_lowercase)).collect();
    importer.plan.registry(&format!("{name}.azurecr.io")).create =
        Some(RegistryCreation { sku, admin_user: admin.as_deref() == Some("true") });
    Conversion::Done
}

fn acr_build(
    importer: &mut Importer<'_, '_>,
    options: &Options,
    names: &[&str],
    line: usize,
) -> Conversion {
    let Some(registry) = importer.name_of(options, &["--registry", "-r"], line) else {
        return Conversion::Unknown;
    };
    let host =
        if registry.contains(".azurecr.") { registry } else { format!("{registry}.azurecr.io") };
    let flags = ["--no-push", "--no-logs", "--no-wait"];
    let first = options.positional(&flags).into_iter().flatten().next();
    let context = first.or_else(|| names.first().map(|name| (*name).to_owned()));
    let build =
        importer.dockerfile_build(options, &context.unwrap_or_else(|| ".".to_owned()), line);
    // Its names are in the registry, not on the machine.
    importer.service.build(build, BuildNames::default());
    importer.plan.changed(
        line,
        "the image is built by the machine that runs the plan, not by `az acr build`",
    );
    for image in options.repeated(&["--image", "-t"]) {
        let Some(image) = image.and_then(|image| importer.text(&image, Use::Name, line)) else {
            continue;
        };
        let image = image.replace("{{.Run.ID}}", "${{ run.id }}");
        let own = image.strip_prefix(&format!("{host}/")).unwrap_or(&image).to_owned();
        importer.service.push(&format!("{host}/{own}"));
    }
    importer.service.flush();
    Conversion::Done
}

fn container_create(importer: &mut Importer<'_, '_>, options: &Options, line: usize) -> Conversion {
    if options.has(&["--file", "-f"]) {
        let file = options.text(&["--file", "-f"]).unwrap_or_default();
        let text = format!(
            "`shipway import {file}` converts the container group that `az` reads from the file"
        );
        importer.plan.needs_you(line, text);
        return Conversion::Unknown;
    }
    let mut group = GroupDraft {
        name: importer.name_of(options, &["--name", "-n"], line),
        image: importer.name_of(options, &["--image"], line),
        dns_label: importer.name_of(options, &["--dns-name-label"], line),
        dns_label_scope: importer.name_of(options, &["--dns-name-label-scope"], line),
        cpu: importer.name_of(options, &["--cpu"], line),
        memory: importer.name_of(options, &["--memory"], line),
        restart_policy: importer.name_of(options, &["--restart-policy"], line),
        ..GroupDraft::default()
    };
    if let Some(group_name) = importer.name_of(options, &["--resource-group", "-g"], line) {
        group.resource_group = importer.plan.set_resource_group(group_name);
    }
    if let Some(location) = importer.name_of(options, &["--location", "-l"], line) {
        group.location = importer.plan.set_location(location);
    }
    if let Some(id) = importer.name_of(options, &["--subscription"], line) {
        importer.plan.set_subscription(line, &id);
    }
    group.ports = ports(importer, options, &group, line);
    if let Some(command) = importer.option(options, &["--command-line"], Use::Value, line) {
        group.command = lexer::words(&command);
    }
    for (names, secure) in [
        (&["--environment-variables", "-e"][..], false),
        (&["--secure-environment-variables"][..], true),
    ] {
        let pairs = options.list(names);
        group.env.extend(importer.environment(&pairs, secure, line));
    }
    for tag in options.list(&["--tags"]).into_iter().flatten() {
        let Some((name, value)) = tag.split_once('=') else { continue };
        let value = importer.text(value, Use::Name, line);
        group.tags.extend(value.map(|value| (name.to_owned(), value)));
    }
    group.line = line;
    group.more = more(importer, options, line);
    credentials(importer, options, group.image.as_deref(), line);
    note_unknown(importer, options, group.more.iter().any(|(key, _)| *key == "subnet"), line);
    importer.service.deploy(group, importer.plan);
    Conversion::Done
}

/// Keys of `aci` that one option, or two, stand for.
fn more(
    importer: &mut Importer<'_, '_>,
    options: &Options,
    line: usize,
) -> Vec<(&'static str, Node)> {
    let mut more = Vec::new();
    more.extend(subnet(importer, options, line).map(|subnet| ("subnet", Node::text(subnet))));
    if options.has(&["--assign-identity"]) {
        let mut names = Vec::new();
        for name in options.list(&["--assign-identity"]) {
            match name {
                Some(name) => names.extend(importer.text(&name, Use::Name, line)),
                None => importer.plan.needs_you(
                    line,
                    "an identity of the group is known only to the script: write it under `identity`",
                ),
            }
        }
        more.push(("identity", identity_of(&names)));
    }
    let zone = importer.name_of(options, &["--zone"], line);
    more.extend(zone.map(|zone| ("zones", Node::texts([zone]))));
    let priority = importer.name_of(options, &["--priority"], line);
    more.extend(priority.map(|it| ("priority", Node::text(it.to_lowercase()))));
    more
}

/// The id of a subnet, or `NETWORK/SUBNET`.
fn subnet(importer: &mut Importer<'_, '_>, options: &Options, line: usize) -> Option<String> {
    let network = importer.name_of(options, &["--vnet"], line);
    let subnet = importer.name_of(options, &["--subnet"], line)?;
    match network {
        _ if subnet.starts_with('/') => Some(subnet),
        Some(network) if network.starts_with('/') => Some(format!("{network}/subnets/{subnet}")),
        Some(network) => Some(format!("{network}/{subnet}")),
        None if subnet.contains("${{") => Some(subnet),
        None => {
            let text = format!(
                "the network of the subnet `{subnet}` is not named: write `subnet: NETWORK/{subnet}`"
            );
            importer.plan.needs_you(line, text);
            None
        }
    }
}

/// Port 80, as `az` has it, where there is a public address and no port is named.
fn ports(
    importer: &mut Importer<'_, '_>,
    options: &Options,
    group: &GroupDraft,
    line: usize,
) -> Vec<String> {
    let udp = importer
        .name_of(options, &["--protocol"], line)
        .is_some_and(|it| it.eq_ignore_ascii_case("udp"));
    let listed = options.list(&["--ports", "--port"]);
    let mut ports = Vec::new();
    for source in listed.into_iter().flatten() {
        ports.extend(importer.text(&source, Use::Name, line));
    }
    let is_public = options
        .text(&["--ip-address"])
        .is_some_and(|address| address.eq_ignore_ascii_case("public"));
    if ports.is_empty() && (group.dns_label.is_some() || is_public) {
        ports.push("80".to_owned());
    }
    if udp { ports.into_iter().map(|port| format!("{port}/udp")).collect() } else { ports }
}

/// How the service pulls: with an identity instead of a stored password.
fn credentials(
    importer: &mut Importer<'_, '_>,
    options: &Options,
    image: Option<&str>,
    line: usize,
) {
    let has_password = options.has(&["--registry-password"]);
    let host = importer.name_of(options, &["--registry-login-server"], line);
    let host = host.or_else(|| image.and_then(registry_of));
    match host {
        Some(host) if host.ends_with(".azurecr.io") => {
            importer.plan.registry(&host).is_pulled = true;
            if has_password {
                importer.plan.changed(line, "the stored password of the registry is not needed: the service pulls with an identity, which `shipway doctor` checks");
            }
        }
        Some(host) if has_password => {
            let username = importer.name_of(options, &["--registry-username"], line);
            let password = importer.option(options, &["--registry-password"], Use::Value, line);
            if let (Some(username), Some(password)) = (username, password) {
                importer.plan.registry(&host).user = Some((username, password));
            }
        }
        _ if has_password => importer.plan.needs_you(line, NAME_THE_REGISTRY),
        _ => {}
    }
}

/// Options that a plan has a key for, and that are not converted.
const BY_HAND: [(&str, &str); 4] = [
    ("--azure-file-volume", "volumes"),
    ("--gitrepo", "volumes"),
    ("--log-analytics", "log-analytics"),
    ("--secrets", "volumes"),
];

fn note_unknown(importer: &mut Importer<'_, '_>, options: &Options, has_subnet: bool, line: usize) {
    let unknown: Vec<String> = options
        .names()
        .filter(|name| !SILENT.contains(name) && !SILENT_TOO.contains(name))
        .map(str::to_owned)
        .collect();
    for name in unknown {
        let by_hand = BY_HAND.iter().find(|(start, _)| name.starts_with(start));
        let text = match by_hand {
            Some((_, key)) => format!("`{name}` was left out: write it as `{key}`"),
            None => format!("`{name}` is not supported, and was left out"),
        };
        importer.plan.needs_you(line, text);
    }
    let is_private =
        options.text(&["--ip-address"]).is_some_and(|it| it.eq_ignore_ascii_case("private"));
    if is_private && !has_subnet {
        importer.plan.needs_you(line, NAME_THE_SUBNET);
    }
    if options.text(&["--os-type"]).is_some_and(|it| it.eq_ignore_ascii_case("windows")) {
        importer.plan.needs_you(line, "Windows containers are not supported");
    }
}

#[cfg(test)]
mod tests {
    use crate::import::import;

    fn notes(script: &str) -> Vec<String> {
        let script = format!("{script}docker build .\n");
        let imported = import("up.sh", &script).expect("a plan");
        imported.notes.into_iter().map(|note| note.text).collect()
    }

    #[test]
    fn second_resource_group_is_not_lost() {
        assert_eq!(
            notes("az configure --defaults group=app\naz acr create -g shared -n reg1\n"),
            ["the plan creates `reg1` in its own resource group: create it in `shared` before, \
              where it belongs there"]
        );
        assert_eq!(
            notes("az configure --defaults group=app\naz configure --defaults group=other\n"),
            ["a second default, `other`, was left out: write it in the deploys that follow"]
        );
        assert_eq!(
            notes("az configure --defaults location=eastus\naz group create -n app -l westus\n"),
            [
                "the region `westus` of `app` was left out: another one is set",
                "the resource group has to exist: `az group create -n app -l westus` once",
            ]
        );
    }
}
