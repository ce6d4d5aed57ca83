//! Images that the command line puts into the local registries.
//!
//! They are looked at before the cloud is started: what the cloud itself finds
//! wrong with them is heard late, and from it alone.

use crate::oci::Reference;
use crate::run::outcome::StepError;
use serde_json::Value;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// How the option is written.
const FORM: &str = "write `--seed-image REFERENCE=oci:FOLDER`";
/// How a layout is made.
const LAYOUT: &str = "name a folder with an OCI layout of one image, such as `skopeo copy docker://REFERENCE oci:FOLDER` makes";

/// `REFERENCE=oci:FOLDER`
pub(super) fn seed_image(text: &str) -> Result<(String, PathBuf), StepError> {
    let nothing = || StepError::new(format!("`--seed-image {text}` seeds nothing"));
    let (reference, layout) = text.split_once("=oci:").ok_or_else(|| nothing().help(FORM))?;
    if let Err(error) = reference.parse::<Reference>() {
        return Err(nothing().because(error.to_string()).help(FORM));
    }
    let layout = Path::new(layout);
    if let Some(why) = mistake(layout) {
        return Err(nothing().because(why).help(LAYOUT));
    }
    let layout = std::path::absolute(layout).unwrap_or_else(|_| layout.to_owned());
    Ok((reference.to_owned(), layout))
}

/// Why a folder is no layout of one image (OCI image specification, "Image
/// Layout").
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
    fn a_seed_that_is_none_has_one_cause_and_a_remedy() {
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
