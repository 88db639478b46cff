"""What Telegram says of our accounts, judged: pure functions from facts to findings."""

from __future__ import annotations

from collections.abc import Iterator

from siptg.app.doctor.finding import Finding, fault, ok, warning
from siptg.telegram.account.survey import BotFacts, Device, Privacy, Trial, Who

CLOCK_OFF, CLOCK_WRONG = 5.0, 30.0
"""Seconds that clocks may differ: more is a warning, more than the second is a fault."""
_FEEDBACK = "send @BotFather /setinlinefeedback, choose the bot, then Enabled (100 %)"
_INLINE = "send @BotFather /setinline, choose the bot, then write any placeholder"


def api_findings(api_id: int, api_hash: str, *, real: bool) -> Finding:
    """As far as their form can tell; whether Telegram takes them, the sign-in tells."""
    hexadecimal = len(api_hash) == 32 and all(c in "0123456789abcdef" for c in api_hash.lower())
    if api_id <= 0 or not api_hash or (real and not hexadecimal):
        return fault(
            "api",
            "api_id is a number and api_hash has 32 hexadecimal digits; these are not",
            "copy both from https://my.telegram.org, API development tools",
        )
    return ok("api", "API id and hash have the right form")


def privacy_findings(privacy: Privacy) -> Iterator[Finding]:
    match privacy.calls:
        case Who.EVERYBODY:
            yield ok("privacy: calls", "everybody may call the phone account")
        case Who.NOBODY:
            yield fault(
                "privacy: calls",
                "nobody may call the phone account",
                "in Telegram, as this account: Settings, Privacy, Calls, Everybody",
            )
        case limited:
            yield warning(
                "privacy: calls",
                f"only {limited.value} may call the phone account",
                "in Telegram, as this account: Settings, Privacy, Calls, Everybody",
            )
    if privacy.peer_to_peer is Who.NOBODY:
        yield ok("privacy: peer-to-peer", "calls go through Telegram's relays")
    else:
        yield ok(
            "privacy: peer-to-peer",
            f"calls may go straight to {privacy.peer_to_peer.value}, who then learn this "
            "machine's IP address",
        )
    if privacy.number is Who.EVERYBODY:
        yield warning(
            "privacy: number",
            "everybody can see the phone account's number",
            "in Telegram, as this account: Settings, Privacy, Phone Number, Nobody",
        )
    else:
        yield ok("privacy: number", f"its number is shown to {privacy.number.value}")


def device_findings(devices: tuple[Device, ...]) -> Iterator[Finding]:
    """Ours must ring; others that ring can take a call away from us."""
    ours = [device for device in devices if device.current]
    if ours and not ours[0].takes_calls:
        yield fault(
            "devices: ours",
            "calls are switched off for siptg's own session",
            "run `siptg doctor --fix`, or in Telegram: Settings, Devices, siptg, Accept calls",
        )
    else:
        yield ok("devices: ours", "siptg's own session takes calls")
    others = [device.name for device in devices if device.takes_calls and not device.current]
    if others:
        shown = "; ".join(others[:3]) + ("; …" if len(others) > 3 else "")
        yield warning(
            "devices: others",
            f"{len(others)} other device(s) ring too and can take calls away: {shown}",
            "run `siptg doctor --fix`, or in Telegram: Settings, Devices, the device, Accept calls",
        )
    else:
        yield ok("devices: others", "no other device of the phone account rings")


def password_finding(has_password: bool) -> Finding:
    if has_password:
        return ok("two-step password", "the phone account has one")
    return warning(
        "two-step password",
        "whoever gets hold of the phone account's number can sign in as it",
        "in Telegram: Settings, Privacy and Security, Two-Step Verification",
    )


def bot_findings(bot: BotFacts, *, found: bool) -> Iterator[Finding]:
    """`found`: the phone account can reach it by its user name."""
    yield ok("bot", f"signed in as {bot.person.name} (@{bot.person.username})")
    if bot.inline:
        yield ok("bot: inline mode", "on")
    else:
        yield fault("bot: inline mode", "off, so cards come without buttons", _INLINE)
    if bot.restricted:
        yield fault(
            "bot: usable", "Telegram has restricted the bot", "make a new one with @BotFather"
        )
    elif not found:
        yield fault(
            "bot: usable",
            "the phone account does not find the bot by its name",
            "unblock the bot in the phone account's chats, or make a new one with @BotFather",
        )
    else:
        yield ok("bot: usable", "the phone account finds it")


def trial_finding(trial: Trial) -> Finding:
    if trial.fed_back:
        return ok("bot: inline feedback", "a card sent to Saved Messages came back to the bot")
    match trial.refused:
        case "":
            return fault(
                "bot: inline feedback", "off, so cards cannot be changed in place", _FEEDBACK
            )
        case "BOT_INLINE_DISABLED":
            return fault("bot: inline feedback", "not tried, for inline mode is off", _INLINE)
        case "BOT_RESPONSE_TIMEOUT" | "NO_RESULTS":
            return warning(
                "bot: inline feedback",
                f"the bot did not get the trial [{trial.refused}]: something else runs with it",
                "stop whatever else uses the bot's token, and try again",
            )
        case word:
            return warning(
                "bot: inline feedback", f"could not be tried [{word}]", "try again later"
            )


def clock_finding(ahead: float) -> Finding:
    """`ahead`: seconds that Telegram's clock is ahead of ours."""
    off, way = abs(ahead), "slow" if ahead > 0 else "fast"
    if off <= CLOCK_OFF:
        return ok("clock", "as Telegram's")
    told = f"this machine's clock is {off:.0f} seconds {way}"
    remedy = "set it by NTP: `timedatectl set-ntp true`"
    return (fault if off > CLOCK_WRONG else warning)("clock", told, remedy)
