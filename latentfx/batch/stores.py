"""Stores behind a URL, by fsspec: `s3://bucket/takes`, `gs://bucket/takes`, `memory://takes`.

Settings of a store (keys, endpoint, region) are those of its own tools: environment variables, and the
configuration files of AWS, Google and fsspec.
"""

from __future__ import annotations

import errno
import io
import random
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from glob import has_magic
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO, Final, TypeVar, cast

from latentfx.errors import AudioFileError, LatentFXError, MissingExtraError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

T = TypeVar("T")

HELD_BYTES: Final = 16 << 20  # a recording up to this size is fetched with one request
_BLOCK_BYTES: Final = 4 << 20
_PAUSES_S: Final = (1.0,)  # the clients of most stores try several times themselves
_SCHEME: Final = re.compile(r"([a-z][a-z0-9+.-]+)://", re.IGNORECASE)
# Scheme -> the extra, and the module, that bring it.
_EXTRAS: Final = {"s3": ("s3", "s3fs"), "s3a": ("s3", "s3fs"), "gs": ("gs", "gcsfs"), "gcs": ("gs", "gcsfs")}
# Stores in which an object appears when all of it has arrived. Elsewhere it is renamed at the end.
_WHOLE: Final = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "memory"}
_NO_RETRY: Final = (IsADirectoryError, ValueError, TypeError)  # the second time would be as the first


def scheme_of(text: str) -> str:
    """The scheme of a URL; empty for a path, and for `file://`.

    >>> scheme_of("s3://bucket/a.wav"), scheme_of("takes/a.wav"), scheme_of("file:///tmp/a.wav")
    ('s3', '', '')
    """
    found = _SCHEME.match(text)
    return "" if found is None or found[1].lower() == "file" else found[1].lower()


def local_path(text: str) -> str:
    """A path without `file://`."""
    return text[len("file://") :] if text.lower().startswith("file://") else text


def open_store(url: str) -> tuple[AbstractFileSystem, str]:
    """The store of a URL, and the path in it.

    Raises:
        MissingExtraError: the packages for this kind of store are not installed.
        AudioFileError: no store has this scheme.
    """
    scheme = scheme_of(url)
    extra, module = _EXTRAS.get(scheme, ("s3", "fsspec"))
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise MissingExtraError(f"{scheme}://", extra, "fsspec") from None
    try:
        store, path = url_to_fs(url, use_listings_cache=False)
    except ImportError:
        if scheme not in _EXTRAS:
            raise AudioFileError(f"{url}: the package of fsspec for {scheme}:// is not installed") from None
        raise MissingExtraError(f"{scheme}://", extra, module) from None
    except ValueError as error:
        raise AudioFileError(
            f"{url} cannot be opened ({error}); give a path, or a URL such as s3://BUCKET/FOLDER"
        ) from None
    return store, path


def patiently(action: Callable[[], T], what: str) -> T:
    """Do something with a store; where the store is busy or the line drops, try again after a pause.

    Args:
        action: what is to be done; doing it twice does no harm.
        what: the URL, for the message.

    Raises:
        AudioFileError: it is not there, it may not be used, or it failed to the last.
    """
    for pause_s in (*_PAUSES_S, None):
        try:
            return action()
        except LatentFXError:
            raise
        except FileNotFoundError:
            raise AudioFileError(f"{what} is not there; check the bucket and the name") from None
        except PermissionError as error:
            raise AudioFileError(f"{what} may not be used ({error}); check the keys of the store") from None
        except Exception as error:  # each store has errors of its own
            if pause_s is None or isinstance(error, _NO_RETRY):
                raise AudioFileError(f"{what}: the store refuses ({_said(error)})") from None
            time.sleep(pause_s * random.uniform(0.5, 1.5))
    raise AssertionError("the loop returns or raises")


def is_folder(url: str) -> bool:
    """Whether objects lie below a URL."""
    store, path = open_store(url)
    return bool(patiently(lambda: store.isdir(path), url))


def join(folder: str, below: str) -> str:
    """A URL below another."""
    return f"{folder.rstrip('/')}/{below}"


def stamp_of(info: dict[str, Any]) -> str:
    """What changes when an object changes: its size, and its ETag or date."""
    tag = next(
        (info[key] for key in ("ETag", "etag", "md5Hash", "mtime", "LastModified", "created") if key in info),
        "",
    )
    return f"{info.get('size')}:{tag}"


def search(url: str, target: str) -> Iterator[tuple[str, str, str]]:
    """Find the objects that a URL means: itself, those of a pattern, or those below it.

    Args:
        url: of an object, a folder, or a pattern.
        target: of the results; objects below it are left out.

    Returns:
        URL, path below the argument, and stamp of each; sorted within a folder.
    """
    store, root = open_store(url)
    left_out = _path_in(store, target)
    if has_magic(root) and not patiently(lambda: store.exists(root), url):
        found = patiently(lambda: store.glob(root, detail=True), url)
        for path, info in sorted(found.items()):
            if info["type"] == "file":
                yield store.unstrip_protocol(path), PurePosixPath(path).name, stamp_of(info)
        return
    if not patiently(lambda: store.isdir(root), url):
        info = patiently(lambda: store.info(root), url)
        yield store.unstrip_protocol(root), PurePosixPath(root).name, stamp_of(info)
        return
    yield from _below(store, root.rstrip("/"), url, "" if left_out == root.rstrip("/") else left_out)


def _below(store: AbstractFileSystem, root: str, url: str, left_out: str) -> Iterator[tuple[str, str, str]]:
    """The objects below a folder; one listing a folder."""
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        below = []
        for info in _listing(store, folder, url):
            path = info["name"].rstrip("/")
            if path in (folder, left_out):  # S3 may hold an object for the folder itself
                continue
            if info["type"] == "directory":
                below.append(path)
            else:
                yield store.unstrip_protocol(path), path[len(root) :].lstrip("/"), stamp_of(info)
        waiting += reversed(below)


def _listing(store: AbstractFileSystem, folder: str, url: str) -> list[dict[str, Any]]:
    found = patiently(lambda: store.ls(folder, detail=True), url)
    return sorted(found, key=lambda info: str(info["name"]))


def _path_in(store: AbstractFileSystem, url: str) -> str:
    """The path of a URL in a store; empty where it is in another."""
    if not scheme_of(url):
        return ""
    other, path = open_store(url)
    return path.rstrip("/") if other is store else ""


class _Held(io.BytesIO):
    """A recording that was fetched whole, under its name."""

    def __init__(self, data: bytes, name: str) -> None:
        super().__init__(data)
        self.name = name


class Streamed(io.RawIOBase):
    """A recording in a store, fetched in blocks while it is read.

    A read that fails to the last gives no bytes: libsndfile cannot take an exception. `check` raises it.

    Args:
        file: the file as fsspec opened it.
        name: its URL.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        super().__init__()
        self.name = name
        self._file = file
        self._error: AudioFileError | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def read(self, size: int = -1) -> bytes:
        at = self._file.tell()

        def again() -> bytes:
            self._file.seek(at)
            return self._file.read(size)

        try:
            return patiently(again, self.name)
        except AudioFileError as error:
            self._error = error
            return b""

    def check(self) -> None:
        """Raise what a read could not.

        Raises:
            AudioFileError: the store did not give what was asked for.
        """
        if self._error is not None:
            raise self._error


@contextmanager
def reading(url: str) -> Iterator[BinaryIO]:
    """Open a recording in a store.

    Raises:
        AudioFileError: it is not there, or the store fails.
    """
    store, path = open_store(url)

    def fetch() -> bytes:
        try:
            return cast("bytes", store.cat_file(path, start=0, end=HELD_BYTES + 1))
        except OSError as error:
            if error.errno == errno.EINVAL:  # an empty object has no bytes to ask for
                return b""
            raise

    data = patiently(fetch, url)
    if len(data) <= HELD_BYTES:
        yield _Held(data, url)
        return
    opened = patiently(lambda: store.open(path, "rb", block_size=_BLOCK_BYTES), url)
    with opened as file:
        streamed = Streamed(file, url)
        try:
            yield cast("BinaryIO", streamed)
        finally:
            streamed.check()


@contextmanager
def writing(url: str, scratch: Path) -> Iterator[Path]:
    """A local file to write, which becomes an object when the block ends without an error.

    Args:
        url: of the object.
        scratch: folder for the file.

    Raises:
        AudioFileError: the store does not take it.
    """
    with tempfile.TemporaryDirectory(dir=scratch, ignore_cleanup_errors=True) as folder:
        file = Path(folder) / f"result{PurePosixPath(url).suffix}"
        yield file
        upload(file, url)


def upload(file: Path, url: str) -> None:
    """Put a file into a store, whole.

    Raises:
        AudioFileError: the store does not take it.
    """
    store, path = open_store(url)
    if scheme_of(url) in _WHOLE:
        patiently(lambda: store.put_file(str(file), path), url)
        return
    passing = f"{path}.{file.stat().st_ino:x}.part"
    patiently(lambda: store.makedirs(str(PurePosixPath(path).parent), exist_ok=True), url)
    try:
        patiently(lambda: store.put_file(str(file), passing), url)
        patiently(lambda: store.mv(passing, path), url)
    except BaseException:
        patiently(lambda: store.exists(passing) and store.rm_file(passing), url)
        raise


def _said(error: Exception) -> str:
    return str(error).strip().rstrip(".") or type(error).__name__
