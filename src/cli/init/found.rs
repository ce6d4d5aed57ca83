//! One image to deploy, as it was found.

use crate::import::ServiceSettings;

/// The port of a program of which nothing tells it.
pub const DEFAULT_PORT: u16 = 8080;

/// One image to deploy.
pub struct FoundService {
    pub name: String,
    pub build: FoundBuild,
    pub port: u16,
    /// Whether a file tells the port, so that it is not asked for.
    pub port_is_known: bool,
    /// Whether it has an address; one that works without requests has none.
    pub has_address: bool,
    /// The path to verify.
    pub path: String,
    /// Its command and variables, where a file tells them.
    pub settings: ServiceSettings,
}

/// How the image is built.
pub enum FoundBuild {
    Dockerfile {
        context: String,
        dockerfile: Option<String>,
        target: Option<String>,
    },
    /// Files for a web server.
    Site {
        folder: String,
    },
    /// A static program that a command makes.
    Program {
        run: String,
        file: String,
    },
}
