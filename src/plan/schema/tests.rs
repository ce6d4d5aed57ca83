//! Whole plans, as the design gives them.

use crate::plan::read;
use crate::plan::render;
use crate::plan::schema::{
    Action, BuildKind, DeployKind, KeyVaultReference, Login, Plan, Probe, Pull, Script,
    SecretSource,
};
use crate::value::Channel;
use std::time::Duration;

#[track_caller]
fn good(text: &str) -> Plan {
    let reading = read(text);
    let drawn = render("shipway.yml", text, &reading.diagnostics, false);
    assert_eq!(drawn, "");
    reading.plan.expect("a plan without a mistake")
}

#[test]
fn the_smallest_plan() {
    let plan = good(include_str!("../../../tests/fixtures/plans/smallest.yml"));
    assert_eq!(plan.name.value, "hello");
    assert!(plan.services.is_single);
    let service = plan.services.get("hello").expect("named as the plan");
    let ids: Vec<_> = service.steps.iter().map(|step| step.id.value.as_str()).collect();
    assert_eq!(ids, ["build", "tag", "push", "deploy", "verify"]);
    let Action::Build(build) = &service.steps[0].action else { panic!("{service:?}") };
    let BuildKind::Dockerfile(dockerfile) = &build.kind else { panic!("{build:?}") };
    assert_eq!(dockerfile.context.source, ".");
    let Action::Deploy(deploy) = &service.steps[3].action else { panic!("{service:?}") };
    let DeployKind::Aci(aci) = &deploy.kind else { panic!("{deploy:?}") };
    assert_eq!(aci.first.ports[0].source, "80");
    assert_eq!(aci.first.memory.text.source, "1.5GB");
    assert_eq!(plan.report.0, [Channel::Comment, Channel::Summary]);
}

#[test]
fn a_dockerfile_takes_ssh_and_caches() {
    let plan = good(
        "version: 1\nname: hello\nsteps:\n  - build: { ssh: default, cache-from: [gha, r.io/cache], cache-to: 'type=gha,scope=web' }\n",
    );
    let service = plan.services.get("hello").expect("named as the plan");
    let Action::Build(build) = &service.steps[0].action else { panic!("{service:?}") };
    let BuildKind::Dockerfile(dockerfile) = &build.kind else { panic!("{build:?}") };
    let sources = |texts: &[crate::plan::schema::Text]| {
        texts.iter().map(|text| text.source.clone()).collect::<Vec<_>>()
    };
    assert_eq!(dockerfile.context.source, ".");
    assert_eq!(sources(&dockerfile.ssh), ["default"]);
    assert_eq!(sources(&dockerfile.cache_from), ["gha", "r.io/cache"]);
    assert_eq!(sources(&dockerfile.cache_to), ["type=gha,scope=web"]);
}

#[test]
fn the_full_plan() {
    let plan = good(include_str!("../../../tests/fixtures/plans/full.yml"));
    assert!(!plan.services.is_single);
    let names: Vec<_> = plan.services.keys().collect();
    assert_eq!(names, ["web", "migrations"]);

    let password = plan.secrets.get("acr-password").expect("declared");
    assert!(
        matches!(&password.sources[0].value, SecretSource::Env(name) if name.source == "ACR_PASSWORD")
    );
    assert!(matches!(
        &password.sources[1].value,
        SecretSource::KeyVault(KeyVaultReference::Url(_))
    ));
    let database = plan.secrets.get("database-url").expect("declared");
    assert!(matches!(
        &database.sources[0].value,
        SecretSource::KeyVault(KeyVaultReference::Named(secret))
            if secret.version.as_ref().is_some_and(|version| version.source == "4387e9f3d6e14c459867679a90fd0f79")
    ));
    let partner = plan.secrets.get("partner-password").expect("declared");
    assert!(matches!(
        &partner.sources[0].value,
        SecretSource::KeyVault(KeyVaultReference::Referenced(_))
    ));

    let registry = plan.registries.get("storefront.azurecr.io").expect("listed");
    assert!(matches!(registry.login, Some(Login::Entra)));
    assert!(
        matches!(&registry.pull, Some(Pull::Identity(name)) if name.source == "storefront-pull")
    );

    let web = plan.services.get("web").expect("a service");
    assert_eq!(web.needs[0].value, "migrations");
    let ids: Vec<_> = web.steps.iter().map(|step| step.id.value.as_str()).collect();
    assert_eq!(ids, ["run", "build", "tag", "push", "live", "verify"]);
    assert_eq!(web.steps[3].retry.attempts, 5);
    assert_eq!(web.steps[3].retry.cap, Duration::from_secs(30));
    let Action::Verify(verify) = &web.steps[5].action else { panic!("{web:?}") };
    assert!(matches!(&verify.probe, Probe::Http(paths) if paths[0].source == "/healthz"));
    assert_eq!(verify.expect.json.keys().collect::<Vec<_>>(), ["$.commit"]);
}

#[test]
fn images_without_an_engine_and_the_other_kinds() {
    let plan = good(include_str!("../../../tests/fixtures/plans/builds.yml"));
    let steps = &plan.services.get("builds").expect("named as the plan").steps;
    let ids: Vec<_> = steps.iter().map(|step| step.id.value.as_str()).collect();
    assert_eq!(ids, ["build", "build-2", "build-3", "build-4", "run"]);
    let Action::Build(build) = &steps[0].action else { panic!("{steps:?}") };
    let BuildKind::Layers(layers) = &build.kind else { panic!("{build:?}") };
    assert_eq!(layers.base.source, "scratch");
    assert_eq!(layers.layers[0].mode.as_ref().map(|mode| mode.source.as_ref()), Some("0755"));
    assert_eq!(layers.layers[1].exclude[0].source, "**/*.map");
    assert_eq!(layers.compression.text.source, "zstd");
    assert_eq!(layers.env.get("PORT").map(|port| port.source.as_ref()), Some("80"));
    let Action::Build(build) = &steps[1].action else { panic!("{steps:?}") };
    let BuildKind::Layers(layers) = &build.kind else { panic!("{build:?}") };
    let platforms: Vec<_> = layers.platforms.iter().map(|text| text.source.as_ref()).collect();
    assert_eq!(platforms, ["linux/amd64", "linux/arm64"]);
    let only = layers.layers[1].platform.as_ref().map(|text| text.source.as_ref());
    assert_eq!(only, Some("linux/arm64"));
    let Action::Build(build) = &steps[2].action else { panic!("{steps:?}") };
    let BuildKind::Dockerfile(dockerfile) = &build.kind else { panic!("{build:?}") };
    let platforms: Vec<_> = dockerfile.platforms.iter().map(|text| text.source.as_ref()).collect();
    assert_eq!(platforms, ["linux/amd64", "linux/arm64"]);
    let Action::Run(run) = &steps[4].action else { panic!("{steps:?}") };
    assert!(matches!(&run.script, Script::Exec(program) if program.len() == 2));
}

#[test]
fn scalars_stay_as_they_are_spelled() {
    let plan = good(
        "name: spelled\nvars: { a: 1.10, b: 12e4567, c: no, d: 0x1F, e: 010, f: .inf, g: '', h: 1_000 }\n\
         steps:\n  - run: 'true'\n",
    );
    let shown: Vec<_> = plan.vars.iter().map(|(_, value)| value.source.as_ref()).collect();
    assert_eq!(shown, ["1.10", "12e4567", "no", "0x1F", "010", ".inf", "", "1_000"]);
}

#[test]
fn json_anchors_and_merges() {
    let json = r#"{"name": "json", "version": 1, "steps": [{"run": ["true"]}, {"build": "b\/c", "if": "1 == 2"}]}"#;
    assert_eq!(good(json).services.get("json").map(|service| service.steps.len()), Some(2));
    let plan = good(
        "name: anchors\nx-common: &common\n  timeout: 5m\n  retry: { attempts: 2 }\n\
         steps:\n  - <<: *common\n    run: one\n  - <<: *common\n    timeout: 1m\n    run: two\n",
    );
    let steps = &plan.services.get("anchors").expect("named as the plan").steps;
    let timeouts: Vec<_> = steps.iter().map(|step| step.timeout.text.source.as_ref()).collect();
    assert_eq!(timeouts, ["5m", "1m"]);
    assert_eq!(steps[1].retry.attempts, 2);
}

#[test]
fn what_a_push_attaches() {
    let push = |value: &str| {
        let plan =
            format!("name: a\nsteps:\n  - build: .\n  - tag: h.io/a:v1\n  - push: {value}\n");
        let plan = good(&plan);
        let service = plan.services.get("a").expect("named as the plan");
        let Action::Push(push) = &service.steps[2].action else { panic!("{service:?}") };
        (push.sbom.text.source.to_string(), push.provenance.text.source.to_string())
    };
    let pair = |sbom: &str, provenance: &str| (sbom.to_owned(), provenance.to_owned());

    assert_eq!(push(""), pair("false", "false"));
    assert_eq!(push("{ sbom: true }"), pair("true", "false"));
    let by_event = "${{ github.event_name == 'push' }}";
    let value = format!("{{ sbom: true, provenance: \"{by_event}\" }}");
    assert_eq!(push(&value), pair("true", by_event));

    let wrong = "name: a\nsteps:\n  - build: .\n  - tag: h.io/a:v1\n  - push: { sbom: maybe }\n";
    let reading = read(wrong);
    assert_eq!(
        render("shipway.yml", wrong, &reading.diagnostics, false),
        "error[bad-value]: `sbom` cannot be `maybe`\n \
         --> shipway.yml:5:19\n  \
         |\n\
         5 |   - push: { sbom: maybe }\n  \
         |                   ^^^^^ expected `true` or `false`"
    );
}

#[test]
fn group_has_tags_whose_names_differ_from_those_of_shipway() {
    let plan = |tags: &str| {
        format!(
            "name: a\nazure: {{ resource-group: g }}\nsteps:\n- deploy: {{ image: \"a.io/b:v1\", aci: {{ tags: {tags} }} }}\n"
        )
    };
    good(&plan("{ team: web, \"cost centre\": 12 }"));

    let wrong = plan("{ Shipway-run: x, a/b: y }");
    assert_eq!(
        render("shipway.yml", &wrong, &read(&wrong).diagnostics, false),
        "error[bad-value]: `Shipway-run` cannot be a name under `tags`\n \
         --> shipway.yml:4:48\n  \
         |\n\
         4 | - deploy: { image: \"a.io/b:v1\", aci: { tags: { Shipway-run: x, a/b: y } } }\n  \
         |                                                ^^^^^^^^^^^ expected a name that does not begin with `shipway-`, which is reserved\n\n\
         error[bad-value]: `a/b` cannot be a name under `tags`\n \
         --> shipway.yml:4:64\n  \
         |\n\
         4 | - deploy: { image: \"a.io/b:v1\", aci: { tags: { Shipway-run: x, a/b: y } } }\n  \
         |                                                                ^^^ expected 1 to 512 characters, without `<`, `>`, `%`, `&`, `\\`, `?` and `/`"
    );
}
