"""The options of a plan: those that cannot be, and those that were given for nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from r2i import image
from r2i.errors import UsageError
from r2i.model import Evidence, Interface, Layer, Notice, Options, PythonEnvironment, Stage
from r2i.planning.adjustments import check_adjustments
from r2i.quoting import printable


def check_options(options: Options) -> None:
    _check_user(options)
    if options.repo_dir is not None and not re.fullmatch(
        r"(/(?!\.\.?(/|$))[A-Za-z0-9_.-]+)+", options.repo_dir
    ):
        raise UsageError(
            f"`{options.repo_dir}` is not a valid directory for the repository",
            hint="Use an absolute path of letters, digits, `.`, `-` and `_`",
        )
    if options.python is not None and not re.fullmatch(r"(2\.7|3\.\d{1,2})(\.\d{1,2})?", options.python):
        raise UsageError(
            f"`{options.python}` is not a Python version", hint="Write it like `3.12` or `3.12.4`"
        )
    check_adjustments(options)
    reference = options.base_image
    if reference is not None and not re.fullmatch(r"[a-z0-9][A-Za-z0-9._/:@-]{0,254}", reference):
        raise UsageError(
            f"`{reference}` is not a valid image name", hint="Write it like `debian:trixie-slim`"
        )
    given = {"--appendix": options.appendix}
    given |= {f"--label {name}": text for name, text in options.labels.items()}
    given |= {f"--build-arg {name}": text for name, text in options.build_args.items()}
    for option, text in given.items():
        if text != text.encode(errors="replace").decode():
            raise UsageError(
                f"The value of `{printable(option)}` is not UTF-8 text", hint="Encode it as UTF-8"
            )
    for name in options.labels:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/-]*", name):
            raise UsageError(
                f"`{name}` is not a valid label name", hint="Write it like `--label org.example.key=value`"
            )


def _check_user(options: Options) -> None:
    if not re.fullmatch(r"[a-z_][a-z0-9_-]{0,31}", options.user_name) or options.user_name == "root":
        raise UsageError(
            f"`{options.user_name}` is not a valid user name",
            hint="Use lower-case letters, digits, `-` and `_`",
        )
    if not 0 < options.user_id < 2**31:
        raise UsageError(
            f"`{options.user_id}` is not a valid user id",
            hint="Choose one above 0: images do not run as root",
        )
    if options.user_id == image.FETCHER:
        raise UsageError(
            f"`{image.FETCHER}` is a reserved user id: build steps download as that user",
            hint="Choose another one",
        )


def without_effect(
    options: Options, *, dockerfile: str | None, environment: PythonEnvironment | None
) -> tuple[Notice, ...]:
    """Options that were given for nothing."""
    for_environment = {"--extra": options.extras, "--group": options.groups}
    given: list[tuple[str, object, str]] = []
    if dockerfile is None:
        why = "it applies only to a `Dockerfile` in the repository, which has none"
        given.append(("--build-arg", options.build_args, why))
    else:
        why = f"`{dockerfile}` describes the whole image"
        others = {
            "--base-image": options.base_image,
            "--python": options.python,
            "--as-of": options.as_of,
            "--installer": options.installer != "uv",
            "--apt": options.apt,
            "--rstudio": options.rstudio and not options.as_repo2docker,
            "--replace": options.replace,
            "--appendix": options.appendix,
        }
        given += [(name, value, why) for name, value in (others | for_environment).items()]
    if environment is not None:
        why = f"`{environment.defined_by}` has none" if environment.defined_by else "no file declares any"
        given += [
            (name, value, why) for name, value in for_environment.items() if name not in environment.heeds
        ]
        if options.installer != "uv":
            locked = f"`{environment.defined_by}` pins every version"
            given.append(("--installer", environment.exact, locked))
            given.append(("--as-of", options.as_of, "the pip version of `--installer` cannot filter by date"))
    return tuple(
        Notice(level="warning", message=f"`{name}` has no effect: {why}")
        for name, value, why in given
        if value
    )


def without_r(options: Options, interfaces: tuple[Interface, ...]) -> tuple[Notice, ...]:
    if not options.rstudio or options.as_repo2docker or any(each.name == "rstudio" for each in interfaces):
        return ()
    return (Notice(level="warning", message="`--rstudio` has no effect: the image has no R"),)


def without_conda(
    options: Options, calls: Iterable[Evidence], environment: PythonEnvironment
) -> Iterator[Notice]:
    """What calls the conda that every image of repo2docker has, in an image without any."""
    if options.as_repo2docker and environment.manager != "conda":
        for call in calls:
            message = f"{call.why}, which only images with an `environment.yml` have: list its packages there"
            yield Notice(level="warning", message=message, file=call.file, line=call.line)


def without_network(options: Options, layers: Iterable[Layer]) -> tuple[Notice, ...]:
    if options.build_network == "default" or any(layer.stage is Stage.BUILD for layer in layers):
        return ()
    message = "`--build-network` has no effect: the repository has no `postBuild`"
    return (Notice(level="warning", message=message),)
