//! The walk over all strings of a plan that may hold expressions.

use super::key::{Exposure, Key};
use crate::plan::expr::contexts::Site;
use crate::plan::literal::Shape;
use crate::plan::schema::{Condition, Template, Text};

/// A string that was found, and where.
#[derive(Clone, Copy, Debug)]
pub struct Found<'p> {
    pub template: Template<'p>,
    pub place: Place,
}

/// Where a string stands in the plan.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub site: Site,
    /// The name of the key.
    pub key: &'static str,
    /// What a value there is read as.
    pub shape: Shape,
    pub exposure: Exposure,
    /// The numbers of the service and of its step, in a walk over a whole plan.
    pub step: Option<(usize, usize)>,
    /// The number of the environment, in a walk over a whole plan.
    pub environment: Option<usize>,
}

/// Hands every string to a callback.
pub struct Visit<'v, 'p> {
    site: Site,
    step: Option<(usize, usize)>,
    environment: Option<usize>,
    /// How many environments the walk has come to.
    environments: usize,
    see: &'v mut dyn FnMut(Found<'p>),
}

impl<'v, 'p> Visit<'v, 'p> {
    /// A walk that begins at a site.
    pub fn new(site: Site, see: &'v mut dyn FnMut(Found<'p>)) -> Self {
        Self { site, step: None, environment: None, environments: 0, see }
    }

    /// Visits something whose expressions stand at `site`, where that is another
    /// than that of what holds it.
    pub fn at(&mut self, site: Option<Site>, inside: impl FnOnce(&mut Self)) {
        let outer = self.site;
        self.site = site.unwrap_or(outer);
        inside(self);
        self.site = outer;
    }

    /// Visits a step, by the number of its service and its own.
    pub fn step(&mut self, service: usize, step: usize, inside: impl FnOnce(&mut Self)) {
        self.step = Some((service, step));
        self.at(Some(Site::Step), inside);
        self.step = None;
    }

    /// Visits the next environment of the plan.
    pub fn environment(&mut self, inside: impl FnOnce(&mut Self)) {
        self.environment = Some(self.environments);
        self.environments += 1;
        inside(self);
        self.environment = None;
    }

    /// A text that is read as a value of this shape.
    pub(super) fn text(&mut self, key: &Key, shape: Shape, text: &'p Text) {
        let Key { name, exposure, .. } = *key;
        let (step, environment) = (self.step, self.environment);
        let place = Place { site: self.site, key: name, shape, exposure, step, environment };
        (self.see)(Found { template: Template::Text(text), place });
    }

    pub(super) fn condition(&mut self, condition: &'p Condition) {
        let place = Place {
            site: self.site,
            key: "if",
            shape: Shape::ANY,
            exposure: Exposure::Private,
            step: self.step,
            environment: self.environment,
        };
        (self.see)(Found { template: Template::Condition(condition), place });
    }
}
