//! `shipway down`: removes what the plan deployed in an environment, or for a pull
//! request.
//!
//! It finds that by the tags of what is deployed, so it needs no state of the
//! machine that deployed, and reads no secret of the plan: the sign-in to Azure needs
//! none. Only `--images` reads those that the logins of registries use.

mod select;

use super::confirm::Expected;
use super::exit::Exit;
use super::images::pull_request::{TagRemoval, remove_tags};
use super::plan_file::PlanFile;
use super::plan_options::open;
use super::removal::report::ReportSubject;
use super::removal::resource::{ListedResource, TaggedResource};
use super::removal::{Removal, RemovalOptions, Removed, deployed, mistake};
use super::runtime::block_on;
use super::say;
use super::session::PlanSession;
use super::session::connections::Connections;
use super::session::listing::Listing;
use super::session::repositories::repositories;
use crate::journal::RunOptions;
use crate::report::Output;
use crate::run::outcome::StepError;
use clap::Args;
use select::select;
pub use select::stages;
pub use select::{DownFilter, EnvironmentFilter};
use serde_json::Map;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::Instant;

#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  shipway down --env staging       list what goes, and ask
  shipway down --pr 12 --yes       remove the preview of pull request 12

Exit codes: 0 removed, 2 not confirmed, 3 nothing could be read, 4 something is left")]
pub struct DownArguments {
    /// Read the plan from this file
    #[arg(default_value = "shipway.yml", value_name = "PLAN")]
    pub plan: PathBuf,
    /// Take down this environment instead of the first whose `if` holds
    #[arg(long, value_name = "NAME")]
    pub env: Option<String>,
    /// Set a variable of the plan; not for secrets
    #[arg(long, value_name = "NAME=VALUE")]
    pub set: Vec<String>,
    /// Simulate an event: `push`, `pull_request`, or a file with a payload
    #[arg(long, value_name = "EVENT")]
    pub event: Option<String>,
    /// Take down what was deployed for this pull request
    #[arg(long, visible_alias = "pull-request", value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub pr: Option<u64>,
    /// Remove the tags of the pull request from the plan's repositories too
    #[arg(long)]
    pub images: bool,
    #[command(flatten)]
    pub options: RemovalOptions,
}

/// The remedy for a missing plan.
const NO_PLAN_HELP: &str = "name the plan's file, as in `shipway down PLAN`";

/// Removes what the plan deployed.
pub fn down(arguments: &DownArguments) -> Result<Exit, Exit> {
    let file = PlanFile::read(&arguments.plan, NO_PLAN_HELP)?;
    let options = RunOptions {
        env: arguments.env.clone(),
        set: arguments.set.clone(),
        event: arguments.event.clone(),
        pr: arguments.pr,
        cloud: arguments.options.cloud.clone(),
        ..RunOptions::default()
    };
    let session = open(file, &options, arguments.options.output)?;
    let filter = filter(&session, arguments).map_err(|error| mistake(&session, error))?;
    let down = Down { arguments, session: &session, filter, why: None, patience: Duration::ZERO };
    block_on(async { down.run().await }).map(|taken| taken.exit)
}

/// What `down` has done.
#[derive(Clone, Copy, Debug)]
pub struct TakenDown {
    pub exit: Exit,
    /// How many resources it removed.
    pub removed: usize,
}

/// What is meant, from the command line and the event.
fn filter(session: &PlanSession, arguments: &DownArguments) -> Result<DownFilter, StepError> {
    let plan = &session.plan;
    let chosen = session.resolved.environment.as_ref();
    let pull_request = session.resolved.pull_request.as_ref().map(|found| found.number);
    let has_environments = plan.environments.keys().next().is_some();
    if arguments.images && pull_request.is_none() {
        let what = "cannot remove the tags of a pull request, because none is named";
        return Err(StepError::new(what).help("add `--pr N`, or leave out `--images`"));
    }
    let environment = match (chosen, pull_request) {
        (Some(chosen), _) if chosen.protected && arguments.env.is_none() => {
            let name = &chosen.name;
            let what = format!("cannot take down `{name}`, which is protected, unless it is named");
            return Err(StepError::new(what).help(format!("add `--env {name}`")));
        }
        (Some(chosen), _) => EnvironmentFilter::Is(Some(chosen.name.clone())),
        (None, _) if !has_environments => EnvironmentFilter::Is(None),
        (None, Some(_)) => EnvironmentFilter::Any,
        (None, None) => {
            let what = "cannot tell what to take down, because no environment is chosen";
            let names: Vec<_> =
                plan.environments.keys().map(|name| format!("`--env {name}`")).collect();
            return Err(StepError::new(what)
                .help(format!("name one, {}, or a pull request, `--pr N`", names.join(", "))));
        }
    };
    Ok(DownFilter {
        plan: plan.name.value.clone(),
        repository: session.resolved.repository(),
        environment,
        pull_request,
        protected: protected(session, arguments.env.as_deref())?,
    })
}

/// The environments that stay, because they are protected and not named.
pub fn protected(session: &PlanSession, named: Option<&str>) -> Result<Vec<String>, StepError> {
    let mut protected = Vec::new();
    for (name, environment) in session.plan.environments.iter() {
        if named != Some(name.value.as_str()) && environment.protected.resolve(&session.scope)? {
            protected.push(name.value.clone());
        }
    }
    Ok(protected)
}

pub struct Down<'a> {
    pub arguments: &'a DownArguments,
    pub session: &'a PlanSession,
    pub filter: DownFilter,
    /// Why it is taken down, as a sentence of the comment.
    pub why: Option<&'a str>,
    /// How long runs that are deploying are waited for. After that, what they deploy stays.
    pub patience: Duration,
}

/// Between two looks at what other runs are deploying.
const POLL: Duration = Duration::from_secs(2);

impl Down<'_> {
    pub async fn run(&self) -> Result<TakenDown, Exit> {
        let refused = |error: StepError| self.session.show_step_error(error);
        let connections = Connections::for_removal(self.session).map_err(refused)?;
        let azure = connections.azure_clients(self.session);
        let PlanSession { plan, scope, .. } = self.session;
        let subscription = azure.subscription.id(plan, scope).await.map_err(refused)?;
        let listing = Listing { session: self.session, resources: &azure.deployed };
        let (all, listed) = self.listed(&listing, &subscription).await.map_err(refused)?;
        let stages = stages(plan);
        let removal = Removal {
            session: self.session,
            connections: &connections,
            azure: &azure,
            options: &self.arguments.options,
            listed,
            stage: &|one: &TaggedResource| stages.get(&one.tags.service).copied().unwrap_or(0),
            all: &all,
            channels: &plan.report.0,
            why: &|_| self.why.map(str::to_owned),
        };
        if let Err(exit) = removal.confirm(&self.heading(&removal), self.expected()) {
            return Ok(TakenDown { exit, removed: 0 });
        }
        let removed = removal.perform(self.subjects()).await;
        let images = self.images(&connections, &removed).await;
        let more = images.iter().map(|images| ("images".to_owned(), images.json.clone()));
        removal.show(&removed, more.collect::<Map<_, _>>());
        let exit = removal.sum_up(&removed, "down");
        let exit = match images {
            Some(images) => self.sum_up_images(images, exit),
            None => exit,
        };
        let removed = removed.ended.iter().filter(|(_, deletion)| deletion.is_done()).count();
        Ok(TakenDown { exit, removed })
    }

    /// All that is deployed, and of it what is meant, once no other run deploys that or
    /// the patience has ended.
    async fn listed(
        &self,
        listing: &Listing<'_>,
        subscription: &str,
    ) -> Result<(Vec<TaggedResource>, Vec<ListedResource>), StepError> {
        let until = Instant::now() + self.patience;
        let mut told = None;
        loop {
            let found = listing.listed(subscription).await?;
            let all = deployed(found.with_note(&self.session.redactor));
            let listed = select(&all, &self.filter);
            let leases = listed.iter().filter(|one| one.goes);
            let mut leases = leases.filter_map(|one| one.resource.tags.lease.as_ref());
            let held = leases.find(|lease| lease.holds_against(None)).map(|lease| &lease.run);
            let Some(run) = held.filter(|_| Instant::now() < until) else {
                return Ok((all, listed));
            };
            if told.as_ref() != Some(run) {
                say::tell(&format!("waiting for run {run}, which is deploying"));
                told = Some(run.clone());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    fn heading(&self, removal: &Removal<'_>) -> String {
        let DownFilter { plan, pull_request, .. } = &self.filter;
        let environment = match &self.filter.environment {
            EnvironmentFilter::Is(Some(name)) => format!(" in `{name}`"),
            EnvironmentFilter::Is(None) | EnvironmentFilter::Any => String::new(),
        };
        let number = pull_request.map(|number| format!(" for pull request {number}"));
        let place = environment + &number.unwrap_or_default();
        match removal.listed.iter().filter(|one| one.goes).count() {
            0 => format!("nothing that `{plan}` deployed{place} is there to remove"),
            _ => format!("{} of `{plan}`{place}", removal.count()),
        }
    }

    /// A protected environment is confirmed by its name.
    fn expected(&self) -> Expected<'_> {
        let chosen = self.session.resolved.environment.as_ref();
        chosen
            .filter(|chosen| chosen.protected)
            .map_or(Expected::Yes, |it| Expected::Name(&it.name))
    }

    /// The comment of the pull request is updated even if nothing was left to remove.
    fn subjects(&self) -> BTreeSet<ReportSubject> {
        let chosen = || self.session.resolved.environment.as_ref().map(|one| one.name.clone());
        let environment = match &self.filter.environment {
            EnvironmentFilter::Is(environment) => environment.clone(),
            EnvironmentFilter::Any if chosen().is_some() => chosen(),
            EnvironmentFilter::Any => return BTreeSet::new(),
        };
        let subject = ReportSubject {
            plan: self.filter.plan.clone(),
            environment,
            pull_request: self.filter.pull_request,
        };
        BTreeSet::from([subject])
    }

    /// Removes the tags of the pull request, after the resources that ran the images.
    async fn images(&self, connections: &Connections, removed: &Removed) -> Option<TagRemoval> {
        let number = self.filter.pull_request.filter(|_| self.arguments.images)?;
        let mut found = repositories(&self.session.plan, &self.session.scope);
        let own = |host: &str| self.session.plan.registries.get(host).is_some();
        for (listed, _) in &removed.ended {
            let images = listed.resource.images.iter();
            let images = images.filter_map(|image| image.parse::<crate::oci::Reference>().ok());
            found.extend(
                images.filter(|image| own(&image.host)).map(|image| (image.host, image.repository)),
            );
        }
        Some(remove_tags(self.session, connections, number, found).await)
    }

    fn sum_up_images(&self, images: TagRemoval, exit: Exit) -> Exit {
        if self.arguments.options.output == Output::Human && !images.lines.is_empty() {
            say::result(&images.lines);
        }
        let Some(error) = images.error else { return exit };
        let shown = error.shown(&self.session.redactor, None);
        say::error(&shown.chain, shown.help.as_deref());
        Exit::Failed
    }
}

#[cfg(test)]
mod tests {
    use super::select::{DownFilter, EnvironmentFilter, select};
    use crate::azure::fake::{FakeAzure, Reply};
    use crate::cli::removal::delete::{MAX_DELETION, Wait, delete};
    use crate::cli::removal::{deployed, show};
    use crate::cli::session::listing::Listing;
    use crate::cli::session::testing::{session, tags};
    use crate::run::perform::deployed_testing::{JobFiles, azure_clients, job_file};
    use serde_json::json;

    #[tokio::test]
    async fn resources_of_every_kind_are_taken_down() {
        let folder = tempfile::tempdir().expect("a folder");
        let session = session(folder.path());
        let groups = "/providers/Microsoft.ContainerInstance/containerGroups";
        let path = format!("/subscriptions/s/resourceGroups/demo{groups}/shop-web");
        let group = json!({ "id": path, "name": "shop-web", "tags": tags("web").to_map() });
        let all = json!({ "value": [group] });
        let host = "management.azure.com";
        let fake = FakeAzure::script(vec![
            (&format!("GET {host}/subscriptions/s{groups}"), vec![Reply::json(200, &all)]),
            (&format!("GET {host}{path}"), vec![Reply::json(200, &group)]),
            (&format!("DELETE {host}{path}"), vec![Reply::new(204, "")]),
        ])
        .await;
        let foreign = job_file("of-another-tool", None, &[]);
        let files = JobFiles::of(vec![job_file("shop-jobs", Some(tags("jobs")), &[]), foreign]);
        let clients = azure_clients(fake.arm(), &files);

        let listing = Listing { session: &session, resources: &clients.deployed };
        let listed = listing.listed("s").await.expect("a list");
        let filter = DownFilter {
            plan: "shop".into(),
            repository: None,
            environment: EnvironmentFilter::Is(None),
            pull_request: None,
            protected: Vec::new(),
        };
        let listed = select(&deployed(listed.with_note(&session.redactor)), &filter);
        assert_eq!(
            show::table(&listed, "2026-01-03T12:00:00Z".parse().expect("a time")),
            "RESOURCE   SERVICE  AGE  ACTION  WHY
shop-jobs  jobs     3d   remove  deployed by this plan
shop-web   web      3d   remove  deployed by this plan"
        );

        let wait = Wait::UntilGone(MAX_DELETION);
        let ended = delete(&clients.deployed, vec![listed], wait, &session.redactor).await;
        assert_eq!(show::lines(&ended), "removed shop-jobs\nremoved shop-web");
        assert_eq!(files.names(), ["of-another-tool"]);
        let deleted = fake.requests().into_iter().filter(|asked| asked.method == "DELETE");
        assert_eq!(deleted.map(|asked| asked.to).collect::<Vec<_>>(), [format!("{host}{path}")]);
    }
}
