"""Files over the lab, by the real Telethon: whole after drops, refused as Telegram refuses."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import attrs
import pytest
import pytest_asyncio
from telethon.tl import functions as fn
from telethon.tl import types as tl

from siptg.telegram.account.client import Account
from siptg.telegram.chat import upload
from siptg.telegram.chat.files import Audio, Document, FileRef, Files, Voice, waveform
from siptg.telegram.chat.text import bold
from siptg.telegram.chat.upload import PART, Pace, Upload
from siptg.telegram.lab import Lab, LabAccount
from siptg.telegram.lab.dcs import data_centre
from siptg.telegram.lab.user import LabUser
from siptg.telegram.people import Person, TelegramRefused
from tests.support.lab import LOOPBACK, settings, signed_in

MB = 1024 * 1024


@attrs.frozen
class Post:
    lab: Lab
    us: LabAccount
    account: Account
    files: Files
    ann: LabUser
    ann_user: LabAccount
    person: Person

    async def received(self) -> FileRef:
        seen = await self.ann.sees(lambda s: s.file is not None, 20)
        assert seen.file is not None
        return seen.file

    def attributes(self, ref: FileRef) -> dict[str, tl.TypeDocumentAttribute]:
        kept = self.lab.files.documents[ref.id].document.attributes
        return {type(a).__name__.removeprefix("DocumentAttribute"): a for a in kept}


@pytest_asyncio.fixture
async def post() -> AsyncIterator[Post]:
    async with Lab() as lab:
        us, ann_user = lab.add_user("Phone", "+1", "phone"), lab.add_user("Ann", "+2", "ann_user")
        async with (
            Account(settings(lab, await signed_in(lab, us))) as account,
            LabUser(lab, ann_user, LOOPBACK) as ann,
        ):
            person = await account.find("ann_user")
            yield Post(lab, us, account, Files(account), ann, ann_user, person)


@pytest.mark.timeout(90)
async def test_20_mb_over_a_connection_that_drops_three_times_arrive_whole(
    post: Post, tmp_path: Path
) -> None:
    data, at, told = os.urandom(20 * MB), tmp_path / "talk.ogg", []
    at.write_bytes(data)

    async def drops() -> None:
        for count in (6, 16, 28):
            while sum(len(u.parts) for u in post.lab.files.uploads.values()) < count:
                await asyncio.sleep(0.005)
            post.lab.drop(post.us)

    dropping = asyncio.create_task(drops())
    await post.files.send(
        post.person, at, Document("talk.ogg", "audio/ogg"), progress=lambda *p: told.append(p)
    )
    await dropping
    ref = await post.received()
    assert post.lab.files.documents[ref.id].data == data
    assert (ref.size, ref.name, ref.mime) == (len(data), "talk.ogg", "audio/ogg")
    assert told[-1] == (len(data), len(data)) and told == sorted(told)

    async def drops_again() -> None:
        part = tmp_path / "got.part"
        for size in (3 * MB, 8 * MB, 14 * MB):
            while not part.exists() or part.stat().st_size < size:
                await asyncio.sleep(0.005)
            post.lab.drop(post.ann_user)

    dropping = asyncio.create_task(drops_again())
    await Files(post.ann.account).fetch(ref, tmp_path / "got")
    await dropping
    assert (tmp_path / "got").read_bytes() == data
    assert not (tmp_path / "got.part").exists()


async def test_a_voice_note_has_its_length_and_picture(post: Post, tmp_path: Path) -> None:
    picture = waveform([n / 50 for n in range(50)])
    await post.files.send(post.person, b"OggS" * 100, Voice(7, picture), bold("Recording") + " 1")
    ref = await post.received()
    audio = post.attributes(ref)["Audio"]
    assert (audio.voice, audio.duration, bytes(audio.waveform)) == (True, 7, picture)
    message = post.lab.chats.messages[ref.message.id].copies[post.ann_user.id]
    assert message.message == "Recording 1" and message.media.voice
    assert isinstance(message.entities[0], tl.MessageEntityBold)
    await Files(post.ann.account).fetch(ref, tmp_path / "voice")
    assert (tmp_path / "voice").read_bytes() == b"OggS" * 100


async def test_audio_has_title_performer_and_length(post: Post) -> None:
    kind = Audio("talk.mp3", 61, "Talk with 100", "Office", "audio/mpeg")
    ref = await post.files.send(post.person, b"ID3", kind)
    audio = post.attributes(ref)["Audio"]
    assert (audio.title, audio.performer, audio.duration) == ("Talk with 100", "Office", 61)
    assert not audio.voice and ref.name == "talk.mp3"


async def test_a_part_that_telegram_lost_is_sent_again(post: Post) -> None:
    data = os.urandom(3 * PART + 1)
    post.lab.refuse(post.us, fn.messages.SendMediaRequest, 400, "FILE_PART_2_MISSING")
    ref = await post.files.send(post.person, data, Document("x"))
    assert post.lab.files.documents[ref.id].data == data
    assert post.files.counters["part_missing"] == 1


async def test_a_flood_wait_is_waited_for_and_a_fault_of_the_servers_tried_again(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "LONGEST_PAUSE", 0.01)
    part = fn.upload.SaveFilePartRequest
    post.lab.refuse(post.us, part, 420, "FLOOD_WAIT_1")
    post.lab.refuse(post.us, part, 500, "INTERNAL")
    up = Upload.of(b"x" * 100)
    ref = await post.files.send(post.person, up, Document("x"))
    assert ref.size == 100 and up.counters["asked_again"] == 2


async def test_a_refused_upload_goes_on_where_it_stopped(post: Post) -> None:
    up = Upload.of(os.urandom(5 * PART))
    part = fn.upload.SaveFilePartRequest
    post.lab.refuse(post.us, part, 400, "FILE_PART_INVALID")
    with pytest.raises(TelegramRefused, match="FILE_PART_INVALID"):
        await post.files.send(post.person, up, Document("x"))
    assert len(up.done) < 5
    ref = await post.files.send(post.person, up, Document("x"))
    assert post.lab.files.documents[ref.id].data == up.source


async def test_an_old_file_reference_is_renewed_from_the_message(
    post: Post, tmp_path: Path
) -> None:
    await post.files.send(post.person, b"hello", Document("x"))
    ref, hers = await post.received(), Files(post.ann.account)
    post.lab.files.expire_references()
    await hers.fetch(ref, tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == b"hello"
    assert hers.counters["reference_renewed"] == 1


async def test_a_file_that_lies_elsewhere_is_fetched_there(post: Post, tmp_path: Path) -> None:
    await post.files.send(post.person, b"hello", Document("x"))
    ref = await post.received()
    post.lab.refuse(post.ann_user, fn.upload.GetFileRequest, 303, "FILE_MIGRATE_4")
    async with data_centre(post.lab, 4):
        await Files(post.ann.account).fetch(ref, tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == b"hello"


async def test_a_broken_download_is_gone_on_with(post: Post, tmp_path: Path) -> None:
    data = os.urandom(3 * MB)
    await post.files.send(post.person, data, Document("x"))
    ref = await post.received()
    (tmp_path / "x.part").write_bytes(data[: MB + 77])
    before = len(post.lab.log)
    await Files(post.ann.account).fetch(ref, tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == data
    asked = [e for e in list(post.lab.log)[before:] if e.request == "GetFileRequest"]
    assert len(asked) == 4


@pytest.mark.parametrize(
    "request_, text",
    [
        (fn.upload.SaveFilePartRequest(1, 0, b""), "FILE_PART_EMPTY"),
        (fn.upload.SaveFilePartRequest(1, 0, b"x" * (PART + 1)), "FILE_PART_TOO_BIG"),
        (fn.upload.SaveFilePartRequest(1, 4000, b"x"), "FILE_PART_INVALID"),
        (fn.upload.SaveBigFilePartRequest(1, 0, 3, b"x" * 1000), "FILE_PART_SIZE_INVALID"),
        (fn.upload.SaveBigFilePartRequest(1, 3, 3, b"x"), "FILE_PARTS_INVALID"),
        (
            fn.upload.GetFileRequest(tl.InputDocumentFileLocation(1, 2, b"", ""), 0, 4096),
            "FILE_ID_INVALID",
        ),
    ],
)
async def test_the_lab_refuses_parts_as_telegram_does(
    post: Post, request_: object, text: str
) -> None:
    with pytest.raises(TelegramRefused, match=text):
        await post.account.ask(request_)


async def test_offsets_and_limits_of_pieces_are_telegrams(post: Post) -> None:
    ref = await post.files.send(post.person, b"x" * (2 * MB), Document("x"))
    place = tl.InputDocumentFileLocation(ref.id, ref.access_hash, ref.reference, "")
    for offset, limit, text in (
        (1, 4096, "OFFSET_INVALID"),
        (0, 4097, "LIMIT_INVALID"),
        (MB - 4096, 8192, "LIMIT_INVALID"),
        (0, 3 * 4096, "LIMIT_INVALID"),
    ):
        with pytest.raises(TelegramRefused, match=text):
            await post.account.ask(fn.upload.GetFileRequest(place, offset, limit))


def test_progress_is_told_once_a_second_and_at_the_end() -> None:
    told: list[int] = []
    pace = Pace(lambda done, total: told.append(done), 100)
    for n in range(101):
        pace.tell(n, n / 50)
    assert told == [0, 50, 100]


def test_the_picture_of_a_voice_note_is_packed_in_five_bits() -> None:
    assert waveform([]) == b""
    assert waveform([1.0, 0.0, 1.0]) == (31 | 31 << 10).to_bytes(2, "little")
    assert len(waveform([0.5] * 1000)) == 63


def test_nothing_and_too_much_cannot_be_sent() -> None:
    with pytest.raises(TelegramRefused, match="FILE_PART_EMPTY"):
        Upload.of(b"")
