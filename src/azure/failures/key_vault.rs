//! Error codes of Key Vault.

use super::row::{Class, Failure, Service};

const NO_ACCESS_POLICY: Failure = Failure {
    service: Service::KeyVault,
    code: "ForbiddenByPolicy",
    status: 403,
    class: Class::Fatal,
    cause: "the access policies do not grant reading secrets",
    remedy: "grant reading secrets with `az keyvault set-policy --name {vault} --spn {client_id} --secret-permissions get`",
};

pub(super) const FAILURES: &[Failure] = &[
    Failure {
        service: Service::KeyVault,
        code: "SecretDisabled",
        status: 403,
        class: Class::Fatal,
        cause: "the secret is disabled",
        remedy: "enable it with `az keyvault secret set-attributes --vault-name {vault} --name {secret} --enabled true`",
    },
    Failure {
        service: Service::KeyVault,
        code: "ForbiddenByFirewall",
        status: 403,
        class: Class::Fatal,
        cause: "the vault's firewall blocks this machine",
        remedy: "allow this machine with `az keyvault network-rule add --name {vault} --ip-address ADDRESS`",
    },
    NO_ACCESS_POLICY,
    Failure { code: "AccessDenied", ..NO_ACCESS_POLICY },
    Failure {
        service: Service::KeyVault,
        code: "ForbiddenByRbac",
        status: 403,
        class: Class::Fatal,
        cause: "the identity may not read the vault's secrets",
        remedy: "grant the role with `az role assignment create --role \"Key Vault Secrets User\" --assignee {client_id} --scope \"$(az keyvault show --name {vault} --query id --output tsv)\"`; it takes effect after some minutes",
    },
];
