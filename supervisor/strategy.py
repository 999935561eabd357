"""Whom a failure concerns besides the child that failed. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import TypeVar

T = TypeVar("T")


class Strategy(Enum):
    """OTP's restart strategies."""

    ONE_FOR_ONE = "one_for_one"
    ONE_FOR_ALL = "one_for_all"
    REST_FOR_ONE = "rest_for_one"


class AutoShutdown(Enum):
    """When the end of significant children ends their supervisor (OTP 24)."""

    NEVER = "never"
    ANY_SIGNIFICANT = "any_significant"
    ALL_SIGNIFICANT = "all_significant"


# Bound once: in Python 3.11 a look at a member of an enum costs as much as a call.
_NEVER, _ANY_SIGNIFICANT, _ = AutoShutdown


def concerned(strategy: Strategy, children: Sequence[T], failed: T) -> Sequence[T]:
    """Return the children to restart when `failed` does, in start order, itself included.

    Args:
        strategy: whose lives hang together.
        children: all children in start order; each once.
        failed: one of them.

    Source: Erlang/OTP supervisor, "restart strategy".
    """
    if strategy is Strategy.ONE_FOR_ALL:
        return children
    if strategy is Strategy.REST_FOR_ONE:
        return children[children.index(failed) :]
    return (failed,)


def ends_supervisor(auto: AutoShutdown, *, is_significant: bool, significant_left: int) -> bool:
    """Say whether the final end of a child ends its supervisor.

    Args:
        auto: the supervisor's rule.
        is_significant: whether the child that ended is significant.
        significant_left: how many significant children still live.
    """
    if not is_significant or auto is _NEVER:
        return False
    return auto is _ANY_SIGNIFICANT or significant_left == 0
