//! The ways to sign in.

use std::fmt;

/// A way to sign in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SignInMethod {
    /// `AZURE_CLIENT_SECRET`.
    ClientSecret,
    /// The OIDC token of the job in GitHub Actions.
    GitHub,
    /// The token file that a Kubernetes cluster writes.
    WorkloadIdentity,
    /// The identity that Azure assigned to this machine.
    ManagedIdentity,
    /// The login of the Azure CLI.
    AzureCli,
}

impl fmt::Display for SignInMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ClientSecret => "a client secret",
            Self::GitHub => "GitHub's OIDC token",
            Self::WorkloadIdentity => "workload identity",
            Self::ManagedIdentity => "the managed identity",
            Self::AzureCli => "the Azure CLI",
        })
    }
}
