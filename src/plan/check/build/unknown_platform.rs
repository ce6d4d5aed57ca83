//! `unknown-platform`: a platform has a system or an architecture that there is not.

use super::literal::literal;
use crate::oci::Platform;
use crate::plan::diagnostic::{Diagnostic, closest};
use crate::plan::schema::{Build, BuildKind, Text};

/// The systems of Go, whose names images have.
const SYSTEMS: [&str; 12] = [
    "linux",
    "windows",
    "aix",
    "android",
    "darwin",
    "dragonfly",
    "freebsd",
    "illumos",
    "netbsd",
    "openbsd",
    "solaris",
    "wasip1",
];

/// The architectures of Go, and that of modules of WebAssembly.
const ARCHITECTURES: [&str; 14] = [
    "amd64", "arm64", "arm", "386", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64",
    "ppc64le", "riscv64", "s390x", "wasm",
];

/// Names of other programs, such as `uname`, and those of Go.
const OTHER_NAMES: [(&str, &str); 9] = [
    ("x86_64", "amd64"),
    ("x86-64", "amd64"),
    ("x64", "amd64"),
    ("aarch64", "arm64"),
    ("armhf", "arm/v7"),
    ("armv7l", "arm/v7"),
    ("armel", "arm/v6"),
    ("i386", "386"),
    ("x86", "386"),
];

pub(super) fn check(build: &Build, found: &mut Vec<Diagnostic>) {
    let layers: &[_] = match &build.kind {
        BuildKind::Layers(layers) => &layers.layers,
        BuildKind::Dockerfile(_) | BuildKind::Image(_) => &[],
    };
    let of_layers = layers.iter().filter_map(|layer| layer.platform.as_ref());
    found.extend(build.platforms().into_iter().chain(of_layers).filter_map(report));
}

/// Whether images can be for a platform, as far as its names tell.
pub(super) fn is_known(platform: &Platform) -> bool {
    let Platform { os, architecture, .. } = platform;
    // Modules of WebAssembly are for `wasi/wasm`.
    os == "wasi" || SYSTEMS.contains(&os.as_str()) && ARCHITECTURES.contains(&architecture.as_str())
}

fn report(text: &Text) -> Option<Diagnostic> {
    let platform = literal(text)?;
    if is_known(&platform) {
        return None;
    }
    let Platform { os, architecture, variant, .. } = &platform;
    let of_variant = variant.as_ref().map(|variant| format!("/{variant}")).unwrap_or_default();
    let report = |what: &str, name: &str| {
        let message = format!("no image is for the {what} `{name}`");
        Diagnostic::error("unknown-platform", message, &text.span)
    };
    if !SYSTEMS.contains(&os.as_str()) {
        let whole = SYSTEMS.map(|known| format!("{known}/{architecture}{of_variant}"));
        let near = closest(os, SYSTEMS);
        let at = near.and_then(|near| SYSTEMS.iter().position(|known| *known == near));
        return Some(hinted(report("system", os), at.map(|at| whole[at].clone())));
    }
    let lower = architecture.to_ascii_lowercase();
    let other = OTHER_NAMES.iter().find(|(other, _)| *other == lower).map(|(_, known)| *known);
    let near = match other {
        Some(known) => Some(format!("{os}/{known}")),
        None => {
            closest(architecture, ARCHITECTURES).map(|known| format!("{os}/{known}{of_variant}"))
        }
    };
    Some(hinted(report("architecture", architecture), near))
}

fn hinted(diagnostic: Diagnostic, near: Option<String>) -> Diagnostic {
    match near {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic.help("write a system and an architecture, such as `linux/amd64`"),
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::check::{drawn, fine};

    #[test]
    fn unknown_names_are_refused_with_the_right_one() {
        assert_eq!(
            drawn("name: a\nsteps:\n- build: { context: ., platform: linux/x86_64 }\n"),
            "\
error[unknown-platform]: no image is for the architecture `x86_64`
 --> shipway.yml:3:34
  |
3 | - build: { context: ., platform: linux/x86_64 }
  |                                  ^^^^^^^^^^^^
  |
  = help: did you mean `linux/amd64`?"
        );
        let said = |build: &str| drawn(&format!("name: a\nsteps:\n- build: {{ {build} }}\n"));
        for (platform, message, help) in [
            ("linux/amd46", "architecture `amd46`", "did you mean `linux/amd64`?"),
            ("linux/aarch64", "architecture `aarch64`", "did you mean `linux/arm64`?"),
            ("linux/armhf", "architecture `armhf`", "did you mean `linux/arm/v7`?"),
            ("linus/arm64/v8", "system `linus`", "did you mean `linux/arm64/v8`?"),
            (
                "linux/z80",
                "architecture `z80`",
                "write a system and an architecture, such as `linux/amd64`",
            ),
        ] {
            for build in [
                format!("context: ., platforms: [{platform}, linux/386]"),
                format!("image: 'oci:x', platform: {platform}"),
            ] {
                let said = said(&build);
                let first = format!("error[unknown-platform]: no image is for the {message}\n");
                assert!(
                    said.starts_with(&first) && said.ends_with(&format!("help: {help}")),
                    "{said}"
                );
            }
        }
        let layer = "layers: [{ from: a, to: /a, platform: linux/amd46 }]";
        assert!(said(layer).starts_with("error[unknown-platform]: "), "{}", said(layer));
    }

    #[test]
    fn known_names_and_expressions_are_fine() {
        for platform in
            ["linux/arm/v7", "windows/amd64", "linux/loong64", "wasi/wasm", "${{ env.P }}"]
        {
            fine(&format!(
                "name: a\nsteps:\n- build: {{ context: ., platform: \"{platform}\" }}\n"
            ));
        }
    }
}
