//! The choices of a plan that other modules act on.

use super::word::words;
use serde::{Deserialize, Serialize};

words! {
    /// One of Microsoft's clouds.
    #[derive(Default)]
    pub enum Cloud {
        /// The commercial cloud, which most use.
        #[default]
        Public = "public",
        UsGovernment = "usgov",
        /// Azure China, operated by 21Vianet.
        China = "china",
    }
}

words! {
    /// How a run signs in to Azure.
    #[derive(Default)]
    pub enum SignIn {
        /// The first way that the environment offers.
        #[default]
        Auto = "auto",
        ClientSecret = "client-secret",
        ClientCertificate = "client-certificate",
        /// The OIDC token of the job in GitHub Actions.
        GitHub = "github",
        WorkloadIdentity = "workload-identity",
        ManagedIdentity = "managed-identity",
        AzureCli = "azure-cli",
        /// A code that a person enters in a browser.
        DeviceCode = "device-code",
    }
}

words! {
    /// When a container is started again after it ended.
    pub enum RestartPolicy {
        Always = "always" | "Always",
        /// When it ends with an error.
        OnFailure = "on-failure" | "OnFailure",
        Never = "never" | "Never",
    }
}

words! {
    /// Whether a container group may be deleted and created again.
    pub enum Replace {
        /// An update that needs it is refused.
        Never = "never",
        /// Only when Azure refuses the update in place.
        WhenRequired = "when-required",
        /// On every deploy, whether it is needed or not.
        Always = "always",
    }
}

words! {
    /// How the layers of an image are compressed.
    #[derive(Default)]
    pub enum Compression {
        /// Accepted by every registry and runtime, Container Instances included.
        #[default]
        Gzip = "gzip",
        /// Smaller and several times faster, where registry and runtime accept it.
        Zstd = "zstd",
    }
}

words! {
    /// Where the result of a run is reported.
    #[derive(Deserialize, Serialize)]
    #[serde(rename_all = "kebab-case")]
    pub enum Channel {
        /// The sticky comment on the pull request.
        Comment = "comment",
        /// A deployment, as GitHub's API knows it.
        Deployment = "deployment",
        /// A status of the commit, for the whole run.
        Status = "status",
        /// A status of the commit for each service of the run.
        ServiceStatus = "service-status",
        /// The summary of the job.
        Summary = "summary",
        /// What would change, as a comment of `shipway plan` on the pull request.
        Plan = "plan",
    }
}

#[cfg(test)]
mod tests {
    use super::{Cloud, Compression, Replace, RestartPolicy};
    use crate::value::Word as _;

    #[test]
    fn words_stand_for_values() {
        assert_eq!(Cloud::from_word("usgov"), Some(Cloud::UsGovernment));
        assert_eq!(Cloud::from_word("Public"), None);
        assert_eq!(Compression::from_word("zstd"), Some(Compression::Zstd));
        assert_eq!(Replace::from_word("when-required"), Some(Replace::WhenRequired));
        assert_eq!(RestartPolicy::WORDS, ["always", "on-failure", "never"]);
    }

    #[test]
    fn a_restart_policy_may_be_spelled_as_azure_does() {
        assert_eq!(RestartPolicy::from_word("OnFailure"), Some(RestartPolicy::OnFailure));
    }
}
