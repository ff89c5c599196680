"""What servers of published records answer, in the form that their documentation has: written by hand, of made-up records."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote, unquote

from r2i.checkout import Checkout
from r2i.sources import Revision, fetched, parse, resolve
from r2i.sources.tree_id import TreeId
from tests.sources.web_servers import (
    Answer,
    Asked,
    Handler,
    file_answer,
    json_answer,
    problem,
    redirect,
    routes,
)

Files = Mapping[str, bytes]

#: A small repository, as several files and as the archive that GitHub has deposited.
FILES: Files = {"index.ipynb": b"{}\n", "data.csv": b"a,b\n1,2\n"}


def zipped(files: Files, *, top: str = "") -> bytes:
    """An archive, with everything in one folder where `top` names one."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(f"{top}/{name}" if top else name, content)
    return buffer.getvalue()


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A record of a provider: an address of it, and the servers that have it with these files."""

    address: str
    hosts: Callable[[Files], dict[str, Handler]]


def zenodo(files: Files, /, *, id_: int = 1234567, concept: int = 1234566, **more: Any) -> dict[str, Handler]:
    """In the older of the two forms, which is that of Zenodo itself; the concept leads to the newest version."""
    api = f"https://zenodo.org/api/records/{id_}"
    document = {
        "id": id_,
        "conceptrecid": str(concept),
        "doi": f"10.5281/zenodo.{id_}",
        "conceptdoi": f"10.5281/zenodo.{concept}",
        "created": "2021-07-02T10:11:12.123456+00:00",
        "metadata": {
            "title": "Waves",
            "publication_date": "2021-06-30",
            "access_right": "open",
            "version": "v1.2",
        },
        "links": {"self": api, "self_html": f"https://zenodo.org/records/{id_}"},
        "files": [
            {
                "id": f"0000-{name}",
                "key": name,
                "size": len(content),
                "checksum": f"md5:{md5(content)}",
                "links": {"self": f"{api}/files/{quote(name)}/content"},
            }
            for name, content in files.items()
        ],
        **more,
    }
    table: dict[str, Answer | Handler] = {
        f"/api/records/{id_}": json_answer(document),
        f"/api/records/{concept}": redirect(f"/api/records/{id_}"),
        f"/api/records/{id_}/versions/latest": json_answer(document),
        **{f"/api/records/{id_}/files/{quote(name)}/content": _serving(c) for name, c in files.items()},
    }
    return {"zenodo.org": routes(table)}


def invenio(
    files: Files, /, *, id_: str = "abcde-12345", embedded: bool = True, **more: Any
) -> dict[str, Handler]:
    """In the form of InvenioRDM; older versions list the files at an address of their own."""
    host = "data.caltech.edu"
    api = f"https://{host}/api/records/{id_}"
    entries = {
        name: {
            "key": name,
            "size": len(content),
            "checksum": f"md5:{md5(content)}",
            "links": {
                "self": f"{api}/files/{quote(name)}",
                "content": f"/api/records/{id_}/files/{quote(name)}/content",
            },
        }
        for name, content in files.items()
    }
    document = {
        "id": id_,
        "created": "2021-07-02T10:11:12.123456+00:00",
        "access": {"record": "public", "files": "public", "embargo": {"active": False}, "status": "open"},
        "files": {"enabled": True, **({"entries": entries} if embedded else {})},
        "metadata": {"title": "Waves", "publication_date": "2021-06"},
        "versions": {"index": 3, "is_latest": True},
        "links": {"self": api, "self_html": f"https://{host}/records/{id_}", "files": f"{api}/files"},
        **more,
    }
    table: dict[str, Answer | Handler] = {
        f"/api/records/{id_}": json_answer(document),
        f"/api/records/{id_}/files": json_answer({"enabled": True, "entries": list(entries.values())}),
        **{f"/api/records/{id_}/files/{quote(name)}/content": _serving(c) for name, c in files.items()},
    }
    return {host: routes(table)}


def figshare(files: Files, /, *, id_: int = 9782777, version: int = 3, **more: Any) -> dict[str, Handler]:
    """An item lists ten files at most; all are at an address of their own, in pages."""
    entries = [
        {
            "id": 1000 + number,
            "name": name.rpartition("/")[2],
            "size": len(content),
            "is_link_only": False,
            "download_url": f"https://ndownloader.figshare.com/files/{1000 + number}",
            "supplied_md5": "",
            "computed_md5": md5(content),
        }
        for number, (name, content) in enumerate(files.items())
    ]
    folders = {
        str(1000 + number): name.rpartition("/")[0] for number, name in enumerate(files) if "/" in name
    }
    document = {
        "id": id_,
        "title": "Waves",
        "doi": f"10.6084/m9.figshare.{id_}.v{version}",
        "figshare_url": f"https://figshare.com/articles/dataset/Waves/{id_}",
        "published_date": "2021-06-30T08:09:10Z",
        "version": version,
        "files": entries[:10],
        "folder_structure": folders,
        **more,
    }

    def listed(asked: Asked) -> Answer:
        page, size = int(asked.query.get("page", 1)), int(asked.query.get("page_size", 10))
        return json_answer(entries[(page - 1) * size : page * size])

    api = routes(
        {
            f"/v2/articles/{id_}": json_answer(document),
            f"/v2/articles/{id_}/versions/{version}": json_answer(document),
            f"/v2/articles/{id_}/versions/{version}/files": listed,
        }
    )
    contents = {f"/files/{1000 + number}": _serving(content) for number, content in enumerate(files.values())}
    return {"api.figshare.com": api, "ndownloader.figshare.com": routes(contents)}


def osf(
    files: Files,
    *,
    id_: str = "abcde",
    kind: str = "nodes",
    page: int = 2,
    components: int = 0,
    **attributes: Any,
) -> dict[str, Handler]:
    """JSON:API: a project, its storages, folders within folders, pages with the address of the next one."""
    node = f"https://api.osf.io/v2/{kind}/{id_}/"
    tree = _Tree(files, node, page)

    def api(asked: Asked) -> Answer:
        if asked.route == f"/v2/guids/{id_}/":
            return redirect(node)
        if asked.route == f"/v2/{kind}/{id_}/":
            return json_answer({"data": {"id": id_, "type": kind, "attributes": attributes}})
        if asked.route == f"/v2/{kind}/{id_}/children/":
            children = [{"id": f"child{number}", "type": "nodes"} for number in range(components)]
            return tree.paged(children, asked)
        if asked.route == f"/v2/{kind}/{id_}/files/":
            return tree.paged([tree.storage("osfstorage"), tree.storage("github")], asked)
        return tree.folder(asked)

    contents = {f"/v1/{quote(name)}": _serving(content) for name, content in files.items()}
    return {"api.osf.io": api, "files.osf.io": routes(contents)}


@dataclass(frozen=True)
class _Tree:
    files: Files
    node: str
    size: int

    def storage(self, name: str) -> dict[str, Any]:
        href = f"{self.node}files/{name}/"
        related = {"links": {"related": {"href": href, "meta": {}}}}
        return {
            "id": name,
            "type": "files",
            "attributes": {"kind": "folder", "name": name, "path": "/", "provider": name},
            "relationships": {"files": related},
        }

    def paged(self, items: list[Any], asked: Asked) -> Answer:
        number = int(asked.query.get("page", 1))
        rest = items[number * self.size :]
        following = f"https://api.osf.io{asked.route}?page={number + 1}" if rest else None
        data = items[(number - 1) * self.size : number * self.size]
        return json_answer({"data": data, "links": {"next": following, "meta": {"total": len(items)}}})

    def folder(self, asked: Asked) -> Answer:
        start = f"{self.node}files/osfstorage/".removeprefix("https://api.osf.io")
        if not asked.route.startswith(start):
            return problem(404)
        below = asked.route.removeprefix(start)
        names = [name.removeprefix(below) for name in self.files if name.startswith(below)]
        items = [self._entry(below, name) for name in names if "/" not in name]
        items += [self._folder(below, top) for top in sorted({n.split("/")[0] for n in names if "/" in n})]
        return self.paged(items, asked)

    def _folder(self, below: str, name: str) -> dict[str, Any]:
        href = f"{self.node}files/osfstorage/{below}{name}/"
        return {
            "id": f"folder-{name}",
            "type": "files",
            "attributes": {"kind": "folder", "name": name, "materialized_path": f"/{below}{name}/"},
            "relationships": {"files": {"links": {"related": {"href": href, "meta": {}}}}},
        }

    def _entry(self, below: str, name: str) -> dict[str, Any]:
        content = self.files[f"{below}{name}"]
        hashes = {"md5": md5(content), "sha256": hashlib.sha256(content).hexdigest()}
        return {
            "id": f"file-{name}",
            "type": "files",
            "attributes": {
                "kind": "file",
                "name": name,
                "size": len(content),
                "materialized_path": f"/{below}{name}",
                "date_modified": "2021-06-30T08:09:10.123456Z",
                "extra": {"hashes": hashes},
            },
            "links": {"download": f"https://files.osf.io/v1/{quote(f'{below}{name}')}"},
        }


def dataverse(files: Files, /, *, host: str = "dataverse.harvard.edu", **more: Any) -> dict[str, Handler]:
    """A dataset of an installation: a version lists its files, whose folders have a field of their own."""
    entries = [
        {
            "label": name.rpartition("/")[2],
            "restricted": False,
            "directoryLabel": name.rpartition("/")[0],
            "dataFile": {
                "id": 100 + number,
                "filename": name.rpartition("/")[2],
                "filesize": len(content),
                "md5": md5(content),
                "checksum": {"type": "MD5", "value": md5(content)},
                "tabularData": False,
            },
        }
        for number, (name, content) in enumerate(files.items())
    ]
    version = {
        "datasetPersistentId": "doi:10.7910/DVN/WAVES",
        "versionNumber": 2,
        "versionMinorNumber": 1,
        "versionState": "RELEASED",
        "releaseTime": "2021-06-30T08:09:10Z",
        "files": entries,
        **more,
    }
    answer = json_answer({"status": "OK", "data": version})
    table: dict[str, Answer | Handler] = {
        f"/api/datasets/:persistentId/versions/{name}": answer for name in (":latest-published", "2.1")
    }
    table |= {
        f"/api/access/datafile/{100 + number}": _serving(content)
        for number, content in enumerate(files.values())
    }
    return {host: routes(table)}


def hydroshare(files: Files, /, *, id_: str = "b8f6eae9d89241cf8b5904033460af61") -> dict[str, Handler]:
    """A resource: the date of its last change, and pages of files."""
    top = f"/resource/{id_}/data/contents"
    entries = [
        {
            "url": f"http://www.hydroshare.org{top}/{quote(name)}",
            "file_name": name.rpartition("/")[2],
            "size": len(content),
            "content_type": "text/plain",
            "modified_time": "2021-06-30T08:09:10",
            "checksum": md5(content),
        }
        for name, content in files.items()
    ]
    dates = [{"type": "modified", "start_date": "2021-06-30T08:09:10.123456Z", "end_date": None}]
    listed = {"count": len(entries), "next": None, "previous": None, "results": entries}
    table: dict[str, Answer | Handler] = {
        f"/hsapi/resource/{id_}/scimeta/elements/": json_answer({"title": "Waves", "dates": dates}),
        f"/hsapi/resource/{id_}/files/": json_answer(listed),
        **{f"{top}/{quote(name)}": _serving(content) for name, content in files.items()},
    }
    return {"www.hydroshare.org": routes(table)}


def ckan(files: Files, /, *, host: str = "data.example.org") -> dict[str, Handler]:
    """A dataset of a portal: resources that were uploaded to it."""
    id_ = "3f1b2c4d-0000-4000-8000-00000000abcd"
    paths = {
        name: f"/dataset/{id_}/resource/{number}/download/{quote(name)}" for number, name in enumerate(files)
    }
    resources = [
        {
            "id": f"11111111-2222-4333-8444-{number:012}",
            "name": name,
            "url": f"https://{host}{paths[name]}",
            "url_type": "upload",
            "format": "",
            "hash": md5(content),
            "size": len(content),
        }
        for number, (name, content) in enumerate(files.items())
    ]
    dataset = {
        "id": id_,
        "name": "waves",
        "metadata_modified": "2021-06-30T08:09:10.123456",
        "resources": resources,
    }
    table: dict[str, Answer | Handler] = {
        "/api/3/action/package_show": json_answer({"success": True, "result": dataset}),
        **{paths[name]: _serving(content) for name, content in files.items()},
    }
    return {host: routes(table)}


def software_heritage(files: Files, /) -> dict[str, Handler]:
    """A snapshot, its default branch, the revision there, and its directory, which is packed on demand."""
    revision, snapshot = "5" * 40, "7" * 40
    with TemporaryDirectory() as scratch:
        for name, content in files.items():
            path = Path(scratch, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        directory = f"swh:1:dir:{TreeId(Path(scratch)).hexdigest()}"
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"{directory}/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    vault = f"/api/1/vault/flat/{directory}/"

    def branches(asked: Asked) -> Answer:
        known = {
            "HEAD": {"target": "refs/heads/main", "target_type": "alias"},
            "refs/heads/main": {"target": revision, "target_type": "revision"},
        }
        name = asked.query["branches_from"]
        return json_answer(
            {"id": snapshot, "branches": {name: known[name]} if name in known else {}, "next_branch": None}
        )

    state = {"status": "done", "progress_message": None, "id": 1, "swhid": directory}
    found = {
        "id": revision,
        "directory": directory.rpartition(":")[2],
        "committer_date": "2021-06-30T08:09:10Z",
    }
    table: dict[str, Answer | Handler] = {
        f"/api/1/snapshot/{snapshot}/": branches,
        f"/api/1/revision/{revision}/": json_answer(found),
        vault: json_answer(state),
        f"{vault}raw/": _serving(body.getvalue()),
    }
    return {"archive.softwareheritage.org": routes(table)}


def doi(pages: Mapping[str, str]) -> Handler:
    """The API of the resolver: the page that each DOI is registered with."""

    def handler(asked: Asked) -> Answer:
        name = unquote(asked.route.removeprefix("/api/handles/"))
        if name not in pages:
            return json_answer({"responseCode": 100, "handle": name}, status=404)
        value = {"index": 1, "type": "URL", "data": {"format": "string", "value": pages[name]}, "ttl": 86400}
        return json_answer({"responseCode": 1, "handle": name, "values": [value]})

    return handler


def _serving(content: bytes) -> Handler:
    return lambda asked: file_answer(asked, content)


SAMPLES: dict[str, Sample] = {
    "zenodo": Sample(address="https://zenodo.org/records/1234567", hosts=zenodo),
    "figshare": Sample(address="https://figshare.com/articles/dataset/Waves/9782777/3", hosts=figshare),
    "osf": Sample(address="https://osf.io/abcde", hosts=osf),
    "dataverse": Sample(
        address="https://dataverse.harvard.edu/dataset.xhtml?persistentId=doi:10.7910/DVN/WAVES",
        hosts=dataverse,
    ),
    "hydroshare": Sample(
        address="https://www.hydroshare.org/resource/b8f6eae9d89241cf8b5904033460af61/", hosts=hydroshare
    ),
    "software_heritage": Sample(address=f"swh:1:snp:{'7' * 40}", hosts=software_heritage),
    "ckan": Sample(address="https://data.example.org/dataset/waves", hosts=ckan),
}


def resolved(address: str, environ: Mapping[str, str]) -> tuple[Revision, list[str]]:
    """The revision of an address, and what was said."""
    said: list[str] = []
    return resolve(parse(address, cwd=Path("/")), environ=environ, report=said.append), said


@contextmanager
def checked_out(address: str, environ: Mapping[str, str]) -> Iterator[tuple[Checkout, list[str]]]:
    """The checkout of an address as the command line makes it."""
    revision, said = resolved(address, environ)
    with fetched(revision.source, environ=environ, report=said.append, revision=revision) as checkout:
        yield checkout, said


def contents(checkout: Checkout) -> dict[str, bytes]:
    return {
        path.relative_to(checkout.root).as_posix(): path.read_bytes()
        for path in sorted(checkout.root.rglob("*"))
        if path.is_file()
    }
