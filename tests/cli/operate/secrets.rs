//! `shipway secrets`: where the plan's secrets are, storing one, giving access.

use crate::support::cloud_process::CloudProcess;
use crate::support::{Finished, Program};
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::Stdio;

const PLAN: &str = "\
name: shop
azure: { resource-group: demo }
secrets:
  database-url:
    - env: DATABASE_URL
    - keyvault: https://shop.vault.azure.net/secrets/database-url
  token: { keyvault: { vault: shop, name: token } }
  pinned: { keyvault: { vault: shop, name: token, version: 4387e9f3d6e14c459867679a90fd0f79 } }
  debug-key: { env: DEBUG_KEY, optional: true }
steps:
  - run: 'true'
    env:
      A: ${{ secrets.database-url }}${{ secrets.token }}${{ secrets.debug-key }}${{ secrets.pinned }}
";

struct Shop {
    cloud: CloudProcess,
    program: Program,
}

impl Shop {
    fn new() -> Self {
        let cloud = CloudProcess::start(json!({
            "resource-groups": [{ "name": "demo", "location": "westeurope" }],
            "vaults": [{
                "host": "shop.vault.azure.net",
                "secrets": { "database-url": [
                    { "value": "postgres://of-the-vault", "expires": 4_102_444_800_u64 },
                ] },
            }],
        }));
        Self { cloud, program: Program::with_plan(PLAN) }
    }

    fn secrets(&self, arguments: &[&str], input: &str) -> Finished {
        let cloud = self.cloud.path.display().to_string();
        let arguments = [&["secrets", "--cloud", &cloud], arguments].concat();
        let mut child = self
            .program
            .command(&arguments)
            .stdin(Stdio::piped())
            .spawn()
            .expect("the program starts");
        // A command that reads nothing closes the pipe.
        child.stdin.take().expect("a pipe").write_all(input.as_bytes()).ok();
        self.program.finish(child)
    }
}

#[test]
fn each_source_is_shown_with_what_was_found_there() {
    let shop = Shop::new();
    let listed = shop.secrets(&[], "");
    assert_eq!(listed.code, 3, "{}", listed.stderr);
    assert_eq!(
        listed.stdout,
        "\
SECRET        SOURCE                                                              STATE
database-url  variable DATABASE_URL                                               `DATABASE_URL` is not set
              vault shop, secret database-url                                     found, expires 2100-01-01T00:00:00Z
token         vault shop, secret token                                            vault `shop` has no secret `token`
pinned        vault shop, secret token, version 4387e9f3d6e14c459867679a90fd0f79  vault `shop` has no secret `token`
debug-key     variable DEBUG_KEY                                                  `DEBUG_KEY` is not set; it is optional
"
    );
    assert!(!listed.stdout.contains("of-the-vault"), "{}", listed.stdout);
}

#[test]
fn value_is_stored_where_the_plan_reads_it() {
    let shop = Shop::new();
    let stored = shop.secrets(&["set", "token"], "t0ken-of-the-shop\n").exits(0);
    assert!(
        stored.stderr.starts_with("stored `token` as secret `token` of vault `shop`, version ")
    );
    assert!(!stored.stderr.contains("t0ken"), "{}", stored.stderr);
    let listed = shop.secrets(&["--output", "json"], "");
    let listed: Value = serde_json::from_str(&listed.stdout).expect("JSON");
    let token = &listed["secrets"][1];
    assert_eq!(token["name"], "token");
    assert_eq!(
        token["sources"],
        json!([{ "source": "vault shop, secret token", "state": "found", "taken": true }])
    );
}

#[test]
fn what_cannot_be_stored_is_refused_with_the_remedy() {
    let shop = Shop::new();
    let case = |arguments: &[&str], input: &str, code: i32, words: &str| {
        let refused = shop.secrets(&[&["set"], arguments].concat(), input);
        assert_eq!((refused.code, refused.stderr.as_str()), (code, words), "{arguments:?}");
    };
    case(
        &["tokn"],
        "x",
        2,
        "error: the plan has no secret `tokn`\n  help: did you mean `token`?\n",
    );
    case(
        &["debug-key"],
        "x",
        2,
        "error: the plan reads the secret `debug-key` from no vault\n  help: add a source to it: \
         `keyvault: https://VAULT.vault.azure.net/secrets/NAME`\n",
    );
    case(
        &["pinned"],
        "x",
        2,
        "error: the plan reads version 4387e9f3d6e14c459867679a90fd0f79 of the secret `pinned`, so \
         that it would not see a new one\n  help: leave the version out of its source\n",
    );
}

#[test]
fn identity_is_let_into_the_vaults_of_the_plan() {
    let shop = Shop::new();
    let granted = shop.secrets(&["grant", "shop-pull"], "").exits(0);
    assert_eq!(
        granted.stderr,
        "vault `shop`: `shop-pull` now has the role Key Vault Secrets User\n"
    );
    let again = shop.secrets(&["grant", "shop-pull"], "").exits(0);
    assert_eq!(
        again.stderr,
        "vault `shop`: `shop-pull` has the role Key Vault Secrets User already\n"
    );
}

#[test]
fn options_may_follow_the_name_of_the_secret() {
    let program = Program::with_plan(PLAN);
    let refused = program.run(&["secrets", "set", "database-url", "--env", "nowhere"]).exits(2);
    assert!(
        refused.stderr.starts_with("error: there is no environment `nowhere`"),
        "{}",
        refused.stderr
    );
}
