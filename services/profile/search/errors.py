"""Why a fragment finds nobody."""

from chassis.errors import InvalidArgument


class FragmentTooShort(InvalidArgument):
    """A fragment is so short that it would find everybody."""

    reason = "FRAGMENT_TOO_SHORT"
