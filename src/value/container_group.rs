//! The choices of a container group, and what Azure calls them
//! (Microsoft.ContainerInstance, 2023-05-01).

use super::word::words;

words! {
    /// Where the address of a group is reached from.
    pub enum IpKind {
        /// The internet.
        Public = "public",
        /// The virtual network of its subnet.
        Private = "private",
        /// Nowhere: it has no address.
        None = "none",
    }
}

words! {
    /// Whether a group may be ended for want of capacity.
    #[derive(Default)]
    pub enum Priority {
        /// It stays until it is deleted.
        #[default]
        Regular = "regular",
        /// It costs less, is ended when Azure needs the capacity, and takes no requests.
        Spot = "spot",
    }
}

words! {
    /// The kind of machine that runs a group.
    #[derive(Default)]
    pub enum GroupSku {
        #[default]
        Standard = "standard",
        /// On a host of its own.
        Dedicated = "dedicated",
        /// In a trusted execution environment.
        Confidential = "confidential",
    }
}

words! {
    /// A model of NVIDIA's Tesla processors.
    pub enum GpuSku {
        K80 = "K80",
        P100 = "P100",
        V100 = "V100",
    }
}

words! {
    /// What is sent to a Log Analytics workspace.
    pub enum LogType {
        /// What the containers write.
        InstanceLogs = "instance-logs",
        /// For Container Insights.
        Insights = "insights",
    }
}

words! {
    /// The scheme of a probe by HTTP.
    pub enum ProbeScheme {
        Http = "http",
        Https = "https",
    }
}

impl Priority {
    /// As the API spells it.
    pub fn api_name(self) -> &'static str {
        match self {
            Self::Regular => "Regular",
            Self::Spot => "Spot",
        }
    }
}

impl GroupSku {
    /// As the API spells it.
    pub fn api_name(self) -> &'static str {
        match self {
            Self::Standard => "Standard",
            Self::Dedicated => "Dedicated",
            Self::Confidential => "Confidential",
        }
    }
}

impl GpuSku {
    /// As the API spells it.
    pub fn api_name(self) -> &'static str {
        match self {
            Self::K80 => "K80",
            Self::P100 => "P100",
            Self::V100 => "V100",
        }
    }
}

impl LogType {
    /// As the API spells it.
    pub fn api_name(self) -> &'static str {
        match self {
            Self::InstanceLogs => "ContainerInstanceLogs",
            Self::Insights => "ContainerInsights",
        }
    }
}

impl ProbeScheme {
    /// As the API spells it.
    pub fn api_name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}
