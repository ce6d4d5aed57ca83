//! `shipway exec`: what it refuses, and what it says of an image without a shell. Commands
//! that run are in `tests/peers/exec.rs`, because they need a shell.

use crate::cli::operate::status::Shop;
use crate::support::{Finished, Program};

/// Runs `exec` in production. What is after `--` is the command's, so options go before.
fn exec(shop: &Shop, name: &str, command: &[&str]) -> Finished {
    let cloud = shop.cloud.path.display().to_string();
    let options = ["exec", name, "--env", "production", "--cloud", &cloud, "--"];
    shop.program.run(&[&options[..], command].concat())
}

#[test]
fn exec_refuses_what_is_not_deployed_or_does_not_run() {
    let shop = Shop::new();
    let said = |finished: Finished| {
        finished.stderr.replace(&shop.cloud.path.display().to_string(), "CLOUD")
    };
    let refused = exec(&shop, "web", &["ls"]).exits(3);
    assert_eq!(
        said(refused),
        "error: `web` is not deployed in `production`\n  help: `shipway run --env production \
         --cloud CLOUD` deploys it; another environment is named with `--env`\n"
    );

    shop.run(&["run", "--env", "production"]).exits(0);

    let ended = exec(&shop, "job", &["ls"]).exits(3);
    assert_eq!(
        said(ended),
        "error: cannot run a command in `job`\n  because: its container `job` does not run: it ended with exit \
         code 0\n  help: `shipway logs job --env production --cloud CLOUD` shows what it wrote\n"
    );
    let named = |name: &str| exec(&shop, name, &["ls"]);
    assert_eq!(
        named("web/shop-prduction").exits(3).stderr,
        "error: `web` has no container `shop-prduction`\n  help: did you mean `web/shop-production`?\n"
    );
    assert_eq!(
        named("web/proxy").exits(3).stderr,
        "error: `web` has no container `proxy`\n  help: it has `shop-production`\n"
    );
    let long = "x".repeat(120_000);
    let refused = exec(&shop, "web", &["echo", &long]).exits(2);
    // How long it is depends on the process id, which is a part of it.
    let bytes = regex::Regex::new(r"1202\d\d bytes").expect("a pattern");
    assert_eq!(
        bytes.replace(&said(refused), "1202NN bytes"),
        "error: the command is too long: 1202NN bytes as the shell of a container is sent it, which \
         takes 120000\n  help: pass a script on standard input: `shipway exec SERVICE --env production \
         --cloud CLOUD -- sh <FILE`\n"
    );
}

#[test]
fn exec_needs_a_shell_in_the_image() {
    let shop = Shop::new();
    shop.run(&["run", "--env", "production", "--only", "web"]).exits(0);

    let refused = exec(&shop, "web", &["ls"]).exits(3);

    assert_eq!(
        refused.stderr,
        "error: cannot run a command in `web`\n  because: `/bin/sh` of the image did not start: exec: \"/bin/sh\": \
         stat /bin/sh: no such file or directory\n  help: commands are run by that shell, so the image \
         has to have it\n"
    );
}

#[test]
fn exec_suggests_the_service_that_may_be_meant() {
    let program = Program::with_plan("steps: [{ run: 'true' }]\nname: shop\n");
    let refused = program.run(&["exec", "shp"]).exits(2);
    assert_eq!(refused.stderr, "error: there is no service `shp`\n  help: did you mean `shop`?\n");
}
