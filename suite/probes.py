"""Questions to a running component: does it welcome calls?"""

import grpc
import httpx
from grpc_health.v1 import health_pb2, health_pb2_grpc

SECONDS_MAX = 2.0
READINESS = "readiness"


async def grpc_ready(target: str) -> bool:
    """Ask the standard health service of a gRPC server."""
    async with grpc.aio.insecure_channel(target) as channel:
        try:
            answer = await health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(service=READINESS), timeout=SECONDS_MAX
            )
        except grpc.aio.AioRpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


async def http_ready(url: str) -> bool:
    """Ask an HTTP server for `/readyz`."""
    async with httpx.AsyncClient(timeout=SECONDS_MAX, trust_env=False) as client:
        try:
            answer = await client.get(f"{url}/readyz")
        except httpx.HTTPError:
            return False
    return answer.status_code == httpx.codes.OK
