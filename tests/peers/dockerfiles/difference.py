"""What is not the same in two images of one Dockerfile."""

import re
from collections import namedtuple

# `what` is a path or the name of a setting, `how` says what ours has and what theirs.
Difference = namedtuple("Difference", "what how")


def of_settings(ours, theirs):
    found = []
    for name in sorted({*ours, *theirs}):
        if ours.get(name) != theirs.get(name):
            found.append(Difference(name, f"{ours.get(name)!r}, not {theirs.get(name)!r}"))
    return found


def of_history(ours, theirs):
    found = []
    for number in range(max(len(ours), len(theirs))):
        one, other = (list_[number] if number < len(list_) else None for list_ in (ours, theirs))
        if one != other:
            found.append(Difference("history", f"{one!r}, not {other!r}"))
    return found


def of_trees(ours, theirs):
    found = []
    for path in sorted({*ours, *theirs}):
        one, other = ours.get(path), theirs.get(path)
        if one == other:
            continue
        if one is None or other is None:
            how = f"only {'theirs' if one is None else 'ours'} has this {(one or other).kind}"
        else:
            parts = [f"{name} {shown(name, mine)}, not {shown(name, its)}"
                     for name, mine, its in zip(one._fields, one, other) if mine != its]
            how = "; ".join(parts)
        found.append(Difference("/" + path, how))
    return found


def shown(name, value):
    if name == "mode":
        return f"{value:o}"
    return str(value)[:12] if name == "content" else str(value)


def without_varying(differences, varying):
    """Leaves out what differs between two builds of the peer as well: the content of a file, or
    one whose name has a time or a random number in it."""
    contents = {found.what for found in varying if only_content(found)}
    names = {pattern(found.what) for found in varying if not only_content(found)}
    return [found for found in differences
            if not (found.what in contents and only_content(found))
            and not (found.how.startswith("only") and pattern(found.what) in names)]


def only_content(found):
    return re.fullmatch(r"content \S+, not \S+", found.how) is not None


def pattern(path):
    """The path with every digit that may be part of a time or random name replaced."""
    return re.sub(r"[0-9a-f]{6,}|\d+", "#", path)
