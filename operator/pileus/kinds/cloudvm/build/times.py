"""Cron expressions over given instants; in UTC. No clock."""

from __future__ import annotations

import datetime as dt

from cronsim import CronSim, CronSimError

_MINUTE = dt.timedelta(minutes=1)


def wrong(cron: str) -> str:
    """What is wrong with an expression, empty if nothing is."""
    try:
        next(CronSim(cron, dt.datetime(2000, 1, 1, tzinfo=dt.UTC)))
    except CronSimError as error:
        return str(error)
    except StopIteration:
        return "it names a day that never comes"
    return ""


def last(cron: str, now: dt.datetime) -> dt.datetime:
    """The newest time that is not after `now`."""
    return next(CronSim(cron, _minute(now) + _MINUTE, reverse=True))


def following(cron: str, now: dt.datetime) -> dt.datetime:
    """The first time after `now`."""
    return next(CronSim(cron, _minute(now)))


def _minute(moment: dt.datetime) -> dt.datetime:
    return moment.astimezone(dt.UTC).replace(second=0, microsecond=0)
