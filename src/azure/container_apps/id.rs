//! Which app, and which environment.

use crate::azure::resource_id::ResourceParts;
use std::fmt;

const KIND: &str = "Microsoft.App/containerApps";
const REVISIONS: &str = "revisions";
/// Azure has no resource for a label: the id is Shipway's own.
const LABELS: &str = "labels";

/// The resource id of an app.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AppId {
    pub subscription: String,
    pub resource_group: String,
    pub name: String,
}

impl AppId {
    /// Parses a resource id. Azure spells ids in varying case.
    pub fn parse(id: &str) -> Option<Self> {
        let ResourceParts { subscription, resource_group, name } = ResourceParts::of(KIND, id)?;
        Some(Self {
            subscription: subscription.to_owned(),
            resource_group: resource_group.to_owned(),
            name: name.to_owned(),
        })
    }
}

/// The id is also the path of the app at Resource Manager.
impl fmt::Display for AppId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subscription, resource_group, name } = self;
        write!(
            f,
            "/subscriptions/{subscription}/resourceGroups/{resource_group}/providers/{KIND}/{name}"
        )
    }
}

/// What of an app is meant.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum AppPart {
    /// The app itself, as its name answers.
    Whole,
    /// One of its revisions, by its name.
    Revision(String),
    /// The revision that has a label.
    Label(String),
}

/// An app, or a part of it that is looked at for itself.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AppTarget {
    pub app: AppId,
    pub part: AppPart,
}

impl AppTarget {
    pub fn parse(id: &str) -> Option<Self> {
        if let Some(app) = AppId::parse(id) {
            return Some(Self { app, part: AppPart::Whole });
        }
        let (rest, name) = id.rsplit_once('/')?;
        let (app, kind) = rest.rsplit_once('/')?;
        let part = match (kind.to_ascii_lowercase().as_str(), name) {
            (_, "") => return None,
            (REVISIONS, name) => AppPart::Revision(name.to_owned()),
            (LABELS, name) => AppPart::Label(name.to_owned()),
            _ => return None,
        };
        Some(Self { app: AppId::parse(app)?, part })
    }
}

impl fmt::Display for AppTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { app, part } = self;
        match part {
            AppPart::Whole => write!(f, "{app}"),
            AppPart::Revision(name) => write!(f, "{app}/{REVISIONS}/{name}"),
            AppPart::Label(label) => write!(f, "{app}/{LABELS}/{label}"),
        }
    }
}

/// The resource id of an environment, which is also its path at Resource Manager.
pub fn environment_id(subscription: &str, resource_group: &str, name: &str) -> String {
    format!(
        "/subscriptions/{subscription}/resourceGroups/{resource_group}/providers/\
         Microsoft.App/managedEnvironments/{name}"
    )
}

#[cfg(test)]
mod tests {
    use super::{AppPart, AppTarget};

    #[test]
    fn parts_of_an_app_have_ids_of_their_own() {
        let app = "/subscriptions/s/resourceGroups/g/providers/Microsoft.App/containerApps/web";
        let part = |id: &str| {
            let target = AppTarget::parse(id)?;
            assert_eq!(target.to_string(), id);
            Some(target.part)
        };
        assert_eq!(part(app), Some(AppPart::Whole));
        let revision = format!("{app}/revisions/web--r1");
        assert_eq!(part(&revision), Some(AppPart::Revision("web--r1".to_owned())));
        assert_eq!(part(&format!("{app}/labels/pr-1")), Some(AppPart::Label("pr-1".to_owned())));
        assert_eq!(part(&format!("{app}/jobs/x")), None);
        assert_eq!(part("web"), None);
    }
}
