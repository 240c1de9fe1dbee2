"""As much of the Hugging Face Hub as downloading a dataset's files needs."""

import contextlib
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from .loopback import Handler, serve

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class HubServer:
    """`repos` maps a dataset's name to its files; `private` ones want `token`, `gated` refuse."""

    port: int = 0
    repos: dict[str, dict[str, bytes]] = field(default_factory=dict)
    private: set[str] = field(default_factory=set)
    gated: set[str] = field(default_factory=set)
    token: str = "hf_test-token-0123"
    status: int | None = None
    paths: list[str] = field(default_factory=list)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextlib.contextmanager
def run_hub_server(certificate: Path | None = None) -> Iterator[HubServer]:
    """`certificate` is a folder with what `make_certificate` wrote, for a hub by https."""
    shared = HubServer()

    class Hub(Handler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = unquote(self.path.partition("?")[0])
            shared.paths.append(f"{self.command} {path}")
            status, headers, body = self._find(path)
            self.answer(status, body, headers)

        do_HEAD = do_GET

        def _find(self, path: str) -> tuple[int, dict[str, str], bytes]:
            if shared.status is not None:
                return shared.status, {}, b"secret words"
            info = re.fullmatch(r"/api/datasets/(.+?)(/revision/(.+))?", path)
            file = re.fullmatch(r"/datasets/(.+?)/resolve/([^/]+)/(.+)", path)
            match = info or file
            repo = match[1] if match else ""
            is_hidden = repo in shared.private and shared.token not in str(
                self.headers.get("Authorization")
            )
            if repo not in shared.repos or is_hidden:
                return 401, {"X-Error-Code": "RepoNotFound"}, b"{}"
            if repo in shared.gated:
                return 403, {"X-Error-Code": "GatedRepo"}, b"{}"
            files = shared.repos[repo]
            if info:
                if (info[3] or "main") not in ("main", COMMIT):
                    return 404, {"X-Error-Code": "RevisionNotFound"}, b"{}"
                return 200, {"Content-Type": "application/json"}, _info(repo, files)
            assert file
            body = files.get(file[3])
            if body is None:
                return 404, {"X-Error-Code": "EntryNotFound"}, b""
            etag = hashlib.sha1(body, usedforsecurity=False).hexdigest()
            return 200, {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT}, body

    with serve(Hub, certificate) as shared.port:
        yield shared


def _info(repo: str, files: dict[str, bytes]) -> bytes:
    card = json.loads(files.get("card.json", b"null"))
    siblings = [{"rfilename": name} for name in files]
    value = {"id": repo, "sha": COMMIT, "siblings": siblings, "cardData": card}
    return json.dumps({**value, "private": False, "tags": [], "downloads": 0, "likes": 0}).encode()
