"""Dates as readers say them."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask_babel import format_timedelta
from markupsafe import Markup

from flask_cimd_site.language import day, moment
from flask_cimd_site.services import services

#: Age up to which a date is told as such as "3 hours ago".
_RECENT = timedelta(days=7)


def ago(instant: datetime, css: str = "") -> Markup:
    """Return a ``time`` element with such as "3 hours ago" in the reader's language; after a week, with the day.

    Args:
        instant: an aware instant.
        css: classes of the element.
    """
    age = services().clock() - instant
    if not timedelta() <= age < _RECENT:
        return day(instant, css)
    said = format_timedelta(-max(age, timedelta(minutes=1)), add_direction=True)
    exact = moment(instant).striptags()
    start = Markup('<time class="{}"').format(css) if css else Markup("<time")
    return Markup('{} datetime="{}" title="{}">{}</time>').format(
        start, instant.isoformat(timespec="seconds"), exact, said
    )
