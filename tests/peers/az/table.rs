//! What commands of `az` print of a cloud that starts empty, one after another. A part of
//! them in `tests/run`, all of them in `tests/long`.

use super::Walk;
use std::time::{Duration, Instant};

/// A command, and what it does.
struct Row {
    /// Whether `tests/run` has it too. What others need is quick.
    is_quick: bool,
    command: &'static str,
    does: Outcome,
}

enum Outcome {
    /// Standard output, without the white space at its end.
    Prints(&'static str),
    /// A part of it.
    Shows(&'static str),
    /// A part of what it says when it fails.
    Fails(&'static str),
}

use Outcome::{Fails, Prints, Shows};

const fn quick(command: &'static str, does: Outcome) -> Row {
    Row { is_quick: true, command, does }
}

const fn slow(command: &'static str, does: Outcome) -> Row {
    Row { is_quick: false, command, does }
}

const START: &str = "\
shipway local --detach --runtime built-in > cloud.sh
. ./cloud.sh
export AZURE_CONFIG_DIR=$PWD/azure
az login --service-principal -u \"$AZURE_CLIENT_ID\" -p \"$AZURE_CLIENT_SECRET\" \
  --tenant \"$AZURE_TENANT_ID\" -o none
mkdir -p hello/site && cp /bin/busybox hello/ && echo 'hello from here' > hello/site/index.html
printf '%s\\n' 'FROM scratch' 'COPY . /' \
  'CMD [\"/busybox\", \"httpd\", \"-f\", \"-p\", \"80\", \"-h\", \"/site\"]' > hello/Dockerfile
cat > loop.json <<'JSON'
{
  \"$schema\": \"https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#\",
  \"contentVersion\": \"1.0.0.0\", \"resources\": [],
  \"outputs\": { \"names\": { \"type\": \"array\", \"copy\": {
    \"count\": 2, \"input\": \"[concat('web', copyIndex(1), '-', uniqueString('a'))]\"
  } } }
}
JSON
cat > template.json <<'JSON'
{
  \"$schema\": \"https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#\",
  \"contentVersion\": \"1.0.0.0\",
  \"parameters\": { \"name\": { \"type\": \"string\" } },
  \"resources\": [{
    \"type\": \"Microsoft.ContainerRegistry/registries\", \"apiVersion\": \"2023-07-01\",
    \"name\": \"[parameters('name')]\", \"location\": \"[resourceGroup().location]\",
    \"sku\": { \"name\": \"Basic\" }, \"properties\": { \"adminUserEnabled\": true }
  }],
  \"outputs\": { \"server\": { \"type\": \"string\", \"value\": \"[reference(parameters('name')).loginServer]\" } }
}
JSON
";

/// Goes before each command.
const SIGNED_IN: &str =
    ". ./cloud.sh; export AZURE_CONFIG_DIR=$PWD/azure AZURE_CORE_ONLY_SHOW_ERRORS=true
";

const REGISTRIES: &[Row] = &[
    quick(
        "az group create -n demo -l westeurope --query properties.provisioningState -o tsv",
        Prints("Succeeded"),
    ),
    quick(
        "az acr create -g demo -n demoimages --sku Basic --admin-enabled true --query loginServer -o tsv",
        Prints("demoimages.azurecr.io"),
    ),
    quick("az acr build -r demoimages -t hello:v1 hello -o none > build.log 2>&1", Prints("")),
    slow(
        "az provider show -n Microsoft.ContainerInstance --query '[namespace, registrationState]' -o tsv",
        Prints("Microsoft.ContainerInstance\nRegistered"),
    ),
    slow(
        "az provider list --query \"[?namespace=='Microsoft.KeyVault'].registrationState\" -o tsv",
        Prints("Registered"),
    ),
    slow("az provider register -n Microsoft.ContainerInstance -o none", Prints("")),
    slow(
        "az account list-locations --query \"[?name=='westeurope'].name\" -o tsv",
        Prints("westeurope"),
    ),
    slow(
        "az acr repository show -n demoimages --repository hello --query '[tagCount, manifestCount]' -o tsv",
        Prints("1\n1"),
    ),
    quick(
        "az acr repository show-tags -n demoimages --repository hello --detail --orderby time_desc --query '[0].name' -o tsv",
        Prints("v1"),
    ),
    slow(
        "az acr manifest list-metadata -r demoimages -n hello --query '[0].[architecture, os]' -o tsv",
        Prints("amd64\nlinux"),
    ),
    quick(
        "az acr import -n demoimages --source demoimages.azurecr.io/hello:v1 --image copy:v1",
        Prints(""),
    ),
    slow(
        "az acr import -n demoimages --source demoimages.azurecr.io/hello:v1 --image copy:v1",
        Fails("Tag copy:v1 already exists in target registry."),
    ),
    quick(
        "az acr repository update -n demoimages --image copy:v1 --write-enabled false --query changeableAttributes.writeEnabled -o tsv",
        Prints("false"),
    ),
    quick(
        "az acr repository delete -n demoimages --image copy:v1 --yes",
        Fails("The operation is disallowed on this registry, repository or image."),
    ),
    slow(
        "az acr repository update -n demoimages --image copy:v1 --write-enabled true --query changeableAttributes.writeEnabled -o tsv",
        Prints("true"),
    ),
    slow("az acr repository delete -n demoimages --image copy:v1 --yes -o none", Prints("")),
    slow("az acr check-name -n demoimages --query nameAvailable -o tsv", Prints("false")),
    quick(
        "unset AZURE_CORE_ONLY_SHOW_ERRORS; export AZURE_CONFIG_DIR=$PWD/person; az login --use-device-code --tenant \"$AZURE_TENANT_ID\" --query '[0].user.name' -o tsv 2> said & until grep -q 'enter the code' said; do sleep 1; done; curl -sSf -o /dev/null --data \"otc=$(sed -n 's/.*enter the code \\([A-Z]*\\) .*/\\1/p' said)\" https://login.microsoftonline.com/common/oauth2/deviceauth; wait $!",
        Prints("developer@local.onmicrosoft.com"),
    ),
    quick(
        "az acr token create -n reader -r demoimages --repository hello content/read metadata/read --query 'credentials.passwords[0].value' -o tsv > token && test -s token && az acr scope-map show -n reader-scope-map -r demoimages --query 'actions[0]' -o tsv",
        Prints("repositories/hello/content/read"),
    ),
    quick(
        "skopeo inspect --creds \"reader:$(cat token)\" --format '{{.Name}}' docker://demoimages.azurecr.io/hello:v1",
        Prints("demoimages.azurecr.io/hello"),
    ),
    slow(
        "skopeo copy -q --src-creds \"reader:$(cat token)\" --dest-creds \"reader:$(cat token)\" docker://demoimages.azurecr.io/hello:v1 docker://demoimages.azurecr.io/hello:v2",
        Fails("authentication required"),
    ),
    slow(
        "az acr token update -n reader -r demoimages --status disabled --query status -o tsv",
        Prints("disabled"),
    ),
    slow(
        "skopeo inspect --creds \"reader:$(cat token)\" docker://demoimages.azurecr.io/hello:v1",
        Fails("authentication required"),
    ),
    slow("az acr token delete -n reader -r demoimages --yes -o none", Prints("")),
    slow("az acr scope-map delete -n reader-scope-map -r demoimages --yes -o none", Prints("")),
    slow("az acr show-usage -n demoimages --query 'value[0].name' -o tsv", Prints("Size")),
    quick(
        "az lock create -n keep --lock-type CanNotDelete -g demo --resource-name demoimages --resource-type Microsoft.ContainerRegistry/registries --query level -o tsv",
        Prints("CanNotDelete"),
    ),
    quick("az acr delete -n demoimages --yes", Fails("(ScopeLocked)")),
    slow("az group delete -n demo --yes", Fails("(ScopeLocked)")),
    quick(
        "az lock delete -n keep -g demo --resource-name demoimages --resource-type Microsoft.ContainerRegistry/registries",
        Prints(""),
    ),
    slow("az lock list --query 'length(@)'", Prints("0")),
];

const IDENTITIES: &[Row] = &[
    quick("az identity create -g demo -n puller --query name -o tsv", Prints("puller")),
    slow("az identity list -g demo --query '[].name' -o tsv", Prints("puller")),
    quick(
        "az role assignment create --assignee \"$(az identity show -g demo -n puller --query principalId -o tsv)\" --role AcrPull --scope \"$(az acr show -n demoimages --query id -o tsv)\" --query principalType -o tsv",
        Prints("ServicePrincipal"),
    ),
    quick(
        "az role assignment list --assignee \"$(az identity show -g demo -n puller --query principalId -o tsv)\" --all --query '[].roleDefinitionName' -o tsv",
        Prints("AcrPull"),
    ),
    slow("az role definition list --name AcrPull --query '[].roleName' -o tsv", Prints("AcrPull")),
    slow(
        "az ad sp show --id \"$AZURE_CLIENT_ID\" --query displayName -o tsv",
        Prints("shipway-local"),
    ),
    slow(
        "az ad signed-in-user show",
        Fails("/me request is only valid with delegated authentication flow."),
    ),
];

const CONTAINERS: &[Row] = &[
    quick(
        "az container create -g demo -n hello --image demoimages.azurecr.io/hello:v1 --acr-identity \"$(az identity show -g demo -n puller --query id -o tsv)\" --assign-identity \"$(az identity show -g demo -n puller --query id -o tsv)\" --os-type Linux --cpu 1 --memory 1 --ip-address Public --ports 80 --dns-name-label hello-here --query ipAddress.fqdn -o tsv",
        Prints("hello-here.westeurope.azurecontainer.io"),
    ),
    slow(
        "curl -sS --retry 20 --retry-all-errors --retry-delay 1 http://hello-here.westeurope.azurecontainer.io/",
        Prints("hello from here"),
    ),
    slow(
        "script -qec \"az container exec -g demo -n hello --exec-command '/busybox echo hello there'\" /dev/null < /dev/null",
        Shows("hello there"),
    ),
    slow("az container restart -g demo -n hello", Prints("")),
    slow("az container list -g demo --query '[].name' -o tsv", Prints("hello")),
    slow(
        "az container show -g demo -n none",
        Fails(
            "(ResourceNotFound) The Resource 'Microsoft.ContainerInstance/containerGroups/none' under resource group 'demo' was not found.",
        ),
    ),
    slow(
        "az container create -g demo -n odd --image demoimages.azurecr.io/hello:v1 --registry-username demoimages --registry-password x --os-type Linux --cpu 1 --memory 1.234",
        Fails("The memory requirement should be in increments of 0.1 GB."),
    ),
    slow(
        "az container create -g demo -n odd -l atlantis --image demoimages.azurecr.io/hello:v1 --registry-username demoimages --registry-password x --os-type Linux --cpu 1 --memory 1",
        Fails("LocationNotAvailableForResourceType"),
    ),
    slow(
        "az container create -g demo -n odd --image demoimages.azurecr.io/hello:v1 --registry-username demoimages --registry-password x --os-type Linux --cpu 1 --memory 1 --ip-address Public --ports 1 2 3 4 5 6",
        Fails("It cannot have more than 5."),
    ),
    slow("az container delete -g demo -n hello --yes -o none", Prints("")),
];

const APPS: &[Row] = &[
    slow(
        "az containerapp env create -g demo -n apps -l westeurope --logs-destination none --query properties.provisioningState -o tsv",
        Prints("Succeeded"),
    ),
    slow(
        "az containerapp create -g demo -n api --environment apps --image demoimages.azurecr.io/hello:v1 --registry-server demoimages.azurecr.io --registry-username demoimages --registry-password \"$(az acr credential show -n demoimages --query 'passwords[0].value' -o tsv)\" --ingress external --target-port 80 --revisions-mode multiple --revision-suffix one --query properties.configuration.activeRevisionsMode -o tsv",
        Prints("Multiple"),
    ),
    slow(
        "az containerapp update -g demo -n api --revision-suffix two --set-env-vars A=b --query properties.latestRevisionName -o tsv",
        Prints("api--two"),
    ),
    slow(
        "az containerapp ingress traffic set -g demo -n api --revision-weight api--one=30 api--two=70 --query '[?weight > `0`].weight' -o tsv",
        Prints("30\n70"),
    ),
    slow(
        "az containerapp revision list -g demo -n api --query \"sort_by([].{name: name, weight: properties.trafficWeight}, &name)[].weight\" -o tsv",
        Prints("30\n70"),
    ),
    slow(
        "az containerapp revision deactivate -g demo -n api --revision api--one",
        Shows("Deactivate succeeded"),
    ),
    slow("az containerapp delete -g demo -n api --yes -o none", Prints("")),
];

const VAULTS: &[Row] = &[
    quick(
        "az keyvault create -g demo -n demo-vault -l westeurope --query properties.enableSoftDelete -o tsv",
        Prints("true"),
    ),
    slow("az keyvault show -n demo-vault --query name -o tsv", Prints("demo-vault")),
    slow("az keyvault list --query '[].name' -o tsv", Prints("demo-vault")),
    quick(
        "az keyvault secret set --vault-name demo-vault -n token --value s3cret --expires 2037-01-01T00:00:00Z --query attributes.expires -o tsv",
        Prints("2037-01-01T00:00:00+00:00"),
    ),
    slow(
        "az keyvault secret set-attributes --vault-name demo-vault -n token --enabled false --query attributes.enabled -o tsv",
        Prints("false"),
    ),
    slow(
        "az keyvault secret show --vault-name demo-vault -n token",
        Fails("Operation get is not allowed on a disabled secret."),
    ),
    slow(
        "az keyvault secret set-attributes --vault-name demo-vault -n token --enabled true --query attributes.enabled -o tsv",
        Prints("true"),
    ),
    slow(
        "az keyvault secret list --vault-name demo-vault --query '[].name' -o tsv",
        Prints("token"),
    ),
    slow(
        "az keyvault secret backup --vault-name demo-vault -n token --file backup && az keyvault secret delete --vault-name demo-vault -n token -o none && az keyvault secret purge --vault-name demo-vault -n token && az keyvault secret restore --vault-name demo-vault --file backup --query name -o tsv",
        Prints("token"),
    ),
    quick(
        "az keyvault secret delete --vault-name demo-vault -n token --query recoveryId -o tsv",
        Prints("https://demo-vault.vault.azure.net/deletedsecrets/token"),
    ),
    quick(
        "az keyvault secret list-deleted --vault-name demo-vault --query '[].name' -o tsv",
        Prints("token"),
    ),
    slow(
        "az keyvault secret set --vault-name demo-vault -n token --value other",
        Fails("is currently in a deleted but recoverable state"),
    ),
    quick(
        "az keyvault secret recover --vault-name demo-vault -n token --query name -o tsv",
        Prints("token"),
    ),
    quick(
        "az keyvault secret show --vault-name demo-vault -n token --query value -o tsv",
        Prints("s3cret"),
    ),
    slow(
        "az keyvault secret delete --vault-name demo-vault -n token -o none && az keyvault secret purge --vault-name demo-vault -n token && az keyvault secret list-deleted --vault-name demo-vault --query 'length(@)'",
        Prints("0"),
    ),
    slow(
        "az keyvault create -g demo -n old-vault -l westeurope --enable-rbac-authorization false --query 'length(properties.accessPolicies)'",
        Prints("1"),
    ),
    slow(
        "az keyvault set-policy -n old-vault --object-id 11111111-1111-1111-1111-111111111111 --secret-permissions get list --query 'length(properties.accessPolicies)'",
        Prints("2"),
    ),
    slow(
        "az keyvault delete-policy -n old-vault --object-id 11111111-1111-1111-1111-111111111111 --query 'length(properties.accessPolicies)'",
        Prints("1"),
    ),
    slow(
        "az keyvault secret set --vault-name old-vault -n kept --value here --query name -o tsv",
        Prints("kept"),
    ),
    quick("az keyvault delete -n demo-vault", Prints("")),
    quick("az keyvault list-deleted --query '[].name' -o tsv", Prints("demo-vault")),
    slow(
        "az keyvault create -g demo -n demo-vault -l westeurope",
        Fails("already exists in deleted state"),
    ),
    quick("az keyvault recover -n demo-vault --query name -o tsv", Prints("demo-vault")),
    slow(
        "az keyvault delete -n demo-vault && az keyvault purge -n demo-vault && az keyvault list-deleted --query 'length(@)'",
        Prints("0"),
    ),
];

const DEPLOYMENTS: &[Row] = &[
    slow(
        "az deployment group validate -g demo --template-file template.json --parameters name=madehere --query properties.provisioningState -o tsv",
        Prints("Succeeded"),
    ),
    slow(
        "az deployment group what-if -g demo --template-file template.json --parameters name=madehere --no-pretty-print --query 'changes[].changeType' -o tsv",
        Prints("Create"),
    ),
    quick(
        "az deployment group create -g demo --template-file template.json --parameters name=madehere --query properties.outputs.server.value -o tsv",
        Prints("madehere.azurecr.io"),
    ),
    slow("az deployment group list -g demo --query '[].name' -o tsv", Prints("template")),
    slow(
        "az deployment group create -g demo -n loop --template-file loop.json --query 'properties.outputs.names.value' -o tsv",
        Prints("web1-eveiun73364hy\nweb2-eveiun73364hy"),
    ),
    slow(
        "az deployment group create -g demo --template-file template.json --parameters name=x",
        Fails("InvalidRegistryName"),
    ),
    slow(
        "az tag update --operation Merge --resource-id \"$(az acr show -n madehere --query id -o tsv)\" --tags team=shop --query properties.tags.team -o tsv",
        Prints("shop"),
    ),
    slow(
        "az resource list -g demo --query \"sort([].type)[0]\" -o tsv",
        Prints("Microsoft.ContainerRegistry/registries"),
    ),
    slow("az network vnet subnet list -g demo --vnet-name v", Fails("in the local cloud.")),
    slow("az group delete -n demo --yes", Prints("")),
    slow("shipway local status", Shows("it holds nothing yet")),
];

/// az waits 30 seconds where an operation is not at its end when it looks first.
const MAX_COMMAND_TIME: Duration = Duration::from_secs(25);

#[test]
fn commands_of_az_do_what_they_do_in_azure() {
    let is_whole = std::env::var_os("SHIPWAY_AZ").is_some_and(|which| which == "whole");
    let walk = Walk::new();
    walk.shell(START);
    let rows =
        [REGISTRIES, IDENTITIES, CONTAINERS, APPS, VAULTS, DEPLOYMENTS].into_iter().flatten();
    let mut wrong = Vec::new();
    for row in rows.filter(|row| is_whole || row.is_quick) {
        let begun = Instant::now();
        let (code, printed, said) = walk.try_shell(&format!("{SIGNED_IN}{}", row.command));
        let is_good = match row.does {
            Prints(text) => code == Some(0) && printed.trim_end() == text,
            Shows(part) => code == Some(0) && printed.contains(part),
            Fails(part) => code != Some(0) && said.contains(part),
        };
        let took = begun.elapsed();
        if !is_good {
            wrong.push(format!("$ {}\nexit {code:?}\n{printed}{said}", row.command));
        } else if took > MAX_COMMAND_TIME && !row.command.contains("&&") {
            wrong.push(format!("$ {}\ntook {took:?}", row.command));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
