"""The contracts of all components as they stand in their descriptors: routes, scopes and comments."""

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from bowen.options.v1 import edge_pb2
from bowen.options.v1.rules_pb2 import Rules
from bowen.options.v1.rules_pb2 import rules as rules_option
from google.api import annotations_pb2
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import FieldDescriptor

from gateway.routing import parameters_of

DESCRIPTORS = Path(edge_pb2.__file__).parents[2] / "descriptors.binpb"
BULK_ITEMS = 500
REQUEST_ID = "request_id"


class ContractUnsupported(Exception):
    """A contract asks for something the edge cannot do. The gateway does not start with it."""


@dataclass(frozen=True)
class Route:
    """One RPC as it is reached by HTTP."""

    method: Any
    verb: str
    template: str
    has_body: bool

    @property
    def name(self) -> str:
        """The RPC's full name."""
        return str(self.method.full_name)

    @property
    def path(self) -> str:
        """The RPC as gRPC calls it: `/package.Service/Method`."""
        return f"/{self.service}/{self.method.name}"

    @property
    def service(self) -> str:
        """Full name of the service."""
        return str(self.method.containing_service.full_name)

    @property
    def component(self) -> str:
        """The component that serves it."""
        return self.service.split(".")[1]

    @property
    def edge(self) -> edge_pb2.Edge:
        """Who may call it."""
        edge: edge_pb2.Edge = self.method.GetOptions().Extensions[edge_pb2.edge]
        return edge

    @property
    def parameters(self) -> tuple[str, ...]:
        """Fields that stand in the path."""
        return parameters_of(self.template)

    @property
    def input(self) -> Any:
        """Descriptor of the request."""
        return self.method.input_type

    @property
    def output(self) -> Any:
        """Descriptor of the response."""
        return self.method.output_type

    @property
    def takes_request_id(self) -> bool:
        """Whether a repeat under the same request id has one effect."""
        return REQUEST_ID in self.input.fields_by_name

    @property
    def is_bulk(self) -> bool:
        """Whether a request carries so many things that it may take longer than others."""
        return any(field.is_repeated and rules_of(field).max_items >= BULK_ITEMS for field in self.input.fields)


@dataclass(frozen=True)
class Contract:
    """All routes, and the comment of every element by its full name."""

    routes: tuple[Route, ...]
    comments: dict[str, str]
    reasons: dict[str, str]

    def route(self, method: str) -> Route:
        """The route of a method by its bare name. Raises `ContractUnsupported` if there is none."""
        for route in self.routes:
            if route.method.name == method:
                return route
        raise ContractUnsupported(f"no method {method} has a route")

    @property
    def scopes(self) -> frozenset[str]:
        """Every scope that some route asks for."""
        return frozenset(route.edge.scope for route in self.routes if route.edge.scope)


@cache
def load() -> Contract:
    """Read the descriptors that come with the generated code, once. Raises `ContractUnsupported`."""
    described = descriptor_pb2.FileDescriptorSet.FromString(DESCRIPTORS.read_bytes())
    files = [file for file in described.file if file.name.startswith("bowen/")]
    for file in files:
        importlib.import_module(file.name.removesuffix(".proto").replace("/", ".") + "_pb2")
    comments = {name: text for file in files for name, text in _comments(file)}
    routes = tuple(route for file in files for route in _routes(file.name))
    return Contract(routes, comments, dict(_reasons(files, comments)))


def rules_of(field: FieldDescriptor) -> Rules:
    """The rules of a field."""
    rules: Rules = field.GetOptions().Extensions[rules_option]
    return rules


def message_class(descriptor: Any) -> Any:
    """The class of a message."""
    return message_factory.GetMessageClass(descriptor)


def _comments(file: descriptor_pb2.FileDescriptorProto) -> Iterator[tuple[str, str]]:
    for place in file.source_code_info.location:
        if text := place.leading_comments.strip():
            yield _full_name(file, list(place.path)), "\n".join(line.strip() for line in text.splitlines())


def _full_name(file: descriptor_pb2.FileDescriptorProto, path: list[int]) -> str:
    node: Any = file
    names = [file.package]
    for field_number, index in zip(path[::2], path[1::2], strict=False):
        node = getattr(node, node.DESCRIPTOR.fields_by_number[field_number].name)[index]
        names.append(node.name)
    return ".".join(names)


def _reasons(files: list[descriptor_pb2.FileDescriptorProto], comments: dict[str, str]) -> Iterator[tuple[str, str]]:
    for file in files:
        for enum in file.enum_type:
            if enum.name != "ErrorReason":
                continue
            for value in enum.value[1:]:
                text = comments.get(f"{file.package}.ErrorReason.{value.name}", "")
                yield value.name.removeprefix("ERROR_REASON_"), text


def _routes(file_name: str) -> Iterator[Route]:
    file = descriptor_pool.Default().FindFileByName(file_name)
    for service in file.services_by_name.values():
        for method in service.methods:
            options = method.GetOptions()
            if options.HasExtension(annotations_pb2.http):
                rule = options.Extensions[annotations_pb2.http]
                yield from (_route(method, one) for one in (rule, *rule.additional_bindings))


def _route(method: Any, rule: Any) -> Route:
    verb = rule.WhichOneof("pattern")
    if verb is None or verb == "custom" or rule.body not in ("", "*") or rule.response_body:
        raise ContractUnsupported(f'{method.full_name}: only plain verbs, and body "*" or none, are known')
    route = Route(method, verb.upper(), getattr(rule, verb), rule.body == "*")
    for name in route.parameters:
        field = route.input.fields_by_name.get(name)
        if field is None or field.is_repeated or field.message_type:
            raise ContractUnsupported(f"{method.full_name}: {{{name}}} is no plain field of the request")
    return route
