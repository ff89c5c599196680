"""The times in `--metadata-file`; `test_builders.py` has the file of real builds."""

from __future__ import annotations

from r2i.building.metadata import BuildTimes
from r2i.engines.protocol import StepEvent
from r2i.model import BaseImage, Dockerfile, Layer, Plan, Stage

TEXT = "FROM debian\nRUN one\nRUN two\nWORKDIR /x\nCOPY x /x\n"


def test_steps_are_added_up_by_layer() -> None:
    layers = tuple(
        Layer(buildpack="b", stage=Stage.SOURCE, title=title, template="t") for title in ("first", "second")
    )
    base = BaseImage(reference="debian", release=None)
    plan = Plan(base=base, user_name="jovyan", user_id=1000, repo_dir="/x", layers=layers)
    dockerfile = Dockerfile(text=TEXT, support={}, ignore="", layer_lines={1: 0, 2: 0, 3: 0, 4: 1, 5: 1})
    heard: list[StepEvent] = []
    times = BuildTimes(plan=plan, dockerfile=dockerfile, credentials=("s3cret",))
    listen = times.told(heard.append)
    events = [
        StepEvent(step="a", state="done", text="FROM debian", line=1, seconds=100.0),
        StepEvent(step="b", state="started", text="RUN one", line=2),
        StepEvent(step="b", state="done", text="RUN one", line=2, seconds=1.25),
        StepEvent(step="c", state="done", text="RUN two", line=3, seconds=2.5),
        StepEvent(step="d", state="done", text="WORKDIR /x", line=4, seconds=0.5),
        # A layer that BuildKit fetches from a cache.
        StepEvent(step="e", state="done", text="COPY x /x", line=5, seconds=0.25),
        StepEvent(step="e", state="cached", text="COPY x /x", line=5),
        StepEvent(step="f", state="done", text="exporting to image", seconds=9.0),
    ]
    for event in events:
        listen(event)

    assert heard == events
    assert times.as_json()["layers"] == [
        {"title": "first", "cached": False, "seconds": 3.75},
        {"title": "second", "cached": True, "seconds": 0.75},
    ]


def test_instructions_of_an_own_dockerfile_show_no_credentials() -> None:
    plan = Plan(
        base=BaseImage(reference="debian", release=None),
        user_name="j",
        user_id=1,
        repo_dir="/x",
        dockerfile="Dockerfile",
    )
    dockerfile = Dockerfile(text=TEXT, support={}, ignore="", layer_lines={})
    times = BuildTimes(plan=plan, dockerfile=dockerfile, credentials=("s3cret",))
    listen = times.told(lambda _: None)
    for step, text in (("b", "RUN curl s3cret"), ("a", "RUN curl http://u:p@h/")):
        listen(StepEvent(step=step, state="done", text=text, line=ord(step), seconds=1.0))

    layers = times.as_json()["layers"]
    assert isinstance(layers, list)
    assert [layer["title"] for layer in layers if isinstance(layer, dict)] == [
        "RUN curl http://***@h/",
        "RUN curl ***",
    ]
