//! The remedies that errors of registries suggest.

use super::azure::{is_azure_registry, registry_name};
use crate::http::{self, Cause};
use crate::oci::Reference;

/// The remedy for a failed request to a registry or its token server.
pub fn of_request(error: &http::Error, host: &str) -> Option<String> {
    if let Some(help) = by_the_way(error, host) {
        return Some(help);
    }
    if let http::Error::Unreadable { .. } = error {
        return Some(unreadable(host));
    }
    remedy(error.status(), error.cause(), host)
}

/// The remedy where the way to the registry may be to blame.
fn by_the_way(error: &http::Error, host: &str) -> Option<String> {
    let authorities = error.route().and_then(http::Route::authorities);
    let trust = authorities.map_or_else(
        || format!("as `ca` of `{host}` under `registries`, or in `SSL_CERT_FILE`"),
        |file| format!("in `{file}` too, the `ca` of `{host}` under `registries`"),
    );
    let help = error.proxy_help(&trust);
    let untrusted = error.cause() == Some(Cause::Tls { untrusted: true });
    let of_authorities = authorities.filter(|_| untrusted).map(|file| {
        format!(
            "neither this machine nor `{file}`, the `ca` of `{host}` under `registries`, trusts \
             the authority that signed the certificate of `{}`: add its certificate to `{file}`",
            error.host()
        )
    });
    help.or(of_authorities)
}

/// The remedy for a response that is not what a registry answers.
fn unreadable(host: &str) -> String {
    format!(
        "something else than the registry may have answered, such as a proxy or a login page; is \
         `{host}` a registry, and the one that you mean?"
    )
}

/// The remedy for a status, or for a request that got no answer: a time-out has no cause.
fn remedy(status: Option<u16>, cause: Option<Cause>, host: &str) -> Option<String> {
    match (status, cause) {
        (Some(404), _) => Some(format!("is `{host}` a registry, and is the name spelled right?")),
        (Some(429), _) => Some(format!("`{host}` is asked too often; it lets us in again later")),
        (Some(500..), _) => Some(format!("`{host}` has a fault of its own; try again later")),
        (Some(_), _) => None,
        (None, Some(Cause::Name)) if is_azure_registry(host) => Some(format!(
            "no registry is called `{host}`: check the spelling, or let the plan make it with \
             `create` under `registries`"
        )),
        (None, Some(Cause::Name)) => {
            Some(format!("check the spelling of `{host}` and the network"))
        }
        (None, Some(Cause::Refused)) => {
            Some(format!("nothing listens there: does `{host}` run, and is the port right?"))
        }
        (None, Some(Cause::Tls { untrusted: true })) => Some(format!(
            "this machine does not trust the authority that signed the certificate of `{host}`: \
             name its certificate file as `ca` of `{host}` under `registries`, or in `SSL_CERT_FILE`"
        )),
        (None, Some(Cause::Tls { untrusted: false })) => Some(format!(
            "`{host}` has a certificate that is not good for it, or speaks plain HTTP; that is \
             allowed by `insecure: true` under `registries`"
        )),
        (None, Some(Cause::Tunnel { .. } | Cause::Broken | Cause::Other)) => {
            Some(format!("the connection to `{host}` broke; try again"))
        }
        (None, None) => Some(format!("`{host}` does not answer in time; try again")),
    }
}

/// The remedy for a 403.
pub fn forbidden(error: &http::Error, host: &str, action: &str) -> String {
    if let Some(help) = by_the_way(error, host) {
        return help;
    }
    let text = error.to_string();
    if text.contains("firewall") || text.contains("not allowed access") {
        return format!(
            "the firewall of `{host}` keeps this machine out; allow its address, or run inside the network"
        );
    }
    permission(host, action)
}

/// How to get the permission for `action` (`pull`, `push`) at a registry.
pub fn permission(host: &str, action: &str) -> String {
    if is_azure_registry(host) {
        let (role, new) = if action == "pull" {
            ("AcrPull", "Container Registry Repository Reader")
        } else {
            ("AcrPush", "Container Registry Repository Writer")
        };
        return format!(
            "give the identity the role `{role}` on the registry `{}` (`{new}` where it uses \
             repository permissions); a new role takes some minutes to hold",
            registry_name(host)
        );
    }
    format!(
        "ask the operator of `{host}` for the right to {action}, or sign in as a user who has it"
    )
}

/// The remedy for a manifest that the registry does not delete.
pub fn deletion(reference: &Reference) -> String {
    if is_azure_registry(&reference.host) {
        return format!(
            "it is locked; `az acr repository update --image {} --delete-enabled true` unlocks it",
            reference.to_string().split_once('/').map_or("", |(_, name)| name)
        );
    }
    format!(
        "`{}` does not let manifests be deleted; docker-registry does with \
         `REGISTRY_STORAGE_DELETE_ENABLED=true`, or `storage: {{ delete: {{ enabled: true }} }}` in its \
         configuration",
        reference.host
    )
}

#[cfg(test)]
mod tests {
    //! `docs/failures.md` has the table of registries.
    //!
    //! `UPDATE_DOCS=1 cargo test --lib registry::help` rewrites it.

    use super::{permission, remedy, unreadable};
    use crate::http::Cause;
    use std::fmt::Write as _;
    use std::path::Path;

    fn shown() -> String {
        let remedy = |status, cause, host| remedy(status, cause, host).expect("a remedy");
        let (azure, other) = ("REGISTRY.azurecr.io", "REGISTRY");
        let tls = |untrusted| Some(Cause::Tls { untrusted });
        let rows = [
            ("403 to a pull", "fatal", permission(azure, "pull")),
            ("403 to a push", "fatal", permission(azure, "push")),
            ("403, elsewhere", "fatal", permission(other, "push")),
            ("404", "fatal", remedy(Some(404), None, other)),
            ("429", "retried", remedy(Some(429), None, other)),
            ("500, 502, 503, 504", "retried", remedy(Some(503), None, other)),
            ("no such host", "retried", remedy(None, Some(Cause::Name), other)),
            ("no such host, in Azure", "retried", remedy(None, Some(Cause::Name), azure)),
            ("connection refused", "retried", remedy(None, Some(Cause::Refused), other)),
            ("unknown authority", "fatal", remedy(None, tls(true), other)),
            ("no TLS, or another certificate", "fatal", remedy(None, tls(false), other)),
            ("broken connection", "retried", remedy(None, Some(Cause::Broken), other)),
            ("what no registry answers", "fatal", unreadable(other)),
            ("no answer in time", "retried", remedy(None, None, other)),
        ];
        let mut text = String::from("| answer | | remedy |\n|---|---|---|\n");
        for (answer, class, remedy) in rows {
            writeln!(text, "| {answer} | {class} | {remedy} |").expect("text");
        }
        text
    }

    #[test]
    fn page_of_failures_has_the_table_of_registries() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/failures.md");
        let text = std::fs::read_to_string(&path).expect("the page is there");
        let start = "<!-- failures: registry -->\n";
        let (before, after) = text.split_once(start).expect("a marker");
        let (_, after) = after.split_once("<!-- end -->").expect("an end");
        let updated = format!("{before}{start}{}<!-- end -->{after}", shown());
        if text != updated && std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&path, updated).expect("can be written");
            return;
        }
        assert_eq!(text, updated, "stale; run this test with UPDATE_DOCS=1");
    }
}
