//! `duplicate-platform`: one platform is in `platforms` twice, perhaps in two spellings.

use super::literal::literal;
use crate::oci::Platform;
use crate::plan::diagnostic::Diagnostic;
use crate::plan::schema::{Build, Text};

pub(super) fn check(build: &Build, found: &mut Vec<Diagnostic>) {
    let mut seen: Vec<(Platform, &Text)> = Vec::new();
    for text in build.platforms() {
        let Some(platform) = literal(text) else { continue };
        let Some((_, first)) = seen.iter().find(|(known, _)| known.is_same(&platform)) else {
            seen.push((platform, text));
            continue;
        };
        let message = format!("the platform `{platform}` is given twice");
        found.push(
            Diagnostic::error("duplicate-platform", message, &text.span)
                .label("again here")
                .also(&first.span, "first here")
                .help("an index has one image for each platform: name it once"),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::check::{drawn, fine};

    #[test]
    fn platform_in_two_spellings_is_refused() {
        assert_eq!(
            drawn(
                "name: a\nsteps:\n- build: { context: ., platforms: [linux/arm64, linux/amd64, linux/arm64/v8] }\n"
            ),
            "\
error[duplicate-platform]: the platform `linux/arm64/v8` is given twice
 --> shipway.yml:3:62
  |
3 | - build: { context: ., platforms: [linux/arm64, linux/amd64, linux/arm64/v8] }
  |                                    ----------- first here    ^^^^^^^^^^^^^^ again here
  |
  = help: an index has one image for each platform: name it once"
        );
    }

    #[test]
    fn variants_that_differ_are_fine() {
        fine(
            "name: a\nsteps:\n- build: { context: ., platforms: [linux/arm/v6, linux/arm/v7, \"${{ env.P }}\"] }\n",
        );
    }
}
