//! The ways to sign in to Entra ID, as messages name them.

use std::fmt;

/// How an access token is requested. Its text completes `cannot sign in to Azure with …`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SignInMethod {
    /// The password of an application, from `AZURE_CLIENT_SECRET`.
    ClientSecret,
    /// The key of an application's certificate, from `AZURE_CLIENT_CERTIFICATE_PATH`.
    ClientCertificate,
    /// The OIDC token of the job in GitHub Actions, exchanged for one of Entra.
    GitHub,
    /// The token in the file that `AZURE_FEDERATED_TOKEN_FILE` names, which Kubernetes
    /// writes, exchanged for one of Entra.
    WorkloadIdentity,
    /// The identity that Azure assigned to this machine.
    ManagedIdentity,
    /// The login of the Azure CLI.
    AzureCli,
    /// A code that a person enters in a browser.
    DeviceCode,
}

impl fmt::Display for SignInMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ClientSecret => "a client secret",
            Self::ClientCertificate => "a client certificate",
            Self::GitHub => "GitHub's OIDC token",
            Self::WorkloadIdentity => "workload identity",
            Self::ManagedIdentity => "the managed identity",
            Self::AzureCli => "the Azure CLI",
            Self::DeviceCode => "a device code",
        })
    }
}
