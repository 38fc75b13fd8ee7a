"""What the pages of the account refuse, with a slug for logs and tests and a sentence for the owner."""

from __future__ import annotations


class AccountError(Exception):
    """A refusal.

    Attributes:
        slug: names the rule; stable.
        text: one sentence for the page.
        retry_after: seconds until the next try; ``None`` if time changes nothing.
    """

    def __init__(self, slug: str, text: object, *, retry_after: int | None = None) -> None:
        super().__init__(slug)
        self.slug = slug
        self.text = str(text)
        self.retry_after = retry_after

    @property
    def status(self) -> int:
        """The HTTP status of the page: 429 if time helps, else 403."""
        return 403 if self.retry_after is None else 429
