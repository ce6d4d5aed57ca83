//! `shipway open`: the URL of a service in the browser, or printed.

use crate::cli::operate::status::Shop;
use crate::support::{Finished, Program};
use serde_json::{Value, json};

const URL: &str = "http://shop-production.westeurope.azurecontainer.io";

#[test]
fn open_prints_the_url_where_standard_output_is_no_terminal() {
    let shop = Shop::new();
    let said = |finished: Finished| {
        finished.stderr.replace(&shop.cloud.path.display().to_string(), "CLOUD")
    };
    let missing = shop.run(&["open", "web", "--env", "production"]).exits(3);
    assert_eq!(
        said(missing),
        "error: `web` is not deployed in `production`\n  help: `shipway run --env production \
         --cloud CLOUD` deploys it; another environment is named with `--env`\n"
    );
    let missing = shop.run(&["open", "--env", "production"]).exits(3);
    assert_eq!(
        said(missing),
        "error: nothing that is deployed in `production` has a URL\n  help: `shipway status --env \
         production --cloud CLOUD` shows what is deployed\n"
    );

    shop.run(&["run", "--env", "production"]).exits(0);

    let opened = shop.run(&["open", "web", "--env", "production"]).exits(0);
    assert_eq!((opened.stdout, opened.stderr), (format!("{URL}\n"), String::new()));
    let first = shop.run(&["open", "--print", "--env", "production"]).exits(0);
    assert_eq!(first.stdout, format!("{URL}\n"));
    let shown = shop.run(&["open", "web", "--env", "production", "--output", "json"]).exits(0);
    let document: Value = serde_json::from_str(&shown.stdout).expect("JSON");
    assert_eq!(document, json!({ "service": "web", "url": URL }));
    let private = shop.run(&["open", "job", "--env", "production"]).exits(3);
    assert_eq!(
        private.stderr,
        "error: `job` has no URL in `production`\n  because: it has no public port\n  help: give it one with \
         `ports` in its `aci`\n"
    );
}

#[test]
fn open_refuses_a_service_that_the_plan_does_not_have() {
    let program = Program::with_plan("steps: [{ run: 'true' }]\nname: shop\n");
    let refused = program.run(&["open", "wb"]).exits(2);
    assert_eq!(refused.stderr, "error: there is no service `wb`\n  help: the plan has `shop`\n");
}
