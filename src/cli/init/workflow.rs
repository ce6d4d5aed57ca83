//! The workflow that runs the plan on GitHub.

/// Where the action is, as long as its place is not known.
pub const PLACEHOLDER: &str = "OWNER/shipway@COMMIT";

pub const FILE: &str = ".github/workflows/shipway.yml";

/// The workflow, for a plan at this path in the repository. A plan without previews is
/// run for pushes alone.
pub fn text(plan: &str, branch: &str, action: &str, has_previews: bool) -> String {
    let (event, command) = if has_previews {
        (
            "  pull_request:
    types: [opened, reopened, synchronize, closed]
",
            "          command: ${{ github.event_name == 'pull_request' && 'preview' || 'run' }}\n",
        )
    } else {
        ("", "")
    };
    format!(
        "name: shipway
on:
{event}  push:
    branches: [{branch}]
permissions:
  contents: read
  pull-requests: write   # the comment with the URL
  id-token: write        # signing in to Azure without a stored secret
concurrency: shipway-${{{{ github.event.number || github.ref }}}}
jobs:
  ship:
    runs-on: ubuntu-latest
    env:
      # Names, not secrets: Settings, Secrets and variables, Actions, Variables.
      AZURE_CLIENT_ID: ${{{{ vars.AZURE_CLIENT_ID }}}}
      AZURE_TENANT_ID: ${{{{ vars.AZURE_TENANT_ID }}}}
      AZURE_SUBSCRIPTION_ID: ${{{{ vars.AZURE_SUBSCRIPTION_ID }}}}
    steps:
      - uses: actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2
        with: {{ persist-credentials: false }}
      - uses: {action}
        with:
          plan: {plan}
{command}"
    )
}
