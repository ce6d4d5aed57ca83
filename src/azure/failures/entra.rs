//! Error codes of Entra ID
//! (learn.microsoft.com/entra/identity-platform/reference-error-codes).

use super::row::{Class, Failure, Service};

const NO_FEDERATED_CREDENTIAL: Failure = Failure {
    service: Service::Entra,
    code: "AADSTS70021",
    status: 400,
    class: Class::Fatal,
    cause: "no federated credential matches the token",
    remedy: "no federated credential of application `{client_id}` matches the token; `az ad app federated-credential list --id {client_id}` lists them",
};

const NO_TENANT: Failure = Failure {
    service: Service::Entra,
    code: "AADSTS90002",
    status: 400,
    class: Class::Fatal,
    cause: "there is no such tenant",
    remedy: "there is no tenant `{tenant}` in this cloud; check `AZURE_TENANT_ID`, which `az account show --query tenantId` prints, and the plan's `azure.cloud`",
};

const SIGN_IN_ENDED: Failure = Failure {
    service: Service::Entra,
    code: "AADSTS700082",
    status: 400,
    class: Class::Fatal,
    cause: "the sign-in of the person has ended",
    remedy: "run the command again, and sign in again",
};

pub(super) const FAILURES: &[Failure] = &[
    Failure {
        service: Service::Entra,
        code: "AADSTS7000215",
        status: 401,
        class: Class::Fatal,
        cause: "the client secret is wrong",
        remedy: "`AZURE_CLIENT_SECRET` must hold the secret's value, not its id; `az ad app credential reset --id {client_id} --append` makes a new one",
    },
    Failure {
        service: Service::Entra,
        code: "AADSTS7000222",
        status: 401,
        class: Class::Fatal,
        cause: "the client secret has expired",
        remedy: "the client secret has expired; `az ad app credential reset --id {client_id} --append` makes a new one",
    },
    NO_FEDERATED_CREDENTIAL,
    Failure { code: "AADSTS700211", ..NO_FEDERATED_CREDENTIAL },
    Failure { code: "AADSTS700212", ..NO_FEDERATED_CREDENTIAL },
    Failure { code: "AADSTS700213", ..NO_FEDERATED_CREDENTIAL },
    Failure { code: "AADSTS7002138", ..NO_FEDERATED_CREDENTIAL },
    Failure {
        service: Service::Entra,
        code: "AADSTS700024",
        status: 400,
        class: Class::Fatal,
        cause: "the federated token is not valid yet, or no longer",
        remedy: "check this machine's clock, and, where the token is in a file, that it is renewed in time",
    },
    NO_TENANT,
    Failure { code: "AADSTS900023", ..NO_TENANT },
    Failure { code: "AADSTS900021", ..NO_TENANT },
    Failure {
        service: Service::Entra,
        code: "AADSTS700016",
        status: 400,
        class: Class::Fatal,
        cause: "the tenant has no such application",
        remedy: "tenant `{tenant}` has no application `{client_id}`; check `AZURE_CLIENT_ID` and `AZURE_TENANT_ID`",
    },
    Failure {
        service: Service::Entra,
        code: "AADSTS7000229",
        status: 400,
        class: Class::Fatal,
        cause: "the application has no service principal",
        remedy: "the application has no service principal in tenant `{tenant}`; `az ad sp create --id {client_id}` makes one",
    },
    Failure {
        service: Service::Entra,
        code: "AADSTS7000112",
        status: 400,
        class: Class::Fatal,
        cause: "the application is disabled",
        remedy: "ask the tenant's administrator to enable the application `{client_id}`, or set `AZURE_CLIENT_ID` to another",
    },
    Failure {
        service: Service::Entra,
        code: "AADSTS7000218",
        status: 401,
        class: Class::Fatal,
        cause: "the application is no public client, which a device code needs",
        remedy: "`az ad app update --id {client_id} --is-fallback-public-client true` makes it one; or unset `AZURE_CLIENT_ID` to sign in with the application of the Azure CLI",
    },
    Failure {
        service: Service::Entra,
        code: "AADSTS65001",
        status: 400,
        class: Class::Fatal,
        cause: "the person has not consented to the application",
        remedy: "ask the tenant's administrator to consent to application `{client_id}`, or unset `AZURE_CLIENT_ID` to sign in with the application of the Azure CLI",
    },
    SIGN_IN_ENDED,
    Failure { code: "AADSTS50173", ..SIGN_IN_ENDED },
    Failure {
        service: Service::Entra,
        code: "AADSTS53003",
        status: 400,
        class: Class::Fatal,
        cause: "a conditional access policy forbids it",
        remedy: "a conditional access policy forbids it; ask the tenant's administrator to exempt this workload",
    },
    Failure {
        service: Service::Entra,
        code: "AADSTS500011",
        status: 400,
        class: Class::Fatal,
        cause: "the service is unknown in the tenant",
        remedy: "tenant `{tenant}` does not know the service that the token is for; check that the plan's `azure.cloud` is the tenant's",
    },
];
