//! Commands of docker.

use super::importer::{Conversion, Importer};
use super::options::Options;
use crate::import::local_images::RegistryImage;
use crate::import::names::with_tag;
use crate::import::service::{BuildNames, NamedPush};
use crate::import::sign_in::SignIn;
use crate::import::workflow::scope::Use;

/// Options of `docker build` without a value.
const BUILD_FLAGS: [&str; 14] = [
    "--check",
    "--compress",
    "--debug",
    "-D",
    "--disable-content-trust",
    "--force-rm",
    "--load",
    "--no-cache",
    "--pull",
    "--push",
    "--quiet",
    "-q",
    "--rm",
    "--squash",
];

/// Options of `docker build` that are converted, or that change nothing of the image.
const BUILD_SILENT: [&str; 24] = [
    "--build-arg",
    "--builder",
    "--compress",
    "--debug",
    "-D",
    "--disable-content-trust",
    "--file",
    "-f",
    "--force-rm",
    "--iidfile",
    "--load",
    "--no-cache",
    "--output",
    "-o",
    "--platform",
    "--progress",
    "--pull",
    "--push",
    "--quiet",
    "-q",
    "--rm",
    "--tag",
    "-t",
    "--target",
];

/// Options of `docker build` that are keys of `build`.
const BUILD_KEYS: [(&str, &str); 4] = [
    ("--secret", "secrets"),
    ("--ssh", "ssh"),
    ("--cache-from", "cache-from"),
    ("--cache-to", "cache-to"),
];

/// Options of `docker push` and `docker pull` without a value.
const TRANSFER_FLAGS: [&str; 5] = ["--all-tags", "-a", "--disable-content-trust", "--quiet", "-q"];

/// Converts a command; a word that only the script knows is `None`.
pub fn command(
    importer: &mut Importer<'_, '_>,
    words: &[Option<String>],
    line: usize,
) -> Conversion {
    let word = |at: usize| words.get(at).and_then(Option::as_deref).unwrap_or_default();
    // `docker image push` is `docker push`.
    let at = if ["buildx", "image"].contains(&word(1)) { 2 } else { 1 };
    let rest = words.get(at + 1..).unwrap_or_default();
    match (word(1), word(at)) {
        (_, "build") => build(importer, &Options::new(rest), line),
        ("push" | "image", "push") => push(importer, &Options::new(rest), line),
        ("tag" | "image", "tag") => tag(importer, rest, line),
        ("pull" | "image", "pull") => pull(importer, &Options::new(rest), line),
        ("login", _) => login(importer, rest, None, line),
        ("logout" | "images" | "ps", _)
        | ("image", "ls")
        | ("buildx", "create" | "use" | "inspect") => Conversion::Done,
        _ => Conversion::Unknown,
    }
}

fn build(importer: &mut Importer<'_, '_>, options: &Options, line: usize) -> Conversion {
    let context = options.positional(&BUILD_FLAGS).into_iter().next_back().flatten();
    let Some(context) = context.filter(|context| context != "-") else {
        return Conversion::Unknown;
    };
    let tags = options.repeated(&["--tag", "-t"]);
    let pushes = pushes(options);
    let has_unknown = tags.iter().any(Option::is_none);
    if options.has(&["--check"]) || (pushes && has_unknown) {
        return Conversion::Unknown;
    }
    let mut known = Vec::new();
    for tag in tags.iter().flatten() {
        known.extend(importer.text(tag, Use::Name, line));
    }
    let has_others = known.is_empty() || known.len() < tags.len();
    if has_unknown {
        let text = "a tag of `docker build` is known only to the script, and was left out";
        importer.plan.needs_you(line, text);
    }
    let build = importer.dockerfile_build(options, &context, line);
    importer.service.build(build, BuildNames { known: known.clone(), has_others });
    if pushes {
        for reference in known {
            importer.service.push(&reference);
        }
        importer.service.flush();
    }
    note_left_out(importer, options, line);
    Conversion::Done
}

/// Whether the build pushes what it has built.
fn pushes(options: &Options) -> bool {
    let outputs = options.repeated(&["--output", "-o"]);
    options.has(&["--push"]) || outputs.iter().flatten().any(|output| is_pushed(output))
}

fn is_pushed(output: &str) -> bool {
    let has = |wanted: &str| output.split(',').any(|part| part == wanted);
    has("type=registry") || (has("type=image") && has("push=true"))
}

/// Notes the options that change the image, or are to bring it elsewhere, and have no place
/// in what the build became.
fn note_left_out(importer: &mut Importer<'_, '_>, options: &Options, line: usize) {
    for (option, key) in BUILD_KEYS.into_iter().filter(|(option, _)| options.has(&[option])) {
        let text = format!("`{option}` was left out: write it as `{key}` of the `build`");
        importer.plan.needs_you(line, text);
    }
    let is_known = |name: &str| {
        BUILD_SILENT.contains(&name) || BUILD_KEYS.iter().any(|(option, _)| *option == name)
    };
    let mut left_out: Vec<String> =
        options.names().filter(|name| !is_known(name)).map(|name| format!("`{name}`")).collect();
    for output in options.repeated(&["--output", "-o"]) {
        match output {
            Some(output) if is_pushed(&output) || output == "type=docker" => {}
            Some(output) => left_out.push(format!("`--output {output}`")),
            None => left_out.push("`--output`".to_owned()),
        }
    }
    for option in left_out {
        let text = format!("{option} of `docker build` is not supported, and was left out");
        importer.plan.needs_you(line, text);
    }
}

fn pull(importer: &mut Importer<'_, '_>, options: &Options, line: usize) -> Conversion {
    let image = options.positional(&TRANSFER_FLAGS).into_iter().next().flatten();
    let Some(image) = image.and_then(|image| importer.text(&image, Use::Name, line)) else {
        return Conversion::Unknown;
    };
    let platform = importer.name_of(options, &["--platform"], line);
    importer.service.pull(RegistryImage { reference: with_tag(&image), platform });
    Conversion::Done
}

fn tag(importer: &mut Importer<'_, '_>, words: &[Option<String>], line: usize) -> Conversion {
    let [source, Some(name)] = words else { return Conversion::Unknown };
    let source = source.as_deref().and_then(|source| importer.text(source, Use::Name, line));
    let Some(name) = importer.text(name, Use::Name, line) else { return Conversion::Unknown };
    if importer.service.name(source.as_deref(), &name) {
        Conversion::Done
    } else {
        Conversion::Unknown
    }
}

fn push(importer: &mut Importer<'_, '_>, options: &Options, line: usize) -> Conversion {
    let reference = options.positional(&TRANSFER_FLAGS).into_iter().next().flatten();
    let reference = reference.and_then(|reference| importer.text(&reference, Use::Name, line));
    let Some(reference) = reference else { return Conversion::Unknown };
    let references = if options.has(&["--all-tags", "-a"]) {
        importer.service.names_of_repository(&reference)
    } else {
        vec![reference]
    };
    if references.is_empty() {
        return Conversion::Unknown;
    }
    for reference in references {
        match importer.service.push_named(&reference) {
            NamedPush::Pushed => {}
            NamedPush::BuiltLater => importer.plan.changed(
                line,
                format!("`{reference}` is built right before its push, after the steps between"),
            ),
            NamedPush::Unknown => return Conversion::Unknown,
        }
    }
    Conversion::Done
}

/// Converts `docker login`; `piped` is standard input.
pub fn login(
    importer: &mut Importer<'_, '_>,
    words: &[Option<String>],
    piped: Option<String>,
    line: usize,
) -> Conversion {
    let options = Options::new(words);
    let host = match options.positional(&["--password-stdin"]).into_iter().next() {
        Some(Some(host)) => host,
        None => "docker.io".to_owned(),
        Some(None) => {
            importer.plan.needs_you(
                line,
                "the host of `docker login` is known only to the script: write its login under \
                 `registries`, unless it is a registry of Azure",
            );
            return Conversion::Done;
        }
    };
    let sign_in = SignIn {
        line,
        host,
        is_azure: false,
        username: options.text(&["--username", "-u"]),
        password: options.text(&["--password", "-p"]).or(piped),
    };
    sign_in.import(importer.scope, importer.plan);
    Conversion::Done
}

#[cfg(test)]
mod tests {
    use crate::import::import;

    /// The steps of the plan that a script becomes, and its notes.
    fn imported(script: &str) -> String {
        let imported = import("up.sh", script).expect("a plan");
        let plan = imported.plan.write();
        let (_, steps) = plan.split_once("steps:\n").expect("steps");
        let notes = imported.notes.iter();
        let notes = notes.map(|note| format!("{}: {}: {}\n", note.line, note.kind, note.text));
        notes.fold(format!("{steps}---\n"), |all, note| all + &note)
    }

    #[test]
    fn push_names_the_build_that_it_means() {
        let script = "docker build -t r.io/a A\ndocker build -t r.io/b B\n\
                      docker push r.io/a\ndocker push r.io/b\n";
        let each = "  - build: A\n  - tag: r.io/a:latest\n  - push:\n  - build: B\n  \
                    - tag: r.io/b:latest\n  - push:\n---\n";
        assert_eq!(imported(script), each);
    }

    #[test]
    fn pull_between_is_not_pushed() {
        let script = "docker build -t r.io/app .\ndocker pull postgres:16\ndocker push r.io/app\n";
        let expected = "  - build: .\n  - tag: r.io/app:latest\n  - push:\n---\n";
        assert_eq!(imported(script), expected);
    }

    #[test]
    fn build_that_is_pushed_after_other_steps_is_moved() {
        let script = "docker build -t r.io/app .\ndocker build --target test -t r.io/test .\n\
                      docker run r.io/test\ndocker push r.io/app\n";
        let expected = "  - build: { context: ., target: test }\n  - run: docker run r.io/test\n  \
                        - build: .\n  - tag: r.io/app:latest\n  - push:\n---\n\
                        3: kept as `run`: `docker run r.io/test`\n\
                        3: needs you: `docker` in a `run` step does not see the images that the plan builds\n\
                        4: changed: `r.io/app` is built right before its push, after the steps between\n";
        assert_eq!(imported(script), expected);
    }

    #[test]
    fn tag_names_the_image_of_its_source() {
        let script = "docker build -t a A\ndocker build -t b B\ndocker tag a r.io/a:1\n\
                      docker tag a r.io/a:2\ndocker push -a r.io/a\n";
        let expected = "  - build: B\n  - build: A\n  - tag:\n      image: r.io/a\n      tags: [\"1\", \"2\"]\n  \
                        - push:\n---\n";
        assert_eq!(imported(script), expected);
    }

    #[test]
    fn image_that_is_pushed_again_is_taken_from_its_registry() {
        let script = "docker build -t r.io/a:1 A\ndocker tag r.io/a:1 r.io/a:2\ndocker push r.io/a:1\n\
                      docker build -t r.io/b:1 B\ndocker push r.io/b:1\ndocker push r.io/a:2\n";
        let expected = "  - build: A\n  - tag: r.io/a:1\n  - push:\n  - build: B\n  - tag: r.io/b:1\n  \
                        - push:\n  - build: { image: r.io/a:1 }\n  - tag: r.io/a:2\n  - push:\n---\n";
        assert_eq!(imported(script), expected);
    }

    #[test]
    fn push_of_an_image_that_is_not_known_is_kept() {
        let script = "docker build -t r.io/a A\ndocker push r.io/other\n";
        let expected = "  - build: A\n  - run: docker push r.io/other\n---\n\
                        2: kept as `run`: `docker push r.io/other`\n\
                        2: needs you: `docker` in a `run` step does not see the images that the plan builds\n";
        assert_eq!(imported(script), expected);
        // Nothing tells which of the two it is.
        let script =
            "docker build .\ndocker build -t b B\ndocker tag \"$(docker images -q)\" r.io/a\n";
        let shown = imported(script);
        assert!(shown.contains("  - run: docker tag"), "{shown}");
    }

    #[test]
    fn pulled_image_is_a_build_where_it_is_pushed() {
        let script = "docker image pull a.io/app:1 --platform linux/arm64 || true\n\
                      docker tag a.io/app:1 b.io/app:1\ndocker tag a.io/app:1 b.io/app:2\n\
                      docker push b.io/app:1\ndocker push b.io/app:2\n";
        let expected = "  - build: { image: a.io/app:1, platform: linux/arm64 }\n  - tag:\n      \
                        image: b.io/app\n      tags: [\"1\", \"2\"]\n  - push:\n---\n";
        assert_eq!(imported(script), expected);
    }

    #[test]
    fn build_whose_name_only_the_script_knows_is_kept() {
        let script = "IMG=$(cat tag)\ndocker buildx build --push -t \"$IMG\" .\n";
        let expected = "  - id: img-value\n    run: |\n      IMG=$(cat tag)\n      echo \"value=$IMG\" >> \
                        \"$SHIPWAY_OUTPUT\"\n  - build: .\n  - tag: ${{ steps.img-value.outputs.value }}\n  \
                        - push:\n---\n2: changed: a `run` step computes `IMG=$(cat tag)`\n";
        assert_eq!(imported(script), expected);
        let script = "IMG=$(make tag)\ndocker buildx build --push -t \"$IMG\" .\n";
        let expected = "  - run: |\n      IMG=$(make tag)\n      docker buildx build --push -t \"$IMG\" .\n---\n\
                        2: kept as `run`: `docker buildx build --push -t \"$IMG\" .`\n\
                        2: needs you: `docker` in a `run` step does not see the images that the plan builds\n";
        assert_eq!(imported(script), expected);
    }

    #[test]
    fn options_that_change_the_image_are_noted() {
        let script = "docker build -t r.io/a --squash --label a=b --secret id=x --output type=image,push=true .\n";
        let expected = "  - build: .\n  - tag: r.io/a:latest\n  - push:\n---\n\
                        1: needs you: `--secret` was left out: write it as `secrets` of the `build`\n\
                        1: needs you: `--squash` of `docker build` is not supported, and was left out\n\
                        1: needs you: `--label` of `docker build` is not supported, and was left out\n";
        assert_eq!(imported(script), expected);
        let script = "docker build --output=type=oci,dest=a.tar .\n";
        let expected = "  - build: .\n---\n1: needs you: `--output type=oci,dest=a.tar` of `docker build` is \
                        not supported, and was left out\n";
        assert_eq!(imported(script), expected);
    }

    #[test]
    fn dockerfile_is_relative_to_where_docker_runs() {
        let build = |options: &str| {
            let shown = imported(&format!("docker build {options}\n"));
            shown.split_once("---").map(|(steps, _)| steps.trim().to_owned())
        };
        let elsewhere = "- build: { context: front, dockerfile: Dockerfile }";
        assert_eq!(build("-f Dockerfile front").as_deref(), Some(elsewhere));
        assert_eq!(build("-f front/Dockerfile front").as_deref(), Some("- build: front"));
        assert_eq!(build("-f ./Dockerfile .").as_deref(), Some("- build: ."));
    }

    #[test]
    fn login_is_converted_only_where_it_is_needed() {
        let notes = |login: &str| {
            let script = format!("{login}\ndocker build .\n");
            let imported = import("up.sh", &script).expect("a plan");
            let notes: Vec<String> = imported.notes.into_iter().map(|note| note.text).collect();
            let plan = imported.plan;
            (plan.secrets.len(), plan.registries.into_iter().map(|it| it.0).collect(), notes)
        };
        let none: Vec<String> = Vec::new();
        let azure = notes("docker login demo.azurecr.io -u ${{ secrets.A }} -p ${{ secrets.P }}");
        let said = "the stored password of `demo.azurecr.io` is not needed: Shipway signs in with the \
                    identity that deploys, which needs the role AcrPush";
        assert_eq!(azure, (0, none.clone(), vec![said.to_owned()]));

        let hub = notes("docker login https://index.docker.io/v1/ -u octo -p ${{ secrets.P }}");
        let said = "the plan reads a secret from `P`: pass it in the workflow's `env`: `P: ${{ secrets.P }}`";
        assert_eq!(hub, (1, vec!["docker.io".to_owned()], vec![said.to_owned()]));

        let said = "the host of `docker login` is known only to the script: write its login under \
                    `registries`, unless it is a registry of Azure";
        let unknown = notes("docker login \"$(cat host)\" -u octo -p hunter22");
        assert_eq!(unknown, (0, none.clone(), vec![said.to_owned()]));

        let said = "the stored password of `${{ env.REGISTRY }}` is kept, since its host is known \
                    only to a run: a registry of Azure needs none where the identity that deploys \
                    has the role AcrPush; leave its `login` out";
        let read = "the plan reads a secret from `P`: pass it in the workflow's `env`: `P: ${{ secrets.P }}`";
        let variable = notes("docker login ${{ env.REGISTRY }} -u octo -p ${{ secrets.P }}");
        let host = "${{ env.REGISTRY }}".to_owned();
        assert_eq!(variable, (1, vec![host], vec![said.to_owned(), read.to_owned()]));
    }
}
