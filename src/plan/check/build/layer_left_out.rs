//! `layer-left-out`: a layer is for a platform that no image is built for.

use super::literal::literal;
use super::unknown_platform::is_known;
use crate::oci::Platform;
use crate::plan::diagnostic::Diagnostic;
use crate::plan::schema::{Build, BuildKind};

pub(super) fn check(build: &Build, found: &mut Vec<Diagnostic>) {
    let BuildKind::Layers(layers) = &build.kind else { return };
    let texts = build.platforms();
    let built: Option<Vec<Platform>> = texts.iter().map(|text| literal(text)).collect();
    // What an expression gives is known only when the step runs.
    let Some(mut built) = built else { return };
    if built.is_empty() {
        built.push(Platform::default());
    }
    for layer in &layers.layers {
        let Some(text) = &layer.platform else { continue };
        let Some(only) = literal(text) else { continue };
        // An unknown platform is reported as such.
        if built.iter().any(|platform| only.takes(platform)) || !is_known(&only) {
            continue;
        }
        let names: Vec<String> = built.iter().map(|platform| format!("`{platform}`")).collect();
        let message = format!("the layer is for `{only}`, and no image is built for that");
        found.push(
            Diagnostic::error("layer-left-out", message, &text.span)
                .label(format!("built for {} alone", names.join(", ")))
                .help(format!("add `{only}` to `platforms`, or remove the layer")),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::check::{drawn, fine};

    fn plan(build: &str, platform: &str) -> String {
        format!(
            "name: a\nsteps:\n- build:\n    layers: [{{ from: a, to: /a, platform: {platform} }}]\n    {build}\n"
        )
    }

    #[test]
    fn layer_that_is_in_no_image_is_refused() {
        assert_eq!(
            drawn(&plan("user: app", "linux/arm64")),
            "\
error[layer-left-out]: the layer is for `linux/arm64`, and no image is built for that
 --> shipway.yml:4:43
  |
4 |     layers: [{ from: a, to: /a, platform: linux/arm64 }]
  |                                           ^^^^^^^^^^^ built for `linux/amd64` alone
  |
  = help: add `linux/arm64` to `platforms`, or remove the layer"
        );
        let several = drawn(&plan("platforms: [linux/amd64, linux/arm/v6]", "linux/arm/v7"));
        assert!(several.contains("built for `linux/amd64`, `linux/arm/v6` alone\n"), "{several}");
    }

    #[test]
    fn layer_of_a_platform_that_is_built_is_fine() {
        fine(&plan("platforms: [linux/amd64, linux/arm64/v8]", "linux/arm64"));
        fine(&plan("platform: linux/arm64", "linux/arm64/v8"));
        fine(&plan("user: app", "linux/amd64"));
        fine(&plan("platforms: [\"${{ env.P }}\"]", "linux/arm64"));
    }
}
