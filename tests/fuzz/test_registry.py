from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st

from scanhook.errors import CodeFileRefused
from scanhook.registry import Action, Normalisation, Order, Product, Scope
from scanhook.registry.checksum import has_right_check
from scanhook.registry.codefile import BLOCK_BYTES
from scanhook.registry.parsing import BlockRefused
from tests.fuzz.strategies import accepted, any_text, fuzzed, mutated
from tests.registry.codes import Line, lines_of

PRODUCT = Product(id=bytes(8), account="main", key_standard="ean13", key_str="6900873042720")
HEADER = b"keystandard,keystr,extinfo,status"
VALID = (
    HEADER + b",batch\r\nqrcode,wxscandemo,0123ABCD,active,2024-1\r\nean13,6901481811083,\xe5\xbe\xae,inactive,\r\n",
    HEADER + '\nqrcode,"demo","防伪""1",active\n\nqrcode,demo,2,inactive'.encode("gbk"),
    b"\xef\xbb\xbf" + HEADER + b"\rqrcode,demo,1,active\r",
)
_cells = st.sampled_from(
    [b"qrcode", b"ean13", b"a", b"active", b"inactive", b"void", b"", b'"', b'""', b'"a\nb"', b"\x00", b"\xff", b" "]
    + [b"x" * 65, b"x" * 140000, b"\xb7\xc0\xce\xb1", b"\xe9\x98\xb2", b"=1+1", b'a"b', b'"a"b', b"\x1b", b"\xc2\x85"]
)
_ends = st.sampled_from([b"\n", b"\r\n", b"\r", b"\n\n", b""])
_lines = st.lists(st.tuples(st.lists(_cells, max_size=6).map(b",".join), _ends).map(b"".join), max_size=8).map(b"".join)
_plain = st.one_of(
    st.binary(max_size=100),
    st.binary(max_size=100).map(lambda raw: HEADER + b"\n" + raw),
    _lines.map(lambda lines: HEADER + b"\n" + lines),
    mutated(VALID),
)
code_files = st.one_of(
    _plain,
    _plain.map(lambda raw: gzip.compress(raw, 1, mtime=0)),
    mutated([gzip.compress(raw, mtime=0) for raw in VALID]),
    st.binary(max_size=60).map(lambda raw: b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff" + raw),
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "codes.csv"


def _read(path: Path) -> list[tuple[int, Line | str]] | None:
    for encoding in ("utf-8", "gbk"):
        try:
            return lines_of(path, encoding=encoding)
        except UnicodeDecodeError:
            continue
        except (CodeFileRefused, BlockRefused):
            return None
    return None


@fuzzed(400)
@given(content=code_files)
@example(content=b"")
@example(content=HEADER)
@example(content=HEADER + b'\nqrcode,a,"b\nqrcode,c,d,active\n')
@example(content=b"\x1f\x8b")
@example(content=b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xff\xff\xff\xff")  # a block type that deflate does not have
@example(content=gzip.compress(VALID[0])[:-9])
def test_any_file_is_read_line_by_line_or_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    lines = _read(path)
    event("refused" if lines is None else "read")
    if lines is None:
        return
    numbers = [number for number, _ in lines]
    assert numbers == sorted(set(numbers))
    assert all(number > 1 for number in numbers)
    for _, line in lines:
        if isinstance(line, Line):
            assert 0 < len(line.ext_info) <= 64
            assert (line.key_standard + line.key_str + line.ext_info + line.batch).isprintable()
        else:
            assert line.isprintable()


@fuzzed(150)
@given(content=_plain, block_bytes=st.integers(1, 60))
def test_a_file_is_read_alike_however_it_is_cut_into_blocks(path: Path, content: bytes, block_bytes: int) -> None:
    path.write_bytes(content)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("scanhook.registry.codefile.BLOCK_BYTES", block_bytes)
        cut = _shape(_read(path))
        patched.setattr("scanhook.registry.codefile.BLOCK_BYTES", BLOCK_BYTES)
        assert cut == _shape(_read(path))


def _shape(lines: list[tuple[int, Line | str]] | None) -> list[tuple[int, Line | bool]] | None:
    # A field beyond all measure is refused for another reason where a quote stands in its block.
    return None if lines is None else [(number, isinstance(line, Line) and line) for number, line in lines]


@pytest.mark.parametrize("content", VALID, ids=["UTF-8", "GBK", "with a mark"])
@pytest.mark.parametrize("zipped", [False, True])
def test_the_files_that_are_mutated_are_right_themselves(path: Path, content: bytes, *, zipped: bool) -> None:
    path.write_bytes(gzip.compress(content) if zipped else content)
    lines = _read(path)
    assert lines
    assert all(isinstance(line, Line) for _, line in lines)


@fuzzed(300)
@given(
    st.builds(Normalisation, **dict.fromkeys(("trim", "width", "upper", "look_alikes", "check"), st.booleans())),
    any_text,
)
def test_a_normal_form_is_its_own_normal_form(rules: Normalisation, ext_info: str) -> None:
    normal = rules.apply(ext_info)
    assert rules.apply(normal) == normal
    assert isinstance(has_right_check(normal), bool)
    assert Normalisation.parse(str(rules)) == rules


@fuzzed(100)
@given(st.lists(st.sampled_from(["trim", "width", "upper", "look-alikes", "check", "none", "", " ", "x"]), max_size=6))
def test_rules_are_read_or_refused(names: list[str]) -> None:
    text = ",".join(names)
    if "x" in names:
        with pytest.raises(ValueError, match="`x` is no rule"):
            Normalisation.parse(text)
    else:
        rules = Normalisation.parse(text)
        assert (rules.trim, rules.upper) == ("trim" in names, "upper" in names)
        assert rules.look_alikes == ("look-alikes" in names)


_numbers = st.one_of(st.none(), st.integers(-2, 6), st.integers())


@fuzzed(200)
@given(
    st.fixed_dictionaries(
        {"batch": st.one_of(st.none(), any_text), "first": _numbers, "last": _numbers, "tags": st.just(())}
    ),
    any_text,
    any_text,
)
def test_any_order_is_built_or_refused(scope: dict[str, Any], who: str, why: str) -> None:
    built: list[Order] = []

    def build() -> None:
        scopes = (Scope(product=PRODUCT, **scope),)
        built.append(Order(action=Action.VOID, scopes=scopes, who=who, why=why))

    half = (scope["first"] is None) is not (scope["last"] is None)
    if half or (scope["first"] is not None and scope["batch"] is None):
        with pytest.raises(ValueError, match="a range has"):
            build()
    elif accepted(build):
        (order,) = built
        assert order.who.strip()
        assert (order.who + order.why).isprintable()
        assert scope["batch"] != ""
        assert (order.level == "product") is (scope["batch"] is None)
        if order.level == "range":
            assert 1 <= scope["first"] <= scope["last"]
