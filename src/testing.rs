//! What integration tests and fuzz targets may use of the crate.
//!
//! Not an interface for anything else: every module is private, so that the
//! compiler reports what is unused. Add a name here only for a test that has to
//! run outside of the crate, because it needs the program, another program or
//! root. All others lie beside what they test.

pub mod azure {
    pub use crate::azure::untrusted;
}
pub mod github {
    pub mod actions {
        pub use crate::github::actions::untrusted;
    }
    pub mod client {
        pub use crate::github::client::untrusted;
    }
}
pub mod http {
    pub use crate::http::{Client, Retry, Retryable, Settings};
}
pub mod image {
    pub use crate::image::{Image, Product, Store, WorkControl};
    pub mod dockerfile {
        pub use crate::image::dockerfile::{
            BuildDirs, BuildRequest, Cache, DockerBuilder, Engine, EngineBuild, Invocation,
            NativeBuild, ProbeResult, Program,
        };
    }
    pub mod existing {
        pub use crate::image::existing::{ImageSource, import};
    }
    pub mod layers {
        pub use crate::image::layers::{Compression, LayerSource, Recipe, build};
    }
    pub mod untrusted {
        pub use crate::image::untrusted::{Ignored, build_output, dockerfile, ignored, tree};
    }
}
pub mod import {
    pub use crate::import::untrusted;
}
pub mod journal {
    pub use crate::journal::untrusted;
}
pub mod local {
    pub use crate::local::{
        Cloud, CloudFile, CloudOptions, Fetched, InitialState, LoggedRequest, RequestLog, fetched,
    };
    pub mod process {
        pub use crate::local::process::{CloudStart, RunningCloud, spawn};
    }
    pub mod runtime {
        pub use crate::local::runtime::{
            ConnectError, Container, ContainerState, Group, GroupState, GroupView, Image, LogQuery,
            Restart, Runtime, RuntimeChoice, RuntimeKind, RuntimeOptions,
        };
        #[cfg(target_os = "linux")]
        pub use crate::sandbox::unpack::unpack;
    }
}
pub mod plan {
    pub use crate::plan::untrusted;
    pub mod expr {
        pub use crate::plan::expr::FUNCTIONS;
        pub mod contexts {
            pub use crate::plan::expr::contexts::{CONTEXTS, Members, OUTPUTS};
        }
    }
}
pub mod progress {
    pub use crate::progress::Progress;
}
pub mod registry {
    pub use crate::registry::{
        Artifact, Attached, Blob, BlobSource, Client, HostAccess, Login, Push, PushManifest,
        RegistryTiming, Settings, StoredLogins, untrusted,
    };
}
pub mod report {
    pub use crate::cli::report::untrusted::Merger;
    pub use crate::report::untrusted::{FinishedReports, RunReports, reports};
}
pub mod resolve {
    pub use crate::resolve::untrusted;
}
pub mod oci {
    pub use crate::oci::{Descriptor, Digest, Platform, Reference, media_type};
}
pub mod secret {
    pub use crate::secret::Redactor;
}
