//! What is to run: one container group, as the runtime takes it.

use super::image::Image;
use std::fmt;
use std::path::PathBuf;

/// A container group.
#[derive(Clone, Debug)]
pub struct Group {
    /// The one name by which the runtime knows it, such as its resource id.
    pub id: String,
    /// The names and addresses under which it is reached.
    pub hosts: Vec<String>,
    /// The ports that are public.
    pub ports: Vec<u16>,
    /// What happens when a program ends.
    pub restart: Restart,
    /// Run one after the other, each to a good end, before the others start.
    pub init: Vec<Container>,
    /// Run side by side.
    pub containers: Vec<Container>,
}

/// A container.
#[derive(Clone)]
pub struct Container {
    /// Its name, the only one of that name in its group.
    pub name: String,
    /// What it is made of.
    pub image: Image,
    /// The program and its arguments in place of the image's; none for those.
    pub command: Vec<String>,
    /// Variables on top of the image's.
    pub env: Vec<(String, String)>,
    /// Folders to be seen inside.
    pub mounts: Vec<Volume>,
}

impl fmt::Debug for Container {
    /// The values of variables are often secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.env.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Container")
            .field("name", &self.name)
            .field("image", &self.image)
            .field("command", &self.command)
            .field("env", &names)
            .field("mounts", &self.mounts)
            .finish()
    }
}

/// A folder of this machine that a container sees.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Volume {
    /// Here.
    pub source: PathBuf,
    /// There, an absolute path.
    pub target: String,
    /// Whether it may only be read.
    pub read_only: bool,
}

/// What happens when a program ends.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Restart {
    /// It is started again.
    #[default]
    Always,
    /// It is started again unless its exit code is 0.
    OnFailure,
    /// Nothing.
    Never,
}

impl Restart {
    /// Whether a program that ended so is started again.
    pub fn again(self, code: i32) -> bool {
        match self {
            Self::Always => true,
            Self::OnFailure => code != 0,
            Self::Never => false,
        }
    }
}
