//! The layers of the source tree: which module may use which, which parts are
//! pure, and which may print. Read from the source, so that an import that
//! breaks a layer fails a test. `docs/architecture.md` says why they are so.

mod circles;
mod source;

use regex::Regex;
use source::{Segments, Source, SourceFile};
use std::collections::BTreeSet;

/// What each part may use beside itself; the longest path that fits decides.
/// `module` is all of it, `module::name` one item.
const MAY_USE: &[(&str, &[&str])] = &[
    ("bounded_file", &[]),
    ("secret", &[]),
    ("http", &[]),
    ("progress", &[]),
    ("oci", &[]),
    ("value", &[]),
    ("draft", &[]),
    ("import", &["draft", "oci::registry_host", "value::path_below"]),
    ("event", &["value"]),
    ("job_file", &["secret"]),
    ("registry", &["http", "oci", "progress", "secret"]),
    (
        "azure",
        &["bounded_file", "github::JOB_TOKEN_URL", "github::JobTokens", "http", "secret", "value"],
    ),
    ("github", &["http", "secret"]),
    ("otlp", &["http"]),
    (
        "image",
        &["bounded_file", "http::Retry", "http::Retryable", "oci", "progress", "secret", "value"],
    ),
    ("signing", &["oci"]),
    ("sigstore", &["github::JobTokens", "http", "oci", "secret", "signing"]),
    ("plan", &["oci", "secret", "signing::PublicKey", "signing::Roots", "value"]),
    ("graph", &["plan"]),
    ("resolve", &["bounded_file", "http", "plan", "secret", "value::slug"]),
    (
        "journal",
        &["event", "local::FaultRule", "local::RuntimeChoice", "oci", "value::CommandContext"],
    ),
    (
        "report",
        &[
            "event",
            "github::actions",
            "secret",
            "value::bytes",
            "value::bytes_of",
            "value::counted",
        ],
    ),
    ("os", &[]),
    ("sandbox", &["oci::LayerReader", "oci::open_layer"]),
    ("local", &["oci", "os", "sandbox", "secret", "value"]),
    // Builds images, which no conversation with a client depends on.
    ("local/arm/builds", &["image", "oci"]),
    // Reads base images of real registries: there the other side is not our own code.
    ("local/registry/upstream", &["http", "oci", "registry", "secret"]),
    // The loop and its state know no client.
    (
        "run",
        &[
            "event",
            "http::Retry",
            "http::Retryable",
            "journal",
            "os",
            "plan",
            "secret",
            "value::CommandContext",
        ],
    ),
    // What performs a step is where plan and clients meet.
    (
        "run/perform",
        &[
            "azure",
            "bounded_file",
            "event",
            "github::actions",
            "http",
            "image",
            "job_file",
            "journal",
            "oci",
            "os::remove_tree",
            "plan",
            "progress",
            "registry",
            "sandbox",
            "secret",
            "signing",
            "sigstore",
            "value",
        ],
    ),
    // The command line: what every command may use, and what one alone does. No command
    // may use the client of a deploy target: `run/perform/deployed` has what it needs of
    // resources of every kind.
    ("cli/say", &["event", "github::actions", "report"]),
    (
        "cli",
        &[
            "bounded_file",
            "event",
            "journal",
            "oci",
            "os::keep_private",
            "plan",
            "report",
            "resolve",
            "run",
            "secret",
            "value",
        ],
    ),
    ("cli/action", &["github::actions", "journal"]),
    ("cli/matrix", &["github::actions", "plan", "report", "resolve", "run"]),
    ("cli/preview", &["journal", "report", "resolve", "run"]),
    (
        "cli/doctor",
        &[
            "azure::providers",
            "azure::resource_groups",
            "azure::rights",
            "http",
            "oci",
            "plan",
            "report",
            "run",
            "value",
        ],
    ),
    (
        "cli/check",
        &[
            "bounded_file",
            "image::dockerfile::declared_arguments",
            "plan",
            "report",
            "run::perform::repository_holding",
        ],
    ),
    ("cli/import", &["draft", "import", "plan"]),
    ("cli/secrets", &["azure", "plan", "report", "run", "secret"]),
    ("cli/init", &["draft", "import", "journal", "oci", "plan", "resolve", "value"]),
    ("cli/run", &["journal"]),
    ("cli/run_saved", &["journal"]),
    (
        "cli/plan",
        &["bounded_file", "journal", "oci", "plan", "report", "resolve", "run", "secret", "value"],
    ),
    (
        "cli/dry_run",
        &[
            "bounded_file",
            "azure::Cloud",
            "http",
            "image::existing",
            "journal",
            "local",
            "oci",
            "plan",
            "registry::StoredLogins",
            "report::Terminal",
            "resolve",
            "run",
            "secret",
            "signing",
            "value",
        ],
    ),
    ("cli/local", &["journal", "local", "report", "run", "secret"]),
    (
        "cli/images",
        &[
            "github::client",
            "journal",
            "oci",
            "plan",
            "registry",
            "report",
            "resolve",
            "run",
            "secret",
            "value::counted",
        ],
    ),
    ("cli/rollback", &["event", "journal", "oci", "plan", "report", "run", "value"]),
    ("cli/restart", &["event", "journal", "run"]),
    ("cli/exec", &["http", "journal", "plan", "report", "run"]),
    ("cli/targets", &["plan", "run"]),
    ("cli/open", &["report", "run"]),
    ("cli/logs", &["http", "journal", "plan", "report", "run", "secret"]),
    ("cli/status", &["http", "journal", "oci", "plan", "report", "resolve", "run"]),
    ("cli/removal", &["event", "github::actions", "github::client", "report", "run", "secret"]),
    (
        "cli/clean",
        &[
            "image",
            "journal",
            "local::DEFAULT_CLOUD",
            "local::is_up",
            "oci",
            "os::remove_tree",
            "plan",
            "report",
            "run::perform::remove_kept",
        ],
    ),
    ("cli/down", &["journal", "oci", "plan", "report", "run"]),
    ("cli/sweep", &["event", "github::client", "journal", "run", "value::quoted"]),
    // Composes a run: reads what was asked, starts the loop, reports its end.
    (
        "cli/pipeline",
        &[
            "event",
            "github::actions",
            "github::client",
            "http::Client",
            "http::Retryable",
            "image::Store",
            "image::dockerfile",
            "journal",
            "local::FaultRecord",
            "local::Fetched",
            "local::fetched",
            "otlp",
            "plan",
            "report",
            "resolve",
            "run",
            "secret",
        ],
    ),
    // Opens the connections that a command needs.
    (
        "cli/session",
        &[
            "azure::Application",
            "azure::ArmError",
            "azure::Cloud",
            "azure::Credential",
            "azure::Detection",
            "azure::Endpoints",
            "azure::FoundSecret",
            "azure::KeyVault",
            "azure::SecretError",
            "azure::SecretReader",
            "azure::SecretRequest",
            "azure::ShowText",
            "azure::secret_in_file",
            "event",
            "github::JobTokens",
            "github::client",
            "graph",
            "http",
            "journal",
            "local::CloudFile",
            "local::EndedCloud",
            "local::HEAD",
            "local::HOST",
            "local::Hidden",
            "local::PullRequestHead",
            "local::SigningAccess",
            "local::is_up",
            "oci::Reference",
            "plan",
            "resolve",
            "run",
            "secret",
            "signing",
            "sigstore::TokenSource",
            "value::CommandContext",
            "value::SignIn",
        ],
    ),
];

/// Functions of their arguments: no clock, environment, files, network, threads,
/// processes or chance.
const PURE: &[&str] = &[
    "plan",
    "draft",
    "import",
    "graph",
    "event",
    "resolve/admission",
    "run/state",
    "run/cancel",
    "run/retry",
    "run/layout",
    "run/outcome",
    "run/store",
    "journal/replay",
    "report/view",
    "report/transfer",
    "report/card",
    "report/result",
    "report/log/words",
    "report/log/live/doing",
    "report/log/live/fit",
    "report/log/live/picture",
    "azure/container_instances/watch",
    "azure/container_instances/desired",
    "azure/container_instances/difference",
    "azure/container_instances/normal",
];

const IMPURE: &str = concat!(
    r"\b(?:std::(?:fs|env|net|process|thread)|tokio|reqwest|hyper|nix|getrandom|ulid)\b",
    r"|\b(?:Instant|SystemTime|Timestamp|Zoned|Ulid)::(?:now|new)\b",
);

/// Other parts than `report` and `cli` that write to standard output or error.
const PRINTS: &[(&str, &str)] = &[
    (
        "local/runtime/stage/protocol",
        "writes to the parent process, over a pipe in place of a terminal",
    ),
    ("os/portable", "asks whether standard output is a terminal"),
];

fn name_of(module: &Segments) -> &str {
    module.first().map_or("", String::as_str)
}

/// The rule for a file: that of the longest path.
fn rule(file: &SourceFile) -> Option<&'static [&'static str]> {
    let fitting = MAY_USE.iter().filter(|(path, _)| file.is_below(path));
    fitting.max_by_key(|(path, _)| path.len()).map(|(_, allowed)| *allowed)
}

fn is_allowed(path: &Segments, allowed: &[&str]) -> bool {
    allowed.iter().any(|entry| {
        let entry: Vec<&str> = entry.split("::").collect();
        // What is taken of a module that is imported itself is checked where it
        // is used.
        path.len() == 1 && path[0] == entry[0] || path.iter().take(entry.len()).eq(entry.iter())
    })
}

#[test]
fn every_module_has_a_rule() {
    let source = Source::of_the_crate();
    let outside = ["", "main", "testing"];
    let modules = source.files().map(|(module, _)| name_of(module));
    let modules: BTreeSet<&str> = modules.filter(|name| !outside.contains(name)).collect();
    let ruled: BTreeSet<&str> =
        MAY_USE.iter().map(|(path, _)| path.split('/').next().expect("a module")).collect();
    assert_eq!(modules, ruled);
    let parts = MAY_USE.iter().map(|(path, _)| *path).chain(PURE.iter().copied());
    for part in parts.chain(PRINTS.iter().map(|(path, _)| *path)) {
        assert!(source.files().any(|(_, file)| file.is_below(part)), "there is no `{part}` in src");
    }
}

#[test]
fn no_module_uses_more_than_its_layer_may() {
    let source = Source::of_the_crate();
    let mut broken = BTreeSet::new();
    for (module, file) in source.files() {
        let Some(allowed) = rule(file) else { continue };
        for path in source.inner_paths(module) {
            let is_own = path.is_empty() || path[0] == module[0];
            if !is_own && !is_allowed(&path, allowed) {
                broken.insert(format!("{} uses `crate::{}`", file.path, path.join("::")));
            }
        }
    }
    assert_eq!(broken, BTreeSet::new());
}

#[test]
fn pure_parts_use_no_clock_file_network_or_thread() {
    let source = Source::of_the_crate();
    let impure = Regex::new(IMPURE).expect("a pattern");
    let mut broken = BTreeSet::new();
    for (_, file) in source.files() {
        if PURE.iter().any(|part| file.is_below(part)) {
            let imports = file.outer_imports().collect::<Vec<_>>().join("\n");
            for found in impure.find_iter(&file.code).chain(impure.find_iter(&imports)) {
                broken.insert(format!("{}: {}", file.path, found.as_str()));
            }
        }
    }
    assert_eq!(broken, BTreeSet::new());
}

#[test]
fn only_report_and_cli_print() {
    let source = Source::of_the_crate();
    let prints = Regex::new(r"\be?print(?:ln)?!|\bstd(?:out|err)\(\)").expect("a pattern");
    let mut broken = BTreeSet::new();
    for (module, file) in source.files() {
        let may_print = ["report", "cli"].contains(&name_of(module))
            || PRINTS.iter().any(|(path, _)| file.is_below(path));
        if !may_print {
            let found = prints.find_iter(&file.code);
            broken.extend(found.map(|found| format!("{}: {}", file.path, found.as_str())));
        }
    }
    assert_eq!(broken, BTreeSet::new());
}
