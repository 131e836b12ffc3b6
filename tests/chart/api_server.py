"""A Kubernetes API server as far as `lookup` goes: discovery, and the Secrets that it is given."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.chart.manifests import Manifest

_KINDS = {
    "v1": ("ConfigMap", "PersistentVolumeClaim", "Pod", "Secret", "Service", "ServiceAccount"),
    "apps/v1": ("Deployment", "StatefulSet"),
    "policy/v1": ("PodDisruptionBudget",),
}


def _discovery() -> dict[str, Any]:
    """What there is, by path."""
    groups = [
        {"name": group, "versions": [{"groupVersion": f"{group}/v1", "version": "v1"}]}
        for group in ("apps", "policy")
    ]
    found: dict[str, Any] = {
        "/version": {"major": "1", "minor": "33", "gitVersion": "v1.33.0"},
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups},
    }
    for version, kinds in _KINDS.items():
        resources = [
            {"name": f"{kind.lower()}s", "kind": kind, "namespaced": True, "verbs": ["get"]} for kind in kinds
        ]
        path = f"/api/{version}" if version == "v1" else f"/apis/{version}"
        found[path] = {"kind": "APIResourceList", "groupVersion": version, "resources": resources}
    return found


@contextmanager
def api_server(*secrets: Manifest) -> Iterator[str]:
    """The URL of a server that has these Secrets, and nothing else."""
    known = _discovery()
    for secret in secrets:
        about = secret["metadata"]
        known[f"/api/v1/namespaces/{about['namespace']}/secrets/{about['name']}"] = secret

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = known.get(self.path.partition("?")[0])
            reason = {
                "kind": "Status",
                "apiVersion": "v1",
                "status": "Failure",
                "reason": "NotFound",
                "code": 404,
            }
            body = json.dumps(reason if found is None else found).encode()
            self.send_response(404 if found is None else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_request(self, *_: object) -> None:
            """Tests say what went wrong."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
