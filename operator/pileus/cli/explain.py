"""`pileus explain`: why something is as it is, by what the API server tells its user.

It reads with the rights of whoever asks, and changes nothing. What is made of what was read is in
`pileus.kinds.firewallpolicy.explain`.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Iterable

import click

from pileus.cluster.client import Client, path
from pileus.cluster.credentials import CredentialsError, Endpoint, default_namespace
from pileus.engine.plan import Manifest, ObjectKind
from pileus.engine.ports import ApiError
from pileus.kinds.cloudvm import CLOUD_VM
from pileus.kinds.containerapp import CONTAINER_APP
from pileus.kinds.firewallpolicy import FIREWALL_POLICY
from pileus.kinds.firewallpolicy.explain import ends, words
from pileus.kinds.firewallpolicy.explain.ends import ADDRESS, INTERNET, Named
from pileus.kinds.firewallpolicy.explain.others import FOREIGN
from pileus.kinds.firewallpolicy.explain.scene import CannotAnswer, Scene
from pileus.objects.catalog import NAMESPACE, NETWORK_POLICY, NODE, POD, SERVICE
from pileus.objects.netpol import is_address
from pileus.objects.reading import items, mapping, text

PATIENCE = 5
"""So often is asked when the API server says that it cannot answer now."""

OWN = {"app": CONTAINER_APP.object_kind, "vm": CLOUD_VM.object_kind}
"""Kinds of ours that may be an end, by the word for them."""


class Unanswered(click.ClickException):
    """There is no answer."""

    exit_code = 2


@click.group("explain")
def explain_group() -> None:
    """Why something is as it is, asked of the cluster."""


@explain_group.command()
@click.argument("source")
@click.argument("target", metavar="TARGET[:PORT[/PROTOCOL]]")
@click.option("--namespace", "-n", default="", help="Where names are looked for.  [default: the context's]")
@click.option("--kubeconfig", default="", help="Of which cluster.  [default: $KUBECONFIG, or ~/.kube/config]")
@click.option("--context", default="", help="Of which context in it.  [default: the current one]")
@click.option(
    "--output",
    "-o",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="json: for machines.",
)
def flow(source: str, target: str, namespace: str, kubeconfig: str, context: str, output: str) -> None:
    """Say whether SOURCE reaches TARGET, and by which policies.

    An end is an app, a machine, a Service or a pod by its name (web, app/web, vm/db-1, svc/db, pod/x,
    other-ns/app/web), an address, or internet. Without a PORT it is every port that the target declares.

    The exit status is 0 if the flow is allowed, 1 if it is blocked, 2 if there is no answer.
    """
    try:
        answer = asyncio.run(_answer(source, target, namespace, kubeconfig, context))
    except (CannotAnswer, CredentialsError) as error:
        if output == "json":
            click.echo(json.dumps({"verdict": "unknown", "why": str(error)}, indent=2))
        raise Unanswered(str(error)) from None
    click.echo(json.dumps(words.data(answer), indent=2) if output == "json" else words.text(answer))
    raise SystemExit(answer.status)


async def _answer(source: str, target: str, namespace: str, kubeconfig: str, context: str) -> words.Answer:
    where = namespace or default_namespace(kubeconfig, context)
    start = ends.parse_source(source, where)
    end, port = ends.parse_target(target, where)
    async with Client(await Endpoint.load(kubeconfig, context), agent="pileus-explain") as client:
        reader = _Reader(client, where)
        start, end = await reader.owner(start), await reader.owner(end)
        return words.explain(start, end, port, await reader.scene(start, end))


class _Reader:
    """What is read of the cluster: everything of both ends' namespaces, and of addresses whose they are."""

    def __init__(self, client: Client, namespace: str):
        self._client = client
        self._scene = Scene(namespace, {})

    async def owner(self, named: Named) -> Named:
        """Whom an address belongs to: what has it in the cluster, or itself."""
        if named.kind != ADDRESS:
            return named
        lists: dict[ObjectKind, list[Manifest]] = {}
        missing = []
        for kind in (POD, SERVICE, NODE):
            try:
                lists[kind] = await self._all(kind)
            except ApiError as error:
                if error.status != 403:
                    raise _refusal(error, "list", kind, "") from None
                missing.append(f"{kind.plural}{' of all namespaces' if kind.namespaced else ''}")
        addresses = {
            text(one, "address")
            for node in lists.get(NODE, ())
            for one in items(node, "status", "addresses")
            if is_address(text(one, "address"))
        }
        found = ends.owner(named.name, lists.get(POD, ()), lists.get(SERVICE, ()))
        rights = ", ".join(missing)
        note = f"{named.name} counts as an address outside of the cluster: you may not list {rights}."
        self._scene = dataclasses.replace(
            self._scene,
            nodes=self._scene.nodes | addresses,
            unread=self._scene.unread if found or not missing else (*self._scene.unread, note),
        )
        if found is None and missing and not ends.is_public(named.name):
            raise CannotAnswer(
                f"Whether {named.name} is a pod's, a Service's or a node's is not to be seen: you may not "
                f"list {rights}. Name what has the address, or ask for that right."
            )
        return found or named

    async def scene(self, *named: Named) -> Scene:
        """Everything that matters to these ends."""
        spaces = sorted({one.namespace for one in named if one.kind not in (ADDRESS, INTERNET)})
        namespaces = {space: await self._namespace(space) for space in spaces}
        lists = {
            kind: [one for space in spaces for one in await self._list(kind, space)]
            for kind in (POD, SERVICE, NETWORK_POLICY)
        }
        firewalls = [
            one
            for space in spaces
            for one in await self._list(FIREWALL_POLICY.object_kind, space, absent=True)
        ]
        resources = {found for one in named for found in await self._resources(one)}
        foreign = await self._foreign(spaces)
        return dataclasses.replace(
            self._scene,
            namespaces=namespaces,
            pods=tuple(lists[POD]),
            services=tuple(lists[SERVICE]),
            policies=tuple(lists[NETWORK_POLICY]),
            firewalls=tuple(firewalls),
            others=tuple(foreign),
            resources=frozenset(resources),
        )

    async def _namespace(self, name: str) -> dict[str, str]:
        try:
            found = await self._ask("get", path(NAMESPACE, "", name))
        except ApiError as error:
            if error.status == 404:
                raise CannotAnswer(f"There is no namespace {name!r}. See that its name is right.") from None
            raise _refusal(error, "get", NAMESPACE, "", name) from None
        return dict(mapping(found, "metadata", "labels"))

    async def _resources(self, named: Named) -> set[tuple[str, str, str]]:
        """Apps and machines of a name. Those with pods are known by them: the right is not needed."""
        found = set()
        for word, kind in OWN.items():
            if named.kind not in ("", word):
                continue
            try:
                await self._ask("get", path(kind, named.namespace, named.name))
            except ApiError as error:
                if error.status not in (403, 404):
                    raise _refusal(error, "get", kind, named.namespace, named.name) from None
            else:
                found.add((kind.kind, named.namespace, named.name))
        return found

    async def _foreign(self, spaces: list[str]) -> list[Manifest]:
        """Policies of other engines, where they are installed."""
        groups = {one.group for one in FOREIGN}
        try:
            served = (await self._ask("get", "/apis"))["groups"]
            versions = [
                one["groupVersion"]
                for group in served
                if group["name"] in groups
                for one in group["versions"]
            ]
            plurals = {
                version: {
                    one["name"] for one in items(await self._ask("get", f"/apis/{version}"), "resources")
                }
                for version in versions
            }
        except ApiError as error:
            raise CannotAnswer(
                f"Whether policies of other engines count is not to be seen: {error.message}"
            ) from None
        found: list[Manifest] = []
        for one in FOREIGN:
            own = [it for it in versions if it.startswith(f"{one.group}/") and one.plural in plurals[it]]
            if not own:
                continue
            version = own[0].partition("/")[2]
            kind = ObjectKind(one.group, version, one.kind, one.plural, namespaced=one.namespaced)
            for space in spaces if one.namespaced else [""]:
                found += [
                    {**it, "apiVersion": kind.api_version, "kind": one.kind}
                    for it in await self._list(kind, space, optional=not one.namespaced)
                ]
        return found

    async def _list(
        self, kind: ObjectKind, space: str, *, absent: bool = False, optional: bool = False
    ) -> list[Manifest]:
        """absent: the kind need not be served. optional: nor be allowed, which is told."""
        try:
            return await self._all(kind, space)
        except ApiError as error:
            if error.status == 404 and absent:
                return []
            if error.status == 403 and optional:
                note = f"{kind.plural} are not looked at, though they may count: you may not list them."
                self._scene = dataclasses.replace(self._scene, unread=(*self._scene.unread, note))
                return []
            raise _refusal(error, "list", kind, space) from None

    async def _all(self, kind: ObjectKind, space: str = "") -> list[Manifest]:
        answer = await self._ask("list", path(kind, space))
        return [{**kind.type_meta, **one} for one in _maps(answer.get("items"))]

    async def _ask(self, verb: str, url: str) -> Manifest:
        for _ in range(PATIENCE):
            try:
                return await self._client.request(verb, url)
            except ApiError as error:
                if error.status != 429:
                    raise
                await asyncio.sleep(min(error.retry_after or 1, PATIENCE))
        return await self._client.request(verb, url)


def _maps(found: object) -> Iterable[Manifest]:
    return (one for one in found if isinstance(one, dict)) if isinstance(found, list) else ()


def _refusal(error: ApiError, verb: str, kind: ObjectKind, namespace: str, name: str = "") -> CannotAnswer:
    """Why something could not be read, for people."""
    where = f" in namespace {namespace!r}" if namespace else ""
    group = f".{kind.group}" if kind.group else ""
    what = f"{kind.plural}{group}{f' {name!r}' if name else ''}{where}"
    if error.status == 403:
        return CannotAnswer(f"You may not {verb} {what}. Ask for that right: without it there is no answer.")
    if error.status == 401:
        return CannotAnswer(f"The API server does not know you: {error.message} Log in anew.")
    return CannotAnswer(f"It was not possible to {verb} {what}: {error.message}")
