//! Images that have to be in a registry before the plan runs, and that a dry run cannot
//! fetch from there.

use super::names::registry_of;
use super::note::PLACEHOLDER_IMAGE;
use crate::draft::{Node, ServiceDraft};

/// The images of Azure registries that the steps take and none of them pushes.
pub fn private_images(services: &[ServiceDraft]) -> Vec<String> {
    let (mut taken, mut pushed) = (Vec::new(), Vec::new());
    for step in services.iter().flat_map(|service| &service.steps) {
        for action in ["build", "deploy"] {
            if let Some(node) = step.value(action) {
                add_images(node, &mut taken);
            }
        }
        if let Some(node) = step.value("tag") {
            add_references(node, &mut pushed);
        }
    }
    let is_private = |image: &String| {
        registry_of(image).is_some_and(|host| host.ends_with(".azurecr.io"))
            && image != PLACEHOLDER_IMAGE
    };
    taken.retain(|image| is_private(image) && !pushed.contains(image));
    taken.sort();
    taken.dedup();
    taken
}

/// What stands under `image` in a `build` or `deploy`, for each container.
fn add_images(node: &Node, found: &mut Vec<String>) {
    match node {
        Node::Block(entries) | Node::Flow(entries) => {
            for entry in entries {
                match &entry.value {
                    Node::Text(image) if entry.key == "image" => found.push(image.clone()),
                    // A variable may have any name.
                    _ if entry.key == "env" => {}
                    value => add_images(value, found),
                }
            }
        }
        Node::List(items) => items.iter().for_each(|item| add_images(item, found)),
        Node::Nothing | Node::Text(_) | Node::Plain(_) => {}
    }
}

/// The references of a `tag`.
fn add_references(node: &Node, found: &mut Vec<String>) {
    match node {
        Node::Text(reference) => found.push(reference.clone()),
        Node::List(targets) => targets.iter().for_each(|target| add_references(target, found)),
        Node::Block(entries) | Node::Flow(entries) => {
            let value = |key| entries.iter().find(|entry| entry.key == key).map(|it| &it.value);
            if let (Some(Node::Text(image)), Some(Node::List(tags))) =
                (value("image"), value("tags"))
            {
                found.extend(tags.iter().filter_map(|tag| match tag {
                    Node::Text(tag) | Node::Plain(tag) => Some(format!("{image}:{tag}")),
                    Node::Nothing | Node::List(_) | Node::Block(_) | Node::Flow(_) => None,
                }));
            }
        }
        Node::Nothing | Node::Plain(_) => {}
    }
}
