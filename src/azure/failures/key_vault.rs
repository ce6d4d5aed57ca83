//! Error codes of Key Vault.

use super::row::{Class, Failure, Service};

const NO_ACCESS_POLICY: Failure = Failure {
    service: Service::KeyVault,
    code: "ForbiddenByPolicy",
    status: 403,
    class: Class::Fatal,
    cause: "the access policies do not allow it",
    remedy: "the vault's access policies do not allow reading secrets; `az keyvault set-policy --name {vault} --spn {client_id} --secret-permissions get` does",
};

pub(super) const FAILURES: &[Failure] = &[
    Failure {
        service: Service::KeyVault,
        code: "SecretDisabled",
        status: 403,
        class: Class::Fatal,
        cause: "the secret is disabled",
        remedy: "`az keyvault secret set-attributes --vault-name {vault} --name {secret} --enabled true` enables it",
    },
    Failure {
        service: Service::KeyVault,
        code: "ForbiddenByFirewall",
        status: 403,
        class: Class::Fatal,
        cause: "the vault's firewall blocks this machine",
        remedy: "the vault's firewall blocks this machine; `az keyvault network-rule add --name {vault} --ip-address ADDRESS` lets it in",
    },
    NO_ACCESS_POLICY,
    Failure { code: "AccessDenied", ..NO_ACCESS_POLICY },
    Failure {
        service: Service::KeyVault,
        code: "ForbiddenByRbac",
        status: 403,
        class: Class::Fatal,
        cause: "the identity lacks a role",
        remedy: "the signed-in identity may not read the vault's secrets; `az role assignment create --role \"Key Vault Secrets User\" --assignee {client_id} --scope \"$(az keyvault show --name {vault} --query id --output tsv)\"` lets it, after some minutes",
    },
];
