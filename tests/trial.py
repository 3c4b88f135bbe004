"""A contract that only tests speak, compiled when it is imported; servicers and stubs are plain Python."""

import tempfile
from pathlib import Path
from typing import Any

import grpc
import grpc_tools
from bowen.options.v1 import edge_pb2, rules_pb2  # noqa: F401 (their options must be known before the contract is)
from google.protobuf import (  # noqa: F401 (imported by the contract)
    descriptor_pb2,
    descriptor_pool,
    duration_pb2,
    message_factory,
    timestamp_pb2,
)
from grpc_tools import protoc

ROOT = Path(__file__).parents[1]
PACKAGE = "bowen.trial.v1"
SERVICE = f"{PACKAGE}.TrialService"


def _compile() -> None:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "trial.binpb"
        includes = [ROOT / "tests/proto", ROOT / "proto", Path(grpc_tools.__file__).parent / "_proto"]
        flags = [f"-I{include}" for include in includes]
        assert protoc.main(["protoc", *flags, f"--descriptor_set_out={out}", "trial.proto"]) == 0
        for file in descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file:
            descriptor_pool.Default().AddSerializedFile(file.SerializeToString())


def _message(name: str) -> Any:
    return message_factory.GetMessageClass(descriptor_pool.Default().FindMessageTypeByName(f"{PACKAGE}.{name}"))


try:
    descriptor_pool.Default().FindFileByName("trial.proto")
except KeyError:
    _compile()

Line, Ruled, Ask, Answer = _message("Line"), _message("Ruled"), _message("Ask"), _message("Answer")
Wrong, WrongPattern, WrongBool, WrongMap = map(_message, ("Wrong", "WrongPattern", "WrongBool", "WrongMap"))

_KINDS = {
    "Say": "unary_unary",
    "Own": "unary_unary",
    "Open": "unary_unary",
    "Inner": "unary_unary",
    "Many": "unary_stream",
    "Collect": "stream_unary",
    "Chat": "stream_stream",
}


def add_trial_to_server(servicer: Any, server: Any) -> None:
    """What generated code would do. A method that the servicer lacks is not served."""
    handlers = {
        name: getattr(grpc, f"{kind}_rpc_method_handler")(
            getattr(servicer, name), request_deserializer=Ask.FromString, response_serializer=Answer.SerializeToString
        )
        for name, kind in _KINDS.items()
        if hasattr(servicer, name)
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    server.add_registered_method_handlers(SERVICE, handlers)


class TrialStub:
    """What generated code would be."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        for name, kind in _KINDS.items():
            method = getattr(channel, kind)(
                f"/{SERVICE}/{name}",
                request_serializer=Ask.SerializeToString,
                response_deserializer=Answer.FromString,
                _registered_method=True,
            )
            setattr(self, name, method)
