"""Which identifiers are one person, as far as the actions so far tell."""

from collections.abc import Iterable

from suite.simulator.values import Action, Click, Purchase, Share


class Identities:
    """Union-find over devices, phones and member numbers, in order of time."""

    def __init__(self, known: Iterable[str]) -> None:
        self._parent: dict[str, str] = {}
        self._touches: dict[str, list[Click]] = {}
        self.created = 0
        self.merges = 0
        for member_no in known:
            self._parent[_member(member_no)] = _member(member_no)

    def learn(self, action: Action) -> None:
        """Take all identifiers an action names for one person."""
        names = _names(action)
        if not names:
            return
        roots = sorted({self._root(name) for name in names if name in self._parent})
        if not roots:
            self.created += 1
        root = roots[0] if roots else names[0]
        self.merges += max(0, len(roots) - 1)
        for name in [*roots, *names]:
            self._parent.setdefault(name, root)
            self._join(self._root(name), root)

    def touch(self, click: Click) -> None:
        """Keep a click for whoever the device belongs to."""
        self._touches.setdefault(self._root(click.visitor), []).append(click)

    def touches(self, member_no: str) -> list[Click]:
        """The member's clicks, oldest first."""
        return self._touches.get(self._root(_member(member_no)), [])

    def _join(self, child: str, root: str) -> None:
        if child == root:
            return
        self._parent[child] = root
        both = self._touches.pop(child, []) + self._touches.get(root, [])
        if both:
            self._touches[root] = sorted(both, key=lambda click: (click.at, click.id))

    def _root(self, name: str) -> str:
        while (parent := self._parent[name]) != name:
            self._parent[name] = name = self._parent[parent]
        return name


def _names(action: Action) -> list[str]:
    if isinstance(action, Share):
        return []  # who shares is known already
    if isinstance(action, Click):
        return [action.visitor]
    if isinstance(action, Purchase):
        return [_member(action.member_no)]
    named = [action.visitor]
    if action.phone:
        named.append(f"phone:{action.phone}")
    if action.member_no:
        named.append(_member(action.member_no))
    return named


def _member(member_no: str) -> str:
    return f"member:{member_no}"
