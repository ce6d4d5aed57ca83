"""The table of docs/dockerfiles.md."""

import cases

PAGE = cases.FIXTURES.parents[2] / "docs/dockerfiles.md"
BEGIN, END = "<!-- compared -->\n", "<!-- end -->\n"


def table(results, version, known):
    lines = [f"Compared with {version}:", "",
             "| Dockerfile | bases; programs that are stood in for | shows | differences |", "|---|---|---|---|"]
    for result in results:
        case = result.case
        which = [str(number) for number, one in enumerate(known, 1) if one.name in result.explained]
        source = f"`{case.package}`: `{case.dockerfile}`" if case.package else f"own: `{case.name}`"
        target = f", target `{case.target}`" if case.target else ""
        shown = ", ".join(which) if not result.unexplained else "**not explained**"
        lines.append(f"| {source}{target} | {case.stand_ins()} | {case.shows} | {shown or 'none'} |")
    lines += ["", "The differences:", ""]
    lines += [f"{number}. {one.why}" for number, one in enumerate(known, 1)]
    return "\n".join(lines) + "\n"


def is_current(results, version, known, write):
    """Whether the page has this table, which is written first if asked for."""
    text = PAGE.read_text()
    begin, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    made = "\n" + table(results, version, known) + "\n"
    if write:
        PAGE.write_text(text[:begin] + made + text[end:])
        return True
    return text[begin:end] == made
