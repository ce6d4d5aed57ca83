//! Small values that a plan spells and other modules use as types: ports, file
//! modes, DNS labels, enums that are one word each, and differences of resources.
//!
//! Pure data with parsers. Nothing here knows a plan, an image or a cloud, so
//! that all of these may share one rule and one type.

mod amount;
mod azure;
mod build_argument;
mod choice;
mod command_line;
mod container_app;
mod container_group;
mod difference;
mod file;
mod path_below;
mod pep440;
mod port;
mod region;
mod slug;
mod word;

pub use amount::{bytes, bytes_of, counted};
pub use azure::{
    DnsLabel, GroupName, MAX_GROUP_PORTS, MAX_OWN_TAGS, MAX_TAG_VALUE_CHARS, MAX_TAGS,
};
pub use build_argument::is_predefined_argument;
pub use choice::{Channel, Cloud, Compression, Replace, RestartPolicy, SignIn};
#[cfg(test)]
pub use command_line::completed_commands;
pub use command_line::{CommandContext, quoted};
pub use container_app::{
    AppName, IngressPort, PreviewForm, Transport, default_app_name, short_app_name,
};
pub use container_group::{GpuSku, GroupSku, IpKind, LogType, Priority, ProbeScheme};
pub use difference::{
    Applied, Change, Difference, OutsideChanges, PropertyValue, REPLACEMENT_SECS, SecureValue,
    Verdict,
};
pub use file::{Mode, Owner};
pub use path_below::path_below;
pub use pep440::{PEP440_PARTS, pep440};
pub use port::{ExposedPort, Port, Protocol};
pub use region::{REGIONS, RegionName, normal_region};
pub use slug::slug;
pub use word::Word;
pub(crate) use word::words;
