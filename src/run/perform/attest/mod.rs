//! What a push attaches to what it has pushed: an SBOM of each image, and a
//! statement of where it came from. As referrers, so that the image itself and
//! its digest stay what they are.

mod provenance;

use super::build::run_blocking;
use super::performer::{Job, Performer};
use super::progress::ProgressReporter;
use crate::event::Verb;
use crate::image::{Image, sbom};
use crate::oci::{Descriptor, Digest, Reference};
use crate::plan::expr::Rendered;
use crate::plan::schema;
use crate::progress::Progress;
use crate::registry::{Artifact, Attached, Blob, BlobSource, PushError};
use crate::run::outcome::{AttemptError, Given, StepError};
use futures::future::try_join_all;
use provenance::Facts;
use std::collections::BTreeMap;

/// In-toto's statements as JSON.
const IN_TOTO: &str = "application/vnd.in-toto+json";
/// Image specification, "Pre-Defined Annotation Keys".
const CREATED: &str = "org.opencontainers.image.created";
const REVISION: &str = "org.opencontainers.image.revision";
/// What others that attach statements call the kind of one.
const PREDICATE: &str = "in-toto.io/predicate-type";

/// What was pushed.
pub(super) struct Subject<'a> {
    /// What the tags stand for.
    pub(super) manifest: &'a Descriptor,
    /// Its images: itself, or those that it lists.
    pub(super) images: Vec<Descriptor>,
    /// Where it is now.
    pub(super) targets: &'a [Reference],
}

/// Attaches what the step asks for, in every repository. Gives the outputs.
pub(super) async fn perform(
    performer: &Performer,
    push: &schema::Push,
    job: &Job,
    subject: &Subject<'_>,
) -> Result<Given, AttemptError> {
    let attester = Attester { performer, job, subject };
    let mut wanted = Vec::new();
    if push.sbom.resolve(&job.scope)? {
        wanted.extend(attester.sboms().await?);
    }
    if push.provenance.resolve(&job.scope)? {
        wanted.push(attester.provenance());
    }
    let mut given: Vec<(&str, Vec<String>)> = Vec::new();
    for (wanted, name) in wanted.iter().zip(attester.attach(&wanted).await?) {
        match given.last_mut() {
            Some((output, names)) if *output == wanted.output => names.push(name),
            _ => given.push((wanted.output, vec![name])),
        }
    }
    let output = |(output, names): (&str, Vec<String>)| {
        (output.to_owned(), Rendered::Plain(names.join("\n")))
    };
    Ok(given.into_iter().map(output).collect())
}

/// What is to be attached to one of the manifests.
struct Wanted<'a> {
    /// The output that names it.
    output: &'static str,
    to: &'a Descriptor,
    artifact: Artifact,
    /// What it is, in words.
    what: String,
}

struct Attester<'a> {
    performer: &'a Performer,
    job: &'a Job,
    subject: &'a Subject<'a>,
}

impl<'a> Attester<'a> {
    /// One reference for each repository.
    fn places(&self) -> Vec<&Reference> {
        let mut places: BTreeMap<String, &Reference> = BTreeMap::new();
        for target in self.subject.targets {
            places.entry(target.name()).or_insert(target);
        }
        places.into_values().collect()
    }

    /// The digests of what was made.
    fn made(&self) -> Vec<&Digest> {
        let images = self.subject.images.iter().map(|image| &image.digest);
        std::iter::once(&self.subject.manifest.digest).chain(images).collect()
    }

    /// The first of the targets, by digest.
    fn first(&self, digest: &Digest) -> Option<Reference> {
        self.subject.targets.first().map(|target| target.with_digest(digest.clone()))
    }

    async fn sboms(&self) -> Result<Vec<Wanted<'a>>, StepError> {
        let mut wanted = Vec::new();
        for manifest in &self.subject.images {
            let image = self.image(manifest).await?;
            let found = self.describe(image).await?;
            let artifact = Artifact {
                artifact_type: sbom::MEDIA_TYPE.to_owned(),
                content: Blob {
                    source: BlobSource::File(self.path(&found.document)?),
                    descriptor: found.document.clone(),
                },
                annotations: BTreeMap::from([(CREATED.to_owned(), found.created)]),
                same_by: Vec::new(),
            };
            let what = format!("sbom of {} files and {} packages", found.files, found.packages);
            wanted.push(Wanted { output: "sbom", to: manifest, artifact, what });
        }
        Ok(wanted)
    }

    /// The image with all its layers here. What was copied from registry to
    /// registry never was, and comes from where it is now.
    async fn image(&self, manifest: &Descriptor) -> Result<Image, StepError> {
        let store = &self.performer.images;
        if let Ok(image) = store.load(&manifest.digest) {
            return Ok(image);
        }
        let platform = manifest.platform.clone().unwrap_or_default();
        if let Some(reference) = self.first(&manifest.digest) {
            let registry = &self.performer.clients.registry;
            let told = ProgressReporter::new(self.job, Verb::Pulled);
            let progress = |progress: Progress| told.tell(progress);
            let pulled = registry.pull(&reference, &platform, store.root(), &progress).await;
            pulled.map_err(|error| StepError::from_error(&error))?;
        }
        store.load(&manifest.digest).map_err(|error| StepError::from_error(&error))
    }

    async fn describe(&self, image: Image) -> Result<sbom::Sbom, StepError> {
        let store = self.performer.images.clone();
        let repository = self.subject.targets.first().map(|target| target.repository.as_str());
        let name = repository.and_then(|name| name.rsplit('/').next()).unwrap_or("image");
        let name = name.to_owned();
        let found = run_blocking(move |stop| sbom::describe(&store, &image, &name, stop)).await?;
        for database in &found.unread {
            self.job.warn(format!("the packages in `/{database}` are not in the sbom"));
        }
        Ok(found)
    }

    fn path(&self, document: &Descriptor) -> Result<std::path::PathBuf, StepError> {
        let found = self.performer.images.locate(document);
        found.map_err(|error| StepError::from_error(&error))
    }

    fn provenance(&self) -> Wanted<'a> {
        let facts = Facts::of(self.performer, self.job, &self.made());
        let names: Vec<String> = self.places().iter().map(|place| place.name()).collect();
        let targets: Vec<String> = self.subject.targets.iter().map(ToString::to_string).collect();
        let statement = facts.statement(&names, &targets, &self.subject.manifest.digest);
        // It is made of names alone. Should one of them hold a secret, it is
        // masked here as it is everywhere else.
        let text = self.performer.redactor.redact(&statement.to_string());
        let digest = Digest::of(text.as_bytes());
        let mut annotations =
            BTreeMap::from([(PREDICATE.to_owned(), provenance::PREDICATE.to_owned())]);
        annotations.extend(facts.commit().map(|commit| (REVISION.to_owned(), commit)));
        annotations.extend(facts.started().map(|time| (CREATED.to_owned(), time)));
        let artifact = Artifact {
            artifact_type: IN_TOTO.to_owned(),
            content: Blob {
                descriptor: Descriptor::new(IN_TOTO, digest, text.len() as u64),
                source: BlobSource::Bytes(text.into_bytes().into()),
            },
            annotations,
            same_by: vec![PREDICATE, REVISION],
        };
        let (to, what) = (self.subject.manifest, "provenance".to_owned());
        Wanted { output: "provenance", to, artifact, what }
    }

    /// Attaches all of it in every repository, at once; gives the names in the
    /// first one, by digest.
    async fn attach(&self, wanted: &[Wanted<'a>]) -> Result<Vec<String>, StepError> {
        let places = self.places();
        let attached = places.iter().map(|place| self.attach_in(place, wanted));
        let attached = try_join_all(attached).await?;
        let mut names = Vec::new();
        for (at, Wanted { what, .. }) in wanted.iter().enumerate() {
            for (place, attached) in places.iter().zip(&attached) {
                let Attached { digest, already } = &attached[at];
                let how = if *already { "was attached" } else { "attached" };
                self.job.note(format!("{what} {how} to `{}`: {digest}", place.name()));
            }
            let first = places.iter().zip(&attached).next();
            let first = first.map(|(place, all)| place.with_digest(all[at].digest.clone()));
            names.push(first.map(|first| first.to_string()).unwrap_or_default());
        }
        Ok(names)
    }

    /// Attaches all of it in one repository: what is of one manifest together.
    async fn attach_in(
        &self,
        place: &Reference,
        wanted: &[Wanted<'a>],
    ) -> Result<Vec<Attached>, StepError> {
        let mut manifests: BTreeMap<&Digest, Vec<usize>> = BTreeMap::new();
        for (at, one) in wanted.iter().enumerate() {
            manifests.entry(&one.to.digest).or_default().push(at);
        }
        let registry = &self.performer.clients.registry;
        let asked = manifests.values().map(async |all| {
            let artifacts: Vec<&Artifact> = all.iter().map(|at| &wanted[*at].artifact).collect();
            let attached = registry.attach_all(place, wanted[all[0]].to, &artifacts).await?;
            Ok::<_, PushError>(all.iter().copied().zip(attached).collect::<Vec<_>>())
        });
        let attached = try_join_all(asked).await.map_err(|error| StepError::from_error(&error))?;
        let attached: BTreeMap<usize, Attached> = attached.into_iter().flatten().collect();
        Ok(attached.into_values().collect())
    }
}
