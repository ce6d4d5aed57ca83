//! Which platforms a build is for.

use crate::oci::Platform;
use crate::plan::schema::Text;
use crate::run::outcome::StepError;
use crate::run::perform::names::{optional_name, optional_plain};
use crate::run::perform::performer::Job;

/// The value of `platform`, else `linux/amd64`.
pub fn one_platform(text: Option<&Text>, job: &Job) -> Result<Platform, StepError> {
    let named = optional_plain(text, "platform", &job.scope)?;
    named.map_or_else(|| Ok(Platform::default()), |text| text.parse().map_err(StepError::new))
}

/// The values of `platforms`, each once. An empty one is left out, as an empty
/// tag is.
pub fn all_platforms(texts: &[Text], job: &Job) -> Result<Vec<Platform>, StepError> {
    let mut platforms: Vec<Platform> = Vec::new();
    for text in texts {
        let Some(name) = optional_name(text, "platform", &job.scope)? else { continue };
        let platform: Platform = name.parse().map_err(StepError::new)?;
        if !platforms.iter().any(|known| known.is_same(&platform)) {
            platforms.push(platform);
        }
    }
    if platforms.is_empty() {
        return Err(StepError::new("every one of `platforms` is empty")
            .help("name one that is always there, such as `linux/amd64`"));
    }
    Ok(platforms)
}
