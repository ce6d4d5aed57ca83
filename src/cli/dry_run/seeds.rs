//! Preloaded images: `--seed-image`.
//!
//! They are checked before the cloud is started. The cloud checks them too, but
//! its errors come late and through its log.

use crate::oci::Reference;
use crate::run::outcome::StepError;
use serde_json::Value;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

const SEED_HELP: &str = "write `--seed-image REFERENCE=oci:FOLDER`";
const LAYOUT_HELP: &str = "name a folder with an OCI layout of one image, such as `skopeo copy docker://REFERENCE oci:FOLDER` makes";

/// Parses `REFERENCE=oci:FOLDER`, and checks the folder.
pub fn seed_image(text: &str) -> Result<(String, PathBuf), StepError> {
    let nothing = || StepError::of_usage(format!("`--seed-image {text}` seeds nothing"));
    let (reference, layout) = text.split_once("=oci:").ok_or_else(|| nothing().help(SEED_HELP))?;
    if let Err(error) = reference.parse::<Reference>() {
        return Err(nothing().because(error.to_string()).help(SEED_HELP));
    }
    let layout = Path::new(layout);
    if let Some(why) = mistake(layout) {
        return Err(nothing().because(why).help(LAYOUT_HELP));
    }
    let layout = std::path::absolute(layout).unwrap_or_else(|_| layout.to_owned());
    Ok((reference.to_owned(), layout))
}

/// Why a folder is not a layout of one image (OCI image specification, "Image
/// Layout"), or `None` if it is.
fn mistake(layout: &Path) -> Option<String> {
    let shown = layout.display();
    let bytes = match std::fs::read(layout.join("index.json")) {
        Ok(bytes) => bytes,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Some(format!("there is no `index.json` in `{shown}`"));
        }
        Err(error) => return Some(format!("`index.json` in `{shown}` cannot be read: {error}")),
    };
    let index: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    match index["manifests"].as_array().map(Vec::len) {
        Some(1) => None,
        Some(count) => Some(format!("`{shown}` holds {count} images where one is needed")),
        None => Some(format!("`index.json` in `{shown}` lists no images")),
    }
}

#[cfg(test)]
mod tests {
    use super::seed_image;
    use std::fs;

    #[test]
    fn an_invalid_seed_is_shown_with_one_cause_and_a_remedy() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().display().to_string();
        let said = |text: &str| {
            let failure = seed_image(text).expect_err("no seed").failure;
            let lines = [failure.chain, failure.help.into_iter().collect()].concat();
            lines.join("\n").replace(&path, "DIR")
        };
        assert_eq!(
            said("x"),
            "`--seed-image x` seeds nothing\nwrite `--seed-image REFERENCE=oci:FOLDER`"
        );
        assert_eq!(
            said("=oci:x"),
            "`--seed-image =oci:x` seeds nothing\nan image reference is empty\nwrite `--seed-image REFERENCE=oci:FOLDER`"
        );
        let layout = |why: &str| {
            format!(
                "`--seed-image x=oci:DIR` seeds nothing\n{why}\nname a folder with an OCI layout of one image, such as `skopeo copy docker://REFERENCE oci:FOLDER` makes"
            )
        };
        let seed = format!("x=oci:{path}");
        assert_eq!(said(&seed), layout("there is no `index.json` in `DIR`"));
        let index = folder.path().join("index.json");
        for (text, why) in [
            ("{", "`index.json` in `DIR` lists no images"),
            (r#"{"manifests":[]}"#, "`DIR` holds 0 images where one is needed"),
            (r#"{"manifests":[{},{}]}"#, "`DIR` holds 2 images where one is needed"),
        ] {
            fs::write(&index, text).expect("written");
            assert_eq!(said(&seed), layout(why));
        }
        fs::write(&index, r#"{"manifests":[{}]}"#).expect("written");
        let (reference, layout) = seed_image(&seed).expect("a seed");
        assert_eq!((reference.as_str(), layout.as_path()), ("x", folder.path()));
    }
}
