"""`--help` of a command: its options by theme, and examples below them."""

from __future__ import annotations

import re

import click

OWN = "Options"

#: Of every command that takes one and does not say more.
SOURCE = (
    "SOURCE is a directory, an archive, a git or Mercurial URL, `owner/name` on GitHub, a link to a branch or directory there, a DOI, "
    "the page of a published record, or a Binder link or badge."
)

#: The headings of `--help` and the options below each, in this order; options of no theme are the command's own.
THEMES = {
    OWN: (),
    "Report options": ("form", "output", "html", "markdown", "badge"),
    "Container options": (
        "ports",
        "publish_all",
        "volumes",
        "variables",
        "env_file",
        "editable",
        "build",
        "execute",
        "level",
        "timeout",
        "memory",
        "cpus",
        "gpus",
        "network",
    ),
    "Environment options": (
        "base_image",
        "python",
        "as_of",
        "installer",
        "extras",
        "groups",
        "apt",
        "replacements",
        "rstudio",
    ),
    "Image options": (
        "tags",
        "push",
        "reuse",
        "user_name",
        "user_id",
        "repo_dir",
        "labels",
        "appendix",
        "platforms",
        "outputs",
        "metadata_file",
    ),
    "Build options": (
        "engine",
        "progress",
        "builder",
        "no_cache",
        "cache_from",
        "cache_to",
        "rescue",
        "write",
        "trust_repository",
        "build_args",
        "build_network",
        "ca_bundle",
    ),
    "Build limits": (
        "build_timeout",
        "build_memory",
        "build_cpus",
        "build_processes",
        "max_image_size",
        "max_image_files",
    ),
}

#: So few options need no further headings.
FEW = 8


class Command(click.Command):
    """Shows its options by theme, and the lines of `epilog` as examples."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        options = [one for one in self.get_params(ctx) if isinstance(one, click.Option)]
        theme_of = {name: theme for theme, names in THEMES.items() for name in names}
        if len(options) <= FEW:
            theme_of.clear()
        for theme, order in THEMES.items():
            found = [one for one in options if theme_of.get(one.name or "", OWN) == theme]
            if theme != OWN:
                found.sort(key=lambda one: order.index(one.name or ""))
            records = [record for one in found if (record := one.get_help_record(ctx)) is not None]
            if records:
                with formatter.section(theme):
                    formatter.write_dl(records)

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_help_text(ctx, formatter)
        if any(one.name == "source" for one in self.params) and not re.search(
            r"^\s*SOURCE is", self.help or "", re.MULTILINE
        ):
            formatter.write_paragraph()
            with formatter.indentation():
                formatter.write_text(SOURCE)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Examples"):
            for line in (self.epilog or "").splitlines():
                formatter.write(f"  {line}\n")
