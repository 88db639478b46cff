"""docs/howto/telegram.md: its commands run against the lab, and the doctor says what it quotes."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from telethon.tl import functions as fn
from telethon.tl import types as tl

from siptg.telegram.account.client import Account
from siptg.telegram.lab import Lab
from siptg.telegram.lab.accounts import ALL, NUMBER
from tests.support.cli import Install
from tests.support.lab import settings, signed_in

PAGE = (Path(__file__).parents[3] / "docs/howto/telegram.md").read_text()
PHONE, TOKEN = "+49301234567", "777:token"


def commands() -> list[list[str]]:
    lines = re.findall(r"^\$ siptg ([^#\n]*)", PAGE, re.M)
    return [line.split() for line in lines]


def quotes() -> tuple[list[str], list[str]]:
    """What the doctor says in the tables' columns, up to where it differs from case to case."""
    right: list[str] = []
    wrong: list[str] = []
    for row in re.findall(r"^\| `(.*?)` \| `(.*?)` \|$", PAGE, re.M):
        for text, column in zip(row, (right, wrong), strict=True):
            column.append(text)
    return right, wrong


def shown(quote: str, out: str) -> bool:
    pattern = r"\s+".join(map(re.escape, quote.split())).replace("…", ".*?")
    return re.search(pattern, out) is not None


async def test_the_commands_of_the_page_lead_to_a_doctor_that_says_what_it_quotes(
    tmp_path: Path,
) -> None:
    async with Lab() as lab:
        user, bot = lab.add_user("Phone", PHONE, "phone"), lab.add_bot("Cards", "cards_bot", TOKEN)
        user.privacy[NUMBER] = [ALL()]
        on, said = Install(tmp_path, lab), ""
        said += (await on.run("doctor")).out
        other = await signed_in(lab, user)
        for words in commands():
            if words in (["run"], ["login", "--qr"]):
                continue  # the one does not end, the other is read in `test_login.py`
            file = tmp_path / "code"
            running = asyncio.create_task(
                on.run(*words, SIPTG_CODE_FILE=str(file), SIPTG_BOT_TOKEN=TOKEN)
            )
            if words == ["login", PHONE]:
                async with asyncio.timeout(30):
                    while not (code := lab.code_for(PHONE)):
                        await asyncio.sleep(0.01)
                file.write_text(code)
            ran = await running
            assert ran.code == 0, (words, ran)
            said += ran.out
            if words == ["login", PHONE]:
                said += (await on.run("doctor")).out
        for device in lab.sign_ins.devices.values():
            device.takes_calls = False
        bot.inline_feedback, user.calls_forbidden = False, True
        (tmp_path / "siptg.key").chmod(0o644)
        said += (await on.run("doctor")).out
        (tmp_path / "siptg.key").chmod(0o600)
        said += (await on.run("doctor")).out
        bot.inline_feedback, bot.inline, user.calls_forbidden = True, False, False
        said += (await on.run("doctor")).out
        bot.inline = True
        lab.set_password(user, "secret")
        async with Account(settings(lab, other)) as app:
            key, nobody = tl.InputPrivacyKeyPhoneNumber(), tl.InputPrivacyValueDisallowAll()
            await app.ask(fn.account.SetPrivacyRequest(key, [nobody]))
        said += (await on.run("doctor", "--fix")).out
        said = " ".join(said.split())
        right, wrong = quotes()
        about_api = [quote for quote in wrong if quote.startswith("fault api")]
        missing = [q for q in right + wrong if q not in about_api and not shown(q, said)]
        assert missing == [] and len(right) == len(wrong) >= 10
