"""Access control by tokens (`Authorization: Bearer TOKEN`)."""

from __future__ import annotations

import hmac
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from sealkit.errors import ConfigError
from sealkit.serving.errors import RequestError

LEAST_LENGTH = 16
_LARGEST_FILE = 65_536
_HINT = "one a line, such as `openssl rand -hex 32` prints"


class Access:
    """Checks the access token of requests.

    Args:
        tokens: the accepted ones; none: every request is.
    """

    def __init__(self, tokens: Sequence[str] = ()) -> None:
        self._tokens = [token.encode("ascii") for token in tokens]

    @property
    def is_open(self) -> bool:
        """Whether requests need no token."""
        return not self._tokens

    def check(self, authorization: bytes) -> None:
        """Compare in constant time.

        Args:
            authorization: the header's value, b"" where there is none.

        Raises:
            RequestError: 401.
        """
        if self.is_open:
            return
        scheme, _, token = authorization.partition(b" ")
        given = token.strip() if scheme.lower() == b"bearer" else b""
        matches = [hmac.compare_digest(given, accepted) for accepted in self._tokens]  # all of them: no early end
        if not any(matches):
            raise RequestError(
                401, "An access token is needed: Authorization: Bearer TOKEN", {"WWW-Authenticate": "Bearer"}
            )


def read_tokens(path: str) -> list[str]:
    """Tokens of a file: one a line; empty lines and those that begin with # are skipped.

    Raises:
        ConfigError: not a readable regular file, no token, or a token that is too short or holds other characters than
            printable ASCII. The message never shows a token.
    """
    where = f"token file {path}"
    try:
        about = Path(path).stat()
        if not stat.S_ISREG(about.st_mode) or about.st_size > _LARGEST_FILE:
            raise ConfigError("not a small regular file", where=where, hint=f"write the tokens there, {_HINT}")
        text = Path(path).read_text(encoding="ascii")
    except UnicodeDecodeError:
        raise ConfigError("a token is ASCII without spaces", where=where, hint=_HINT) from None
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=where, hint="check --token-file") from error
    tokens = [line.strip() for line in text.splitlines()]
    tokens = [token for token in tokens if token and not token.startswith("#")]
    if not tokens:
        raise ConfigError("holds no token", where=where, hint=_HINT)
    for number, token in enumerate(tokens, 1):
        if len(token) < LEAST_LENGTH or not token.isprintable() or " " in token:
            what = f"token {number} must have at least {LEAST_LENGTH} printable characters, and no spaces"
            raise ConfigError(what, where=where, hint=_HINT)
    return tokens


def others_can_read(path: str) -> bool:
    """Whether users other than the file's owner and group can."""
    return os.name == "posix" and bool(Path(path).stat().st_mode & stat.S_IROTH)
