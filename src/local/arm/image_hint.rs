//! Why an image of a registry outside is not here.

use super::handle::Arm;
use crate::local::registry::is_azure_name;
use crate::oci::Reference;

/// What lets this cloud have an image of a registry outside, as a further sentence. Azure has
/// nothing like it.
pub fn image_hint(arm: &Arm, image: &str) -> String {
    let outside = image.parse::<Reference>().ok();
    let outside = outside.filter(|reference| !arm.registries.accounts.exists(&reference.host));
    match outside {
        Some(reference) if is_azure_name(&reference.host) => {
            format!(" There is no registry `{}` in the local cloud.", reference.host)
        }
        Some(reference) => format!(
            " The local cloud fetches it from outside only if it was started with `--allow-host \
             {}`.",
            reference.name()
        ),
        None => String::new(),
    }
}
